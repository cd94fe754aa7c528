package pumpapi

import (
	"net/http"

	"manifold/models"
)

// publicParts are the parts of the timeline of everything that people here do
// for everybody, which users of pump.io asked for in vain.
var publicParts = []feedPart{
	{"/major", models.Major, "Major public activities"},
	{"/minor", models.Minor, "Minor public activities"},
	{"", models.All, "Public activities"},
}

// getPublic serves the public timeline to anybody.
func (a *API) getPublic(part feedPart) handler {
	return func(w http.ResponseWriter, r *http.Request, c *caller) error {
		return a.serveStream(w, r, c, a.streamOf(0, models.PublicStream, part))
	}
}
