package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/gif"
)

// animation is what a GIF would unpack to.
type animation struct {
	frames int
	pixels int64 // of all frames together; most cover only a part of the canvas
}

var errGIFStructure = errors.New("gif: broken block structure")

// measureGIF counts the frames of a GIF without unpacking any, because
// gif.DecodeAll unpacks all and has no limit. It reads blocks exactly as
// image/gif does and refuses what that would read differently, or a frame could
// hide from it.
func measureGIF(file []byte) (animation, error) {
	const (
		trailer        = 0x3b
		extension      = 0x21
		imageBlock     = 0x2c
		plainText      = 0x01
		graphicControl = 0xf9
		comment        = 0xfe
		application    = 0xff
	)
	var a animation
	b := gifBlocks{rest: file}
	b.skipColorTable(b.next(13)[10]) // header, logical screen
	for !b.broken {
		switch b.next(1)[0] {
		case trailer:
			return a, nil
		case extension:
			label, size := b.next(1)[0], b.peek()
			switch {
			case label == plainText && size == 12:
			case label == graphicControl && size == 4:
			case label == application && size > 0:
			case label == comment:
			default:
				b.broken = true
			}
			b.skipSubBlocks()
		case imageBlock:
			d := b.next(9) // left, top, width, height, flags
			a.frames++
			a.pixels += int64(binary.LittleEndian.Uint16(d[4:])) * int64(binary.LittleEndian.Uint16(d[6:]))
			b.skipColorTable(d[8])
			b.next(1) // size of LZW codes
			b.skipSubBlocks()
		default:
			b.broken = true
		}
	}
	return a, errGIFStructure
}

// gifBlocks reads a GIF. Once it is broken it gives zeros.
type gifBlocks struct {
	rest   []byte
	broken bool
}

// next returns the next n bytes, n at most 13.
func (b *gifBlocks) next(n int) []byte {
	if b.broken || len(b.rest) < n {
		b.broken = true
		return make([]byte, 13)
	}
	p := b.rest[:n]
	b.rest = b.rest[n:]
	return p
}

func (b *gifBlocks) peek() byte {
	if len(b.rest) == 0 {
		b.broken = true
		return 0
	}
	return b.rest[0]
}

func (b *gifBlocks) skip(n int) {
	if len(b.rest) < n {
		b.broken = true
		return
	}
	b.rest = b.rest[n:]
}

func (b *gifBlocks) skipColorTable(flags byte) {
	if flags&0x80 != 0 {
		b.skip(3 << (1 + flags&7))
	}
}

func (b *gifBlocks) skipSubBlocks() {
	for !b.broken {
		size := b.next(1)[0]
		if size == 0 {
			return
		}
		b.skip(int(size))
	}
}

// firstFrame returns what an animation shows first, on its whole canvas.
func firstFrame(g *gif.GIF) image.Image {
	canvas := image.Rect(0, 0, g.Config.Width, g.Config.Height)
	if g.Image[0].Rect == canvas {
		return g.Image[0]
	}
	m := image.NewRGBA(canvas)
	draw.Draw(m, g.Image[0].Rect, g.Image[0], g.Image[0].Rect.Min, draw.Src)
	return m
}

// encodeGIF writes all frames with their delays, their disposal and the loop
// count. Comments and application data are not part of a gif.GIF.
func encodeGIF(g *gif.GIF) (*Rendition, error) {
	var out bytes.Buffer
	if err := gif.EncodeAll(&out, g); err != nil {
		return nil, fmt.Errorf("encoding gif: %w", err)
	}
	t, _ := ByExt("gif")
	return &Rendition{Type: t, Bytes: out.Bytes(), Width: g.Config.Width, Height: g.Config.Height}, nil
}
