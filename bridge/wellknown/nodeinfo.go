package wellknown

import (
	"context"
	"net/http"
	"sync"
	"time"

	"manifold/models"
)

const nodeInfoSchema = "http://nodeinfo.diaspora.software/ns/schema/"

// nodeInfoLinks tells where the documents are.
func (s *Server) nodeInfoLinks(w http.ResponseWriter, r *http.Request) error {
	d := &Descriptor{}
	// GoToSocial takes the last link and reads 2.0 only.
	for _, version := range []string{"2.1", "2.0"} {
		d.Links = append(d.Links, Link{Rel: nodeInfoSchema + version, Href: s.names.Base + "/nodeinfo/" + version})
	}
	for _, n := range s.networks {
		d.Links = append(d.Links, n.DescribeHost().NodeInfo...)
	}
	sendJSON(w, r, http.StatusOK, "application/json; charset=utf-8", d)
	return nil
}

// nodeInfo is a document of NodeInfo 2.0 or 2.1, which differ in what we do not
// tell.
type nodeInfo struct {
	Version           string           `json:"version"`
	Software          nodeSoftware     `json:"software"`
	Protocols         []string         `json:"protocols"`
	Services          nodeServices     `json:"services"`
	OpenRegistrations bool             `json:"openRegistrations"`
	Usage             nodeUsage        `json:"usage"`
	Metadata          nodeInfoMetadata `json:"metadata"`
}

type nodeSoftware struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

type nodeServices struct {
	Inbound  []string `json:"inbound"`
	Outbound []string `json:"outbound"`
}

type nodeUsage struct {
	Users struct {
		Total          int64 `json:"total"`
		ActiveMonth    int64 `json:"activeMonth"`
		ActiveHalfyear int64 `json:"activeHalfyear"`
	} `json:"users"`
	LocalPosts int64 `json:"localPosts"`
}

type nodeInfoMetadata struct {
	NodeName string `json:"nodeName"`
}

func (s *Server) nodeInfo(version string) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		u, err := s.usage.read(r.Context(), s)
		if err != nil {
			return err
		}
		doc := nodeInfo{Version: version, Software: nodeSoftware{"manifold", s.version}, Protocols: []string{},
			Services: nodeServices{Inbound: []string{}, Outbound: []string{}}, OpenRegistrations: s.open, Metadata: nodeInfoMetadata{s.site}}
		doc.Usage.Users.Total, doc.Usage.Users.ActiveMonth, doc.Usage.Users.ActiveHalfyear = u.Accounts, u.ActiveMonth, u.ActiveHalfYear
		doc.Usage.LocalPosts = u.Posts
		for _, n := range s.networks {
			h := n.DescribeHost()
			if h.Protocol != "" {
				doc.Protocols = append(doc.Protocols, h.Protocol)
			}
			doc.Services.Outbound = append(doc.Services.Outbound, h.Outbound...)
		}
		w.Header().Set("Cache-Control", "public, max-age=1800")
		sendJSON(w, r, http.StatusOK, `application/json; profile="`+nodeInfoSchema+version+`#"; charset=utf-8`, doc)
		return nil
	}
}

// usageFor is how long numbers are told before they are counted again. Crawlers
// ask many servers rarely, but all of them ask.
const usageFor = 15 * time.Minute

// usage keeps what was counted last.
type usage struct {
	mu      sync.Mutex
	counted time.Time
	last    models.Usage
}

// read counts once for all who ask at the same time.
func (u *usage) read(ctx context.Context, s *Server) (models.Usage, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := s.now()
	if age := now.Sub(u.counted); !u.counted.IsZero() && age >= 0 && age < usageFor {
		return u.last, nil
	}
	last, err := s.db.Usage(ctx, now)
	if err != nil {
		return models.Usage{}, err
	}
	u.last, u.counted = last, now
	return last, nil
}
