package pumpapi_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"manifold/pumpapi"
)

// onBothWith is onBoth for servers of another kind.
func onBothWith(t *testing.T, o siteOptions, test func(t *testing.T, s *site)) {
	t.Parallel()
	for _, d := range databases {
		t.Run(string(d.name), func(t *testing.T) {
			t.Parallel()
			here := o
			here.database = d.address(t)
			test(t, newSite(t, here))
		})
	}
}

// box is a box of ISO media: its size, its name, what is in it (ISO 14496-12 4.2).
func box(name, content string) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(8+len(content)))) + name + content
}

func mp4File() string {
	return box("ftyp", "isom\x00\x00\x02\x00isomiso2mp41") + box("free", "") + box("mdat", "")
}

func m4aFile() string { return box("ftyp", "M4A \x00\x00\x00\x00M4A mp42isom") + box("mdat", "") }

// mp3File is a frame of silence: MPEG 1, layer III, 128 kbit/s, 44.1 kHz.
func mp3File() string { return "\xff\xfb\x90\x00" + strings.Repeat("\x00", 413) }

// oggFile is the first page of a stream, with one packet (RFC 3533 6).
func oggFile(packet string) string {
	return "OggS\x00\x02" + strings.Repeat("\x00", 8) + "\x01\x00\x00\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00" + "\x01" + string(rune(len(packet))) + packet
}

// webmFile is the header of EBML, with the type of the document (RFC 8794 8.1).
func webmFile() string { return "\x1a\x45\xdf\xa3\x87\x42\x82\x84webm" + "\x18\x53\x80\x67\x80" }

func riff(form, rest string) string {
	return "RIFF" + string(binary.LittleEndian.AppendUint32(nil, uint32(4+len(rest)))) + form + rest
}

func zipFile(t testing.TB) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create("mimetype")
	if err == nil {
		_, err = io.WriteString(f, "application/epub+zip")
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestUploadOfAnything(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		ann := s.person("ann")
		const opus, vorbis, theora = "OpusHead\x01\x02", "\x01vorbis\x00\x00", "\x80theora\x03\x02"
		const svg, html = "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "<!DOCTYPE html><script>alert(1)</script>"
		tests := []struct {
			name, declared, content string
			objectType, ext, mime   string // mime is what the object says
			served                  string // Content-Type
			inline                  bool
			where                   string // the member that tells where it is
		}{
			{"flac", "audio/flac", "fLaC\x00\x00\x00\x22" + strings.Repeat("\x00", 34), "audio", "flac", "", "audio/flac", true, "stream.url"},
			{"mp3", "audio/mpeg", mp3File(), "audio", "mp3", "", "audio/mpeg", true, "stream.url"},
			{"tagged mp3", "audio/mp3", "ID3\x04\x00\x00\x00\x00\x00\x00" + mp3File(), "audio", "mp3", "", "audio/mpeg", true, "stream.url"},
			{"vorbis", "audio/ogg", oggFile(vorbis), "audio", "ogg", "", "audio/ogg", true, "stream.url"},
			{"opus", "audio/opus", oggFile(opus), "audio", "ogg", "", "audio/ogg", true, "stream.url"},
			{"wav", "audio/x-wav", riff("WAVE", "fmt \x10\x00\x00\x00"+strings.Repeat("\x00", 16)), "audio", "wav", "", "audio/wav", true, "stream.url"},
			{"m4a", "audio/x-m4a", m4aFile(), "audio", "m4a", "", "audio/mp4", true, "stream.url"},
			{"sound in MP4", "audio/mp4", mp4File(), "audio", "m4a", "", "audio/mp4", true, "stream.url"},
			{"sound in WebM", "audio/webm;codecs=opus", webmFile(), "audio", "weba", "", "audio/webm", true, "stream.url"},
			{"mp4", "video/mp4", mp4File(), "video", "mp4", "", "video/mp4", true, "stream.url"},
			{"mov", "video/quicktime", box("ftyp", "qt  \x00\x00\x02\x00qt  "), "video", "mov", "", "video/quicktime", true, "stream.url"},
			{"3gp", "video/3gpp", box("ftyp", "3gp4\x00\x00\x02\x003gp4"), "video", "3gp", "", "video/3gpp", true, "stream.url"},
			{"webm", "video/webm", webmFile(), "video", "webm", "", "video/webm", true, "stream.url"},
			{"ogv", "video/ogg", oggFile(theora), "video", "ogv", "", "video/ogg", true, "stream.url"},
			{"avi", "video/avi", riff("AVI ", "LIST\x04\x00\x00\x00hdrl"), "video", "avi", "", "video/x-msvideo", true, "stream.url"},
			{"mpeg", "video/mpeg", "\x00\x00\x01\xba\x44\x00\x04", "video", "mpg", "", "video/mpeg", true, "stream.url"},
			{"film that says nothing", "application/octet-stream", mp4File(), "video", "mp4", "", "video/mp4", true, "stream.url"},
			{"svg", "image/svg+xml", svg, "image", "svg", "", "image/svg+xml", false, "image.url"},
			{"pdf", "application/pdf", "%PDF-1.4\n%%EOF\n", "file", "pdf", "application/pdf", "application/pdf", false, "fileUrl"},
			{"text", "text/plain", "Grüße\n", "file", "txt", "text/plain", "text/plain; charset=utf-8", false, "fileUrl"},
			{"table", "text/csv", "a,b\n", "file", "txt", "text/csv", "text/plain; charset=utf-8", false, "fileUrl"},
			{"zip", "application/zip", zipFile(t), "file", "zip", "application/zip", "application/zip", false, "fileUrl"},
			{"book", "application/epub+zip", zipFile(t), "file", "epub", "application/epub+zip", "application/epub+zip", false, "fileUrl"},
			{"anything", "application/x-thing", "\x00\x01\x02", "file", "bin", "application/x-thing", "application/octet-stream", false, "fileUrl"},
			{"one byte", "application/octet-stream", "\x00", "file", "bin", "application/octet-stream", "application/octet-stream", false, "fileUrl"},
			{"a page", "text/html", html, "file", "bin", "text/html", "application/octet-stream", false, "fileUrl"},
			{"a page that says it is sound", "audio/mpeg", html, "file", "bin", "application/octet-stream", "application/octet-stream", false, "fileUrl"},
			{"a script", "text/javascript", "alert(1)", "file", "txt", "text/javascript", "text/plain; charset=utf-8", false, "fileUrl"},
		}
		for _, tt := range tests {
			object := ann.upload([]byte(tt.content), tt.declared)
			address := object.text(tt.where)
			if !strings.HasPrefix(address, home+"/uploads/ann/") || !strings.HasSuffix(address, "."+tt.ext) {
				t.Errorf("%s: it is at %s", tt.name, address)
				continue
			}
			want := map[string]any{"objectType": tt.objectType, "author.id": ann.id(), "fullImage": nil, "image": nil, "stream": nil, "fileUrl": nil, "mimeType": nil,
				"_slug": nil, "_uuid": nil, "links.self.href": object.id()}
			if tt.mime != "" {
				want["mimeType"] = tt.mime
			}
			delete(want, strings.Split(tt.where, ".")[0])
			object.has(t, want)
			if !strings.HasPrefix(object.id(), home+"/api/"+tt.objectType+"/") {
				t.Errorf("%s: its id is %s", tt.name, object.id())
			}
			s.nobody().get(address).refused(403, "Not allowed")
			posted := ann.act(doc{"verb": "post", "object": object.ref(), "to": []doc{public}})
			posted.has(t, map[string]any{"object." + tt.where: address})
			file := s.nobody().get(address)
			disposition := map[bool]string{true: "", false: "attachment"}[tt.inline]
			if file.status != 200 || string(file.body) != tt.content || file.header.Get("Content-Type") != tt.served || file.header.Get("Content-Disposition") != disposition {
				t.Errorf("%s: %d %q of %d bytes, %q", tt.name, file.status, file.header.Get("Content-Type"), len(file.body), file.header.Get("Content-Disposition"))
			}
			for name, value := range map[string]string{"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"} {
				if got := file.header.Get(name); got != value {
					t.Errorf("%s: %s: %q", tt.name, name, got)
				}
			}
		}
		list := ann.get("/api/user/ann/uploads?count=200").ok()
		list.has(t, map[string]any{"totalItems": float64(len(tests)), "displayName": "Uploads by ann"})
		for _, private := range []string{"_slug", "_uuid", "size", "path"} {
			if strings.Contains(list.String(), `"`+private+`"`) {
				t.Errorf("the list tells %s", private)
			}
		}
	})
}

// TestUploadInADocument: what comes in base64 is the same as what comes as it is.
func TestUploadInADocument(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann := s.person("ann")
	for declared, content := range map[string]string{"audio/mpeg": mp3File(), "application/pdf": "%PDF-1.4\n", "application/x-thing": "\xfb\xff\xfe"} {
		body, err := json.Marshal(doc{"mimeType": declared, "data": base64.URLEncoding.EncodeToString([]byte(content))})
		if err != nil {
			t.Fatal(err)
		}
		object := ann.upload(body, "application/json")
		address := object.text("fileUrl") + object.text("stream.url")
		if got := ann.get(address); string(got.body) != content {
			t.Errorf("%s: it has become %q of %s", declared, got.body, object)
		}
	}
}

// TestLargeFile: what is larger than a picture may be is stored all the same, and
// read in parts.
func TestLargeFile(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{maxUpload: 40 << 20})
	ann := s.person("ann")
	content := append([]byte(mp4File()), bytes.Repeat([]byte("0123456789abcdef"), 2<<20)...)
	object := ann.upload(content, "video/mp4")
	file := ann.act(doc{"verb": "post", "to": []doc{public}, "object": object}).text("object.stream.url")
	end := len(content) - 16
	part := s.nobody().send(request{method: "GET", path: file, header: http.Header{"Range": {fmt.Sprintf("bytes=%d-", end)}}})
	if part.status != 206 || string(part.body) != "0123456789abcdef" || part.header.Get("Content-Range") != fmt.Sprintf("bytes %d-%d/%d", end, len(content)-1, len(content)) {
		t.Errorf("%d %q, %q", part.status, part.body, part.header.Get("Content-Range"))
	}
	// A picture has to be held in memory.
	ann.send(request{method: "POST", path: ann.user("/uploads"), body: append([]byte("\x89PNG\r\n\x1a\n"), content...), contentType: "image/png"}).
		refused(413, "The file is too large: at most 20971520 bytes are accepted.")
	if past := s.nobody().send(request{method: "GET", path: file, header: http.Header{"Range": {"bytes=99999999-"}}}); past.status != 416 {
		t.Errorf("past the end: %d", past.status)
	}
}

func TestUploadQuota(t *testing.T) {
	onBothWith(t, siteOptions{adjust: func(o *pumpapi.Options) { o.UploadQuota = 1000 }}, func(t *testing.T, s *site) {
		ann, bob := s.person("ann"), s.person("bob")
		if err := s.bridge.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := s.bridge.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		file := func(size int) []byte { return bytes.Repeat([]byte("\x01"), size) }
		refused := func(size, used int) {
			t.Helper()
			ann.send(request{method: "POST", path: ann.user("/uploads"), body: file(size), contentType: "application/x-thing"}).
				refused(413, fmt.Sprintf("There is no room for this file: your uploads take %d of the 1000 bytes that are allowed. Delete some of them first.", used))
		}
		refused(1001, 0)
		first := ann.upload(file(600), "application/x-thing")
		refused(401, 600)
		ann.upload(file(400), "application/x-thing")
		refused(1, 1000)
		bob.upload(file(1000), "application/x-thing")
		if got := len(s.storedFiles()); got != 3 {
			t.Errorf("%d files are there, want 3", got)
		}
		// What is deleted makes room, at once.
		posted := ann.act(doc{"verb": "post", "object": first.ref()})
		ann.remove(posted.text("object.id")).said("Deleted")
		refused(601, 400)
		ann.upload(file(600), "application/x-thing")
		until(t, "the file is gone", func() bool { return len(s.storedFiles()) == 3 })
		// What a picture takes is what is stored of it, thumbnail included, however
		// little of it came.
		carl := s.person("carl")
		carl.send(request{method: "POST", path: carl.user("/uploads"), body: picture(t, 900, 900, "gif"), contentType: "image/gif"}).
			refused(413, "There is no room for this file: your uploads take 0 of the 1000 bytes that are allowed. Delete some of them first.")
		if got := len(s.storedFiles()); got != 3 {
			t.Errorf("%d files are there after a refusal, want 3", got)
		}
	})
}

// TestUploadsAtOnce: of many files that come at once, no more are kept than there
// is room for.
func TestUploadsAtOnce(t *testing.T) {
	onBothWith(t, siteOptions{adjust: func(o *pumpapi.Options) { o.UploadQuota = 1000 }}, func(t *testing.T, s *site) {
		ann := s.person("ann")
		var wg sync.WaitGroup
		statuses := make([]int, 8)
		for i := range statuses {
			wg.Go(func() {
				statuses[i] = ann.send(request{method: "POST", path: ann.user("/uploads"), body: bytes.Repeat([]byte("\x01"), 300), contentType: "application/x-thing"}).status
			})
		}
		wg.Wait()
		kept := 0
		for _, status := range statuses {
			switch status {
			case 200:
				kept++
			case 413:
			default:
				t.Errorf("status %d", status)
			}
		}
		if files := len(s.storedFiles()); kept != 3 || files != 3 {
			t.Errorf("%d were kept and %d files are there, want 3", kept, files)
		}
	})
}

// TestNothingIsLeftOfARefusedUpload: a repeated request is refused after the file
// has come.
func TestNothingIsLeftOfARefusedUpload(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann := s.person("ann")
	var header string
	r := request{method: "POST", path: ann.user("/uploads"), body: picture(t, 400, 400, "png"), contentType: "image/png", edit: func(h string) string {
		if header == "" {
			header = h
		}
		return header
	}}
	ann.send(r).ok()
	ann.send(r).refusedPlain(401, "Invalid / used nonce")
	if got := len(s.storedFiles()); got != 2 {
		t.Errorf("%d files are there, want 2", got)
	}
	entries, err := os.ReadDir(filepath.Join(s.folder, "~incoming"))
	if err != nil || len(entries) != 0 {
		t.Errorf("half-written files: %v, error %v", entries, err)
	}
}

func FuzzDecodeUpload(f *testing.F) {
	for _, seed := range []string{`{"mimeType":"image/png","data":"AAAA"}`, `{"mimeType":"a/b","data":"_-8="}`, `{}`, `[]`, `{"mimeType":null,"data":"="}`, `{"data":"A"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		mimeType, data, err := pumpapi.DecodeUpload(document)
		if err == nil && (mimeType == "" || len(data) > len(document)) {
			t.Errorf("%q gives %d bytes of type %q", document, len(data), mimeType)
		}
	})
}
