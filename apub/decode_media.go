package apub

import (
	"encoding/json"
	"mime"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"manifold/models/vocab"
)

// altText is where the description of a picture for those who do not see it is
// kept, in the picture.
const altText = vocab.NSAS1 + "alt"

// mediaTypeOf is what a Link or object says that it is.
func mediaTypeOf(v *value) string {
	if v == nil || v.kind != '{' {
		return ""
	}
	s, _ := v.member("mediaType").first().string()
	return strings.ToLower(strings.TrimSpace(s))
}

// baseType is a media type without its parameters.
func baseType(mediaType string) string {
	base, _, _ := strings.Cut(mediaType, ";")
	return strings.TrimSpace(base)
}

func isMedia(mediaType string) bool {
	class, _, _ := strings.Cut(mediaType, "/")
	return class == "image" || class == "video" || class == "audio" || strings.HasPrefix(mediaType, "application/")
}

// guessType is the media type that the end of an address suggests, "" where it
// suggests none.
func guessType(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	extension := strings.ToLower(path.Ext(u.Path))
	if t, ok := extensions[extension]; ok {
		return t
	}
	return baseType(mime.TypeByExtension(extension))
}

// extensions are those that the tables of some systems lack.
var extensions = map[string]string{
	".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".gif": "image/gif", ".webp": "image/webp", ".avif": "image/avif", ".svg": "image/svg+xml",
	".mp4": "video/mp4", ".webm": "video/webm", ".ogv": "video/ogg", ".mov": "video/quicktime",
	".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".oga": "audio/ogg", ".opus": "audio/ogg", ".flac": "audio/flac", ".wav": "audio/wav", ".m4a": "audio/mp4",
}

// media reads one rendition: a string, a Link, or an object with one or several
// addresses.
func (d *decoder) media(v *value) *vocab.Media {
	if v == nil {
		return nil
	}
	if v.kind != '{' {
		address := addressOf(v)
		if address == "" {
			return nil
		}
		return &vocab.Media{URL: address}
	}
	link := v
	if v.member("href") == nil {
		link = bestLink(v.member("url"), mediaTypeOf(v))
	}
	m := &vocab.Media{URL: addressOf(link), MediaType: mediaTypeOf(v)}
	if m.URL == "" && v.member("url") == nil {
		m.URL = addressOf(v.member("id"))
	}
	if m.URL == "" {
		return nil
	}
	for _, from := range []*value{link, v} {
		if from == nil || from.kind != '{' {
			continue
		}
		if t := mediaTypeOf(from); t != "" {
			m.MediaType = t
		}
		m.Width, m.Height = orInt(m.Width, from, "width"), orInt(m.Height, from, "height")
	}
	if link != v && link.kind == '{' && mediaTypeOf(link) != "" {
		m.MediaType = mediaTypeOf(link) // that of the object is that of its text
	}
	m.Duration = duration(v.member("duration"))
	for name, iri := range map[string]string{"blurhash": terms["blurhash"], "focalPoint": terms["focalPoint"]} {
		if x := v.member(name); x != nil {
			m.Extra = keep(m.Extra, iri, x.compact())
		}
	}
	return m
}

func orInt(n int, v *value, name string) int {
	if n != 0 {
		return n
	}
	return max(int(number(v.member(name))), 0)
}

// bestLink chooses among the addresses of a rendition. PeerTube names a page, one
// film for each size, a list for streaming inside which films are named once more,
// and torrents.
func bestLink(v *value, class string) *value {
	class, _, _ = strings.Cut(class, "/")
	var best *value
	var size float64 = -1
	var look func(*value)
	look = func(v *value) {
		for _, l := range v.items() {
			mediaType := mediaTypeOf(l)
			kind, _, _ := strings.Cut(mediaType, "/")
			switch {
			case l.kind != '{':
				if best == nil {
					best = l
				}
			case mediaType == "application/x-mpegurl", mediaType == "application/vnd.apple.mpegurl":
				look(l.member("tag"))
				if best == nil {
					best, size = l, -0.5
				}
			case kind == "image" || kind == "video" || kind == "audio" || mediaType == "" || kind == class && class != "":
				if typ, _ := l.member("type").first().string(); mediaType == "" && typ != "" && typ != "Link" && typ != "Image" {
					continue
				}
				if n := max(number(l.member("height")), number(l.member("width"))); n > size {
					best, size = l, n
				}
			}
		}
	}
	look(v)
	if best == nil {
		best = v.first()
	}
	return best
}

// duration is ISO 8601, or seconds (Funkwhale writes a number).
func duration(v *value) float64 {
	if v = v.first(); v == nil {
		return 0
	}
	s := strings.ToUpper(strings.TrimSpace(v.text))
	rest, iso := strings.CutPrefix(s, "P")
	if !iso {
		return max(number(v), 0)
	}
	var seconds float64
	inTime, digits := false, ""
	for _, c := range rest {
		unit := map[bool]map[rune]float64{
			false: {'Y': 31536000, 'M': 2592000, 'W': 604800, 'D': 86400},
			true:  {'H': 3600, 'M': 60, 'S': 1},
		}[inTime][c]
		switch {
		case c == 'T':
			inTime = true
		case unit != 0:
			n, err := strconv.ParseFloat(digits, 64)
			if err != nil || n < 0 {
				return 0
			}
			seconds, digits = seconds+n*unit, ""
		default:
			digits += string(c)
		}
	}
	if seconds > maxNumber {
		return 0
	}
	return seconds
}

// largest is the picture with the most pixels, the first of those that do not
// tell: a server may name an icon in several sizes.
func (d *decoder) largest(v *value) *vocab.Media {
	var best *vocab.Media
	for _, item := range v.items() {
		if m := d.media(item); m != nil && (best == nil || m.Width*m.Height > best.Width*best.Height) {
			best = m
		}
	}
	return best
}

// pictures takes the picture that stands for a thing: that of an article, the
// still of a film, the first of several.
func (r *reader) pictures(o *vocab.Object) {
	image := r.take("image")
	if len(image.items()) > 1 {
		r.used["image"] = false
	}
	icon := r.take("icon")
	if m := r.media(image.first()); m != nil {
		o.Image = m
		if small := r.largest(icon); small != nil && small.URL != m.URL {
			o.Image, o.FullImage = small, m
		}
		return
	}
	if o.Image = r.largest(icon); o.Image == nil {
		r.drop("preview")
		o.Image = r.largest(r.v.member("preview"))
		if o.Image == nil {
			r.used["preview"] = r.v.member("preview") == nil
		}
	}
}

// renditions takes the addresses of a thing: of its page, and, for a film and the
// like, of what it is.
func (r *reader) renditions(o *vocab.Object, as2 string) {
	o.URL = r.page("url")
	switch as2 {
	case "Image", "Video", "Audio", "Document":
	default:
		return
	}
	r.drop("width", "height", "duration", "blurhash", "focalPoint")
	m := r.media(r.v)
	if m == nil || baseType(m.MediaType) == "text/html" || m.URL == o.ID {
		return
	}
	if t := baseType(m.MediaType); t == "text/markdown" || t == "text/plain" || t == "" {
		m.MediaType = guessType(m.URL)
	}
	r.drop("mediaType")
	if o.URL == m.URL && len(r.v.member("url").items()) == 1 {
		o.URL = ""
	}
	raiseMedia(o, m)
}

// raiseMedia gives a thing the rendition that it is.
func raiseMedia(o *vocab.Object, m *vocab.Media) {
	switch o.Type {
	case vocab.TypeImage:
		if o.FullImage == nil {
			o.FullImage = m
		}
		if o.Image == nil {
			o.Image = m
		}
	case vocab.TypeVideo, vocab.TypeAudio:
		o.Stream = m
	default:
		o.FileURL, o.MimeType = m.URL, m.MediaType
	}
}

// attachments takes what hangs off a thing. Fields of a profile are none, nor are
// pictures that stand in the text anyway.
func (r *reader) attachments(o *vocab.Object) {
	v := r.take("attachment")
	for i, item := range v.items() {
		if isTrue(item.member(pumpPrefix + "inline")) {
			continue
		}
		a, err := r.attachment(item, join(r.where, "attachment")+"["+strconv.Itoa(i)+"]")
		if err != nil {
			r.fail(err)
			return
		}
		switch {
		case a == nil:
		case isTrue(item.member(pumpPrefix + "itself")):
			if o.Image == nil {
				o.Image = a.Image
			}
			if a.FullImage != a.Image {
				o.FullImage = a.FullImage
			}
		default:
			o.Attachments = append(o.Attachments, a)
		}
	}
}

func isTrue(v *value) bool { return v != nil && v.kind == 't' }

// attachment reads one attachment. What it is is told by its media type first:
// Mastodon calls all of them Document.
func (d *decoder) attachment(v *value, where string) (*vocab.Object, error) {
	as2 := d.kindOf(v)
	if v.kind == '"' {
		return classify(&vocab.Object{}, &vocab.Media{URL: v.text}, guessType(v.text)), nil
	}
	if v.kind != '{' {
		return nil, wrong(where, "must be an object or an address")
	}
	switch as2 {
	case "Image", "Video", "Audio", "Document", "Link", "":
	default:
		return d.object(v, where)
	}
	m := d.media(v)
	if m == nil {
		if as2 == "Document" || as2 == "Link" {
			return nil, nil // nothing is to be had
		}
		return d.object(v, where)
	}
	id, err := d.idOf(v, where)
	if err != nil {
		return nil, err
	}
	a := &vocab.Object{DisplayName: altOf(v)}
	if id != m.URL {
		a.ID = id
	}
	if own, ok := v.member(pumpPrefix + "id").string(); ok && id == "" {
		a.ID = own
	}
	a.Content, _ = v.member(pumpPrefix + "content").string()
	class := m.MediaType
	if class == "" {
		if class = map[string]string{"Image": "image/", "Video": "video/", "Audio": "audio/"}[as2]; class == "" {
			class = guessType(m.URL)
		}
	}
	if as2 == "Link" && !isPlayable(class) {
		a.Type, a.URL, a.MimeType = "bookmark", m.URL, m.MediaType
		return a, nil
	}
	small := d.largest(v.member("icon"))
	if small == nil {
		small = d.largest(v.member("preview"))
	}
	a.Image = small
	return classify(a, m, class), nil
}

// altOf is what an attachment shows to those who do not see it. Most write it as
// the name, GoToSocial as the summary too.
func altOf(v *value) string {
	for _, name := range []string{"name", "summary"} {
		if s, ok := v.member(name).first().string(); ok && strings.TrimSpace(s) != "" {
			return plain(s)
		}
	}
	return ""
}

func isPlayable(mediaType string) bool {
	class, _, _ := strings.Cut(mediaType, "/")
	return class == "image" || class == "video" || class == "audio"
}

// classify makes an attachment what its media type says.
func classify(a *vocab.Object, m *vocab.Media, mediaType string) *vocab.Object {
	switch class, _, _ := strings.Cut(mediaType, "/"); class {
	case "image":
		a.Type, a.FullImage = vocab.TypeImage, m
		if a.Image == nil {
			a.Image = m
		}
	case "video":
		a.Type, a.Stream = vocab.TypeVideo, m
	case "audio":
		a.Type, a.Stream = vocab.TypeAudio, m
	default:
		a.Type, a.FileURL, a.MimeType = vocab.TypeFile, m.URL, m.MediaType
	}
	return a
}

// isPicture reports whether a note is no more than a picture with a few words.
func (r *reader) isPicture(t *thing) bool {
	o := t.object
	_, warned := o.Extra[vocab.NSAS2+"sensitive"]
	return len(o.Attachments) == 1 && o.Attachments[0].Type == vocab.TypeImage && len(o.InReplyTo) == 0 && o.Image == nil &&
		o.DisplayName == "" && !warned && isCaption(o.Content)
}

// raise makes the one attachment of a picture, film or file the thing itself, as
// it is in Activity Streams 1.0.
func raise(o *vocab.Object) {
	i := slices.IndexFunc(o.Attachments, func(a *vocab.Object) bool {
		return a.Type == o.Type || o.Type == "binary" && a.Type == vocab.TypeFile
	})
	if i < 0 || o.Stream != nil || o.FullImage != nil || o.FileURL != "" {
		return
	}
	switch o.Type {
	case vocab.TypeImage, vocab.TypeVideo, vocab.TypeAudio, vocab.TypeFile, "binary":
	default:
		return
	}
	a := o.Attachments[i]
	o.Attachments = slices.Delete(slices.Clone(o.Attachments), i, i+1)
	if len(o.Attachments) == 0 {
		o.Attachments = nil
	}
	o.Image, o.FullImage, o.Stream, o.FileURL, o.MimeType = a.Image, a.FullImage, a.Stream, a.FileURL, a.MimeType
	if a.DisplayName == "" || a.DisplayName == o.DisplayName {
		return
	}
	for _, m := range []**vocab.Media{&o.Image, &o.FullImage, &o.Stream} {
		if *m != nil {
			with := **m
			with.Extra = map[string]json.RawMessage{altText: jsonString(a.DisplayName)}
			for iri, raw := range (*m).Extra {
				with.Extra[iri] = raw
			}
			*m = &with
		}
	}
}
