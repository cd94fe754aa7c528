package bridge

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/crypto/bcrypt"
)

// passwordCost makes one guess at a password cost about 50 ms of a CPU.
const passwordCost = bcrypt.DefaultCost

// HashPassword returns the hash under which a password is stored. It refuses
// those that are easily guessed: shorter than 8 characters, nothing but letters
// or nothing but digits, or among those that everybody tries first.
func HashPassword(password string) (string, error) {
	if weak(password) {
		return "", invalid("Bad password")
	}
	if len(password) > 72 {
		// bcrypt reads no further; cutting it in silence would be a lie.
		return "", invalid("Bad password: at most 72 bytes are possible")
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), passwordCost)
	if err != nil {
		return "", fmt.Errorf("hashing a password: %w", err)
	}
	return string(hash), nil
}

func weak(password string) bool {
	letters, digits, length := 0, 0, 0
	distinct := map[rune]bool{}
	for _, r := range password {
		length++
		distinct[r] = true
		switch {
		case unicode.IsLetter(r):
			letters++
		case unicode.IsDigit(r):
			digits++
		}
	}
	if length < 8 || letters == length || digits == length || len(distinct) < 4 {
		return true
	}
	return guessable(password)
}

// stems are the words that the passwords tried first are made of, by adding
// digits or punctuation at either end.
var stems = map[string]bool{}

func init() {
	for _, s := range strings.Fields("password passwort passw0rd pass welcome letmein qwerty qwertz azerty asdf asdfgh zxcvbn abc abcd abcdef " +
		"admin root test user guest login master monkey dragon football baseball superman batman iloveyou love sunshine princess " +
		"shadow trustno hello secret summer winter spring autumn charlie michael jordan michelle ashley killer hunter ranger " +
		"computer internet google facebook samsung apple starwars pokemon liverpool chelsea arsenal changeme default") {
		stems[s] = true
	}
}

func guessable(password string) bool {
	s := strings.ToLower(password)
	if strings.HasPrefix(s, "1qaz2wsx") || strings.HasPrefix(s, "q1w2e3r4") || strings.HasPrefix(s, "1q2w3e4r") {
		return true
	}
	word := strings.TrimFunc(s, func(r rune) bool { return !unicode.IsLetter(r) })
	rest := len(s) - len(word)
	return stems[word] && rest <= 6
}
