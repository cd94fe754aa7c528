package bridge

import "manifold/models"

// reserved are the first parts of the paths that this server answers, now or
// one day, and names that well-known files have: nobody may take them as a
// nickname. A test walks the router and finds each of its paths here.
var reserved = map[string]bool{}

func init() {
	for _, name := range []string{
		".well-known", "about", "account", "actor", "admin", "api", "apple-touch-icon.png", "assets", "auth", "authorize_interaction", "bridged",
		"contribute.json", "css", "doc", "docs", "favicon.ico", "favicon.svg", "feed", "followers", "following", "groups", "healthz", "help",
		"hub", "humans.txt", "images", "inbox", "index.html", "invite", "javascript", "js", "local", "login", "logout", "main",
		"manifest.json", "media", "metrics", "nodeinfo", "notice", "ns", "oauth", "oauth2", "outbox", "privacy", "proxy", "public", "public.atom",
		"readyz", "register", "robots.txt", "root", "salmon", "search", "security.txt", "settings", "shared", "sitemap.xml",
		"static", "status", "statuses", "tag", "tags", "terms", "undefined", "uploads", "user", "users", "well-known",
	} {
		reserved[models.Fold(name)] = true
	}
}

// Reserved reports whether a nickname cannot be given to anybody, whatever the
// case of its letters.
func Reserved(nick string) bool { return reserved[models.Fold(nick)] }
