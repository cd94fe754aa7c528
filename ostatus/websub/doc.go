// Package websub is WebSub (W3C, 2018) and what it was before, PubSubHubbub 0.3
// and 0.4: how a server gets to know that a feed has something new without
// asking again and again.
//
// Three parties take part. A publisher has a topic, which is the address of a
// feed, and names a hub in it. A subscriber asks the hub for the topic and names
// a callback. The hub asks at the callback whether that was meant (verification
// of intent), and from then on posts what is new to it, signed with a secret that
// the subscriber has chosen. A subscription ends after a lease, unless it is
// asked for again.
//
// A server that is its own hub goes through these steps:
//
//  1. [Hub.Handle] reads what a subscriber posts, refuses what cannot be, and has
//     the [HubStore] keep the rest. Subscribers that follow 0.3 may ask to be
//     verified before they are answered.
//  2. [Hub.Verify], called by whatever works on the store's queue, asks the callback
//     and has the store activate or remove the subscription.
//  3. When the feed has something new, [Hub.Deliver] posts it to one callback and
//     says what came of it. To whom, in which order and how often it is tried again
//     is for the caller.
//
// A subscriber goes through these:
//
//  1. [Discover] finds topic and hub in the headers of an answer and in the links
//     of a feed.
//  2. [Subscriber.Subscribe] makes a secret and an address that nobody can guess,
//     has the [SubscriberStore] keep both, and asks the hub.
//  3. [Subscriber.Confirm] answers the hub's question at that address: yes only to
//     what was asked for.
//  4. [Subscriber.Receive] says of each body that is posted to the address whether
//     it is by the hub. What is not gets the same answer and no effect: whoever
//     tries secrets learns nothing.
//  5. [Subscription.RenewAt] says when to ask again.
//
// Section numbers are those of the W3C Recommendation, or of PubSubHubbub Core
// where it says so.
package websub
