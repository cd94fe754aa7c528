// Package vocab is the vocabulary that all networks are translated into and
// out of: one tree of plain Go values in the manner of Activity Streams 1.0.
//
// An [Activity] says that an actor did something (its verb) to an object. An
// [Object] is anything that can be acted upon: a note, a photo, a person, a
// list, a place. Verbs and object types are open sets: a short name such as
// "post" or "note" is a word of the Activity Streams 1.0 base schema
// (http://activitystrea.ms/specs/json/schema/activity-schema.html), everything
// else is an IRI or a word that somebody made up, and travels unchanged.
//
// Nothing is lost in the tree: a member that no field names is kept, byte for
// byte but for white space between its parts, in Extra under its full IRI.
//
// The package imports nothing of ours and touches neither store nor wire.
package vocab
