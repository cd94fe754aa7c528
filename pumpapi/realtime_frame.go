package pumpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// maxFrame bounds what a client of the realtime service may send at once, in
// bytes. The largest thing that it has to say is a signature, of about 1 kB.
const maxFrame = 16 << 10

// command is what a client of the realtime service says.
type command struct {
	Cmd string `json:"cmd"`
	// URL is the feed that "follow" and "unfollow" are about.
	URL string `json:"url"`
	// Message is the signature of "rise".
	Message signedCall `json:"message"`
}

// signedCall is a call that was signed as if it were going to be made, in the
// form of OAuth.js.
type signedCall struct {
	Action     string     `json:"action"`
	Method     string     `json:"method"`
	Parameters parameters `json:"parameters"`
}

// parameters are names and values. OAuth.js takes and makes lists of pairs as
// well as objects, and its timestamps are numbers.
type parameters [][2]string

// UnmarshalJSON implements json.Unmarshaler.
func (p *parameters) UnmarshalJSON(data []byte) error {
	*p = nil
	add := func(name string, raw json.RawMessage) error {
		if name == "" {
			return errors.New("a parameter has no name")
		}
		value, err := plainText(raw)
		*p = append(*p, [2]string{name, value})
		return err
	}
	if len(data) > 0 && data[0] == '{' {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(data, &members); err != nil {
			return err
		}
		for _, name := range sortedKeys(members) {
			if err := add(name, members[name]); err != nil {
				return err
			}
		}
		return nil
	}
	var pairs [][]json.RawMessage
	if err := json.Unmarshal(data, &pairs); err != nil {
		return err
	}
	for _, pair := range pairs {
		if len(pair) != 2 {
			return errors.New("a parameter is not a pair of name and value")
		}
		name, err := plainText(pair[0])
		if err == nil {
			err = add(name, pair[1])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// plainText is a string, or a number as it is written.
func plainText(raw json.RawMessage) (string, error) {
	if len(raw) > 0 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9') {
		return string(raw), nil
	}
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", err
	}
	if s == nil {
		return "", errors.New("a parameter is null")
	}
	return *s, nil
}

// decodeCommand reads one message of a client.
func decodeCommand(message string) (command, error) {
	var c command
	if len(message) > maxFrame {
		return c, errors.New("the message is too long")
	}
	err := json.Unmarshal([]byte(message), &c)
	return c, err
}

// decodeFrame reads what a SockJS client sends over a WebSocket: a list of
// messages, or one. Nothing at all is no message.
func decodeFrame(frame []byte) ([]string, error) {
	switch {
	case len(frame) == 0:
		return nil, nil
	case frame[0] == '"':
		var one string
		err := json.Unmarshal(frame, &one)
		return []string{one}, err
	}
	var list []string
	err := json.Unmarshal(frame, &list)
	return list, err
}

// update is an activity as it is told to those who are shown the same of it.
type update struct {
	// id is the name of the activity, json the activity itself.
	id   string
	json []byte

	once    sync.Once
	escaped []byte
}

// inString is the activity as a part of a JSON string, without its quotes: all
// messages of SockJS are strings. It is made once for all who are told.
func (u *update) inString() []byte {
	u.once.Do(func() {
		quoted := appendString(make([]byte, 0, len(u.json)+len(u.json)/8), string(u.json))
		u.escaped = quoted[1 : len(quoted)-1]
	})
	return u.escaped
}

// message is one of the server to a client: a text, or, where update is set, that
// something came into a feed; or, where beat is set, a heartbeat.
type message struct {
	beat   bool
	text   string
	feed   string
	update *update
	// position is where the update stands in the stream.
	position int64
}

// size is about how many bytes the message has.
func (m *message) size() int {
	n := len(m.text) + len(m.feed) + 64
	if m.update != nil {
		n += len(m.update.json)
	}
	return n
}

// Between the two stands the address of the feed, and behind them the activity.
const (
	updateBegin  = `{"cmd":"update","url":`
	updateMiddle = `,"activity":`
)

// plain appends the message as it is.
func (m *message) plain(b []byte) []byte {
	if m.update == nil {
		return append(b, m.text...)
	}
	b = append(appendString(append(b, updateBegin...), m.feed), updateMiddle...)
	return append(append(b, m.update.json...), '}')
}

// quoted appends the message as a JSON string.
func (m *message) quoted(b []byte) []byte {
	if m.update == nil {
		return appendString(b, m.text)
	}
	head := appendString(nil, string(append(appendString([]byte(updateBegin), m.feed), updateMiddle...)))
	b = append(b, head[:len(head)-1]...)
	return append(append(b, m.update.inString()...), '}', '"')
}

// appendFrame appends messages as one frame of SockJS.
func appendFrame(b []byte, messages []message) []byte {
	b = append(b, 'a', '[')
	for i := range messages {
		if i > 0 {
			b = append(b, ',')
		}
		b = messages[i].quoted(b)
	}
	return append(b, ']')
}

// goAway is the code with which SockJS servers end connections.
const goAway = 3000

// closeFrame is the frame that ends a conversation of SockJS.
func closeFrame(code int, reason string) []byte {
	return append(appendString(fmt.Appendf(nil, "c[%d,", code), reason), ']')
}

// appendEvent appends an activity as an event of Server-Sent Events. What would
// end a line stands in JSON between its parts only, where a blank does as well.
func appendEvent(b []byte, u *update) []byte {
	b = append(b, "id: "...)
	b = append(b, strings.Map(withoutBreaks, u.id)...)
	b = append(b, "\nevent: update\ndata: "...)
	start := len(b)
	b = append(b, u.json...)
	if bytes.ContainsAny(u.json, "\r\n") {
		for i := start; i < len(b); i++ {
			if b[i] == '\r' || b[i] == '\n' {
				b[i] = ' '
			}
		}
	}
	return append(b, "\n\n"...)
}

func withoutBreaks(r rune) rune {
	if r == '\r' || r == '\n' || r == 0 {
		return -1
	}
	return r
}
