package media_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"os"
	"time"

	"manifold/internal/media"
)

// The way of an uploaded picture: made anew, then stored with its thumbnail.
func Example() {
	var upload bytes.Buffer
	if err := png.Encode(&upload, image.NewGray(image.Rect(0, 0, 800, 600))); err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	processor := media.NewProcessor(media.Options{})
	original, thumb, err := processor.ProcessImage(ctx, upload.Bytes())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s of %dx%d, thumbnail of %dx%d\n", original.Type.MIME, original.Width, original.Height, thumb.Width, thumb.Height)

	dir, err := os.MkdirTemp("", "uploads")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	var store media.Store
	if store, err = media.OpenFolder(dir); err != nil {
		fmt.Println(err)
		return
	}
	name, err := media.NewName("ann", original.Type.Ext, time.Now())
	if err == nil {
		_, err = store.Create(ctx, name, bytes.NewReader(original.Bytes))
	}
	if err == nil {
		_, err = store.Create(ctx, media.ThumbName(name, thumb.Type.Ext), bytes.NewReader(thumb.Bytes))
	}
	fmt.Println("stored:", err == nil)
	// Output:
	// image/png of 800x600, thumbnail of 320x240
	// stored: true
}
