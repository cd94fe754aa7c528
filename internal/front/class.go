package front

import (
	"net/http"
	"strings"
)

// logins are the paths where passwords are tried and accounts, programs and
// tokens are made.
var logins = map[string]bool{
	"/api/users": true, "/api/client/register": true,
	"/oauth/request_token": true, "/oauth/access_token": true, "/oauth/authorize": true,
	"/oauth2/authz": true, "/oauth2/authc": true, "/oauth2/token": true,
	"/main/login": true, "/main/register": true, "/main/remote": true, "/main/recover": true, "/main/redeem-code": true,
}

// ClassOf tells what kind of request this is.
func ClassOf(r *http.Request) Class {
	path := strings.TrimSuffix(r.URL.Path, "/")
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		// Dianara asks for tokens by GET.
		if path == "/oauth/request_token" || path == "/oauth/access_token" {
			return Logins
		}
		return Reads
	}
	switch {
	case logins[path]:
		return Logins
	case isRealtime(r): // SockJS polls by POST
		return Reads
	case strings.HasPrefix(path, "/api/user/") && strings.HasSuffix(path, "/uploads"), path == "/main/upload", path == "/main/upload-avatar":
		return Uploads
	case strings.HasSuffix(path, "/inbox"), path == "/hub", strings.HasPrefix(path, "/salmon/"):
		return Deliveries
	}
	return Writes
}
