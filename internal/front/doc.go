// Package front is what stands before all handlers of the server, whatever the
// network: the rules of HTTP that hold for every address.
//
// A request passes these stations, in this order:
//
//  1. The path prefix of the public address is taken off, so that handlers know
//     paths as they would be without one. A proxy may have done so already.
//  2. The fields that keep browsers safe are set; a handler may set others.
//  3. Who looks around at another host name than the public one is sent there.
//  4. The address that the request comes from pays for it, see [Limiter]. Who is
//     behind the request is known only when it has been authenticated: a handler
//     calls [Limiter.Identified] then.
//  5. Scripts of other sites may read what anybody may read, see cors.go.
//  6. A POST that stands for a PUT or DELETE becomes one.
//  7. OPTIONS is answered with the methods that there are.
//  8. The answer is compressed where it is worth it.
//
// Health checks pass through untouched. Answers that are streams (a websocket,
// server-sent events, the polling of SockJS) are never wrapped, so that handlers
// find the Flusher and the Hijacker that net/http gave.
//
// [Redirect] is for the second listener, on the port of plain http.
package front
