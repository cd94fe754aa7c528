// Package bridge is the heart of the server: what a verb does, who sees it,
// where it goes, and who is who.
//
// Networks bring activities in normal form (package vocab) that they have
// authenticated: [Bridge.Post] takes those of people who have an account here,
// [Bridge.Receive] those of other servers. Both go the same road. What the
// activity names is resolved to rows; the rule of its verb checks the rights of
// the actor and says what changes; its audience is worked out; and one
// transaction stores all of it, puts it into the streams of everybody here who
// shall see it, and queues the deliveries to those elsewhere. When that is
// durable, whoever watches a stream is told.
//
// There is one rule for each verb (rules in the files named rule_*.go), one
// place where audiences are made (audience.go) and one that distributes
// (distribute.go), for all networks. A network plugs in by the interface
// [Network]; nothing here knows which networks there are.
package bridge
