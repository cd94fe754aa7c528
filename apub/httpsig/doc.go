// Package httpsig signs HTTP requests and verifies signatures of them, in the two
// ways that servers of the fediverse do it.
//
// A server that hands an activity to another one proves who sends it by a
// signature over the request, made with the private key of the actor. The
// receiver fetches the actor by the key id that the signature names, takes the
// public key from it, and checks. The older way is draft-cavage-http-signatures-12
// (one header, "Signature", over the lines of some headers), which everybody
// understands; the newer is RFC 9421 (two headers, "Signature-Input" and
// "Signature", over named components). [Spec] tells them apart. A request carries
// one or the other, never both, since both use the header "Signature".
//
// To sign, make a [Key] once for each actor and a [Digest] once for each body, and
// call [Key.Sign] with each request just before it is sent: the date is a part of
// what is signed, so a repeated request is signed anew. All three may be used by
// any number of goroutines, and what they cost is the RSA operation.
//
// To verify, the receiver takes these steps:
//
//  1. [Verifier.Parse] reads the signature and checks all that needs no key: that
//     it covers what it must, that it is recent, that the digest is that of the
//     body, and that the request was meant for this server. The [Signature] tells
//     the key id; nothing is proven yet.
//  2. The caller finds the public key of that id in its cache or fetches it from
//     its owner, and makes sure that the owner is who the request claims to be
//     from. [ParsePublicKey] reads what actors publish.
//  3. [Signature.Verify] checks the signature with the key. A caller whose key came
//     from a cache fetches it once more when this fails, since actors change keys.
//
// Every way in which this can fail is a [Status] of its own, and [StatusOf] finds
// it in an error. A server answers 401 to all of them, and names [AcceptSignature]
// there, by which senders learn that they may sign by RFC 9421.
//
// The cryptography and the text that is signed are those of the packages
// github.com/go-fed/httpsig and github.com/remitly-oss/httpsig-go. Neither says
// what makes a signature sufficient; that, and what real senders do differently,
// is what this package is about. The algorithm is chosen by the key, and never by
// what a request says it was.
package httpsig
