package pumpapi_test

import (
	"bytes"
	"image"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"testing"
)

func TestAvatarIsSquareAndPublic(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		ann := s.person("ann")
		update := func(patch doc) doc {
			patch["id"], patch["objectType"] = ann.id(), "person"
			return ann.act(doc{"verb": "update", "object": patch}).doc("object")
		}
		put := func(patch doc) doc { return ann.put("/api/user/ann/profile", patch).ok() }
		tests := []struct {
			name   string
			upload []byte
			set    func(object doc) doc
			// square is the suffix of the picture that is cut, "" where the one that was
			// named is shown; full is the width of the original behind it, 0 for none.
			square string
			full   float64
		}{
			// Pumpa and Dianara name the thumbnail, each with its own idea of its size.
			{"Pumpa", picture(t, 400, 100, "jpeg"), func(o doc) doc { return put(doc{"image": doc{"url": o.text("image.url"), "width": 96, "height": 96}}) }, "", 400},
			{"Dianara", picture(t, 100, 400, "png"), func(o doc) doc { return put(doc{"image": doc{"url": o.text("image.url"), "width": 90, "height": 90}}) }, "", 100},
			{"with everything", picture(t, 500, 500, "gif"), func(o doc) doc { return put(doc{"image": o["image"], "pump_io": doc{"fullImage": o["fullImage"]}}) }, "", 500},
			{"a small one", picture(t, 30, 20, "png"), func(o doc) doc { return put(doc{"image": o["image"]}) }, "", 0},
			{"the original", picture(t, 1600, 900, "jpeg"), func(o doc) doc { return put(doc{"image": o["fullImage"]}) }, "_avatar.jpg", 1600},
			{"by an activity", picture(t, 340, 340, "png"), func(o doc) doc { return update(doc{"image": doc{"url": o.text("fullImage.url")}}) }, "_avatar.png", 340},
		}
		for _, tt := range tests {
			object := ann.upload(tt.upload, "image/png")
			s.nobody().get(object.text("image.url")).refused(403, "Not allowed")
			tt.set(object)
			profile := s.nobody().get("/api/user/ann/profile").ok()
			profile.has(t, map[string]any{"fullImage": nil})
			public := []string{profile.text("image.url")}
			if tt.full != 0 {
				profile.has(t, map[string]any{"pump_io.fullImage.width": tt.full})
				public = append(public, profile.text("pump_io.fullImage.url"))
			}
			for _, file := range public {
				a := s.nobody().get(file)
				if a.status != 200 || !strings.HasPrefix(a.header.Get("Cache-Control"), "public") {
					t.Errorf("%s: %s: %d %v", tt.name, file, a.status, a.header)
				}
			}
			if tt.square == "" {
				profile.has(t, map[string]any{"image.url": object.text("image.url")})
			} else {
				if !strings.HasSuffix(profile.text("image.url"), tt.square) {
					t.Errorf("%s: the avatar is %s", tt.name, profile.text("image.url"))
				}
				profile.has(t, map[string]any{"image.width": 96.0, "image.height": 96.0})
				checkPicture(t, tt.name, s.nobody().get(profile.text("image.url")), 96, 96)
			}
			// What was uploaded is as it was, for whoever it is posted to.
			ann.get(object.id()).ok().has(t, map[string]any{"image.url": object.text("image.url")})
			// Clients send back what they were shown.
			before := len(s.storedFiles())
			put(doc{"image": profile["image"], "summary": "Hello"}).has(t, map[string]any{"image.url": profile.text("image.url")})
			tt.set(object)
			s.nobody().get("/api/user/ann/profile").ok().has(t, map[string]any{"image.url": profile.text("image.url")})
			if after := len(s.storedFiles()); after != before {
				t.Errorf("%s: the avatar was made again: %d files, %d before", tt.name, after, before)
			}
		}
		// A picture elsewhere, one of somebody else, and what is no picture, are
		// taken as they are named.
		bob := s.person("bob")
		of := bob.upload(picture(t, 400, 400, "png"), "image/png")
		drawing := ann.upload([]byte("<svg xmlns='http://www.w3.org/2000/svg'/>"), "image/svg+xml")
		for _, address := range []string{"https://x.example/me.png", of.text("image.url"), drawing.text("image.url"), home + "/uploads/ann/1.png"} {
			put(doc{"image": doc{"url": address, "width": 20}}).has(t, map[string]any{"image.url": address, "image.width": 20.0})
		}
		s.nobody().get(of.text("image.url")).refused(403, "Not allowed")
	})
}

// formValue is what a page has its form prove where it was made.
func formValue(decision *webPage) string {
	decision.t.Helper()
	_, values := decision.form(decision.must("authorize"))
	if values.Get("form") == "" {
		decision.t.Fatal("the page has no form value")
	}
	return values.Get("form")
}

// formOf is the body of a form with parts, and its type.
func formOf(t testing.TB, parts ...[3]string) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		h := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + p[0] + `"; filename="x"`}}
		if p[1] != "" {
			h.Set("Content-Type", p[1])
		}
		part, err := w.CreatePart(h)
		if err == nil {
			_, err = io.WriteString(part, p[2])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), w.FormDataContentType()
}

// inFrame reads the answer to an upload of a page.
func (a *answer) inFrame(status int) doc {
	a.t.Helper()
	if got := a.header.Get("Content-Type"); got != "text/plain; charset=utf-8" || a.status != status {
		a.t.Fatalf("%s answers %d with the type %q: %s", a.request, a.status, got, a.body)
	}
	a.header.Set("Content-Type", "application/json; charset=utf-8")
	var d doc
	a.json(status, &d)
	return d
}

func TestUploadFromAPage(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{maxUpload: 64 << 10})
	ann, bob := s.person("ann"), s.person("bob")
	browser := s.browser()
	asked := s.twoLegged(s.newProgram("New here")).ask("POST", "oob")
	form := formValue(browser.logIn(asked, "ann", password).page(200))
	png := string(picture(t, 400, 200, "png"))
	send := func(v *visitor, path, body, contentType string, header http.Header) *answer {
		return v.send(request{method: "POST", path: path, body: body, contentType: contentType, header: header})
	}
	withForm, formType := formOf(t, [3]string{"form", "", form}, [3]string{"other", "", "x"}, [3]string{"qqfile", "image/png", png})

	for name, got := range map[string]*answer{
		"a form":         send(browser, "/main/upload?title=A+%3Cb%3E&description=%3Cb%3Ehi%3C/b%3E%3Cscript%3E", withForm, formType, nil),
		"a body":         send(browser, "/main/upload?title=A+%3Cb%3E&description=%3Cb%3Ehi%3C/b%3E%3Cscript%3E", png, "application/octet-stream", http.Header{"X-Form": {form}, "X-Mime-Type": {"image/png"}}),
		"a signed body":  send(ann, "/main/upload?title=A+%3Cb%3E&description=%3Cb%3Ehi%3C/b%3E%3Cscript%3E", png, "image/png", nil),
		"a signed form":  send(ann, "/main/upload/?title=A+%3Cb%3E&description=%3Cb%3Ehi%3C/b%3E%3Cscript%3E", withForm, formType, nil),
		"a small avatar": send(ann, "/main/upload?title=A+%3Cb%3E&description=%3Cb%3Ehi%3C/b%3E%3Cscript%3E", png, "image/png", nil),
	} {
		answered := got.inFrame(200)
		answered.has(t, map[string]any{"success": true, "error": nil, "obj.objectType": "image", "obj.author.id": ann.id(), "obj.image.width": 320.0, "obj.fullImage.width": 400.0,
			"obj.displayName": "A <b>", "obj.content": "<b>hi</b>"})
		if t.Failed() {
			t.Fatalf("%s", name)
		}
		bob.get(answered.text("obj.id")).refused(403, "No authorization for this object.")
	}
	got := send(browser, "/main/upload-avatar", withForm, formType, nil).inFrame(200)
	got.has(t, map[string]any{"success": true, "obj.image.width": 96.0, "obj.image.height": 96.0, "obj.fullImage.width": 400.0, "obj.fullImage.height": 200.0})
	checkPicture(t, "avatar", ann.get(got.text("obj.image.url")), 96, 96)
	// The client goes on to say so in the profile.
	ann.act(doc{"verb": "update", "object": doc{"id": ann.id(), "objectType": "person", "image": got.doc("obj")["image"], "pump_io": doc{"fullImage": got.doc("obj")["fullImage"]}}}).
		has(t, map[string]any{"object.image.url": got.text("obj.image.url"), "object.pump_io.fullImage.url": got.text("obj.fullImage.url")})
	if a := s.nobody().get(got.text("obj.fullImage.url")); a.status != 200 {
		t.Errorf("the original is not public: %d", a.status)
	}
}

func TestUploadFromAPageRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{maxUpload: 64 << 10})
	ann := s.person("ann")
	browser, other := s.browser(), s.browser()
	form := func(b *visitor) string {
		return formValue(b.logIn(s.twoLegged(s.newProgram("New here")).ask("POST", "oob"), "ann", password).page(200))
	}
	mine, theirs := form(browser), form(other)
	const notLoggedIn, foreign = "Not logged in.", "The form was not made for this browser, or its cookie is gone. Please try again."
	png := string(picture(t, 40, 40, "png"))
	file := [3]string{"qqfile", "image/png", png}
	parts := func(parts ...[3]string) (r request) {
		body, contentType := formOf(t, parts...)
		return request{body: body, contentType: contentType}
	}
	tests := []struct {
		name    string
		v       *visitor
		r       request
		status  int
		message string
	}{
		{"a stranger", s.nobody(), parts([3]string{"form", "", mine}, file), 401, notLoggedIn},
		{"a program", s.twoLegged(s.program), request{body: png, contentType: "image/png"}, 401, notLoggedIn},
		{"no form value", browser, parts(file), 403, foreign},
		{"the value of another browser", browser, parts([3]string{"form", "", theirs}, file), 403, foreign},
		{"the value behind the file", browser, parts(file, [3]string{"form", "", mine}), 403, foreign},
		{"a body without a value", browser, request{body: png, contentType: "image/png", header: http.Header{"X-Mime-Type": {"image/png"}}}, 403, foreign},
		{"no file", browser, parts([3]string{"form", "", mine}), 400, "The form has no file: it has to be in the part qqfile."},
		{"too many parts", browser, parts(append(make([][3]string, 20), [3]string{"form", "", mine}, file)...), 400, "The form has no file: it has to be in the part qqfile."},
		{"no form", browser, request{body: "nothing", contentType: "multipart/form-data; boundary=x", header: http.Header{"X-Form": {mine}}}, 400, "The form cannot be read: multipart: NextPart: EOF"},
		{"an empty file", browser, parts([3]string{"form", "", mine}, [3]string{"qqfile", "image/png", ""}), 400, "No data"},
		{"too large", browser, parts([3]string{"form", "", mine}, [3]string{"qqfile", "video/mp4", mp4File() + strings.Repeat("x", 64<<10)}), 413,
			"The file is too large: at most 65536 bytes are accepted."},
		{"no picture", ann, request{path: "/main/upload-avatar", body: mp3File(), contentType: "audio/mpeg"}, 415, "The file was sent as an image, but is none in JPEG, PNG, GIF or WebP."},
		{"a drawing", ann, request{path: "/main/upload-avatar", body: "<svg/>", contentType: "image/svg+xml"}, 415, "The file was sent as an image, but is none in JPEG, PNG, GIF or WebP."},
	}
	before := s.state()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.r.method = "POST"
			if tt.r.path == "" {
				tt.r.path = "/main/upload"
			}
			tt.v.in(t).send(tt.r).inFrame(tt.status).has(t, map[string]any{"success": false, "error": tt.message, "obj": nil})
		})
	}
	if s.state() != before || len(s.storedFiles()) > 0 {
		t.Errorf("a refused upload left something: %v", s.storedFiles())
	}
	none := newSite(t, siteOptions{noUploads: true})
	none.person("ann").send(request{method: "POST", path: "/main/upload", body: png, contentType: "image/png"}).inFrame(404).
		has(t, map[string]any{"success": false, "error": "This server takes no uploads."})
	if _, _, err := image.DecodeConfig(strings.NewReader(png)); err != nil {
		t.Error(err)
	}
}
