package media

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"testing"
)

// stored returns a picture as a camera stores it with an orientation. Exif 2.32
// 4.6.4 A defines the values by the sides of the visible picture at which row 0
// and column 0 of the stored one lie.
func stored(visible image.Image, o orientation) *image.NRGBA {
	side := [][2]string{
		{"top", "left"}, {"top", "right"}, {"bottom", "right"}, {"bottom", "left"},
		{"left", "top"}, {"right", "top"}, {"right", "bottom"}, {"left", "bottom"},
	}[o-1]
	w, h := visible.Bounds().Dx(), visible.Bounds().Dy()
	size := image.Pt(w, h)
	if o > 4 {
		size = image.Pt(h, w)
	}
	m := image.NewNRGBA(image.Rectangle{Max: size})
	for row := range size.Y {
		for column := range size.X {
			var x, y int
			for i, n := range []int{row, column} {
				switch side[i] {
				case "top":
					y = n
				case "bottom":
					y = h - 1 - n
				case "left":
					x = n
				case "right":
					x = w - 1 - n
				}
			}
			m.Set(column, row, visible.At(x, y))
		}
	}
	return m
}

func TestPhotographsAreTurnedUpright(t *testing.T) {
	processor := NewProcessor(Options{ThumbSide: 40})
	for o := upright; o <= lastOrientation; o++ {
		// Whole and cut colour samples at the edges; Go writes JPEGs as 4:2:0.
		for _, size := range []image.Point{{64, 48}, {63, 47}} {
			for _, order := range []binary.AppendByteOrder{binary.BigEndian, binary.LittleEndian} {
				t.Run(fmt.Sprint(o, size, order), func(t *testing.T) {
					tiff := exifTIFF(order, typeShortInTest, uint16(o))
					file := jpegBytes(t, stored(quarters(size.X, size.Y), o))
					original, thumb, err := processor.ProcessImage(t.Context(), withEXIF(file, tiff))
					if err != nil {
						t.Fatal(err)
					}
					assertQuarters(t, assertRendition(t, original, "jpg", size.X, size.Y), 12)
					assertQuarters(t, assertRendition(t, thumb, "jpg", 40, 30), 30)
					if got := findOrientation("jpg", original.Bytes); got != upright {
						t.Errorf("the rendition still says orientation %d", got)
					}
				})
			}
		}
	}
}

func TestOrientationOfOtherFormats(t *testing.T) {
	tiff := exifTIFF(binary.BigEndian, typeShortInTest, uint16(turnedLeft))
	grey := image.NewGray(image.Rect(0, 0, 20, 10))
	for x := range 20 {
		for y := range 10 {
			grey.SetGray(x, y, color.Gray{Y: uint8(12*x + y)})
		}
	}
	turnedGrey := image.NewGray(image.Rect(0, 0, 10, 20))
	for x := range 20 {
		for y := range 10 {
			turnedGrey.Set(x, y, stored(grey, turnedLeft).At(x, y))
			turnedGrey.Set(y, x, stored(grey, turnedLeft).At(y, x))
		}
	}
	deep := image.NewNRGBA64(image.Rect(0, 0, 32, 48))
	for x := range 32 {
		for y := range 48 {
			deep.Set(x, y, stored(quarters(48, 32), turnedLeft).At(x, y))
		}
	}
	lying := pngBytes(t, stored(quarters(48, 32), turnedLeft))
	tests := []struct {
		name, ext string
		file      []byte
		want      image.Image
	}{
		{"jpeg of other software", "jpg", testFile(t, "exif-6.jpg"), quarters(48, 32)},
		{"webp of other software", "png", testFile(t, "exif-6.webp"), quarters(48, 32)},
		{"png", "png", splice(lying, afterIHDR, pngChunk("eXIf", tiff)), quarters(48, 32)},
		{"png, after the pixels", "png", splice(lying, len(lying)-12, pngChunk("eXIf", tiff)), quarters(48, 32)},
		{"png with 16 bits", "png", splice(pngBytes(t, deep), afterIHDR, pngChunk("eXIf", tiff)), quarters(48, 32)},
		{"grey png", "png", splice(pngBytes(t, turnedGrey), afterIHDR, pngChunk("eXIf", tiff)), grey},
		{"grey jpeg", "jpg", withEXIF(jpegBytes(t, turnedGrey), tiff), grey},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			original, _, err := NewProcessor(Options{}).ProcessImage(t.Context(), tt.file)
			if err != nil {
				t.Fatal(err)
			}
			size := tt.want.Bounds().Size()
			got := assertRendition(t, original, tt.ext, size.X, size.Y)
			for y := range size.Y {
				for x := range size.X {
					border := max(x-size.X/2, size.X/2-x) <= 2 || max(y-size.Y/2, size.Y/2-y) <= 2
					if !border && !similar(got.At(x, y), tt.want.At(x, y), 25) {
						t.Fatalf("pixel %d,%d is %v, want %v", x, y, got.At(x, y), tt.want.At(x, y))
					}
				}
			}
		})
	}
}

// TestTurningMovesPixels compares every pixel, for each kind of colour sampling
// and for sizes that cut a sample in two.
func TestTurningMovesPixels(t *testing.T) {
	ratios := []image.YCbCrSubsampleRatio{
		image.YCbCrSubsampleRatio444, image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420,
		image.YCbCrSubsampleRatio440, image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410,
	}
	for _, ratio := range ratios {
		for _, size := range []image.Point{{8, 4}, {8, 5}, {7, 4}, {7, 5}, {1, 1}, {2, 1}, {1, 2}, {3, 1}} {
			src := image.NewYCbCr(image.Rectangle{Max: size}, ratio)
			for _, samples := range [][]byte{src.Y, src.Cb, src.Cr} {
				for i := range samples {
					samples[i] = byte(100 + 53*i + len(samples))
				}
			}
			for o := upright; o <= lastOrientation; o++ {
				got := makeUpright(stored(src, o), o)
				if got.Bounds().Size() != size {
					t.Fatalf("%v %v orientation %d: size %v", ratio, size, o, got.Bounds().Size())
				}
				comparePixels(t, fmt.Sprint(ratio, size, o, " rgb"), got, src)

				// The other way round: what turning the planes gives must be
				// what turning the pixels gives.
				want := makeUpright(toRGBA(src), o)
				comparePixels(t, fmt.Sprint(ratio, size, o, " planes"), makeUpright(src, o), want)
			}
		}
	}
}

func comparePixels(t *testing.T, name string, got, want image.Image) {
	t.Helper()
	if got.Bounds().Size() != want.Bounds().Size() {
		t.Errorf("%s: size %v, want %v", name, got.Bounds().Size(), want.Bounds().Size())
		return
	}
	for y := range want.Bounds().Dy() {
		for x := range want.Bounds().Dx() {
			if !similar(got.At(x, y), want.At(x, y), 1) {
				t.Errorf("%s: pixel %d,%d is %v, want %v", name, x, y, got.At(x, y), want.At(x, y))
				return
			}
		}
	}
}

func TestTurningAPhotographKeepsItsFormat(t *testing.T) {
	for ratio, turned := range map[image.YCbCrSubsampleRatio]image.YCbCrSubsampleRatio{
		image.YCbCrSubsampleRatio444: image.YCbCrSubsampleRatio444,
		image.YCbCrSubsampleRatio420: image.YCbCrSubsampleRatio420,
		image.YCbCrSubsampleRatio422: image.YCbCrSubsampleRatio440,
		image.YCbCrSubsampleRatio440: image.YCbCrSubsampleRatio422,
	} {
		m, ok := makeUpright(image.NewYCbCr(image.Rect(0, 0, 8, 4), ratio), turnedLeft).(*image.YCbCr)
		if !ok || m.SubsampleRatio != turned {
			t.Errorf("%v became %v, want %v", ratio, m, turned)
		}
	}
	if m, ok := makeUpright(image.NewGray(image.Rect(0, 0, 8, 4)), turnedLeft).(*image.Gray); !ok {
		t.Errorf("grey became %v", m)
	}
}

func TestOrientationIsReadTolerantly(t *testing.T) {
	plain := jpegBytes(t, quarters(16, 16))
	short := func(value uint16) []byte { return exifTIFF(binary.BigEndian, typeShortInTest, value) }
	thumbnail := jpegSegment(0xe1, "http://ns.adobe.com/xap/1.0/\x00<x/>")
	tests := []struct {
		name string
		file []byte
		want orientation
	}{
		{"none", plain, upright},
		{"short", withEXIF(plain, short(8)), turnedRight},
		{"long", withEXIF(plain, exifTIFF(binary.LittleEndian, typeLongInTest, 3)), upsideDown},
		{"of another type", withEXIF(plain, exifTIFF(binary.LittleEndian, 7, 3)), upright},
		{"after other segments", splice(withEXIF(plain, short(5)), 2, jpegSegment(0xe0, "JFIF\x00"), thumbnail), transposed},
		{"after padding", splice(withEXIF(plain, short(5)), 2, []byte{0xff, 0xff}), transposed},
		{"first of two", withEXIF(withEXIF(plain, short(2)), short(4)), flipped},
		{"zero", withEXIF(plain, short(0)), upright},
		{"nine", withEXIF(plain, short(9)), upright},
		{"behind the pixels", splice(plain, len(plain)-2, jpegSegment(0xe1, "Exif\x00\x00"+string(short(8)))), upright},
		{"unknown byte order", withEXIF(plain, []byte("XX\x00*\x00\x00\x00\x08\x00\x01")), upright},
		{"directory out of reach", withEXIF(plain, []byte("MM\x00*\xff\xff\xff\xff\x00\x01")), upright},
		{"directory cut off", withEXIF(plain, short(8)[:20]), upright},
		{"empty", withEXIF(plain, nil), upright},
	}
	for _, tt := range tests {
		if got := findOrientation("jpg", tt.file); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

func FuzzOrientation(f *testing.F) {
	f.Add(testFile(f, "exif-6.jpg"))
	f.Add(testFile(f, "exif-6.webp"))
	f.Add(splice(pngBytes(f, quarters(2, 2)), afterIHDR, pngChunk("eXIf", exifTIFF(binary.LittleEndian, typeShortInTest, 3))))
	f.Add(exifTIFF(binary.BigEndian, typeLongInTest, 7))
	f.Fuzz(func(t *testing.T, b []byte) {
		found := []orientation{orientationInTIFF(b)}
		for _, ext := range []string{"jpg", "png", "webp"} {
			found = append(found, findOrientation(ext, b))
		}
		for _, o := range found {
			if o < upright || o > lastOrientation {
				t.Errorf("orientation %d", o)
			}
			if o != upright && !bytes.Contains(b, []byte{0x01, 0x12}) && !bytes.Contains(b, []byte{0x12, 0x01}) {
				t.Errorf("orientation %d without the tag", o)
			}
		}
	})
}
