package media

import (
	"image"
	"image/draw"
)

// turn says where a pixel of the upright picture comes from: exchange its
// coordinates first, then count from the far edge.
type turn struct {
	exchange, fromRight, fromBottom bool
}

func (o orientation) turn() turn {
	switch o {
	case mirrored:
		return turn{fromRight: true}
	case upsideDown:
		return turn{fromRight: true, fromBottom: true}
	case flipped:
		return turn{fromBottom: true}
	case transposed:
		return turn{exchange: true}
	case turnedLeft:
		return turn{exchange: true, fromBottom: true}
	case transverse:
		return turn{exchange: true, fromRight: true, fromBottom: true}
	case turnedRight:
		return turn{exchange: true, fromRight: true}
	}
	return turn{}
}

// makeUpright turns a picture that lies as o says. It keeps the pixel format of
// what photographs come in, since a JPEG in RGBA would take 2.7 times the
// memory and lose a little by the conversion.
func makeUpright(src image.Image, o orientation) image.Image {
	t := o.turn()
	if t == (turn{}) {
		return src
	}
	r := src.Bounds()
	size := r.Size()
	if t.exchange {
		size.X, size.Y = size.Y, size.X
	}
	turned := image.Rectangle{Max: size}
	switch src := src.(type) {
	case *image.YCbCr:
		if ratio, ok := t.chroma(src); ok {
			dst := image.NewYCbCr(turned, ratio)
			cw, ch := chromaSize(src)
			t.apply(plane{dst.Y, dst.YStride}, plane{src.Y, src.YStride}, r.Dx(), r.Dy(), 1)
			t.apply(plane{dst.Cb, dst.CStride}, plane{src.Cb, src.CStride}, cw, ch, 1)
			t.apply(plane{dst.Cr, dst.CStride}, plane{src.Cr, src.CStride}, cw, ch, 1)
			return dst
		}
	case *image.Gray:
		dst := image.NewGray(turned)
		t.apply(plane{dst.Pix, dst.Stride}, plane{src.Pix, src.Stride}, r.Dx(), r.Dy(), 1)
		return dst
	case *image.NRGBA:
		dst := image.NewNRGBA(turned)
		t.apply(plane{dst.Pix, dst.Stride}, plane{src.Pix, src.Stride}, r.Dx(), r.Dy(), 4)
		return dst
	}
	rgba, dst := toRGBA(src), image.NewRGBA(turned)
	t.apply(plane{dst.Pix, dst.Stride}, plane{rgba.Pix, rgba.Stride}, r.Dx(), r.Dy(), 4)
	return dst
}

func toRGBA(src image.Image) *image.RGBA {
	if rgba, ok := src.(*image.RGBA); ok {
		return rgba
	}
	dst := image.NewRGBA(image.Rectangle{Max: src.Bounds().Size()})
	draw.Draw(dst, dst.Rect, src, src.Bounds().Min, draw.Src)
	return dst
}

// chroma returns the subsampling of the turned picture. ok is false where the
// colour samples cannot be moved as they are: there is no name for the turned
// ratio, or the edge counted from cuts a sample in two, so that the colours
// would shift.
func (t turn) chroma(m *image.YCbCr) (ratio image.YCbCrSubsampleRatio, ok bool) {
	ratio = m.SubsampleRatio
	switch ratio {
	case image.YCbCrSubsampleRatio444, image.YCbCrSubsampleRatio420:
	case image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio440:
		if t.exchange {
			ratio = image.YCbCrSubsampleRatio422 + image.YCbCrSubsampleRatio440 - ratio
		}
	default:
		return 0, false
	}
	cw, ch := chromaSize(m)
	w, h := m.Rect.Dx(), m.Rect.Dy()
	aligned := func(samples, pixels int) bool { return samples == pixels || 2*samples == pixels }
	return ratio, (!t.fromRight || aligned(cw, w)) && (!t.fromBottom || aligned(ch, h))
}

// chromaSize returns the width and height of a picture's colour planes.
func chromaSize(m *image.YCbCr) (w, h int) {
	w, h = m.Rect.Dx(), m.Rect.Dy()
	switch m.SubsampleRatio {
	case image.YCbCrSubsampleRatio420:
		return (w + 1) / 2, (h + 1) / 2
	case image.YCbCrSubsampleRatio422:
		return (w + 1) / 2, h
	case image.YCbCrSubsampleRatio440:
		return w, (h + 1) / 2
	}
	return w, h
}

// plane is a rectangle of samples, row by row.
type plane struct {
	pix    []byte
	stride int
}

// apply fills dst from src, which has w by h samples of the given size in bytes.
func (t turn) apply(dst, src plane, w, h, size int) {
	// Where sample (0, 0) of dst comes from, and how far apart in src two
	// neighbours in a row and in a column of dst are.
	start, right, down := 0, size, src.stride
	if t.fromRight {
		start += (w - 1) * size
		right = -right
	}
	if t.fromBottom {
		start += (h - 1) * src.stride
		down = -down
	}
	if t.exchange {
		w, h = h, w
		right, down = down, right
	}
	for y := range h {
		row := dst.pix[y*dst.stride:]
		from := start + y*down
		for x := range w {
			copy(row[x*size:(x+1)*size], src.pix[from:from+size])
			from += right
		}
	}
}
