package integration

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"net/http"
)

// uploaded is a picture on the server.
type uploaded struct {
	ID    string
	Image struct{ URL string }
}

// upload uploads a picture that is all of one colour.
func (p *person) upload(c color.RGBA, width, height int) uploaded {
	p.t.Helper()
	picture := image.NewRGBA(image.Rect(0, 0, width, height))
	for i := 0; i < len(picture.Pix); i += 4 {
		copy(picture.Pix[i:], []byte{c.R, c.G, c.B, c.A})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		p.t.Fatal(err)
	}
	r, err := p.sign(http.MethodPost, p.path("uploads"), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	r.body, r.contentType = b.Bytes(), "image/png"
	status, answer, err := r.send(p.server)
	if err != nil || status != http.StatusOK {
		p.t.Fatalf("uploading a picture: %v, status %d: %.300s", err, status, answer)
	}
	var u uploaded
	decode(p.t, answer, &u)
	return u
}

func (p *person) setAvatar(u uploaded) {
	p.t.Helper()
	var profile thing
	p.ask(http.MethodPut, p.path("profile"), map[string]any{"objectType": "person", "image": map[string]any{"url": u.Image.URL, "width": 96, "height": 96}}, &profile)
}
