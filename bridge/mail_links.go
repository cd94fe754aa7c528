package bridge

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"manifold/models"
)

// Confirmation is where somebody confirms the address of an account.
func (n *Names) Confirmation(code string) string { return n.Base + "/main/confirm/" + code }

// Recovery is where somebody sets a new password.
func (n *Names) Recovery(code string) string { return n.Base + "/main/recover/" + code }

// Unsubscription is where somebody ends notifications, without a login: the token
// is signed.
func (n *Names) Unsubscription(token string) string { return n.Base + "/main/unsubscribe/" + token }

// A token to unsubscribe with is the id of the actor and the beginning of a MAC.
const (
	idSize  = 8
	macSize = 16
)

func newUnsubscription(key []byte, actor int64) string {
	id := binary.BigEndian.AppendUint64(nil, uint64(actor))
	return base64.RawURLEncoding.EncodeToString(append(id, unsubscriptionMAC(key, id)...))
}

func openUnsubscription(key []byte, token string) (actor int64, ok bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) != idSize+macSize || !hmac.Equal(b[idSize:], unsubscriptionMAC(key, b[:idSize])) {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(b)), true
}

func unsubscriptionMAC(key, id []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("unsubscribe "))
	h.Write(id)
	return h.Sum(nil)[:macSize]
}

// withoutNotifications sets {"mail": {"notifications": false}} in the settings,
// and leaves all else in them as it is.
func withoutNotifications(a *models.Account) error {
	settings, err := members(a.Settings)
	if err != nil {
		return fmt.Errorf("reading the settings of %s: %w", a.Nickname, err)
	}
	mail, err := members(settings["mail"])
	if err != nil {
		mail = map[string]json.RawMessage{} // whatever it is, it is not ours
	}
	mail["notifications"] = json.RawMessage("false")
	if settings["mail"], err = json.Marshal(mail); err != nil {
		return err
	}
	a.Settings, err = json.Marshal(settings)
	return err
}

func members(object json.RawMessage) (map[string]json.RawMessage, error) {
	m := map[string]json.RawMessage{}
	if len(object) == 0 {
		return m, nil
	}
	err := json.Unmarshal(object, &m)
	if m == nil { // null
		m = map[string]json.RawMessage{}
	}
	return m, err
}
