package media

import "errors"

var (
	// ErrNotAnImage means that the bytes are not a JPEG, PNG, GIF or WebP,
	// whatever they were called.
	ErrNotAnImage = errors.New("not a JPEG, PNG, GIF or WebP image")

	// ErrDamaged means that the bytes start like an image and then break its
	// format or end too early.
	ErrDamaged = errors.New("damaged image")

	// ErrUnsupported means a valid image in a variety of its format that
	// cannot be decoded here: an animated WebP, a lossless or 12-bit JPEG.
	ErrUnsupported = errors.New("unsupported variety of image")

	// ErrTooLarge means that the file has more bytes than Options.MaxBytes, or
	// than a Cache takes.
	ErrTooLarge = errors.New("file is too large")

	// ErrTooManyPixels means that the image, or an animation with all its
	// frames, would unpack to more than Options allow.
	ErrTooManyPixels = errors.New("image has too many pixels")

	// ErrName means a name that no stored file can have.
	ErrName = errors.New("invalid file name")
)
