// Package gnusocial is a server that speaks OStatus as GNU social does, for tests. It
// was written from what GNU social 1 and 2 were seen to send and to accept, and shares
// no code with the server under test: what both get wrong in the same way would be
// seen by nobody.
//
// It is strict where GNU social is, and so refuses what a tolerant peer would let
// pass:
//
//   - a slap whose content type is not exactly that of a magic envelope, whose payload
//     is no single entry, or that has nothing to do with the one it is sent to;
//   - a descriptor that does not name what was asked for, which is the end of a
//     process of GNU social 2;
//   - a feed by the wrong content type, without an author or without a hub;
//   - answers of a hub other than 202 and 204, of a salmon endpoint other than 200, 201
//     and 202;
//   - a topic that is not the address of one of its feeds, character by character;
//   - names longer than a column of its database, which has 191 bytes.
//
// Whatever is refused is written down, see [Server.Refused]. It has the oddities of
// GNU social as well, which its neighbours have to bear: an unfollow always has the same
// id, a deletion has the id of what is deleted, a group's descriptor names a wrong
// salmon endpoint, and nothing is ever sent twice, received or not.
//
// A key that was seen once is held for ever. Requests are of HTTP/1.0.
package gnusocial
