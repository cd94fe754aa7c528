package media

import (
	"errors"
	"mime"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSniff(t *testing.T) {
	ftyp := func(brands string) string { return "\x00\x00\x00" + string(rune(8+len(brands))) + "ftyp" + brands }
	ebml := "\x1a\x45\xdf\xa3\x93\x42\x82\x88"
	tests := []struct{ name, head, ext string }{
		{"jpeg", "\xff\xd8\xff\xe0\x00\x10JFIF", "jpg"},
		{"png", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "png"},
		{"gif", "GIF89a\x01\x00\x01\x00", "gif"},
		{"old gif", "GIF87a\x01\x00\x01\x00", "gif"},
		{"webp", "RIFF\x1a\x00\x00\x00WEBPVP8L", "webp"},
		{"wav", "RIFF\x24\x00\x00\x00WAVEfmt ", "wav"},
		{"avi", "RIFF\x24\x00\x00\x00AVI LIST", "avi"},
		{"other RIFF", "RIFF\x24\x00\x00\x00ACONLIST", "bin"},
		{"flac", "fLaC\x00\x00\x00\x22", "flac"},
		{"vorbis", "OggS\x00\x02" + strings.Repeat("\x00", 22) + "\x01vorbis", "ogg"},
		{"opus", "OggS\x00\x02" + strings.Repeat("\x00", 22) + "OpusHead", "ogg"},
		{"theora after skeleton", "OggS\x00\x02fishead\x00" + strings.Repeat("\x00", 80) + "OggS\x80theora", "ogv"},
		{"webm", ebml + "webm", "webm"},
		{"matroska", ebml + "matroska", "bin"},
		{"mpeg program stream", "\x00\x00\x01\xba\x44", "mpg"},
		{"mpeg video", "\x00\x00\x01\xb3\x14", "mpg"},
		{"mp4", ftyp("isom\x00\x00\x02\x00isomiso2avc1mp41"), "mp4"},
		{"mp4 by a compatible brand", ftyp("XAVC\x00\x00\x00\x00XAVCmp42"), "mp4"},
		{"m4a", ftyp("M4A \x00\x00\x00\x00M4A mp42"), "m4a"},
		{"audio book", ftyp("M4B \x00\x00\x00\x00M4A mp42"), "m4a"},
		{"unknown brands", ftyp("abcd\x00\x00\x00\x00efgh"), "bin"},
		{"brand in the version", ftyp("abcdisomefgh"), "bin"},
		{"brand behind the box", ftyp("abcd\x00\x00\x00\x00") + "isom", "bin"},
		{"heic", ftyp("heic\x00\x00\x00\x00mif1heic"), "bin"},
		{"avif", ftyp("avif\x00\x00\x00\x00mp41avif"), "bin"},
		{"quicktime", ftyp("qt  \x20\x05\x03\x00qt  "), "mov"},
		{"old quicktime", "\x00\x00\x00\x08wide\x00\x00", "mov"},
		{"3gp", ftyp("3gp4\x00\x00\x02\x00isom3gp4"), "3gp"},
		{"mp3 with tags", "ID3\x04\x00\x00\x00\x00\x00\x00", "mp3"},
		{"mp3", "\xff\xfb\x90\x44\x00", "mp3"},
		{"mp3 of no bit rate", "\xff\xfb\x00\x44\x00", "bin"},
		{"aac", "\xff\xf1\x50\x80\x00", "bin"},
		{"mp3 of a reserved bit rate", "\xff\xfb\xf0\x44\x00", "bin"},
		{"svg", "<svg xmlns='http://www.w3.org/2000/svg'/>", "svg"},
		{"svg after a prolog", "\ufeff\n<?xml version='1.0'?>\n<!-- <html> -->\n<!DOCTYPE svg PUBLIC 'x' 'y'>\n<svg\n>", "svg"},
		{"svg with entities", "<!DOCTYPE svg [ <!ENTITY a '>'> ]><svg>", "svg"},
		{"svg with prefix", "<svg:svg xmlns:svg='http://www.w3.org/2000/svg'>", "svg"},
		{"html", "<!DOCTYPE html><html><svg></svg></html>", "bin"},
		{"html without doctype", " \n<HTML><script>alert(1)</script>", "bin"},
		{"html with svg in a comment", "<!-- <svg> --><p>", "bin"},
		{"xml", "<?xml version='1.0'?><feed/>", "bin"},
		{"element that begins like svg", "<svgx>", "bin"},
		{"comment without end", "<!-- ", "bin"},
		{"text", "Hello, wörld\r\n\tbye", "txt"},
		{"text with markup later", "Hello <b>you</b>", "txt"},
		{"text cut within a character", "caf\xc3", "txt"},
		{"latin-1", "caf\xe9 au lait", "bin"},
		{"text with a zero", "abc\x00def", "bin"},
		{"text with an escape", "abc\x1b[0m", "bin"},
		{"shell script", "#!/bin/sh\n", "txt"},
		{"elf", "\x7fELF\x02\x01\x01", "bin"},
		{"pdf", "%PDF-1.7\n%\xe2\xe3\xcf\xd3", "pdf"},
		{"pdf of text", "%PDF-1.0\n1 0 obj", "pdf"},
		{"zip", "PK\x03\x04\x14\x00", "zip"},
		{"empty zip", "PK\x05\x06" + strings.Repeat("\x00", 18), "zip"},
		{"gzip", "\x1f\x8b\x08\x00", "gz"},
		{"empty", "", "bin"},
		{"one byte", "\xff", "bin"},
		{"start of png", "\x89PNG", "bin"},
		{"long text", strings.Repeat("ä", SniffLen), "txt"},
		{"binary after what is looked at", strings.Repeat("a", SniffLen) + "\x00", "txt"},
	}
	for _, tt := range tests {
		if got := Sniff([]byte(tt.head)); got.Ext != tt.ext {
			t.Errorf("%s: %s, want %s", tt.name, got.Ext, tt.ext)
		}
	}
}

func TestTypesByExtensionAndMediaType(t *testing.T) {
	for ext, want := range map[string]Type{
		"flac": {"flac", "audio/flac", "audio"},
		"mp3":  {"mp3", "audio/mpeg", "audio"},
		"ogg":  {"ogg", "audio/ogg", "audio"},
		"wav":  {"wav", "audio/wav", "audio"},
		"m4a":  {"m4a", "audio/mp4", "audio"},
		"weba": {"weba", "audio/webm", "audio"},
		"gif":  {"gif", "image/gif", "image"},
		"jpg":  {"jpg", "image/jpeg", "image"},
		"png":  {"png", "image/png", "image"},
		"webp": {"webp", "image/webp", "image"},
		"svg":  {"svg", "image/svg+xml", "image"},
		"3gp":  {"3gp", "video/3gpp", "video"},
		"mpg":  {"mpg", "video/mpeg", "video"},
		"mp4":  {"mp4", "video/mp4", "video"},
		"mov":  {"mov", "video/quicktime", "video"},
		"ogv":  {"ogv", "video/ogg", "video"},
		"webm": {"webm", "video/webm", "video"},
		"avi":  {"avi", "video/x-msvideo", "video"},
		"txt":  {"txt", "text/plain", "file"},
		"pdf":  {"pdf", "application/pdf", "file"},
		"zip":  {"zip", "application/zip", "file"},
		"gz":   {"gz", "application/gzip", "file"},
		"epub": {"epub", "application/epub+zip", "file"},
		"odt":  {"odt", "application/vnd.oasis.opendocument.text", "file"},
		"bin":  {"bin", "application/octet-stream", "file"},
	} {
		for _, spelled := range []string{ext, "." + ext, strings.ToUpper(ext)} {
			if got, ok := ByExt(spelled); got != want || !ok {
				t.Errorf("ByExt(%q) = %v, %v; want %v", spelled, got, ok, want)
			}
		}
		for _, spelled := range []string{want.MIME, strings.ToUpper(want.MIME), want.MIME + "; charset=binary"} {
			if got, ok := ByMIME(spelled); got != want || !ok {
				t.Errorf("ByMIME(%q) = %v, %v; want %v", spelled, got, ok, want)
			}
		}
	}
	for alias, ext := range map[string]string{"image/jpg": "jpg", "audio/x-wav": "wav", "application/ogg": "ogg", "audio/x-m4a": "m4a", "audio/opus": "ogg"} {
		if got, ok := ByMIME(alias); got.Ext != ext || !ok {
			t.Errorf("ByMIME(%q) = %v, %v; want %s", alias, got, ok, ext)
		}
	}
	for _, none := range []string{"", "text/html", "image/", "nonsense", "image/png;;;=", "image/jpeg, text/html"} {
		if got, ok := ByMIME(none); got.Ext != "bin" || ok {
			t.Errorf("ByMIME(%q) = %v, %v; want none", none, got, ok)
		}
	}
	if got, ok := ByExt("html"); got.Ext != "bin" || ok {
		t.Errorf("ByExt(html) = %v, %v; want none", got, ok)
	}
}

func TestServing(t *testing.T) {
	tests := []struct {
		ext, contentType string
		inline           bool
	}{
		{"jpg", "image/jpeg", true},
		{".png", "image/png", true},
		{"mp4", "video/mp4", true},
		{"ogg", "audio/ogg", true},
		{"svg", "image/svg+xml", false},
		{"m4a", "audio/mp4", true},
		{"pdf", "application/pdf", false},
		{"odt", "application/vnd.oasis.opendocument.text", false},
		{"txt", "text/plain; charset=utf-8", false},
		{"bin", "application/octet-stream", false},
		{"html", "application/octet-stream", false},
		{"js", "application/octet-stream", false},
		{"", "application/octet-stream", false},
	}
	for _, tt := range tests {
		if contentType, inline := Serving(tt.ext); contentType != tt.contentType || inline != tt.inline {
			t.Errorf("Serving(%q) = %q, %v; want %q, %v", tt.ext, contentType, inline, tt.contentType, tt.inline)
		}
	}
}

// FuzzSniff holds that nothing a browser could take for a document is served in
// place.
func FuzzSniff(f *testing.F) {
	for _, seed := range []string{"<svg>", "<!DOCTYPE a [", "<?", "OggS", "\x00\x00\x00\x00ftyp\x00\x00\x00\x00\x00", "\xff\xfb\x90", "RIFF"} {
		f.Add([]byte(seed))
	}
	files, err := filepath.Glob("testdata/*.*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got := Sniff(b)
		_, inline := Serving(got.Ext)
		if inline && strings.HasPrefix(strings.TrimSpace(string(b)), "<") {
			t.Errorf("%.40q is %s, which is shown in place", b, got.Ext)
		}
		if known, ok := ByExt(got.Ext); known != got || !ok {
			t.Errorf("%.40q is of a type that is not in the table: %v", b, got)
		}
	})
}

func TestDecide(t *testing.T) {
	png, mp4, zip := pngMagic+"\x00\x00\x00\rIHDR", "\x00\x00\x00\x14ftypisom\x00\x00\x02\x00isom", "PK\x03\x04\x14\x00"
	webm := "\x1a\x45\xdf\xa3\x93\x42\x82\x88webm"
	const svg, html = "<svg xmlns='http://www.w3.org/2000/svg'/>", "<!DOCTYPE html><script>alert(1)</script>"
	tests := []struct{ name, declared, head, ext, label string }{
		{"as declared", "image/png", png, "png", "image/png"},
		{"another image", "image/gif", png, "png", "image/png"},
		{"an image called something else", "application/octet-stream", png, "png", "image/png"},
		{"an image of which nothing is said", "", png, "png", "image/png"},
		{"no image", "image/png", mp4, "", ""},
		{"an image that nothing decodes", "image/tiff", "II*\x00\x08\x00\x00\x00", "", ""},
		{"svg", "image/svg+xml", svg, "svg", "image/svg+xml"},
		{"svg called a photograph", "image/jpeg", svg, "", ""},
		{"html called a picture", "image/png", html, "", ""},
		{"html called svg", "image/svg+xml", html, "", ""},
		{"html", "text/html; charset=utf-8", html, "bin", "text/html"},
		{"html called sound", "audio/mpeg", html, "bin", "application/octet-stream"},
		{"html called a document", "application/pdf", html, "bin", "application/pdf"},
		{"film", "video/mp4", mp4, "mp4", "video/mp4"},
		{"sound in a film's format", "audio/mp4", mp4, "m4a", "audio/mp4"},
		{"the same by another name", "AUDIO/X-M4A", mp4, "m4a", "audio/mp4"},
		{"sound called a document", "application/epub+zip", mp4, "mp4", "video/mp4"},
		{"sound from a browser", "audio/webm;codecs=opus", webm, "weba", "audio/webm"},
		{"document", "application/vnd.oasis.opendocument.text", zip, "odt", "application/vnd.oasis.opendocument.text"},
		{"document that is unknown", "application/x-mine", zip, "zip", "application/x-mine"},
		{"document that is none", "application/epub+zip", "%PDF-1.7", "pdf", "application/pdf"},
		{"table", "text/csv; header=present", "a,b\n1,2\n", "txt", "text/csv"},
		{"sound that is unknown", "audio/midi", "MThd\x00\x00\x00\x06", "bin", "application/octet-stream"},
		{"a type that cannot be read", "nonsense", "\x00\x01", "bin", "application/octet-stream"},
	}
	for _, tt := range tests {
		got, err := Decide(tt.declared, []byte(tt.head))
		if tt.ext == "" {
			if !errors.Is(err, ErrNotAnImage) {
				t.Errorf("%s: %v, error %v; want ErrNotAnImage", tt.name, got, err)
			}
			continue
		}
		if err != nil || got.Ext != tt.ext || Label(got, tt.declared) != tt.label {
			t.Errorf("%s: %s, labelled %s, error %v; want %s, %s", tt.name, got.Ext, Label(got, tt.declared), err, tt.ext, tt.label)
		}
	}
}

// FuzzDecide holds that no declaration has bytes shown in place that would not be
// without it, nor makes a picture of what is none.
func FuzzDecide(f *testing.F) {
	for _, declared := range []string{"", "image/png", "image/svg+xml", "audio/mp4", "application/epub+zip", "text/html", "video/webm; codecs=vp9", "a/b;;"} {
		for _, head := range []string{"<svg>", "<html>", "PK\x03\x04", "\x00\x00\x00\x10ftypisom\x00\x00\x00\x00", pngMagic, "\x1a\x45\xdf\xa3webm"} {
			f.Add(declared, []byte(head))
		}
	}
	f.Fuzz(func(t *testing.T, declared string, b []byte) {
		got, err := Decide(declared, b)
		found := Sniff(b)
		_, inline := Serving(got.Ext)
		if _, may := Serving(found.Ext); inline && !may {
			t.Errorf("%.40q, declared as %q, is %s, which is shown in place", b, declared, got.Ext)
		}
		if (got.Kind == KindImage) && got != found {
			t.Errorf("%.40q, declared as %q, is %s", b, declared, got.Ext)
		}
		if mediaType, _, bad := mime.ParseMediaType(declared); err == nil && bad == nil && mediaType == "image/png" && got.Kind != KindImage {
			t.Errorf("%.40q, declared as %q, is %s", b, declared, got.Ext)
		}
		if label := Label(got, declared); label == "" || got.Kind == KindFile && strings.HasPrefix(label, "image/") {
			t.Errorf("%.40q, declared as %q, is labelled %q", b, declared, label)
		}
	})
}
