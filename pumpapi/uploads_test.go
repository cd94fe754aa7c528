package pumpapi_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// picture encodes a picture of some size.
func picture(t testing.TB, width, height int, format string) []byte {
	t.Helper()
	img := image.NewPaletted(image.Rect(0, 0, width, height), color.Palette{color.Black, color.RGBA{200, 40, 40, 255}})
	for x := range width {
		img.SetColorIndex(x, x%height, 1)
	}
	var b bytes.Buffer
	var err error
	switch format {
	case "png":
		err = png.Encode(&b, img)
	case "jpeg":
		err = jpeg.Encode(&b, img, nil)
	case "gif":
		err = gif.Encode(&b, img, nil)
	default:
		t.Fatalf("no encoder for %s", format)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// upload sends a picture as clients do and returns its object.
func (v *visitor) upload(data []byte, contentType string) doc {
	v.t.Helper()
	return v.send(request{method: "POST", path: v.user("/uploads"), body: data, contentType: contentType}).ok()
}

// storedFiles are the files in the folder of uploads.
func (s *site) storedFiles() []string {
	s.t.Helper()
	var list []string
	err := fs.WalkDir(os.DirFS(s.folder), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			list = append(list, path)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return list
}

func TestUpload(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann := s.person("ann")
	base64Of := func(data []byte, e *base64.Encoding) []byte {
		b, err := json.Marshal(doc{"mimeType": "image/png", "data": e.EncodeToString(data)})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	small := picture(t, 20, 10, "png")
	tests := []struct {
		name, contentType string
		data              []byte
		width, height     float64 // of the picture that is shown
		full              float64 // width of the original, where it is not shown itself
		ext, thumbExt     string
	}{
		{"small PNG", "image/png", small, 20, 10, 0, "png", "png"},
		{"as large as is shown", "image/jpeg", picture(t, 320, 320, "jpeg"), 320, 320, 0, "jpg", "jpg"},
		{"wide JPEG", "image/jpeg", picture(t, 640, 320, "jpeg"), 320, 160, 640, "jpg", "jpg"},
		{"high GIF", "image/gif", picture(t, 100, 400, "gif"), 80, 320, 100, "gif", "png"},
		{"mistaken for something else", "image/gif", small, 20, 10, 0, "png", "png"},
		{"called nothing in particular", "application/octet-stream", small, 20, 10, 0, "png", "png"},
		{"in base64", "application/json", base64Of(small, base64.StdEncoding), 20, 10, 0, "png", "png"},
		{"in base64url without padding", "application/json; charset=utf-8", base64Of(small, base64.RawURLEncoding), 20, 10, 0, "png", "png"},
	}
	for _, tt := range tests {
		object := ann.upload(tt.data, tt.contentType)
		object.has(t, map[string]any{"objectType": "image", "author.id": ann.id(), "image.width": tt.width, "image.height": tt.height, "links.self.href": object.id(),
			"likes.url": object.id() + "/likes", "url": home + "/ann/image/" + strings.TrimPrefix(object.id(), home+"/api/image/")})
		if url := object.text("image.url"); !strings.HasPrefix(url, home+"/uploads/ann/") || !strings.HasSuffix(url, "."+tt.thumbExt) {
			t.Errorf("%s: the picture is at %s", tt.name, url)
		}
		checkPicture(t, tt.name, ann.get(object.text("image.url")), int(tt.width), int(tt.height))
		if tt.full == 0 {
			object.has(t, map[string]any{"fullImage": nil})
			continue
		}
		object.has(t, map[string]any{"fullImage.width": tt.full})
		if url := object.text("fullImage.url"); !strings.HasSuffix(url, "."+tt.ext) || !strings.Contains(object.text("image.url"), "_thumb.") {
			t.Errorf("%s: the original is at %s", tt.name, url)
		}
		height, _ := object.at("fullImage.height").(float64)
		checkPicture(t, tt.name, ann.get(object.text("fullImage.url")), int(tt.full), int(height))
	}
	ann.get("/api/user/ann/uploads").ok().has(t, map[string]any{"totalItems": float64(len(tests))})
}

func checkPicture(t *testing.T, name string, a *answer, width, height int) {
	t.Helper()
	c, format, err := image.DecodeConfig(bytes.NewReader(a.body))
	if a.status != 200 || err != nil || c.Width != width || c.Height != height || a.header.Get("Content-Type") != "image/"+format {
		t.Errorf("%s: %d %s of %d by %d, type %s: %v", name, a.status, format, c.Width, c.Height, a.header.Get("Content-Type"), err)
	}
}

func TestUploadRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{maxUpload: 64 << 10})
	ann := s.person("ann")
	const notImage = "The file was sent as an image, but is none in JPEG, PNG, GIF or WebP."
	tests := []struct {
		name, contentType, body string
		status                  int
		message                 string
	}{
		{"nothing", "image/png", "", 400, "No data"},
		{"a drawing", "image/png", "<svg onload='alert(1)'/>", 415, notImage},
		{"a page", "image/svg+xml", "<html><svg></svg></html>", 415, notImage},
		{"a film", "image/gif", mp4File(), 415, notImage},
		{"what nothing here decodes", "image/tiff", "II*\x00\x08\x00\x00\x00", 415, notImage},
		{"cut off", "image/png", string(picture(t, 40, 40, "png")[:60]), 400, "The picture cannot be taken: "},
		{"too large", "image/png", "\x89PNG\r\n\x1a\n" + strings.Repeat("x", 64<<10), 413, "The file is too large: at most 65536 bytes are accepted."},
		{"too large a film", "video/mp4", mp4File() + strings.Repeat("x", 64<<10), 413, "The file is too large: at most 65536 bytes are accepted."},
		{"too large a text", "text/plain", strings.Repeat("x", 64<<10+1), 413, "The file is too large: at most 65536 bytes are accepted."},
		{"too many pixels", "image/gif", string(picture(t, 3000, 2000, "gif")), 400, "The picture cannot be taken: "},
		{"no type", "application/json", `{"data":"AAAA"}`, 400, "No mime type"},
		{"no data", "application/json", `{"mimeType":"image/png"}`, 400, "No data"},
		{"not base64", "application/json", `{"mimeType":"image/png","data":"ä"}`, 400, "Bad document: data must be base64"},
		{"no strings", "application/json", `{"mimeType":5}`, 400, "Bad document: mimeType and data must be strings"},
		{"not JSON", "application/json", `{`, 400, "Bad document: mimeType and data must be strings"},
		{"base64 too large", "application/json", `{"mimeType":"image/png","data":"` + strings.Repeat("A", 100<<10) + `"}`, 413, "The file is too large: at most 65536 bytes are accepted."},
	}
	before := s.state()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := ann.in(t).send(request{method: "POST", path: "/api/user/ann/uploads", body: tt.body, contentType: tt.contentType})
			if !strings.HasSuffix(tt.message, ": ") {
				a.refused(tt.status, tt.message)
			} else if a.status != tt.status || !strings.Contains(string(a.body), tt.message) {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	if s.state() != before || len(s.storedFiles()) > 0 {
		t.Errorf("a refused upload left something: %v", s.storedFiles())
	}
	none := newSite(t, siteOptions{noUploads: true})
	none.person("ann").send(request{method: "POST", path: "/api/user/ann/uploads", body: picture(t, 4, 4, "png"), contentType: "image/png"}).
		refused(404, "This server takes no uploads.")
	none.nobody().get("/uploads/ann/x.png").refused(404, "No such file.")
}

func TestUploadIsForItsAudience(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		a := newAudience(s)
		tests := []struct {
			name string
			to   doc // how it is posted; nil is not at all
			sees string
		}{
			{"not posted", nil, "ynnnnnn"},
			{"public", doc{"to": []doc{public}}, "yyyyyyy"},
			{"followers", doc{}, "ynynnnn"},
			{"bob", doc{"to": []doc{a.bob.ref()}}, "yynnnnn"},
			{"list", doc{"bcc": []doc{a.pals.ref()}}, "ynnynnn"},
		}
		for _, tt := range tests {
			object := a.ann.upload(picture(t, 400, 100, "png"), "image/png")
			if tt.to != nil {
				tt.to["verb"], tt.to["object"] = "post", doc{"id": object.id(), "objectType": "image"}
				// What was uploaded stays with it when it is posted by its id only.
				a.ann.act(tt.to).has(t, map[string]any{"object.id": object.id(), "object.image.url": object.text("image.url"), "object.fullImage.width": 400.0})
			}
			for i, v := range a.viewers() {
				for _, file := range []string{object.text("image.url"), object.text("fullImage.url")} {
					got := v.get(file)
					if tt.sees[i] == 'n' {
						got.refused(403, "Not allowed")
					} else if got.status != 200 || got.header.Get("Content-Type") != "image/png" || len(got.body) == 0 {
						t.Errorf("%s: %s gets %d for %s", tt.name, name(v), got.status, file)
					} else if cache := got.header.Get("Cache-Control"); cache != "private, no-cache" {
						t.Errorf("%s may be cached: %s", tt.name, cache)
					}
				}
			}
		}
		a.eve.send(request{method: "GET", path: "/uploads/ann/2026/1/1/unknown.png"}).refused(404, "No such file.")
		// Servers that were told of a thing have addresses at which they fetch its files.
		keys, err := s.bridge.FileKeys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		told, other := a.ann.upload(picture(t, 400, 100, "png"), "image/png"), a.ann.upload(picture(t, 400, 100, "png"), "image/png")
		address := keys.Address("ann", told.text("fullImage.url"))
		if got := a.stranger.get(address); got.status != 200 || got.header.Get("Content-Type") != "image/png" || got.header.Get("Cache-Control") != "private, no-cache" {
			t.Errorf("%s is answered %d, %v", address, got.status, got.header)
		}
		_, key, _ := strings.Cut(address, "?")
		for _, wrong := range []string{"?" + key[:len(key)-4], "?key=", "?key=%", "?x=1"} {
			a.stranger.get(told.text("fullImage.url")+wrong).refused(403, "Not allowed")
		}
		a.stranger.get(other.text("fullImage.url")+"?"+key).refused(403, "Not allowed")
		if got := keys.Address("eve", told.text("fullImage.url")); got != told.text("fullImage.url") {
			t.Errorf("eve opens what ann uploaded: %s", got)
		}
		// Nobody publishes what is another's by showing it as their own.
		hidden := a.ann.upload(picture(t, 30, 30, "png"), "image/png")
		a.eve.put("/api/user/eve/profile", doc{"image": doc{"url": hidden.text("image.url")}}).ok()
		a.stranger.get(hidden.text("image.url")).refused(403, "Not allowed")
		a.eve.post("/api/user/eve/feed", doc{"verb": "post", "object": hidden.ref(), "to": []doc{public}}).refused(403, "Can't post "+hidden.id()+": not author.")
	})
}

func TestFileRequests(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann := s.person("ann")
	file := ann.act(doc{"verb": "post", "to": []doc{public}, "object": ann.upload(picture(t, 50, 50, "png"), "image/png")}).text("object.image.url")
	whole := s.nobody().get(file)
	tag := whole.header.Get("Etag")
	for name, want := range map[string]string{"Content-Security-Policy": "default-src 'none'; sandbox", "X-Content-Type-Options": "nosniff", "Content-Disposition": "",
		"Accept-Ranges": "bytes"} {
		if got := whole.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	tests := []struct {
		method  string
		header  http.Header
		status  int
		content []byte
	}{
		{"HEAD", nil, 200, nil},
		{"GET", http.Header{"Range": {"bytes=0-9"}}, 206, whole.body[:10]},
		{"GET", http.Header{"Range": {"bytes=10-"}}, 206, whole.body[10:]},
		{"GET", http.Header{"Range": {"bytes=100000-"}}, 416, nil},
		{"GET", http.Header{"If-None-Match": {tag}}, 304, nil},
		{"GET", http.Header{"If-None-Match": {`"x", W/` + tag}}, 304, nil},
		{"GET", http.Header{"If-None-Match": {`"x"`}}, 200, whole.body},
		{"GET", http.Header{"If-Modified-Since": {whole.header.Get("Last-Modified")}}, 304, nil},
	}
	for _, tt := range tests {
		a := s.nobody().send(request{method: tt.method, path: file, header: tt.header})
		if a.status != tt.status || tt.status != 416 && !bytes.Equal(a.body, tt.content) {
			t.Errorf("%s %v: %d and %d bytes, want %d and %d", tt.method, tt.header, a.status, len(a.body), tt.status, len(tt.content))
		}
		if tt.method == "HEAD" && a.header.Get("Content-Length") != whole.header.Get("Content-Length") {
			t.Errorf("HEAD tells the length %s", a.header.Get("Content-Length"))
		}
	}
	if tag == "" || whole.header.Get("Last-Modified") == "" {
		t.Errorf("the file has no tag or time: %v", whole.header)
	}
}

// TestImagePostOfClients: the three steps of each client (pump-clients.md A15).
func TestImagePostOfClients(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann, bob := s.person("ann"), s.person("bob")
	bob.follow(ann)
	update := func(o doc) doc { return doc{"verb": "update", "object": o} }
	clients := map[string]func(object doc) (last doc){
		"Pumpa": func(o doc) doc {
			o["displayName"], o["content"] = "Title", "Text"
			u := update(o)
			u["to"] = []doc{ann.ref()}
			ann.act(u)
			return ann.act(doc{"verb": "post", "object": o, "to": []doc{public}, "cc": []doc{ann.followers()}})
		},
		"Dianara": func(o doc) doc {
			ann.act(doc{"verb": "post", "object": o.ref(), "to": []doc{public}})
			return ann.act(update(doc{"id": o.id(), "objectType": "image", "content": "Text", "displayName": "Title"}))
		},
		"PyPump": func(o doc) doc {
			ann.act(doc{"verb": "post", "object": o, "to": []doc{public}, "cc": []doc{}, "bto": []doc{}, "bcc": []doc{}})
			o["displayName"], o["content"] = "Title", "Text"
			return ann.act(update(o))
		},
		"choqok": func(o doc) doc {
			ann.act(update(doc{"id": o.id(), "objectType": "image", "content": "Text", "displayName": "Title"}))
			return ann.act(doc{"verb": "post", "object": o.ref(), "to": []doc{public}})
		},
	}
	for name, post := range clients {
		o := ann.upload(picture(t, 400, 200, "jpeg"), "image/jpeg")
		image, full := o.text("image.url"), o.text("fullImage.url")
		want := map[string]any{"id": o.id(), "objectType": "image", "displayName": "Title", "content": "Text", "image.url": image, "image.width": 320.0,
			"fullImage.url": full, "fullImage.height": 200.0, "likes.totalItems": 0.0}
		post(o).doc("object").has(t, want)
		want["author.id"] = ann.id()
		bob.get(o.id()).ok().has(t, want)
		if a := s.nobody().get(image); a.status != 200 {
			t.Errorf("%s: the picture is not public: %d", name, a.status)
		}
		ann.post("/api/user/ann/feed", doc{"verb": "post", "object": o.ref()}).refused(400, "Already posted")
		bob.get("/api/user/bob/inbox/major?count=1").ok().has(t, map[string]any{"items.0.object.id": o.id(), "items.0.object.displayName": "Title"})
	}
}

func TestDeletedPictureIsNotServed(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann := s.person("ann")
	if err := s.bridge.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.bridge.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	posted := ann.act(doc{"verb": "post", "to": []doc{public}, "object": ann.upload(picture(t, 400, 400, "png"), "image/png")}).doc("object")
	kept := ann.upload(picture(t, 10, 10, "png"), "image/png")
	files := []string{posted.text("image.url"), posted.text("fullImage.url")}
	for _, file := range files {
		if a := s.nobody().get(file); a.status != 200 {
			t.Fatalf("%s: %d", file, a.status)
		}
	}
	ann.remove(posted.id()).said("Deleted")
	for _, file := range files {
		ann.get(file).refused(404, "No such file.")
	}
	ann.get("/api/user/ann/uploads").ok().has(t, map[string]any{"totalItems": 1.0, "items.0.id": kept.id(), "items.1": nil})
	until(t, "the files are gone from the folder", func() bool { return len(s.storedFiles()) == 1 })
	if got, want := s.storedFiles()[0], strings.TrimPrefix(kept.text("image.url"), home+"/uploads/"); filepath.ToSlash(got) != want {
		t.Errorf("%s is left, want %s", got, want)
	}
}
