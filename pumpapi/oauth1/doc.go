// Package oauth1 is OAuth 1.0a (RFC 5849) for servers, with as much of the
// client's side as a server needs to call its peers and to test itself.
//
// OAuth 1.0a lets a program act for a user without knowing the user's password,
// and without TLS being what protects the request. Two pairs of strings do it:
// the program (the "consumer") has a key and a secret, and for each user who
// agreed it has a token and a token secret. The key and the token travel with
// every request; the two secrets never do. Instead the program computes an HMAC
// over a canonical text of the request, the signature base string, keyed with
// both secrets, and sends that. The server, which knows the secrets too, builds
// the same text from what arrived and compares. A timestamp and a nonce inside
// the signed text keep a recorded request from being sent a second time.
//
// A server handles a signed request in these steps:
//
//  1. [FromHTTP] collects what the signature covers: the method, the path and
//     the query exactly as they arrived, the Authorization header, and the body
//     if [IsForm] says that it is a form.
//  2. [Parse] finds the OAuth parameters (in the header, the query or the form)
//     and puts all parameters into the order in which they are signed. Its
//     [Message] says who claims to be calling; nothing is proven yet.
//  3. The caller looks up the secrets of Message.ConsumerKey and Message.Token
//     in its own store. An unknown key or token ends here.
//  4. [Verifier.Verify] checks the signature method, the timestamp and the
//     signature.
//  5. A [NonceMemory] is asked whether the request was seen before. Servers that
//     keep nonces in memory do steps 4 and 5 at once with [Verifier.VerifyOnce];
//     a server that writes to a database can store [Message.NonceKey] under a
//     unique index in the transaction that carries out the request.
//
// A token comes into being in three legs (RFC 5849 section 2): the consumer asks
// for a request token, naming a callback ([CheckCallback], [TokenReply]); the
// user is shown a page and agrees, and the server sends the browser back with a
// verifier ([RedirectURL], [NewIdentifier]); the consumer exchanges request token
// and verifier for the access token ([TokenReply] again).
//
// Parameters are signed in decoded and re-encoded form, so it does not matter
// which of the permitted escapes a client chose on the wire. Scheme and host are
// not on the wire behind a TLS proxy, and clients spell them in more than one
// way; a [Verifier] is therefore told the public base URLs of its server and
// accepts a signature over any of them.
//
// Supported signature methods are HMAC-SHA1, which RFC 5849 defines, HMAC-SHA256,
// which many libraries added with the same construction, and PLAINTEXT, which
// sends the secrets themselves and must be confined to TLS (RFC 5849 3.4.4).
// RSA-SHA1 is not supported.
package oauth1
