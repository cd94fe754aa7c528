package pumpapi_test

import (
	"strings"
	"testing"

	"manifold/pumpapi"
)

// hostMetas are documents as servers answer them.
var hostMetas = []struct{ name, document, links string }{
	{"JSON", `{"links":[{"rel":"lrdd","type":"application/json","template":"https://h/{uri}"},{"rel":"dialback","href":"https://h/d"}]}`, "lrdd , dialback https://h/d"},
	{"XRD", `<?xml version="1.0"?><XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0"><Link rel="lrdd" template="x"/><Link rel="dialback" href="https://h/d"></Link></XRD>`,
		"lrdd , dialback https://h/d"},
	{"XRD with a mark and more in it", "\ufeff \n<XRD><Subject>x</Subject><Link rel='a' href='b'><Title>t</Title></Link><Property><Link rel='no'/></Property></XRD>", "a b"},
	{"JSON of no links", `{"subject":"x"}`, ""},
	{"empty", ``, "!"},
	{"a page", `<!DOCTYPE html><html><head><link rel="a"><body>`, "!"},
	{"an unknown entity", `<XRD>&x;</XRD>`, "!"},
	{"cut off", `<XRD><Link rel="a"/>`, "!"},
	{"JSON, cut off", `{"links":[`, "!"},
	{"links that are none", `{"links":"x"}`, "!"},
	{"too deep", strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100), "!"},
	{"too many", `{"links":[{}` + strings.Repeat(`,{}`, 300) + `]}`, "!"},
	{"too many, XRD", `<XRD>` + strings.Repeat(`<Link/>`, 300) + `</XRD>`, "!"},
	{"too large", `{"a":"` + strings.Repeat("x", 70_000) + `"}`, "!"},
}

func TestDecodeHostMeta(t *testing.T) {
	t.Parallel()
	for _, tt := range hostMetas {
		t.Run(tt.name, func(t *testing.T) {
			links, err := pumpapi.DecodeHostMeta([]byte(tt.document))
			got := strings.Join(links, ", ")
			if err != nil {
				got = "!"
			}
			if got != tt.links {
				t.Errorf("got %q, %v, want %q", got, err, tt.links)
			}
		})
	}
}

func FuzzDecodeHostMeta(f *testing.F) {
	for _, tt := range hostMetas {
		f.Add([]byte(tt.document))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		links, err := pumpapi.DecodeHostMeta(document)
		if err != nil && len(links) > 0 {
			t.Errorf("refused with %v, and read all the same: %v", err, links)
		}
		if len(links) > 300 {
			t.Errorf("%d links", len(links))
		}
	})
}
