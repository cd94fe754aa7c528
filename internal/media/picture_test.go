package media

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

// The pictures of these tests show four quarters, as those in testdata do.
var (
	red    = color.NRGBA{R: 255, A: 255}
	green  = color.NRGBA{G: 255, A: 255}
	blue   = color.NRGBA{B: 255, A: 255}
	yellow = color.NRGBA{R: 255, G: 255, A: 255}
)

func quarterAt(x, y, w, h int) color.NRGBA {
	return [][]color.NRGBA{{red, green}, {blue, yellow}}[2*y/h][2*x/w]
}

func quarters(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetNRGBA(x, y, quarterAt(x, y, w, h))
		}
	}
	return m
}

// similar reports whether two colours differ by no more than lossy coding may
// make them.
func similar(a, b color.Color, tolerance int) bool {
	x, y := color.NRGBAModel.Convert(a).(color.NRGBA), color.NRGBAModel.Convert(b).(color.NRGBA)
	near := func(a, b uint8) bool { return max(int(a)-int(b), int(b)-int(a)) <= tolerance }
	return near(x.R, y.R) && near(x.G, y.G) && near(x.B, y.B) && near(x.A, y.A)
}

// assertQuarters checks the middle and the outer corner of each quarter.
func assertQuarters(t *testing.T, m image.Image, tolerance int) {
	t.Helper()
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	for _, x := range []int{0, w / 4, 3 * w / 4, w - 1} {
		for _, y := range []int{0, h / 4, 3 * h / 4, h - 1} {
			if want, got := quarterAt(x, y, w, h), m.At(x, y); !similar(got, want, tolerance) {
				t.Errorf("pixel %d,%d of %dx%d is %v, want %v", x, y, w, h, got, want)
			}
		}
	}
}

// assertRendition decodes a rendition by what its Type says and returns it.
func assertRendition(t *testing.T, r *Rendition, ext string, w, h int) image.Image {
	t.Helper()
	if r == nil {
		t.Fatalf("no rendition, want %s of %dx%d", ext, w, h)
	}
	decode, mime := png.Decode, "image/png"
	switch ext {
	case "jpg":
		decode, mime = jpeg.Decode, "image/jpeg"
	case "gif":
		decode, mime = gif.Decode, "image/gif"
	}
	if r.Type.Ext != ext || r.Type.MIME != mime || r.Width != w || r.Height != h {
		t.Fatalf("rendition is %s, %s, %dx%d; want %s, %s, %dx%d", r.Type.Ext, r.Type.MIME, r.Width, r.Height, ext, mime, w, h)
	}
	if sniffed := Sniff(r.Bytes); sniffed.Ext != ext {
		t.Errorf("the bytes are %s, want %s", sniffed.Ext, ext)
	}
	m, err := decode(bytes.NewReader(r.Bytes))
	if err != nil {
		t.Fatal(err)
	}
	if m.Bounds() != image.Rect(0, 0, w, h) && ext != "gif" { // the first frame of a GIF may be smaller
		t.Errorf("the picture is %v, want %dx%d", m.Bounds(), w, h)
	}
	return m
}

func jpegBytes(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pngBytes(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gifBytes(t testing.TB, g *gif.GIF) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, g); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func testFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// splice puts extra bytes into a file.
func splice(file []byte, at int, extra ...[]byte) []byte {
	out := bytes.Clone(file[:at])
	for _, e := range extra {
		out = append(out, e...)
	}
	return append(out, file[at:]...)
}

// exifTIFF is EXIF data with a field before the orientation, as cameras write it.
func exifTIFF(order binary.AppendByteOrder, typ, value uint16) []byte {
	mark := "MM\x00*"
	if order == binary.AppendByteOrder(binary.LittleEndian) {
		mark = "II*\x00"
	}
	b := order.AppendUint32([]byte(mark), 8)
	b = order.AppendUint16(b, 2)
	for _, field := range [][2]uint16{{0x010f, 2}, {0x0112, typ}} {
		b = order.AppendUint16(b, field[0])
		b = order.AppendUint16(b, field[1])
		b = order.AppendUint32(b, 1)
		if field[1] == typeLongInTest {
			b = order.AppendUint32(b, uint32(value))
		} else {
			b = order.AppendUint16(b, value)
			b = order.AppendUint16(b, 0)
		}
	}
	return order.AppendUint32(b, 0)
}

const (
	typeShortInTest = 3
	typeLongInTest  = 4
)

func jpegSegment(marker byte, content string) []byte {
	b := []byte{0xff, marker}
	b = binary.BigEndian.AppendUint16(b, uint16(len(content)+2))
	return append(b, content...)
}

func withEXIF(jpg, tiff []byte) []byte {
	return splice(jpg, 2, jpegSegment(0xe1, "Exif\x00\x00"+string(tiff)))
}

func pngChunk(name string, content []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(content)))
	b = append(append(b, name...), content...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

const afterIHDR = len(pngMagic) + 25

// pngOfSize is a PNG whose header claims a size.
func pngOfSize(t testing.TB, w, h uint32, depth byte) []byte {
	file := pngBytes(t, quarters(2, 2))
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)
	header = append(header, depth, 6, 0, 0, 0) // RGB with alpha
	return append(append([]byte(pngMagic), pngChunk("IHDR", header)...), file[afterIHDR:]...)
}

// jpegOfSize is a JPEG whose header claims a size.
func jpegOfSize(t testing.TB, w, h uint16) []byte {
	file := jpegBytes(t, quarters(16, 16))
	sof := bytes.Index(file, []byte{0xff, 0xc0})
	binary.BigEndian.PutUint16(file[sof+5:], h)
	binary.BigEndian.PutUint16(file[sof+7:], w)
	return file
}

// solidWebP is a lossless WebP of a single colour: all five of its prefix codes
// have one symbol, so that a pixel takes no bits at all (RFC 9649 3.7.2.1.1).
func solidWebP(w, h int, c color.NRGBA) []byte {
	var bits uint64
	var n uint
	payload := []byte{0x2f}
	put := func(v uint64, size uint) {
		bits |= v << n
		for n += size; n >= 8; n -= 8 {
			payload = append(payload, byte(bits))
			bits >>= 8
		}
	}
	put(uint64(w-1), 14)
	put(uint64(h-1), 14)
	put(1, 1) // has alpha
	put(0, 3) // version
	put(0, 3) // no transform, no colour cache, no groups of codes
	for _, symbol := range []uint8{c.G, c.R, c.B, c.A, 0} {
		put(1, 1) // a simple code
		put(0, 1) // of one symbol
		put(1, 1) // in eight bits
		put(uint64(symbol), 8)
	}
	put(0, 16)
	payload = append(payload, make([]byte, len(payload)%2)...)
	b := append([]byte("WEBPVP8L"), binary.LittleEndian.AppendUint32(nil, uint32(len(payload)))...)
	b = append(b, payload...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(b))), b...)
}
