package bridge

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"manifold/models"
	"manifold/models/vocab"
)

// MaxAddressees is how many an activity may be addressed to by name.
const MaxAddressees = 500

// checkNames refuses ids, verbs and types that no row can hold.
func (op *operation) checkNames() error {
	if err := checkName("verb", op.doc.Verb); err != nil {
		return err
	}
	things := append(op.doc.Addressees(), op.doc.Object, op.doc.Object.Parent(), op.doc.Target)
	for _, o := range things {
		if err := checkThing(o); err != nil {
			return err
		}
	}
	return nil
}

func checkThing(o *vocab.Object) error {
	if o == nil {
		return nil
	}
	for what, name := range map[string]string{"id": o.ID, "type": o.Type, "nickname": o.PreferredUsername} {
		if err := checkName(what, name); err != nil {
			return err
		}
	}
	for _, t := range o.ObjectTypes {
		if err := checkName("type of the members", t); err != nil {
			return err
		}
	}
	return nil
}

// checkName refuses what cannot be a key: PostgreSQL takes neither NUL nor
// broken UTF-8 as text, and no more than some 2,700 bytes into an index.
func checkName(what, name string) error {
	switch {
	case len(name) > models.MaxIRI:
		return invalid("The %s has %d bytes; at most %d are possible.", what, len(name), models.MaxIRI)
	case !utf8.ValidString(name), strings.ContainsFunc(name, unicode.IsControl):
		return invalid("The %s %q has characters that none can have.", what, name)
	}
	return nil
}
