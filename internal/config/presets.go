package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Presets are programs and people that the configuration file of the original
// pump.io wants to exist, so that scripts and tests find keys that they know.
type Presets struct {
	Clients []PresetClient
	Users   []PresetUser
}

// PresetClient is a program with its keys. ID and Secret are never empty.
type PresetClient struct {
	ID     string
	Secret Secret
	Title  string // shown to people; may be empty
}

// PresetUser is an account. Nickname and Password are never empty.
type PresetUser struct {
	Nickname string
	Password Secret
	Tokens   []PresetToken
}

// PresetToken is what a program acts with for the person. With a Scope and no
// TokenSecret it is a bearer token of OAuth 2, else one of OAuth 1.0a. Token and
// ClientID are never empty.
type PresetToken struct {
	Token, TokenSecret Secret
	ClientID           string
	Scope              string
}

// readPresets reads the keys clients and users.
func (o *original) readPresets() {
	for i, m := range o.members("clients") {
		c := PresetClient{ID: m.text("client_id", true), Secret: NewSecret(m.text("client_secret", true)),
			Title: m.text("title", false)}
		o.finish(m, "clients", i)
		o.layer.presets.Clients = append(o.layer.presets.Clients, c)
	}
	for i, m := range o.members("users") {
		u := PresetUser{Nickname: m.text("nickname", true), Password: NewSecret(m.text("password", true))}
		tokens, err := membersOf(m.values["tokens"])
		if err != nil {
			m.wrong = fmt.Errorf("tokens: %w", err)
		}
		delete(m.values, "tokens")
		o.finish(m, "users", i)
		for j, t := range tokens {
			token := PresetToken{Token: NewSecret(t.text("token", true)), ClientID: t.text("client_id", true), Scope: t.text("scope", false)}
			token.TokenSecret = NewSecret(t.text("token_secret", token.Scope == ""))
			o.finish(t, fmt.Sprintf("users[%d].tokens", i), j)
			u.Tokens = append(u.Tokens, token)
		}
		o.layer.presets.Users = append(o.layer.presets.Users, u)
	}
}

// members returns the objects in an array of the file.
func (o *original) members(name string) []*members {
	g, ok := o.given[name]
	if !ok {
		return nil
	}
	list, err := membersOf(g.raw)
	if err != nil {
		o.presetError(name, name, err)
	}
	return list
}

func (o *original) presetError(name, where string, err error) {
	o.wrongs = append(o.wrongs, &ValueError{Key: name, Value: where, Source: Source{Kind: FromFile, Name: o.path, Line: o.given[name].line}, Reason: err,
		Allowed: "clients is an array of objects with client_id and client_secret, users one of objects with nickname, password and tokens"})
}

// finish notes what was wrong with an object and what of it has no effect.
func (o *original) finish(m *members, list string, i int) {
	where := fmt.Sprintf("%s[%d]", list, i)
	name := "clients"
	if list != name {
		name = "users"
	}
	if m.wrong != nil {
		o.presetError(name, where, m.wrong)
	}
	for _, left := range slices.Sorted(maps.Keys(m.values)) {
		o.layer.warnings = append(o.layer.warnings, fmt.Sprintf("%s:%d: %s of %s has no effect: presets have no such member", o.path, o.given[name].line, shorten(left), where))
	}
}

// members are those of an object that have not been taken yet.
type members struct {
	values map[string]json.RawMessage
	wrong  error // the first thing that is
}

func membersOf(raw json.RawMessage) ([]*members, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var objects []map[string]json.RawMessage
	if json.Unmarshal(raw, &objects) != nil {
		return nil, errors.New("it must be an array of objects")
	}
	list := make([]*members, len(objects))
	for i, object := range objects {
		list[i] = &members{values: object}
	}
	return list, nil
}

// text takes a member that must be a string without control characters.
func (m *members) text(name string, needed bool) string {
	raw, ok := m.values[name]
	delete(m.values, name)
	var text string
	err := error(nil)
	switch {
	case ok && json.Unmarshal(raw, &text) != nil:
		err = errors.New("it must be a string")
	case text == "" && needed:
		err = errors.New("it is missing")
	default:
		err = plain(text)
	}
	if err != nil && m.wrong == nil {
		m.wrong = fmt.Errorf("%s: %w", name, err)
	}
	return text
}
