// Package proof makes and verifies integrity proofs inside of JSON documents, as
// the fediverse uses them (FEP-8b32), and reads and writes the Multikeys that they
// are verified with (FEP-521a).
//
// A signature over a request proves who sent it. When a server passes on an
// activity that somebody else made, such as a reply to those who follow the thread,
// it cannot sign for the author. An activity with a proof inside needs no signature
// of its sender: whoever reads it takes the public key of the author and checks the
// document itself.
//
// A proof is a member "proof" of the document, of the type DataIntegrityProof with
// the cryptosuite eddsa-jcs-2022 (https://www.w3.org/TR/vc-di-eddsa/, 3.3). It is
// made in these steps, which [Make] takes:
//
//  1. The document is written in the one canonical way of RFC 8785, and hashed by
//     SHA-256.
//  2. The same is done with the proof as it will be, without its value but with the
//     "@context" of the document.
//  3. The hash of the proof and the hash of the document, in this order, are signed
//     by an Ed25519 key; the signature, in base58 after the letter z, is the value.
//
// To verify, [Read] finds the proof of a document and tells the id of its key, the
// caller fetches the key from the owner of that id and makes sure that the owner is
// the actor of the activity, and [Proof.Verify] checks. Every way in which this can
// fail is a [Status].
package proof
