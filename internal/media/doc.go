// Package media makes uploaded files safe to show, and stores them.
//
// A file that a stranger uploads may be something else than it says: a web page
// named picture.png, a picture that unpacks to gigabytes, a photograph that
// tells where its owner lives. A file goes through these steps:
//
//  1. Decide tells from the bytes what it is. What the uploader says only tells
//     apart what looks the same in them.
//  2. A JPEG, PNG, GIF or WebP goes through a Processor: size and number of
//     pixels are checked before anything is unpacked, the picture is turned
//     upright as its EXIF orientation says, and then written anew. Only pixels
//     survive that; position, camera, comments, previews, colour profiles and
//     whatever was hidden behind the picture are gone. A smaller rendition for
//     lists, or an avatar, is made in the same go.
//  3. Everything else is kept as it is. Serving tells how to hand it out:
//     recordings may be played in place, while SVG, text and the unknown,
//     which could carry a script, are to be downloads.
//  4. A Store keeps it under a name that nobody can guess.
//
// A handler that serves stored files sends the type that Serving returns, with
// X-Content-Type-Options: nosniff and Content-Security-Policy: default-src
// 'none'; sandbox, and Content-Disposition: attachment unless Serving says
// that it may be shown in place.
//
// A Cache is for the opposite case: copies of pictures that lie elsewhere and
// can be had again, in a folder that may not grow beyond a bound.
package media
