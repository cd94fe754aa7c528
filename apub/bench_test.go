package apub_test

import (
	"os"
	"testing"

	"manifold/apub"
	"manifold/models/vocab"
)

func BenchmarkDecode(b *testing.B) {
	for _, name := range []string{"mastodon-create", "mastodon-actor", "peertube-video", "undo-follow"} {
		document, err := os.ReadFile("testdata/odd/" + name + ".json")
		if err != nil {
			b.Fatal(err)
		}
		options := apub.DecodeOptions{Names: namesOf(b, here)}
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(document)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := apub.Decode(document, options); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	e := encoder(b)
	row := note(func(o *vocab.Object) {
		o.Content = `<p><a href="https://m.example/@bob" class="mention">@bob</a> See <a href="https://pump.example/tags/go" rel="tag">#go</a></p>`
		o.Attachments = []*vocab.Object{{Type: vocab.TypeImage, DisplayName: "A cat", FullImage: &vocab.Media{URL: here + "/uploads/a.jpg", MediaType: "image/jpeg", Width: 4, Height: 3}}}
	})
	post := deed("post", row.Doc)
	post.Doc.To = append(post.Doc.To, person("acct:bob@m.example"))
	like := deed("favorite", &vocab.Object{ID: "https://m.example/1"})
	profile := apub.Profile{Actor: annRow(nil), PublicKeyPEM: "PEM", Multikey: "z6Mk"}
	for name, write := range map[string]func() ([]byte, error){
		"create": func() ([]byte, error) { return e.Activity(post, apub.About{Object: row}) },
		"like":   func() ([]byte, error) { return e.Activity(like, apub.About{}) },
		"note":   func() ([]byte, error) { return e.Object(row, post) },
		"actor":  func() ([]byte, error) { return e.Actor(profile) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := write(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
