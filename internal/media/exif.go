package media

import (
	"bytes"
	"encoding/binary"
)

// orientation is the value of the EXIF tag Orientation: which edges of the
// picture the first row and the first column of its pixels belong to
// (Exif 2.32 4.6.4 A).
type orientation int

const (
	upright         orientation = 1 + iota
	mirrored                    // left and right are exchanged
	upsideDown                  // turned by 180 degrees
	flipped                     // top and bottom are exchanged
	transposed                  // mirrored at the diagonal from the top left
	turnedLeft                  // is upright after a quarter turn clockwise
	transverse                  // mirrored at the diagonal from the top right
	turnedRight                 // is upright after a quarter turn anticlockwise
	lastOrientation = turnedRight
)

// findOrientation looks for EXIF data in a file of the given type, as Sniff
// names it. Nothing in there can be an error: a picture whose EXIF is broken is
// shown as it lies.
func findOrientation(ext string, file []byte) orientation {
	var exif []byte
	switch ext {
	case "jpg":
		exif = exifOfJPEG(file)
	case "png":
		exif = exifOfPNG(file)
	case "webp":
		exif = exifOfWebP(file)
	}
	return orientationInTIFF(bytes.TrimPrefix(exif, exifMarker))
}

var exifMarker = []byte("Exif\x00\x00")

// exifOfJPEG returns the first APP1 segment that holds EXIF. All of those lie
// before the first scan.
func exifOfJPEG(b []byte) []byte {
	const (
		app1 = 0xe1
		sos  = 0xda // start of scan
		eoi  = 0xd9 // end of image
	)
	for b = b[min(len(b), 2):]; len(b) >= 4 && b[0] == 0xff; {
		marker := b[1]
		if marker == 0xff { // padding
			b = b[1:]
			continue
		}
		size := int(binary.BigEndian.Uint16(b[2:])) // counts its own two bytes
		if marker == sos || marker == eoi || size < 2 || len(b) < 2+size {
			return nil
		}
		if segment := b[4 : 2+size]; marker == app1 && bytes.HasPrefix(segment, exifMarker) {
			return segment
		}
		b = b[2+size:]
	}
	return nil
}

// exifOfPNG returns the chunk eXIf (PNG third edition 11.3.4.5).
func exifOfPNG(b []byte) []byte {
	for b = b[min(len(b), len(pngMagic)):]; len(b) >= 12; {
		size := uint64(binary.BigEndian.Uint32(b))
		if uint64(len(b)) < 12+size { // length, type, checksum
			return nil
		}
		if string(b[4:8]) == "eXIf" {
			return b[8 : 8+size]
		}
		b = b[12+size:]
	}
	return nil
}

func exifOfWebP(b []byte) []byte {
	exif, _ := webpChunk(b, "EXIF")
	return exif
}

// webpChunk returns the contents of the first chunk with a name (RFC 9649 2.3).
func webpChunk(b []byte, name string) (contents []byte, ok bool) {
	for b = b[min(len(b), 12):]; len(b) >= 8; {
		size := uint64(binary.LittleEndian.Uint32(b[4:]))
		if uint64(len(b)) < 8+size {
			return nil, false
		}
		if string(b[:4]) == name {
			return b[8 : 8+size], true
		}
		b = b[min(uint64(len(b)), 8+size+size%2):]
	}
	return nil, false
}

// orientationInTIFF reads the tag from the first directory of a TIFF structure,
// which is what EXIF data is (TIFF 6.0, section 2). It follows no other
// directory, so that it ends after one pass over at most 65535 entries.
func orientationInTIFF(b []byte) orientation {
	const (
		tagOrientation = 0x0112
		typeShort      = 3
		typeLong       = 4 // not allowed for this tag, and written all the same
		entrySize      = 12
	)
	if len(b) < 8 {
		return upright
	}
	var order binary.ByteOrder
	switch string(b[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return upright
	}
	start := uint64(order.Uint32(b[4:]))
	if uint64(len(b)) < start+2 {
		return upright
	}
	entries := b[start+2:]
	for n := order.Uint16(b[start:]); n > 0 && len(entries) >= entrySize; n-- {
		entry := entries[:entrySize]
		entries = entries[entrySize:]
		if order.Uint16(entry) != tagOrientation {
			continue
		}
		var value orientation
		switch order.Uint16(entry[2:]) {
		case typeShort:
			value = orientation(order.Uint16(entry[8:]))
		case typeLong:
			value = orientation(order.Uint32(entry[8:]))
		}
		if value < upright || value > lastOrientation {
			return upright
		}
		return value
	}
	return upright
}
