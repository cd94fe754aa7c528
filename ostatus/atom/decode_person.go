package atom

import (
	"slices"
	"strings"

	"manifold/internal/xmltree"
)

// isPerson tells objects that are somebody from those that are something.
func isPerson(e *xmltree.Element) bool {
	kind := e.First(NSActivity, "object-type")
	if kind != nil && slices.Contains([]string{"person", "group", "service", "application", "organization"}, Word(kind.Trimmed())) {
		return true
	}
	return slices.ContainsFunc(e.Elements(), func(c *xmltree.Element) bool { return c.Name.Space == NSPoco })
}

// isProfileElement tells the elements that belong to a profile where an object
// has one, besides those of Portable Contacts.
func isProfileElement(e *xmltree.Element) bool {
	switch {
	case e.Is(NSAtom, "email"), e.Is(NSAtom, "summary"), e.Is(NSAtom, "followers"), e.Is(NSAtom, "uri"), e.Is(NSAtom, "name"):
		return true
	case e.Is(NSStatusNet, "profile_info"), e.Is(NSGeoRSS, "point"), e.Is(NSMastodon, "scope"):
		return true
	}
	return false
}

// person reads an author, or with object set a subject, an actor or an object
// that is somebody. In the latter, id and title stand for uri and name.
func (p place) person(root *xmltree.Element, object bool) *Person {
	v := &Person{}
	title := ""
	for _, e := range root.Elements() {
		in := p.in(e)
		switch {
		case e.Name.Space == NSPoco:
			if !in.pocoElement(v, e) {
				v.Extensions = append(v.Extensions, keep(e))
			}
		case e.Is(NSAtom, "title"):
			title = plain(e)
		case e.Is(NSAtom, "id"):
			v.ID = e.Trimmed()
		case e.Is(NSAtom, "link"):
			v.Links = append(v.Links, in.link(e))
		case e.Is(NSActivity, "object-type"):
			v.ObjectType = absolute(e.Trimmed())
		case e.Is(NSActivity, "object") && len(e.Elements()) == 0 && v.ObjectType == "":
			v.ObjectType = absolute(e.Trimmed()) // Pleroma took one word for the other
		case e.Is(NSAtom, "name"):
			v.Name = plain(e)
		case e.Is(NSAtom, "uri"):
			v.URI = in.resolve(e.Text())
		case isProfileElement(e):
			if !in.profileElement(v, e) {
				v.Extensions = append(v.Extensions, keep(e))
			}
		case !object || root.Is(NSActivity, "subject") || root.Is(NSActivity, "actor"):
			v.Extensions = append(v.Extensions, keep(e))
		}
	}
	if object {
		v.Name = firstOf(v.Name, v.PreferredUsername, title)
		v.DisplayName = firstOf(v.DisplayName, title)
	} else if title != "" {
		v.DisplayName = firstOf(v.DisplayName, title)
	}
	return v
}

func (p place) profileElement(v *Person, e *xmltree.Element) bool {
	switch e.Name.Local {
	case "email":
		v.Email = strings.TrimPrefix(e.Trimmed(), "mailto:")
	case "summary":
		v.Summary = p.markup(e)
	case "followers": // GNU social forgot the prefix
		v.Followers = p.resolve(e.Attr("", "url"))
	case "profile_info":
		v.LocalID = e.Attr("", "local_id")
	case "point":
		point := pointOf(e.Trimmed())
		if point == nil || v.Point != nil {
			return false
		}
		v.Point = point
	case "scope":
		v.Scope = e.Trimmed()
	default:
		return false
	}
	return true
}

func (p place) pocoElement(v *Person, e *xmltree.Element) bool {
	switch e.Name.Local {
	case "preferredUsername":
		v.PreferredUsername = e.Trimmed()
	case "displayName":
		v.DisplayName = e.Trimmed()
	case "note":
		v.Note = e.Trimmed()
	case "address":
		formatted := e.First(NSPoco, "formatted")
		if formatted == nil || len(e.Elements()) > 1 {
			return false
		}
		v.Location = formatted.Trimmed()
	case "urls":
		c := Contact{}
		for _, field := range e.Elements() {
			switch {
			case field.Is(NSPoco, "type"):
				c.Type = field.Trimmed()
			case field.Is(NSPoco, "value"):
				c.Value = p.resolve(field.Text())
			case field.Is(NSPoco, "primary"):
				c.Primary = field.Trimmed() == "true" || field.Trimmed() == "1"
			}
		}
		if c.Value == "" {
			return false
		}
		v.URLs = append(v.URLs, c)
	default:
		return false
	}
	return true
}
