package media

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

// SniffLen is how many bytes from the start of a file Sniff looks at.
const SniffLen = 4096

// Sniff decides from its first bytes what a file is. Bytes it does not know,
// and text in a markup language other than SVG, are "bin"; other text in UTF-8
// is "txt".
func Sniff(head []byte) Type {
	head = head[:min(len(head), SniffLen)]
	ext := sniffBinary(head)
	if ext == "" {
		ext = sniffText(head)
	}
	t, _ := ByExt(ext)
	return t
}

// sniffBinary returns the extension for the signature that b starts with, "bin"
// for one of a format that is not in the table, and "" if there is none.
func sniffBinary(b []byte) string {
	switch {
	case hasPrefix(b, "\xff\xd8\xff"):
		return "jpg"
	case hasPrefix(b, pngMagic):
		return "png"
	case hasPrefix(b, "GIF87a"), hasPrefix(b, "GIF89a"):
		return "gif"
	case hasPrefix(b, "RIFF") && len(b) >= 12:
		return map[string]string{"WEBP": "webp", "WAVE": "wav", "AVI ": "avi"}[string(b[8:12])]
	case hasPrefix(b, "fLaC"):
		return "flac"
	case hasPrefix(b, "OggS"):
		return sniffOgg(b)
	case hasPrefix(b, "\x1a\x45\xdf\xa3"): // EBML; Matroska is its other well-known document type
		if bytes.Contains(b[:min(len(b), 64)], []byte("webm")) {
			return "webm"
		}
		return "bin"
	case hasPrefix(b, "\x00\x00\x01\xba"), hasPrefix(b, "\x00\x00\x01\xb3"):
		return "mpg"
	case len(b) >= 12 && string(b[4:8]) == "ftyp":
		return sniffISOMedia(b)
	case len(b) >= 8 && b[0] == 0 && slices.Contains([]string{"moov", "mdat", "wide"}, string(b[4:8])):
		return "mov" // QuickTime from before there was ftyp
	case hasPrefix(b, "ID3"), isMP3Frame(b):
		return "mp3"
	case hasPrefix(b, "%PDF-"):
		return "pdf"
	case hasPrefix(b, "PK\x03\x04"), hasPrefix(b, "PK\x05\x06"): // the second is an empty archive
		return "zip"
	case hasPrefix(b, "\x1f\x8b\x08"):
		return "gz"
	}
	return ""
}

const pngMagic = "\x89PNG\r\n\x1a\n"

func hasPrefix(b []byte, s string) bool { return len(b) >= len(s) && string(b[:len(s)]) == s }

// sniffOgg tells sound from moving pictures by the first packet of each stream,
// which Ogg puts before all other data (RFC 3533 4).
func sniffOgg(b []byte) string {
	for _, video := range []string{"\x80theora", "\x01video", "BBCD\x00"} {
		if bytes.Contains(b, []byte(video)) {
			return "ogv"
		}
	}
	return "ogg"
}

// sniffISOMedia tells the relatives of MP4 apart by their brands: one major
// brand, a version, and the brands it is compatible with (ISO 14496-12 4.3).
func sniffISOMedia(b []byte) string {
	size := int(b[0])<<24 | int(b[1])<<16 | int(b[2])<<8 | int(b[3])
	b = b[:max(12, min(len(b), size))]
	major := string(b[8:12])
	switch {
	case major == "qt  ":
		return "mov"
	case strings.HasPrefix(major, "3g"):
		return "3gp"
	case strings.HasPrefix(major, "M4A"), strings.HasPrefix(major, "M4B"): // sound, and books read aloud
		return "m4a"
	case slices.Contains([]string{"heic", "heix", "heim", "heis", "hevc", "mif1", "msf1", "avif", "avis"}, major):
		return "bin" // pictures that nothing here can decode
	}
	for i := 8; i+4 <= len(b); i += 4 {
		if i == 12 { // the version
			continue
		}
		for _, known := range []string{"iso", "mp4", "avc1", "dash", "M4V", "M4A", "M4B", "MSNV"} {
			if strings.HasPrefix(string(b[i:i+4]), known) {
				return "mp4"
			}
		}
	}
	return "bin"
}

// isMP3Frame reports whether b starts with the header of an MPEG audio frame,
// layer III, in a form that a file can start with (ISO 11172-3 2.4.1.3).
func isMP3Frame(b []byte) bool {
	if len(b) < 4 || b[0] != 0xff || b[1]&0xe0 != 0xe0 {
		return false
	}
	version, layer := b[1]>>3&3, b[1]>>1&3
	bitrate, rate := b[2]>>4, b[2]>>2&3
	return version != 1 && layer == 1 && bitrate != 0 && bitrate != 15 && rate != 3
}

// sniffText returns "svg", "txt" or "bin".
func sniffText(b []byte) string {
	b = bytes.TrimPrefix(b, []byte("\ufeff"))
	if len(b) == 0 || !isText(b) {
		return "bin"
	}
	markup := bytes.TrimLeft(b, " \t\r\n\f")
	switch {
	case !hasPrefix(markup, "<"):
		return "txt"
	case isSVG(markup):
		return "svg"
	}
	return "bin"
}

// isText reports whether b, which may end within a character, is UTF-8 without
// control characters.
func isText(b []byte) bool {
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		switch {
		case r == utf8.RuneError && size == 1:
			return !utf8.FullRune(b)
		case r < ' ' && !strings.ContainsRune("\t\r\n\f", r), r == 0x7f:
			return false
		}
		b = b[size:]
	}
	return true
}

// isSVG reports whether the root element of a document is svg.
func isSVG(b []byte) bool {
	for {
		b = bytes.TrimLeft(b, " \t\r\n\f")
		var end string
		switch {
		case hasPrefix(b, "<?"):
			end = "?>"
		case hasPrefix(b, "<!--"):
			end = "-->"
		case hasPrefix(b, "<!DOCTYPE"):
			end = ">"
			if i := bytes.IndexAny(b, "[>"); i >= 0 && b[i] == '[' {
				end = "]>" // entities declared in place, as Illustrator does
			}
		default:
			i := bytes.IndexAny(b, " \t\r\n\f/>")
			return i >= 0 && (string(b[:i]) == "<svg" || string(b[:i]) == "<svg:svg")
		}
		_, rest, found := bytes.Cut(b, []byte(end))
		if !found {
			return false
		}
		b = rest
	}
}
