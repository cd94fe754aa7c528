// Package web shows what is public to people with a browser: it is what the
// addresses point to that the server gives out.
//
// It is no client. Nobody logs in, writes or reads an inbox here; people do that
// with a program that speaks with one of the networks. There is a page for the
// site, one for each person with what they posted for everybody, and one for
// each public thing with the answers to it. A program that follows such an
// address by mistake is sent on to where programs read the same.
//
// A request goes through these steps:
//
//  1. The nickname is looked up. One that is spelled in other cases is redirected
//     to the right spelling; a person who has left is gone (410).
//  2. What the path names is looked up and has to be visible to a stranger.
//     What is not public is answered as what does not exist.
//  3. A client that would rather have JSON is redirected to the API.
//  4. Everything that the page shows is read by a fixed number of queries
//     (load.go), turned into views (view.go) and printed (*.templ). HTML from
//     people is cleaned once more on its way (markup.go).
//
// The pages are plain HTML and one stylesheet, without scripts, cookies and
// forms, and the Content-Security-Policy says so to the browser. Pictures may
// come from other servers, since pictures of people elsewhere, and those inside
// what they write, are not copied here; they are asked for without a referrer,
// and over https unless this server itself is on plain http.
//
// Nothing else depends on this package. [Pages.RegisterNone] is what is left
// when it is switched off.
package web
