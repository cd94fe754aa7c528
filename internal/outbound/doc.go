// Package outbound is the one HTTP client for everything that leaves the server.
//
// A federating server fetches addresses that strangers chose: an actor's URL
// in a signature, an inbox in a profile, a picture in a post. Such an address
// may point into the operator's own network (server-side request forgery), at
// a host that never answers, or at an answer that never ends. This client is
// built so that none of that can hurt, and so that one slow peer cannot use up
// what the others need. A request goes through these steps:
//
//  1. The URL must be http or https, with a host and without user or password.
//     The operator may have the host refused.
//  2. The request waits for one of the few places its host has (host and port),
//     as long as its context and its time limit allow.
//  3. The host is resolved, and each address is judged at the moment of
//     connecting, after DNS. A name that changes its address between two
//     look-ups (DNS rebinding) gains nothing by it. No proxy is used.
//  4. TLS is 1.2 or later and always verified.
//  5. A redirect of a GET or HEAD starts again at step 1, a bounded number of
//     times, never from https to http, and without credentials at another
//     host, or not at all where the caller wants none. A redirect of any other method is an error, because nobody has
//     signed for the new address.
//  6. The body is read up to a limit that counts bytes after decompression.
//
// One time limit covers all of it, the last byte of the body included.
//
// Errors keep what the standard library reported, so that errors.As and
// errors.Is tell a timeout (net.Error), a refused connection
// (syscall.ECONNREFUSED), an unknown name (*net.DNSError) and a bad
// certificate (*tls.CertificateVerificationError) apart; what this package
// decides itself has types of its own. Messages name the host but not the
// rest of the URL, whose query may hold a secret.
package outbound
