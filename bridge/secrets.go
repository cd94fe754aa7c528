package bridge

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"sync"

	"manifold/models"
)

// secrets are the keys of what this server signs for itself, by what they are for,
// once they are read.
type secrets struct {
	sync.Mutex
	known map[string][]byte
}

// secret returns the key for one purpose, which is made when it is first needed.
// Links outlive every setting, so it is kept in the database.
func (b *Bridge) secret(ctx context.Context, name string) ([]byte, error) {
	b.secrets.Lock()
	defer b.secrets.Unlock()
	if secret := b.secrets.known[name]; secret != nil {
		return secret, nil
	}
	secret, err := b.db.SigningKey(ctx, name)
	if errors.Is(err, models.ErrNotFound) {
		made := make([]byte, 32)
		rand.Read(made) // never fails, see crypto/rand
		err = b.db.Write(ctx, func(tx *models.Tx) (err error) {
			secret, err = tx.EnsureSigningKey(ctx, name, made)
			return err
		})
	}
	if err != nil {
		return nil, err
	}
	if b.secrets.known == nil {
		b.secrets.known = map[string][]byte{}
	}
	b.secrets.known[name] = secret
	return secret, nil
}

// FileKeys open uploads. Servers of ActivityPub fetch the pictures of what is not
// public without saying who they are, so whoever is told of such a thing is told
// addresses at which its files are shown to anybody.
type FileKeys struct {
	names  *Names
	secret []byte
}

// fileKey is the parameter of an address that has the key.
const fileKey = "key"

// FileKeys returns the keys of the uploads here.
func (b *Bridge) FileKeys(ctx context.Context) (*FileKeys, error) {
	secret, err := b.secret(ctx, "files")
	if err != nil {
		return nil, err
	}
	return &FileKeys{b.names, secret}, nil
}

// Address returns the address at which whoever has it sees a file that somebody
// uploaded. Every other address, that of a file of somebody else included, is
// returned as it is: nobody gives away what is another's by showing it.
func (k *FileKeys) Address(nick, address string) string {
	if k == nil || nick == "" {
		return address
	}
	path := k.names.UploadPath(address)
	if !strings.HasPrefix(path, nick+"/") || strings.ContainsAny(path, "?#") {
		return address
	}
	if plain, err := url.PathUnescape(path); err == nil {
		path = plain
	}
	return address + "?" + fileKey + "=" + base64.RawURLEncoding.EncodeToString(k.sum(path))
}

// Open reports whether the parameters of an address have the key of a file.
func (k *FileKeys) Open(path string, parameters url.Values) bool {
	sum, err := base64.RawURLEncoding.DecodeString(parameters.Get(fileKey))
	return err == nil && hmac.Equal(sum, k.sum(path))
}

// sum is as long as it takes for nobody to guess it.
func (k *FileKeys) sum(path string) []byte {
	h := hmac.New(sha256.New, k.secret)
	h.Write([]byte(path))
	return h.Sum(nil)[:16]
}
