package media

import (
	"mime"
	"slices"
	"strings"
)

// Kind is the broad sort of a file.
type Kind string

// The kinds. All that is not image, audio or video by its media type is a file.
const (
	KindImage Kind = "image"
	KindAudio Kind = "audio"
	KindVideo Kind = "video"
	KindFile  Kind = "file"
)

// Type is a type of file that can be stored. Its extension and its media type
// determine each other.
type Type struct {
	Ext  string // without the dot, in lower case
	MIME string // without parameters
	Kind Kind
}

// typeEntry is a Type, the other names that its media type goes by, and
// whether a browser may show it in place.
type typeEntry struct {
	Type
	aliases []string
	inline  bool
	// within is the extension of the format that such a file is in, where the
	// bytes alone tell no more than that: a document that is a ZIP archive, a
	// film of which there is only sound. See Decide.
	within string
}

// The extensions are those of pump.io, which its clients know, and some that
// people give to what they send each other.
var types = []typeEntry{
	{Type{"flac", "audio/flac", KindAudio}, []string{"audio/x-flac"}, true, ""},
	{Type{"mp3", "audio/mpeg", KindAudio}, []string{"audio/mp3", "audio/x-mp3", "audio/mpeg3"}, true, ""},
	{Type{"ogg", "audio/ogg", KindAudio}, []string{"application/ogg", "audio/vorbis", "audio/opus"}, true, ""},
	{Type{"wav", "audio/wav", KindAudio}, []string{"audio/x-wav", "audio/wave", "audio/vnd.wave"}, true, ""},
	{Type{"m4a", "audio/mp4", KindAudio}, []string{"audio/x-m4a", "audio/m4a"}, true, "mp4"},
	{Type{"weba", "audio/webm", KindAudio}, nil, true, "webm"},
	{Type{"gif", "image/gif", KindImage}, nil, true, ""},
	{Type{"jpg", "image/jpeg", KindImage}, []string{"image/jpg", "image/pjpeg"}, true, ""},
	{Type{"png", "image/png", KindImage}, []string{"image/x-png"}, true, ""},
	{Type{"webp", "image/webp", KindImage}, nil, true, ""},
	// A script in an SVG runs when it is opened by itself, with the rights of
	// the site it came from; shown by an <img> it does not run, and there a
	// browser cares about no Content-Disposition.
	{Type{"svg", "image/svg+xml", KindImage}, nil, false, ""},
	{Type{"3gp", "video/3gpp", KindVideo}, []string{"video/3gpp2", "audio/3gpp"}, true, ""},
	{Type{"mpg", "video/mpeg", KindVideo}, nil, true, ""},
	{Type{"mp4", "video/mp4", KindVideo}, []string{"video/x-m4v"}, true, ""},
	{Type{"mov", "video/quicktime", KindVideo}, nil, true, ""},
	{Type{"ogv", "video/ogg", KindVideo}, nil, true, ""},
	{Type{"webm", "video/webm", KindVideo}, nil, true, ""},
	{Type{"avi", "video/x-msvideo", KindVideo}, []string{"video/avi", "video/msvideo", "video/vnd.avi"}, true, ""},
	{Type{"txt", "text/plain", KindFile}, nil, false, ""},
	{Type{"pdf", "application/pdf", KindFile}, []string{"application/x-pdf"}, false, ""},
	{Type{"zip", "application/zip", KindFile}, []string{"application/x-zip-compressed"}, false, ""},
	{Type{"gz", "application/gzip", KindFile}, []string{"application/x-gzip"}, false, ""},
	{Type{"epub", "application/epub+zip", KindFile}, nil, false, "zip"},
	{Type{"odt", "application/vnd.oasis.opendocument.text", KindFile}, nil, false, "zip"},
	{Type{"ods", "application/vnd.oasis.opendocument.spreadsheet", KindFile}, nil, false, "zip"},
	{Type{"odp", "application/vnd.oasis.opendocument.presentation", KindFile}, nil, false, "zip"},
	{Type{"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", KindFile}, nil, false, "zip"},
	{Type{"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", KindFile}, nil, false, "zip"},
	{Type{"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation", KindFile}, nil, false, "zip"},
	unknown,
}

var unknown = typeEntry{Type{"bin", "application/octet-stream", KindFile}, nil, false, ""}

// ByExt returns the type with an extension, given with or without its dot and
// in any case. ok is false if there is none; the type is then that of unknown
// bytes.
func ByExt(ext string) (t Type, ok bool) {
	e, ok := entryByExt(ext)
	return e.Type, ok
}

func entryByExt(ext string) (typeEntry, bool) {
	ext = strings.ToLower(strings.TrimPrefix(ext, "."))
	for _, e := range types {
		if e.Ext == ext {
			return e, true
		}
	}
	return unknown, false
}

// ByMIME returns the type with a media type, which may have parameters or be
// one of the older names. ok is false if there is none; the type is then that
// of unknown bytes.
func ByMIME(mediaType string) (t Type, ok bool) {
	e, ok := entryByMIME(mediaType)
	return e.Type, ok
}

func entryByMIME(mediaType string) (typeEntry, bool) {
	name := essence(mediaType)
	if name == "" {
		return unknown, false
	}
	for _, e := range types {
		if e.MIME == name || slices.Contains(e.aliases, name) {
			return e, true
		}
	}
	return unknown, false
}

// essence is a media type without its parameters, in lower case; "" where it
// cannot be read.
func essence(mediaType string) string {
	name, _, err := mime.ParseMediaType(mediaType)
	if err != nil || !strings.Contains(name, "/") {
		return ""
	}
	return name
}

// Decide returns what a file is, by its first SniffLen bytes and by the media
// type that it comes with. The bytes have the say; what is declared only tells
// apart what looks the same in them, such as a text document and the ZIP archive
// that it is stored as. The error is ErrNotAnImage for what is declared to be an
// image and is none: somebody is mistaken, or wants something to be shown that
// should not be.
func Decide(declared string, head []byte) (Type, error) {
	found := Sniff(head)
	said, known := entryByMIME(declared)
	switch {
	case strings.HasPrefix(essence(declared), "image/") && (found.Kind != KindImage || found.Ext == "svg" && said.Ext != "svg"):
		return unknown.Type, ErrNotAnImage
	case known && said.within != "" && said.within == found.Ext:
		return said.Type, nil
	}
	return found, nil
}

// Label returns the media type to tell people about a file of type t that came
// with a declared one. Where the bytes say little, the word of the sender is
// better than nothing; it decides nothing about how the file is served.
func Label(t Type, declared string) string {
	switch said := essence(declared); {
	case t.Ext != "bin" && t.Ext != "txt" && t.Ext != "zip", said == "":
	case strings.HasPrefix(said, "image/"), strings.HasPrefix(said, "audio/"), strings.HasPrefix(said, "video/"):
	default:
		return said
	}
	return t.MIME
}

// Serving tells how to hand out a stored file by its extension: the value of
// Content-Type, and whether a browser may show it in place. A file that may not
// needs Content-Disposition: attachment.
func Serving(ext string) (contentType string, inline bool) {
	e, _ := entryByExt(ext)
	if e.Ext == "txt" {
		return "text/plain; charset=utf-8", e.inline // Sniff says txt only of UTF-8
	}
	return e.MIME, e.inline
}
