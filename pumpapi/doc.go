// Package pumpapi is the pump.io network: its client API, with OAuth 1.0a, and
// the JSON form of Activity Streams 1.0 that it speaks.
//
// Clients of 2013 build most addresses by hand and read answers in ways of their
// own; where this package does something odd, a comment names the client that
// needs it. What verbs do is not decided here: a handler authenticates, bounds
// and decodes a request, hands it to package bridge or reads from the store, and
// encodes the answer. routes.go shows the whole surface.
package pumpapi
