package media

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestRenditions(t *testing.T) {
	still := &gif.GIF{Image: []*image.Paletted{paletted(image.Rect(0, 0, 400, 200))}, Delay: []int{0}}
	tests := []struct {
		name          string
		file          []byte
		ext, thumbExt string
		w, h          int
		thumbW        int // 0 for none
		thumbH        int
	}{
		{"small png", pngBytes(t, quarters(320, 320)), "png", "", 320, 320, 0, 0},
		{"wide png", pngBytes(t, quarters(321, 20)), "png", "png", 321, 20, 320, 20},
		{"tall png", pngBytes(t, quarters(20, 400)), "png", "png", 20, 400, 16, 320},
		{"a line", pngBytes(t, quarters(2, 2000)), "png", "png", 2, 2000, 1, 320},
		{"jpeg", jpegBytes(t, quarters(640, 480)), "jpg", "jpg", 640, 480, 320, 240},
		{"rounded", jpegBytes(t, quarters(642, 481)), "jpg", "jpg", 642, 481, 320, 240},
		{"gif", gifBytes(t, still), "gif", "png", 400, 200, 320, 160},
		{"webp", solidWebP(500, 250, red), "png", "png", 500, 250, 320, 160},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			original, thumb, err := NewProcessor(Options{}).ProcessImage(t.Context(), tt.file)
			if err != nil {
				t.Fatal(err)
			}
			m := assertRendition(t, original, tt.ext, tt.w, tt.h)
			switch {
			case strings.Contains(tt.name, "webp"):
				if !similar(m.At(499, 0), red, 0) {
					t.Errorf("pixel is %v, want red", m.At(499, 0))
				}
			case tt.w > 2:
				assertQuarters(t, m, 12)
			}
			if tt.thumbW == 0 {
				if thumb != nil {
					t.Errorf("there is a thumbnail of %dx%d", thumb.Width, thumb.Height)
				}
				return
			}
			m = assertRendition(t, thumb, tt.thumbExt, tt.thumbW, tt.thumbH)
			if tt.thumbW > 2 && !strings.Contains(tt.name, "webp") {
				assertQuarters(t, m, 30)
			}
		})
	}
}

func TestFilesOfOtherSoftware(t *testing.T) {
	for name, ext := range map[string]string{
		"444.jpg": "jpg", "440.jpg": "jpg", "411.jpg": "jpg", "progressive-422.jpg": "jpg", "restart.jpg": "jpg", "rgb.jpg": "jpg",
		"lossy.webp": "jpg", "lossless.webp": "png",
	} {
		original, _, err := NewProcessor(Options{}).ProcessImage(t.Context(), testFile(t, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		assertQuarters(t, assertRendition(t, original, ext, 48, 32), 30)
	}
}

func TestTransparencyIsKept(t *testing.T) {
	m := quarters(400, 400)
	for y := 200; y < 400; y++ {
		for x := 200; x < 400; x++ {
			m.SetNRGBA(x, y, color.NRGBA{})
		}
	}
	for name, file := range map[string][]byte{"png": pngBytes(t, m), "webp": testFile(t, "lossy-alpha.webp")} {
		original, thumb, err := NewProcessor(Options{ThumbSide: 32}).ProcessImage(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []*Rendition{original, thumb} {
			got := assertRendition(t, r, "png", r.Width, r.Height)
			corner, middle := got.At(r.Width-1, r.Height-1), got.At(r.Width/4, r.Height/4)
			if _, _, _, alpha := corner.RGBA(); alpha != 0 || !similar(middle, red, 30) {
				t.Errorf("%s of %d: corner %v, middle %v; want transparent and red", name, r.Width, corner, middle)
			}
		}
	}
}

// TestOnlyPixelsSurvive hides a secret in each place a format has for one.
func TestOnlyPixelsSurvive(t *testing.T) {
	const secret = "GPS 52.5N 13.4E <script>alert(1)</script>"
	app14, scan := jpegSegment(0xe1, "Exif\x00\x00"+secret), jpegBytes(t, quarters(400, 300))
	pngFile := pngBytes(t, quarters(400, 300))
	gifFile := gifBytes(t, animated())
	sub := append([]byte{byte(len(secret))}, secret...)
	riff := testFile(t, "lossless.webp")
	tests := map[string][]byte{
		"jpeg": append(splice(scan, 2, app14, jpegSegment(0xfe, secret), jpegSegment(0xe2, "ICC_PROFILE\x00"+secret), jpegSegment(0xed, secret)), secret...),
		"png": append(splice(pngFile, afterIHDR, pngChunk("tEXt", []byte("Comment\x00"+secret)), pngChunk("eXIf", []byte(secret)),
			pngChunk("zzZz", []byte(secret))), secret...),
		"gif":  append(splice(gifFile, len(gifFile)-1, []byte("\x21\xfe"), sub, []byte("\x00\x21\xff\x0bXMP DataXMP"), sub, []byte{0}), secret...),
		"webp": append(append(bytes.Clone(riff), "XMP \x29\x00\x00\x00"+secret...), secret...),
	}
	for name, file := range tests {
		if !bytes.Contains(file, []byte(secret)) {
			t.Fatalf("%s: the secret is not in the file", name)
		}
		original, thumb, err := NewProcessor(Options{}).ProcessImage(t.Context(), file)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, r := range []*Rendition{original, thumb} {
			if r != nil && (bytes.Contains(r.Bytes, []byte("GPS")) || bytes.Contains(r.Bytes, []byte("script"))) {
				t.Errorf("%s: the secret is in the %s of %d pixels", name, r.Type.Ext, r.Width)
			}
		}
	}
}

func TestAvatar(t *testing.T) {
	for _, tt := range []struct {
		name string
		w, h int
	}{{"wide", 300, 100}, {"tall", 100, 300}, {"small", 30, 10}} {
		m := image.NewNRGBA(image.Rect(0, 0, tt.w, tt.h))
		side := min(tt.w, tt.h)
		middle := image.Rect(tt.w/2-side/2, tt.h/2-side/2, tt.w/2+side/2, tt.h/2+side/2)
		for y := range tt.h {
			for x := range tt.w {
				m.Set(x, y, red)
				if image.Pt(x, y).In(middle) {
					m.Set(x, y, green)
				}
			}
		}
		for ext, file := range map[string][]byte{"png": pngBytes(t, m), "jpg": jpegBytes(t, m)} {
			original, avatar, err := NewProcessor(Options{}).ProcessAvatar(t.Context(), file)
			if err != nil {
				t.Fatal(err)
			}
			assertRendition(t, original, ext, tt.w, tt.h)
			got := assertRendition(t, avatar, ext, 96, 96)
			for _, p := range []image.Point{{8, 8}, {48, 48}, {87, 8}, {8, 87}, {87, 87}} {
				if !similar(got.At(p.X, p.Y), green, 40) {
					t.Errorf("%s %s: pixel %v is %v, want green", tt.name, ext, p, got.At(p.X, p.Y))
				}
			}
		}
	}
	if _, avatar, err := NewProcessor(Options{}).ProcessAvatar(t.Context(), gifBytes(t, animated())); err != nil {
		t.Error(err)
	} else {
		assertRendition(t, avatar, "png", 96, 96)
	}
}

// An avatar of what is stored already is the same as one made when it came.
func TestAvatarOfWhatIsStored(t *testing.T) {
	p := NewProcessor(Options{MaxBytes: 1 << 20})
	file := jpegBytes(t, quarters(300, 200))
	_, want, err := p.ProcessAvatar(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.Avatar(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes, want.Bytes) || got.Type != want.Type {
		t.Errorf("%s of %d bytes, want %s of %d", got.Type.Ext, len(got.Bytes), want.Type.Ext, len(want.Bytes))
	}
	if _, err := p.Avatar(t.Context(), []byte("<svg/>")); !errors.Is(err, ErrNotAnImage) {
		t.Errorf("of an SVG: error %v, want ErrNotAnImage", err)
	}
	if _, err := p.Avatar(t.Context(), make([]byte, p.MaxBytes()+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("of too much: error %v, want ErrTooLarge", err)
	}
	// The place of one that failed is free again.
	for range 3 {
		if _, err := p.Avatar(t.Context(), nil); !errors.Is(err, ErrNotAnImage) {
			t.Errorf("of nothing: error %v, want ErrNotAnImage", err)
		}
	}
}

// paletted is a picture of four quarters that covers a part of a canvas.
func paletted(r image.Rectangle) *image.Paletted {
	m := image.NewPaletted(r, color.Palette{red, green, blue, yellow})
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			m.Set(x, y, quarterAt(x-r.Min.X, y-r.Min.Y, r.Dx(), r.Dy()))
		}
	}
	return m
}

// animated is an animation with all that one can have: frames at different
// places, palettes of their own, transparency, delays, ways of disposal.
func animated() *gif.GIF {
	g := &gif.GIF{
		Image:     []*image.Paletted{paletted(image.Rect(10, 20, 400, 300)), paletted(image.Rect(0, 0, 50, 40)), paletted(image.Rect(100, 100, 101, 101))},
		Delay:     []int{10, 0, 65535},
		Disposal:  []byte{gif.DisposalNone, gif.DisposalBackground, gif.DisposalPrevious},
		LoopCount: 3,
		Config:    image.Config{Width: 400, Height: 300, ColorModel: color.Palette{red, green, blue, yellow}},
	}
	g.Image[1].Palette = color.Palette{color.RGBA{}, green, blue, color.NRGBA{R: 1, G: 2, B: 3, A: 255}, red}
	return g
}

func TestAnimationIsKept(t *testing.T) {
	file := gifBytes(t, animated())
	original, thumb, err := NewProcessor(Options{}).ProcessImage(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	assertRendition(t, original, "gif", 400, 300)
	got, err := gif.DecodeAll(bytes.NewReader(original.Bytes))
	if err != nil {
		t.Fatal(err)
	}
	want := animated()
	if !slices.Equal(got.Delay, want.Delay) || !slices.Equal(got.Disposal, want.Disposal) || got.LoopCount != 3 || len(got.Image) != 3 {
		t.Fatalf("delays %v, disposals %v, loops %d, %d frames", got.Delay, got.Disposal, got.LoopCount, len(got.Image))
	}
	for i, frame := range got.Image {
		r := want.Image[i].Rect
		if frame.Rect != r {
			t.Fatalf("frame %d lies at %v, want %v", i, frame.Rect, r)
		}
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				if !similar(frame.At(x, y), want.Image[i].At(x, y), 0) {
					t.Fatalf("frame %d, pixel %d,%d is %v, want %v", i, x, y, frame.At(x, y), want.Image[i].At(x, y))
				}
			}
		}
	}
	m := assertRendition(t, thumb, "png", 320, 240)
	if _, _, _, alpha := m.At(2, 2).RGBA(); alpha != 0 {
		t.Errorf("the thumbnail has %v beside the first frame, want it transparent", m.At(2, 2))
	}
	for p, want := range map[image.Point]color.Color{{20, 30}: red, {300, 30}: green, {20, 220}: blue, {300, 220}: yellow} {
		if !similar(m.At(p.X, p.Y), want, 5) {
			t.Errorf("thumbnail's pixel %v is %v, want %v", p, m.At(p.X, p.Y), want)
		}
	}
}

func TestRefusals(t *testing.T) {
	small := pngBytes(t, quarters(16, 16))
	frames := func(n, side int) []byte {
		g := &gif.GIF{Config: image.Config{Width: side, Height: side}}
		for range n {
			g.Image = append(g.Image, paletted(image.Rect(0, 0, side, side)))
			g.Delay = append(g.Delay, 1)
		}
		return gifBytes(t, g)
	}
	scans := func(n int) []byte {
		file := jpegBytes(t, quarters(16, 16))
		start := bytes.Index(file, []byte{0xff, 0xda})
		return splice(file, len(file)-2, bytes.Repeat(file[start:len(file)-2], n-1))
	}
	limits := Options{MaxPixels: 1000, MaxFrames: 10, MaxBytes: 50_000}
	tests := []struct {
		name string
		opts Options
		file []byte
		want error
	}{
		{"empty", Options{}, nil, ErrNotAnImage},
		{"text", Options{}, []byte("Hello"), ErrNotAnImage},
		{"svg", Options{}, []byte("<svg xmlns='http://www.w3.org/2000/svg' width='1' height='1'/>"), ErrNotAnImage},
		{"html", Options{}, []byte("<html>\x89PNG\r\n\x1a\n"), ErrNotAnImage},
		{"video", Options{}, []byte("\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp42"), ErrNotAnImage},
		{"bmp", Options{}, []byte("BM\x3a\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00"), ErrNotAnImage},
		{"only the start of a png", Options{}, []byte(pngMagic), ErrDamaged},
		{"png header in a jpeg", Options{}, append([]byte("\xff\xd8\xff"), small...), ErrDamaged},
		{"jpeg without pixels", Options{}, jpegOfSize(t, 0, 0), ErrDamaged},

		{"png bomb", Options{}, pngOfSize(t, 65535, 65535, 8), ErrTooManyPixels},
		{"png that no machine could hold", Options{}, pngOfSize(t, 1<<31-1, 1<<31-1, 8), ErrUnsupported},
		{"large png", Options{}, pngOfSize(t, 6325, 6325, 8), ErrTooManyPixels},
		{"large png within the limit", Options{}, pngOfSize(t, 6324, 6324, 8), ErrDamaged}, // it has the pixels of a small one
		{"large deep png", Options{}, pngOfSize(t, 4473, 4473, 16), ErrTooManyPixels},
		{"large deep png within the limit", Options{}, pngOfSize(t, 4472, 4472, 16), ErrDamaged},
		{"long line", Options{}, pngOfSize(t, 65536, 1, 8), ErrTooManyPixels},
		{"high line", Options{}, pngOfSize(t, 1, 65536, 8), ErrTooManyPixels},
		{"jpeg bomb", Options{}, jpegOfSize(t, 65535, 65535), ErrTooManyPixels},
		{"webp bomb", Options{}, solidWebP(16383, 16383, red), ErrTooManyPixels},
		{"webp just above", limits, solidWebP(7, 143, red), ErrTooManyPixels},
		{"webp just within", limits, solidWebP(8, 125, red), nil},
		{"gif with a large canvas", limits, frames(1, 32), ErrTooManyPixels},
		{"gif with many pixels", limits, frames(9, 22), ErrTooManyPixels}, // 4356 of 4000
		{"gif just within", limits, frames(8, 22), nil},
		{"gif with many frames", limits, frames(11, 2), ErrTooManyPixels},
		{"gif with the most frames", limits, frames(10, 2), nil},
		{"large file", limits, append(bytes.Clone(small), make([]byte, 50_000-len(small)+1)...), ErrTooLarge},
		{"largest file", limits, append(bytes.Clone(small), make([]byte, 50_000-len(small))...), nil},

		{"jpeg of many scans", Options{}, scans(101), ErrUnsupported},
		{"jpeg of the most scans", Options{}, scans(100), nil},
		{"arithmetic jpeg", Options{}, testFile(t, "arithmetic.jpg"), ErrUnsupported},
		{"animated webp", Options{}, testFile(t, "animated.webp"), ErrUnsupported},

		{"gif without end", Options{}, frames(2, 4)[:60], ErrDamaged},
		{"gif with an unknown extension", Options{}, splice(frames(1, 4), 13, []byte("\x21\x42\x01a\x00")), ErrDamaged},
		{"gif with a block of no kind", Options{}, splice(frames(1, 4), 13, []byte("\x77")), ErrDamaged},
		// image/gif takes a fixed 12 bytes of text here, and would find what follows.
		{"gif with a long text block", Options{}, splice(frames(1, 4), 13, []byte("\x21\x01\x0d0123456789012\x00")), ErrDamaged},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			original, _, err := NewProcessor(tt.opts).ProcessImage(t.Context(), tt.file)
			if !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if (original == nil) != (err != nil) {
				t.Errorf("rendition %v with error %v", original, err)
			}
		})
	}
}

// TestFramesCannotHide gives blocks whose sizes image/gif does not look at. A
// reader that does would take what follows for something else.
func TestFramesCannotHide(t *testing.T) {
	frame := paletted(image.Rect(0, 0, 4, 4))
	file := gifBytes(t, &gif.GIF{Image: []*image.Paletted{frame}, Delay: []int{0}, Config: image.Config{Width: 4, Height: 4, ColorModel: frame.Palette}})
	if a, err := measureGIF(file); err != nil || a != (animation{frames: 1, pixels: 16}) {
		t.Fatalf("measured %v, %v", a, err)
	}
	afterTable := 13 + 3*4
	for name, block := range map[string]string{
		"text":            "\x21\x01\x0d0123456789012\x00",
		"graphic control": "\x21\xf9\x05\x00\x00\x00\x00\x00\x00",
		"application":     "\x21\xff\x00",
		"unknown":         "\x21\x42\x00",
	} {
		if _, err := measureGIF(splice(file, afterTable, []byte(block))); err != errGIFStructure {
			t.Errorf("%s: error %v, want errGIFStructure", name, err)
		}
	}
	for name, block := range map[string]string{
		"text":            "\x21\x01\x0c012345678901\x03abc\x00",
		"graphic control": "\x21\xf9\x04\x00\x00\x00\x00\x00",
		"application":     "\x21\xff\x0bXMP DataXMP\x02ab\x00",
		"comment":         "\x21\xfe\x02ab\x00",
		"empty comment":   "\x21\xfe\x00",
	} {
		with := splice(file, afterTable, []byte(block))
		a, err := measureGIF(with)
		g, err2 := gif.DecodeAll(bytes.NewReader(with))
		if err != nil || err2 != nil || a.frames != 1 || len(g.Image) != 1 {
			t.Errorf("%s: measured %v, %v; image/gif says %v", name, a, err, err2)
		}
	}
}

func TestTruncatedFilesAreDamaged(t *testing.T) {
	processor := NewProcessor(Options{})
	for name, file := range map[string][]byte{
		"png":  pngBytes(t, quarters(48, 32)),
		"jpg":  jpegBytes(t, quarters(48, 32)),
		"gif":  gifBytes(t, &gif.GIF{Image: []*image.Paletted{paletted(image.Rect(0, 0, 48, 32))}, Delay: []int{0}}),
		"webp": testFile(t, "lossy.webp"),
	} {
		if _, _, err := processor.ProcessImage(t.Context(), file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		whole := len(file)
		if name == "webp" {
			whole -= 8 // VP8 may do without its last bits
		}
		for n := range whole {
			_, _, err := processor.ProcessImage(t.Context(), file[:n])
			if !errors.Is(err, ErrDamaged) && !(n < 12 && errors.Is(err, ErrNotAnImage)) {
				t.Errorf("%s cut to %d of %d bytes: error %v, want ErrDamaged", name, n, len(file), err)
			}
		}
	}
}

func TestWaitingForAPlaceEndsWithTheContext(t *testing.T) {
	processor := NewProcessor(Options{Parallel: 1})
	processor.busy <- struct{}{} // somebody else's image
	file := pngBytes(t, quarters(16, 16))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, _, err := processor.ProcessImage(ctx, file); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want the context's", err)
	}
	<-processor.busy
	for range 3 { // a place must be given back on success and on failure
		if _, _, err := processor.ProcessImage(t.Context(), file); err != nil {
			t.Error(err)
		}
		if _, _, err := processor.ProcessImage(t.Context(), file[:50]); !errors.Is(err, ErrDamaged) {
			t.Errorf("error %v, want ErrDamaged", err)
		}
	}
}

// askedContext calls a function each time somebody asks whether it is over.
type askedContext struct {
	context.Context
	asked func() error
}

func (c askedContext) Err() error { return c.asked() }

func TestProcessingStopsWithTheContext(t *testing.T) {
	m := image.NewGray(image.Rect(0, 0, 600, 600))
	for i := range m.Pix { // hardly compressible, so that it is read in many pieces
		m.Pix[i] = byte(i * i >> 3)
	}
	for name, file := range map[string][]byte{"png": pngBytes(t, m), "jpg": jpegBytes(t, m)} {
		left := 3
		ctx := askedContext{t.Context(), func() error {
			if left--; left <= 0 {
				return context.Canceled
			}
			return nil
		}}
		if _, _, err := NewProcessor(Options{}).ProcessImage(ctx, file); !errors.Is(err, context.Canceled) || errors.Is(err, ErrDamaged) {
			t.Errorf("%s: error %v, want the context's only", name, err)
		}
		if left < -2 { // once to stop, and once or twice to tell why
			t.Errorf("%s: went on reading after the end of the context, and asked %d times", name, -left)
		}
	}
}

func TestFewImagesAtOnce(t *testing.T) {
	const parallel = 2
	processor := NewProcessor(Options{Parallel: parallel})
	file := pngBytes(t, quarters(64, 64))
	var mu sync.Mutex
	inWork, most := 0, 0
	full := make(chan struct{})
	var done sync.WaitGroup
	for range 4 * parallel {
		done.Go(func() {
			entered := false
			ctx := askedContext{t.Context(), func() error {
				if entered {
					return nil
				}
				entered = true
				mu.Lock()
				inWork++
				most = max(most, inWork)
				if inWork == parallel && most == parallel {
					select {
					case <-full:
					default:
						close(full)
					}
				}
				mu.Unlock()
				<-full // nobody goes on before all places are taken once
				mu.Lock()
				inWork--
				mu.Unlock()
				return nil
			}}
			if _, _, err := processor.ProcessImage(ctx, file); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	if most != parallel {
		t.Errorf("%d images at once, want %d", most, parallel)
	}
}

// FuzzProcessImage holds that any bytes give either an error with a meaning or
// an image that is within the limits and survives being processed again.
func FuzzProcessImage(f *testing.F) {
	files, err := filepath.Glob("testdata/*.*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	small := &gif.GIF{Image: []*image.Paletted{paletted(image.Rect(2, 1, 9, 8)), paletted(image.Rect(0, 0, 3, 3))}, Delay: []int{1, 2}}
	small.Config = image.Config{Width: 9, Height: 8}
	f.Add(gifBytes(f, small))
	f.Add(pngBytes(f, quarters(5, 3)))
	f.Add(withEXIF(jpegBytes(f, quarters(5, 3)), exifTIFF(binary.BigEndian, typeShortInTest, 7)))
	processor := NewProcessor(Options{MaxPixels: 1 << 12, MaxBytes: 1 << 14, MaxFrames: 20, ThumbSide: 8})
	f.Fuzz(func(t *testing.T, b []byte) {
		original, thumb, err := processor.ProcessImage(t.Context(), b)
		if err != nil {
			known := []error{ErrNotAnImage, ErrDamaged, ErrUnsupported, ErrTooLarge, ErrTooManyPixels}
			if !slices.ContainsFunc(known, func(k error) bool { return errors.Is(err, k) }) {
				t.Fatalf("error without a meaning: %v", err)
			}
			return
		}
		if original.Width*original.Height > 1<<12 {
			t.Errorf("%dx%d pixels", original.Width, original.Height)
		}
		if (thumb != nil) != (max(original.Width, original.Height) > 8) {
			t.Errorf("thumbnail %v of %dx%d", thumb, original.Width, original.Height)
		}
		if original.Type.Ext == "gif" {
			a, err := measureGIF(b)
			g, err2 := gif.DecodeAll(bytes.NewReader(b))
			if err != nil || err2 != nil || a.frames != len(g.Image) {
				t.Errorf("measured %d frames, %v; decoded %d, %v", a.frames, err, len(g.Image), err2)
			}
		}
		again, _, err := NewProcessor(Options{}).ProcessImage(t.Context(), original.Bytes)
		if err != nil || again.Width != original.Width || again.Height != original.Height || again.Type != original.Type {
			t.Errorf("processed again: %v, %v", again, err)
		}
	})
}
