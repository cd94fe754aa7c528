package mail

import "bytes"

// Compose writes a message as it is sent.
func (s *Sender) Compose(m Message) ([]byte, error) {
	composed, err := s.compose(m)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	_, err = composed.WriteTo(&b)
	return b.Bytes(), err
}

// Presentable is what is shown of what a server said.
func Presentable(text string) string { return presentable(text) }
