package apub

import (
	"encoding/json"
	"strings"

	"manifold/models/vocab"
)

// Namespaces of what others have added to AS2.
const (
	asPublic = vocab.NSAS2 + "Public"
	// nsAS2Plain is the namespace as some write it, without the s of https.
	nsAS2Plain  = "http://www.w3.org/ns/activitystreams#"
	nsToot      = "http://joinmastodon.org/ns#"
	nsOStatus   = "http://ostatus.org#"
	nsSchema    = "http://schema.org#"
	nsSecurity  = "https://w3id.org/security#"
	nsMisskey   = "https://misskey-hub.net/ns#"
	nsFedibird  = "http://fedibird.com/ns#"
	nsGTS       = "https://gotosocial.org/ns#"
	nsQuote     = "https://w3id.org/fep/044f#"
	nsLitepub   = "http://litepub.social/ns#"
	nsVcard     = "http://www.w3.org/2006/vcard/ns#"
	nsLemmy     = "https://join-lemmy.org/ns#"
	nsPeerTube  = "https://joinpeertube.org/ns#"
	nsWebFinger = "https://purl.archive.org/socialweb/webfinger#"
	nsDiaspora  = "https://diasporafoundation.org/ns/"
)

// pumpPrefix is how members of Activity Streams 1.0 are written that AS2 has no
// word for: "pump:verb", "pump:position". Their namespace is the one under which
// the vocabulary keeps them.
const pumpPrefix = "pump:"

// prefixes are those that the network agrees on, whatever a document says.
var prefixes = map[string]string{
	"as": vocab.NSAS2, "toot": nsToot, "ostatus": nsOStatus, "schema": nsSchema, "sec": nsSecurity, "misskey": nsMisskey, "fedibird": nsFedibird,
	"gts": nsGTS, "litepub": nsLitepub, "vcard": nsVcard, "lemmy": nsLemmy, "pt": nsPeerTube, "diaspora": nsDiaspora, "pump": vocab.NSAS1,
}

// terms are the members outside of AS2 that we know, with their full names. All
// other bare names count as AS2's own.
var terms = map[string]string{
	"atomUri": nsOStatus + "atomUri", "inReplyToAtomUri": nsOStatus + "inReplyToAtomUri", "conversation": nsOStatus + "conversation",
	"blurhash": nsToot + "blurhash", "focalPoint": nsToot + "focalPoint", "votersCount": nsToot + "votersCount", "Emoji": nsToot + "Emoji",
	"featured": nsToot + "featured", "featuredTags": nsToot + "featuredTags", "discoverable": nsToot + "discoverable", "indexable": nsToot + "indexable",
	"memorial": nsToot + "memorial", "suspended": nsToot + "suspended", "attributionDomains": nsToot + "attributionDomains",
	"quoteUri": nsFedibird + "quoteUri", "_misskey_quote": nsMisskey + "_misskey_quote", "_misskey_reaction": nsMisskey + "_misskey_reaction",
	"_misskey_content": nsMisskey + "_misskey_content", "isCat": nsMisskey + "isCat",
	"quote": nsQuote + "quote", "quoteAuthorization": nsQuote + "quoteAuthorization",
	"interactionPolicy": nsGTS + "interactionPolicy", "approvedBy": nsGTS + "approvedBy",
	"publicKey": nsSecurity + "publicKey", "assertionMethod": nsSecurity + "assertionMethod", "webfinger": nsWebFinger + "webfinger",
	"PropertyValue": nsSchema + "PropertyValue", "value": nsSchema + "value", "QuoteRequest": vocab.VerbQuoteRequest,
	"EmojiReact": nsLitepub + "EmojiReact", "ChatMessage": nsLitepub + "ChatMessage",
}

// bareTerms is the reverse of terms.
var bareTerms = func() map[string]string {
	m := make(map[string]string, len(terms))
	for term, iri := range terms {
		m[iri] = term
	}
	return m
}()

// memberName is the name by which we know a member: JSON-LD allows several for
// each, and servers that do not read it as such use all of them.
func memberName(name string) string {
	if name == "@id" || name == "@type" {
		return name[1:]
	}
	i := strings.IndexByte(name, ':')
	if i < 0 {
		return name
	}
	for _, ns := range [...]string{"as:", vocab.NSAS2, nsAS2Plain} {
		if bare, ok := strings.CutPrefix(name, ns); ok && bare != "" && !strings.Contains(bare, ":") {
			return bare
		}
	}
	if bare, ok := strings.CutPrefix(name, vocab.NSAS1); ok {
		return pumpPrefix + bare
	}
	full := name
	if ns, ok := prefixes[name[:i]]; ok && name[:i] != "pump" {
		full = ns + name[i+1:]
	}
	if term, ok := bareTerms[full]; ok {
		return term
	}
	return name
}

// typeName is the name of a type, without the prefix that a few write before it.
func typeName(name string) string {
	if i := strings.IndexByte(name, ':'); i > 0 {
		return memberName(name)
	}
	return name
}

// definitions are what a document's own context says its terms are.
type definitions map[string]string

// readContext reads the terms that stand in a context itself. Contexts that
// others serve are not fetched: the network reads documents as plain JSON.
func readContext(v *value) definitions {
	var d definitions
	for _, c := range v.items() {
		if c.kind != '{' {
			continue
		}
		for term, def := range c.members {
			iri, ok := def.string()
			if !ok {
				iri, ok = def.member("id").string()
			}
			if !ok || strings.HasPrefix(term, "@") {
				continue
			}
			if d == nil {
				d = definitions{}
			}
			d[term] = iri
		}
	}
	return d
}

// fullName completes the name of a member that the vocabulary has no field for.
func (d definitions) fullName(name string) string {
	if iri, ok := terms[name]; ok {
		return iri
	}
	if iri, ok := d[name]; ok {
		if iri = d.expand(iri); strings.Contains(iri, "://") {
			return iri
		}
	}
	if strings.Contains(name, ":") {
		return d.expand(name)
	}
	return vocab.NSAS2 + name
}

// expand replaces the prefix of a name.
func (d definitions) expand(name string) string {
	prefix, rest, ok := strings.Cut(name, ":")
	if !ok || strings.HasPrefix(rest, "//") {
		return name
	}
	if ns, ok := prefixes[prefix]; ok {
		return ns + rest
	}
	if ns := d[prefix]; strings.Contains(ns, "://") {
		return ns + rest
	}
	return name
}

// shortName is the reverse of fullName for what we write.
func shortName(iri string) string {
	if term, ok := bareTerms[iri]; ok {
		return term
	}
	if bare, ok := strings.CutPrefix(iri, vocab.NSAS2); ok && bare != "" && !strings.Contains(bare, ":") {
		return bare
	}
	if bare, ok := strings.CutPrefix(iri, vocab.NSAS1); ok {
		return pumpPrefix + bare
	}
	return iri
}

// objectTerms are what we add to AS2 in things and activities, and actorTerms
// besides in actors. The inner names are those that peers look for; none of them
// loads a context from anywhere.
const (
	objectTerms = `"pump":"` + vocab.NSAS1 + `","toot":"` + nsToot + `","ostatus":"` + nsOStatus + `","misskey":"` + nsMisskey + `","gts":"` + nsGTS + `",` +
		`"fep044f":"` + nsQuote + `","litepub":"` + nsLitepub + `","EmojiReact":"litepub:EmojiReact","sensitive":"as:sensitive","Hashtag":"as:Hashtag","quoteUrl":"as:quoteUrl","Emoji":"toot:Emoji","blurhash":"toot:blurhash",` +
		`"focalPoint":{"@container":"@list","@id":"toot:focalPoint"},"votersCount":"toot:votersCount","atomUri":"ostatus:atomUri",` +
		`"inReplyToAtomUri":"ostatus:inReplyToAtomUri","conversation":"ostatus:conversation","_misskey_quote":"misskey:_misskey_quote",` +
		`"quote":{"@id":"fep044f:quote","@type":"@id"},"quoteAuthorization":{"@id":"fep044f:quoteAuthorization","@type":"@id"},"QuoteRequest":"fep044f:QuoteRequest",` +
		`"QuoteAuthorization":"fep044f:QuoteAuthorization","interactingObject":{"@id":"gts:interactingObject","@type":"@id"},` +
		`"interactionTarget":{"@id":"gts:interactionTarget","@type":"@id"},"interactionPolicy":{"@id":"gts:interactionPolicy","@type":"@id"},` +
		`"canQuote":{"@id":"gts:canQuote","@type":"@id"},"automaticApproval":{"@id":"gts:automaticApproval","@type":"@id"}`
	actorTerms = `"schema":"` + nsSchema + `","PropertyValue":"schema:PropertyValue","value":"schema:value","manuallyApprovesFollowers":"as:manuallyApprovesFollowers",` +
		`"movedTo":{"@id":"as:movedTo","@type":"@id"},"alsoKnownAs":{"@id":"as:alsoKnownAs","@type":"@id"},"featured":{"@id":"toot:featured","@type":"@id"},` +
		`"discoverable":"toot:discoverable","indexable":"toot:indexable","memorial":"toot:memorial","suspended":"toot:suspended",` +
		`"attributionDomains":{"@id":"toot:attributionDomains","@type":"@id"},` +
		`"webfinger":"` + nsWebFinger + `webfinger","Multikey":"https://w3id.org/security#Multikey","assertionMethod":{"@id":"sec:assertionMethod","@type":"@id","@container":"@set"},` +
		`"sec":"` + nsSecurity + `","controller":{"@id":"sec:controller","@type":"@id"},"publicKeyMultibase":"sec:publicKeyMultibase",` +
		`"implements":{"@id":"https://w3id.org/fep/844e#implements","@type":"@id"}`
)

// ObjectContext is the @context of everything that we write but actors, which
// have ActorContext. AS2 itself comes first: Mastodon and others compare the text.
var (
	ObjectContext = json.RawMessage(`["https://www.w3.org/ns/activitystreams",{` + objectTerms + `}]`)
	ActorContext  = json.RawMessage(`["https://www.w3.org/ns/activitystreams","https://w3id.org/security/v1",{` + objectTerms + `,` + actorTerms + `}]`)
)

// Extension is the context document of the terms that we add to AS2, to be served
// to whoever wants to know what they mean. Our documents have the same terms in
// themselves, so that nobody has to fetch it.
var Extension = json.RawMessage(`{"@context":{"as":"` + vocab.NSAS2 + `",` + objectTerms + `,` + actorTerms + `}}`)
