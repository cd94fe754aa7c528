package pumpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"manifold/internal/outbound"
	"manifold/models"
	"manifold/models/vocab"
	"manifold/pumpapi/oauth1"
)

// peer is another server of the pump.io network, as its host-meta describes it:
// where programs register, and the three legs of OAuth 1.0a there.
type peer struct {
	// host has the port where that is not the default one.
	host                                                   string
	register, requestToken, authorize, accessToken, whoami string
}

// errNoPeer means that a host cannot be reached, or says nothing of being a
// server of the network.
var errNoPeer = errors.New("not a server of the pump.io network")

// Limits on what other servers answer.
const (
	maxHostMeta      = 64 << 10 // bytes
	maxHostMetaLinks = 256
)

// findPeer asks a host what it offers (RFC 6415). Where we speak http ourselves,
// on a closed network, others may as well.
func (a *API) findPeer(ctx context.Context, host string) (*peer, error) {
	schemes := []string{"https"}
	if strings.HasPrefix(a.names.Base, "http:") {
		schemes = append(schemes, "http")
	}
	failure := errNoPeer
	for _, scheme := range schemes {
		for _, path := range []string{"/.well-known/host-meta.json", "/.well-known/host-meta"} {
			answer, err := a.outbound.Do(ctx, outbound.Request{URL: scheme + "://" + host + path, MaxBody: maxHostMeta,
				Header: http.Header{"Accept": {"application/json, application/xrd+xml;q=0.5"}}})
			if err != nil {
				failure = fmt.Errorf("%w: %w", errNoPeer, err)
				continue
			}
			if answer.Status != http.StatusOK {
				continue
			}
			links, err := decodeHostMeta(answer.Body)
			if err != nil {
				failure = fmt.Errorf("%w: %w", errNoPeer, err)
				continue
			}
			if p := peerOf(host, links); p != nil {
				return p, nil
			}
		}
	}
	return nil, failure
}

// peerOf finds in links what a server must have, or returns nil. A host speaks
// for itself only: its links may not lead to another.
func peerOf(host string, links []descriptorLink) *peer {
	p := &peer{host: host}
	const oauth = "http://apinamespace.org/oauth/"
	for rel, dest := range map[string]*string{
		"registration_endpoint": &p.register, oauth + "request_token": &p.requestToken, oauth + "authorize": &p.authorize,
		oauth + "access_token": &p.accessToken, "http://apinamespace.org/activitypub/whoami": &p.whoami,
	} {
		for _, l := range links {
			if l.Rel == rel && *dest == "" {
				*dest = l.Href
			}
		}
		if u, err := url.Parse(*dest); err != nil || u.User != nil || hostOf(u) != host {
			return nil
		}
	}
	return p
}

// hostOf returns the host of a web address as we write hosts: in lower case, with
// the port where that is not the default one. It is "" for all else.
func hostOf(u *url.URL) string {
	usual := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	if usual == "" {
		return ""
	}
	return strings.TrimSuffix(strings.ToLower(u.Host), ":"+usual)
}

// descriptorLink is a link of a JRD or XRD.
type descriptorLink struct{ Rel, Type, Href, Template string }

// decodeHostMeta reads the links of a host-meta document, which is JRD or XRD.
// pump.io answers either where both are welcome.
func decodeHostMeta(data []byte) ([]descriptorLink, error) {
	if len(data) > maxHostMeta {
		return nil, wrong("", "the document has %d bytes; at most %d are accepted", len(data), maxHostMeta)
	}
	if trimmed := bytes.TrimLeft(data, " \t\r\n\ufeff"); len(trimmed) > 0 && trimmed[0] == '<' {
		return decodeXRD(trimmed)
	}
	if err := checkDocument(data); err != nil {
		return nil, err
	}
	var d struct {
		Links []struct{ Rel, Type, Href, Template string }
	}
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, wrong("links", "not a list of links")
	}
	if len(d.Links) > maxHostMetaLinks {
		return nil, wrong("links", "there are %d links; at most %d are accepted", len(d.Links), maxHostMetaLinks)
	}
	links := make([]descriptorLink, len(d.Links))
	for i, l := range d.Links {
		links[i] = descriptorLink{Rel: l.Rel, Type: l.Type, Href: l.Href, Template: l.Template}
	}
	return links, nil
}

// decodeXRD reads the links on the first level of an XRD document.
func decodeXRD(data []byte) ([]descriptorLink, error) {
	d := xml.NewDecoder(bytes.NewReader(data))
	var links []descriptorLink
	for depth := 0; ; {
		t, err := d.Token()
		if err == io.EOF && depth == 0 {
			return links, nil
		}
		if err != nil {
			return nil, wrong("", "not XML, at byte %d", d.InputOffset())
		}
		switch e := t.(type) {
		case xml.EndElement:
			depth--
		case xml.StartElement:
			if depth++; depth > maxDepth || len(links) > maxHostMetaLinks {
				return nil, wrong("", "the document is too deep or has too many links")
			}
			if depth == 2 && e.Name.Local == "Link" {
				links = append(links, linkOf(e))
			}
		}
	}
}

func linkOf(e xml.StartElement) descriptorLink {
	var l descriptorLink
	for _, attr := range e.Attr {
		switch attr.Name.Local {
		case "rel":
			l.Rel = attr.Value
		case "type":
			l.Type = attr.Value
		case "href":
			l.Href = attr.Value
		case "template":
			l.Template = attr.Value
		}
	}
	return l
}

// clientAt returns this server as a program registered at a peer. With anew it
// registers whether it has before or not.
func (a *API) clientAt(ctx context.Context, p *peer, anew bool) (*models.RemoteClient, error) {
	if !anew {
		known, err := a.db.RemoteClient(ctx, p.host)
		if !errors.Is(err, models.ErrNotFound) {
			return known, err
		}
	}
	form := url.Values{"type": {"client_associate"}, "application_type": {"web"}, "application_name": {a.bridge.SiteName()},
		"redirect_uris": {a.returnAddress(p.host)}}
	answer, err := a.outbound.Do(ctx, outbound.Request{Method: http.MethodPost, URL: p.register, Body: []byte(form.Encode()), MaxBody: maxHostMeta,
		Header: http.Header{"Content-Type": {oauth1.FormType}, "Accept": {"application/json"}}})
	if err != nil {
		return nil, fmt.Errorf("registering at %s: %w", p.host, err)
	}
	var in struct {
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
	}
	if answer.Status != http.StatusOK || json.Unmarshal(answer.Body, &in) != nil || in.ClientID == "" || in.ClientSecret == "" {
		return nil, fmt.Errorf("registering at %s: status %d, no client", p.host, answer.Status)
	}
	c := &models.RemoteClient{Host: p.host, ClientID: in.ClientID, Secret: in.ClientSecret, Created: a.now()}
	return c, a.db.Write(ctx, func(tx *models.Tx) error { return tx.SetRemoteClient(ctx, c) })
}

// returnAddress is where a server sends people back to who have logged in there.
func (a *API) returnAddress(host string) string {
	return a.names.Base + "/main/authorized/" + url.PathEscape(host)
}

// errRefused means that a peer does not accept what a request was signed with.
var errRefused = errors.New("the credentials were not accepted")

// ask sends a peer a signed request. It never signs for another host.
func (a *API) ask(ctx context.Context, host string, s *oauth1.Signer, call oauth1.Call, r outbound.Request) (*outbound.Response, error) {
	r.Sign = func(req *http.Request) error {
		if hostOf(req.URL) != host {
			return fmt.Errorf("it leads to %s", req.URL.Host)
		}
		call.Method, call.URL = req.Method, req.URL
		header, err := s.AuthorizationHeader(call)
		req.Header.Set("Authorization", header)
		return err
	}
	answer, err := a.outbound.Do(ctx, r)
	if err != nil {
		return nil, err
	}
	switch answer.Status {
	case http.StatusOK:
		return answer, nil
	case http.StatusBadRequest, http.StatusUnauthorized:
		return answer, fmt.Errorf("%w: status %d", errRefused, answer.Status)
	}
	return answer, fmt.Errorf("status %d", answer.Status)
}

// askForToken gets a temporary credential of a peer, or exchanges one.
func (a *API) askForToken(ctx context.Context, p *peer, address string, s *oauth1.Signer, call oauth1.Call) (oauth1.TokenReply, error) {
	answer, err := a.ask(ctx, p.host, s, call, outbound.Request{Method: http.MethodPost, URL: address, MaxBody: maxHostMeta})
	if err != nil {
		return oauth1.TokenReply{}, fmt.Errorf("asking %s for a token: %w", p.host, err)
	}
	t, err := oauth1.ParseTokenReply(answer.Body)
	if err == nil && !(readable(t.Token) && readable(t.Secret)) {
		err = errors.New("the token is not text")
	}
	return t, err
}

// askWho asks a peer for the person whom it has given us a token of.
func (a *API) askWho(ctx context.Context, p *peer, s *oauth1.Signer) (*vocab.Object, error) {
	answer, err := a.ask(ctx, p.host, s, oauth1.Call{}, outbound.Request{URL: p.whoami, MaxBody: MaxDocument, Header: http.Header{"Accept": {"application/json"}}})
	if err != nil {
		return nil, fmt.Errorf("asking %s who it is: %w", p.host, err)
	}
	person, err := DecodeObject(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("%s says who it is: %w", p.host, err)
	}
	return person, nil
}

// postInbox is where other servers of the network deliver what their people do. They
// have to have shown whom they speak for when they registered, by Dialback, which is
// not done here yet: so nobody has an identity that deliveries are accepted of.
func (a *API) postInbox(http.ResponseWriter, *http.Request, *caller) error {
	return refuse(http.StatusUnauthorized, "Authentication required")
}
