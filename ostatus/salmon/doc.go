// Package salmon is the Salmon protocol: how one server tells another of
// something that it would not see in a feed it reads, and how the other knows who
// says so.
//
// What is told (a reply, a mention, a follow) is an Atom entry with its author.
// It travels as the payload of a magic envelope, which is an XML or JSON document
// with the entry in base64url and an RSA signature by its author; the envelope is
// posted to the salmon endpoint of the one concerned. The public key stands in
// the author's descriptor (see package xrd) as a magic-public-key. There is no
// session, no nonce and no date outside of the entry: all that a signature proves
// is that the holder of a key once wrote this entry.
//
// A receiver goes through these steps:
//
//  1. [Parse] reads the envelope, within limits. Nothing is proven yet.
//  2. [Envelope.Payload] is the entry; its author is who is said to have signed.
//  3. The descriptor of the author is looked up at the author's own host. [Bind]
//     says whether it is about the author at all: without that, anybody could
//     sign with a key of their own and name somebody else.
//  4. [Verifier.Verify] checks the signature with the key of the descriptor
//     ([ParsePublicKey]). Its [Result] says why it is not good, and when it is, in
//     which of the forms of the protocol it was made. Where the key was stored
//     earlier and the signature is not of it, the descriptor is worth one fresh
//     look.
//  5. [Window.Judge] says whether the entry is recent, and [Fingerprint] names it
//     such that it is accepted only once. Without both, a recorded "unfollow"
//     could be sent again at any time.
//
// A sender makes an envelope with [Sign] and posts [Envelope.XML] with the
// content type [MediaType], exactly and without a charset: GNU social compares
// the header as a string. It takes 200, 201 and 202 for success.
//
// The specifications are the drafts "The Salmon Protocol" and "Magic Signatures"
// of 2010, of which no final version exists; sections are those of
// draft-panzer-magicsig-01. Servers followed different versions: see [Form].
package salmon
