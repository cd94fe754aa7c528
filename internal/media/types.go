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
}

// The extensions are those of pump.io, which its clients know, and webp and txt.
var types = []typeEntry{
	{Type{"flac", "audio/flac", KindAudio}, []string{"audio/x-flac"}, true},
	{Type{"mp3", "audio/mpeg", KindAudio}, []string{"audio/mp3", "audio/x-mp3", "audio/mpeg3"}, true},
	{Type{"ogg", "audio/ogg", KindAudio}, []string{"application/ogg", "audio/vorbis", "audio/opus"}, true},
	{Type{"wav", "audio/wav", KindAudio}, []string{"audio/x-wav", "audio/wave", "audio/vnd.wave"}, true},
	{Type{"gif", "image/gif", KindImage}, nil, true},
	{Type{"jpg", "image/jpeg", KindImage}, []string{"image/jpg", "image/pjpeg"}, true},
	{Type{"png", "image/png", KindImage}, []string{"image/x-png"}, true},
	{Type{"webp", "image/webp", KindImage}, nil, true},
	// A script in an SVG runs when it is opened by itself, with the rights of
	// the site it came from; shown by an <img> it does not run.
	{Type{"svg", "image/svg+xml", KindImage}, nil, false},
	{Type{"3gp", "video/3gpp", KindVideo}, []string{"video/3gpp2", "audio/3gpp"}, true},
	{Type{"mpg", "video/mpeg", KindVideo}, nil, true},
	{Type{"mp4", "video/mp4", KindVideo}, []string{"audio/mp4", "video/x-m4v", "audio/x-m4a"}, true},
	{Type{"mov", "video/quicktime", KindVideo}, nil, true},
	{Type{"ogv", "video/ogg", KindVideo}, nil, true},
	{Type{"webm", "video/webm", KindVideo}, []string{"audio/webm"}, true},
	{Type{"avi", "video/x-msvideo", KindVideo}, []string{"video/avi", "video/msvideo", "video/vnd.avi"}, true},
	{Type{"txt", "text/plain", KindFile}, nil, false},
	unknown,
}

var unknown = typeEntry{Type{"bin", "application/octet-stream", KindFile}, nil, false}

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
	name, _, err := mime.ParseMediaType(mediaType)
	if err != nil {
		return unknown.Type, false
	}
	for _, e := range types {
		if e.MIME == name || slices.Contains(e.aliases, name) {
			return e.Type, true
		}
	}
	return unknown.Type, false
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
