package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"math"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"
)

// AvatarSide is the width and height of an avatar in pixels. Pump.io's clients
// state it instead of asking.
const AvatarSide = 96

const (
	originalQuality = 90
	avatarQuality   = 90

	// The largest side that JPEG and GIF can express. A PNG of one pixel by
	// forty million is within MaxPixels and would still upset whoever scales
	// it, us first.
	maxSide = 1<<16 - 1

	// Every scan of a progressive JPEG goes over the whole picture, and takes
	// only a few bytes in the file. Encoders make about ten.
	maxScans = 100
)

// Options configures a Processor. The zero value is right for production.
type Options struct {
	// Parallel is how many images are processed at once. Default 2. An image
	// of 40 million pixels takes up to 500 MB and some seconds meanwhile.
	Parallel int
	// MaxBytes bounds the file. Default 20 MiB.
	MaxBytes int
	// MaxPixels bounds width times height. Default 40 million. A pixel with
	// 16 bits a channel counts twice. The frames of an animation, which have a
	// byte a pixel, may have four times as many together.
	MaxPixels int
	// MaxFrames bounds an animation. Default 1000.
	MaxFrames int
	// ThumbSide is the longer side of a thumbnail, in pixels. Default 320.
	ThumbSide int
	// Quality is that of a JPEG thumbnail, 1 to 100. Default 80.
	Quality int
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		value *int
		def   int
	}{
		{&o.Parallel, 2},
		{&o.MaxBytes, 20 << 20},
		{&o.MaxPixels, 40_000_000},
		{&o.MaxFrames, 1000},
		{&o.ThumbSide, 320},
		{&o.Quality, 80},
	} {
		if *d.value <= 0 {
			*d.value = d.def
		}
	}
	return o
}

// Rendition is an image as it is to be stored.
type Rendition struct {
	Type          Type
	Bytes         []byte
	Width, Height int // in pixels
}

// Processor decodes and writes images, a few at a time. It is safe for
// concurrent use; a program should have one.
type Processor struct {
	opts Options
	busy chan struct{} // holds one element an image in work
}

// NewProcessor returns a processor.
func NewProcessor(o Options) *Processor {
	o = o.withDefaults()
	return &Processor{opts: o, busy: make(chan struct{}, o.Parallel)}
}

// MaxBytes is the size of the largest file that is processed, see Options.
func (p *Processor) MaxBytes() int64 { return int64(p.opts.MaxBytes) }

// ProcessImage writes an image anew, upright, and makes a thumbnail if a side
// is longer than Options.ThumbSide; else thumb is nil.
//
//	file                  original            thumbnail
//	JPEG                  JPEG, quality 90    JPEG
//	PNG                   PNG                 PNG
//	GIF, with frames      GIF, with frames    PNG of the first frame
//	WebP, lossy, opaque   JPEG, quality 90    JPEG
//	any other WebP        PNG                 PNG
//
// There is no WebP encoder without C. A photograph in WebP would be ten times
// as large as PNG. A thumbnail of a GIF has more colours than a GIF may have. Of
// an animated PNG the still picture remains that viewers without animation show.
//
// Errors: ErrNotAnImage, ErrDamaged, ErrUnsupported, ErrTooLarge,
// ErrTooManyPixels, and the context's.
func (p *Processor) ProcessImage(ctx context.Context, file []byte) (original, thumb *Rendition, err error) {
	return p.process(ctx, file, func(pic *picture) (*Rendition, error) {
		r := pic.still.Bounds()
		w, h := fit(r.Dx(), r.Dy(), p.opts.ThumbSide)
		if w == r.Dx() && h == r.Dy() {
			return nil, nil
		}
		return encode(pic.stillType, scale(pic.still, r, w, h), p.opts.Quality)
	})
}

// ProcessAvatar writes an image anew like ProcessImage, and makes an avatar of
// AvatarSide by AvatarSide pixels from the square in its middle, in the type
// that a thumbnail would have. Errors are those of ProcessImage.
func (p *Processor) ProcessAvatar(ctx context.Context, file []byte) (original, avatar *Rendition, err error) {
	return p.process(ctx, file, avatarOf)
}

// Avatar makes an avatar as ProcessAvatar does, of a picture that is stored
// already and need not be written again.
func (p *Processor) Avatar(ctx context.Context, file []byte) (*Rendition, error) {
	pic, done, err := p.take(ctx, file)
	if err != nil {
		return nil, err
	}
	defer done()
	return avatarOf(pic)
}

func avatarOf(pic *picture) (*Rendition, error) {
	r := pic.still.Bounds()
	side := min(r.Dx(), r.Dy())
	corner := r.Min.Add(image.Pt((r.Dx()-side)/2, (r.Dy()-side)/2))
	square := image.Rectangle{Min: corner, Max: corner.Add(image.Pt(side, side))}
	return encode(pic.stillType, scale(pic.still, square, AvatarSide, AvatarSide), avatarQuality)
}

// take unpacks an image when it is its turn. done ends the turn.
func (p *Processor) take(ctx context.Context, file []byte) (pic *picture, done func(), err error) {
	select {
	case p.busy <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, fmt.Errorf("waiting to process an image: %w", ctx.Err())
	}
	done = func() { <-p.busy }
	if pic, err = p.decode(ctx, file); err != nil {
		done()
		return nil, nil, fmt.Errorf("decoding an image: %w", err)
	}
	return pic, done, nil
}

func (p *Processor) process(ctx context.Context, file []byte, derive func(*picture) (*Rendition, error)) (original, derived *Rendition, err error) {
	pic, done, err := p.take(ctx, file)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	if derived, err = derive(pic); err != nil {
		return nil, nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, fmt.Errorf("encoding an image: %w", err)
	}
	if pic.frames != nil {
		original, err = encodeGIF(pic.frames)
	} else {
		original, err = encode(pic.stillType, pic.still, originalQuality)
	}
	if err != nil {
		return nil, nil, err
	}
	return original, derived, nil
}

// picture is a decoded image.
type picture struct {
	still     image.Image // upright; of an animation the first frame
	stillType Type        // what to encode still as
	frames    *gif.GIF    // of a GIF, else nil
}

// decode unpacks a file after it has checked what that will take.
func (p *Processor) decode(ctx context.Context, file []byte) (*picture, error) {
	if len(file) > p.opts.MaxBytes {
		return nil, fmt.Errorf("%w: %d bytes, limit %d", ErrTooLarge, len(file), p.opts.MaxBytes)
	}
	t := Sniff(file)
	config, decode := codec(t.Ext)
	if config == nil {
		return nil, ErrNotAnImage
	}
	if t.Ext == "webp" && isAnimatedWebP(file) {
		return nil, fmt.Errorf("%w: animated WebP", ErrUnsupported)
	}
	c, err := config(bytes.NewReader(file))
	if err != nil {
		return nil, decodeError(ctx, err)
	}
	if err := p.checkSize(c); err != nil {
		return nil, err
	}
	src := &source{ctx: ctx, file: bytes.NewReader(file), jpeg: t.Ext == "jpg"}
	if t.Ext == "gif" {
		return p.decodeGIF(ctx, file, src)
	}
	m, err := decode(src)
	if err != nil {
		return nil, decodeError(ctx, err)
	}
	_, photograph := m.(*image.YCbCr) // lossy, and without transparency
	m = makeUpright(m, findOrientation(t.Ext, file))
	switch {
	case t.Ext == "webp" && photograph:
		t, _ = ByExt("jpg")
	case t.Ext == "webp":
		t, _ = ByExt("png")
	}
	return &picture{still: m, stillType: t}, nil
}

// isAnimatedWebP looks at the flags of the extended header (RFC 9649 2.7).
func isAnimatedWebP(file []byte) bool {
	const animation = 1 << 1
	header, ok := webpChunk(file, "VP8X")
	return ok && len(header) > 0 && header[0]&animation != 0
}

func (p *Processor) decodeGIF(ctx context.Context, file []byte, src io.Reader) (*picture, error) {
	a, err := measureGIF(file)
	switch {
	case err != nil:
		return nil, decodeError(ctx, err)
	case a.frames > p.opts.MaxFrames:
		return nil, fmt.Errorf("%w: %d frames, limit %d", ErrTooManyPixels, a.frames, p.opts.MaxFrames)
	case a.pixels > 4*int64(p.opts.MaxPixels):
		return nil, fmt.Errorf("%w: %d in %d frames, limit %d", ErrTooManyPixels, a.pixels, a.frames, 4*int64(p.opts.MaxPixels))
	}
	g, err := gif.DecodeAll(src)
	if err != nil {
		return nil, decodeError(ctx, err)
	}
	t, _ := ByExt("png")
	return &picture{still: firstFrame(g), stillType: t, frames: g}, nil
}

// codec returns the decoder for a type, nil if there is none. The registry of
// the package image is not used: any package of the program can add to it.
func codec(ext string) (config func(io.Reader) (image.Config, error), decode func(io.Reader) (image.Image, error)) {
	switch ext {
	case "jpg":
		return jpeg.DecodeConfig, jpeg.Decode
	case "png":
		return png.DecodeConfig, png.Decode
	case "gif":
		return gif.DecodeConfig, gif.Decode
	case "webp":
		return webp.DecodeConfig, webp.Decode
	}
	return nil, nil
}

func (p *Processor) checkSize(c image.Config) error {
	if c.Width <= 0 || c.Height <= 0 {
		return fmt.Errorf("%w: %d by %d pixels", ErrDamaged, c.Width, c.Height)
	}
	if c.Width > maxSide || c.Height > maxSide {
		return fmt.Errorf("%w: %d by %d, limit %d a side", ErrTooManyPixels, c.Width, c.Height, maxSide)
	}
	pixels := int64(c.Width) * int64(c.Height)
	if c.ColorModel == color.RGBA64Model || c.ColorModel == color.NRGBA64Model {
		pixels *= 2
	}
	if pixels > int64(p.opts.MaxPixels) {
		return fmt.Errorf("%w: %d by %d, limit %d", ErrTooManyPixels, c.Width, c.Height, p.opts.MaxPixels)
	}
	return nil
}

// decodeError gives what a decoder reports one of the meanings in errors.go.
func decodeError(ctx context.Context, err error) error {
	var jpegFeature jpeg.UnsupportedError
	var pngFeature png.UnsupportedError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, ErrUnsupported):
		return err
	case errors.As(err, &jpegFeature), errors.As(err, &pngFeature):
		return fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

// source is a file on its way into a decoder. It ends with an error when the
// context does, and when a JPEG has had too many scans. Counting what the
// decoder gets, instead of looking through the file before, leaves no room for
// a scan that only the decoder sees.
type source struct {
	ctx   context.Context
	file  *bytes.Reader
	jpeg  bool
	last  byte // of the bytes given so far
	scans int
}

func (s *source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := s.file.Read(p)
	if !s.jpeg {
		return n, err
	}
	for _, b := range p[:n] {
		if s.last == 0xff && b == 0xda {
			s.scans++
		}
		s.last = b
	}
	if s.scans > maxScans {
		return 0, fmt.Errorf("%w: more than %d scans", ErrUnsupported, maxScans)
	}
	return n, err
}

// fit scales a size down so that its longer side is at most side.
func fit(w, h, side int) (int, int) {
	longer := max(w, h)
	if longer <= side {
		return w, h
	}
	shrink := func(n int) int {
		return max(1, int(math.Round(float64(n)*float64(side)/float64(longer))))
	}
	return shrink(w), shrink(h)
}

// scale returns a part of a picture in another size.
func scale(src image.Image, part image.Rectangle, w, h int) image.Image {
	dst := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.CatmullRom.Scale(dst, dst.Rect, src, part, draw.Src, nil)
	return dst
}

// encode writes a still picture; quality matters only for JPEG.
func encode(t Type, m image.Image, quality int) (*Rendition, error) {
	var out bytes.Buffer
	var err error
	if t.Ext == "jpg" {
		err = jpeg.Encode(&out, m, &jpeg.Options{Quality: quality})
	} else {
		err = png.Encode(&out, m)
	}
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", t.Ext, err)
	}
	return &Rendition{Type: t, Bytes: out.Bytes(), Width: m.Bounds().Dx(), Height: m.Bounds().Dy()}, nil
}
