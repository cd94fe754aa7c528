package xmltree_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"manifold/internal/xmltree"
)

func parse(t *testing.T, doc string) *xmltree.Element {
	t.Helper()
	e, err := xmltree.Parse([]byte(doc), xmltree.Limits{})
	if err != nil {
		t.Fatalf("%v in %s", err, doc)
	}
	return e
}

func TestParse(t *testing.T) {
	root := parse(t, "\ufeff"+`<?xml version="1.0"?><?style x?><!-- c --><a xmlns="urn:1" xmlns:p="urn:2" p:x="1" x="2" xml:lang="de">`+
		`one<!-- c -->&amp;<![CDATA[<two>]]><p:b> three </p:b><b xmlns=""/><c/></a> <!-- end -->`)
	if !root.Is("urn:1", "a") || root.Attr("urn:2", "x") != "1" || root.Attr("", "x") != "2" || root.Attr(xmltree.NSXML, "lang") != "de" || len(root.Attrs) != 3 {
		t.Errorf("root: %+v", root)
	}
	if got := root.Text(); got != "one&<two> three " {
		t.Errorf("text: %q", got)
	}
	if b := root.First("urn:2", "b"); b == nil || b.Trimmed() != "three" {
		t.Errorf("p:b: %v", b)
	}
	if root.First("", "b") == nil || root.First("urn:1", "c") == nil || root.First("urn:1", "b") != nil {
		t.Error("the namespaces of elements are not those declared")
	}
	latin := append([]byte(`<?xml version="1.0" encoding="ISO-8859-1"?><a>`), 0xe9, '<', '/', 'a', '>')
	if e, err := xmltree.Parse(latin, xmltree.Limits{}); err != nil || e.Text() != "é" {
		t.Errorf("ISO-8859-1: %v %v", e, err)
	}
}

func TestRefused(t *testing.T) {
	bomb := `<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;">]><a>&y;</a>`
	limits := xmltree.Limits{Size: 1000, Depth: 5, Nodes: 20}
	for _, tt := range []struct{ name, doc, want string }{
		{"nothing", "", "xml: not well-formed at byte 0: there is no element"},
		{"billion laughs", bomb, xmltree.ErrDTD.Error()},
		{"document type of a file", `<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>`, xmltree.ErrDTD.Error()},
		{"entity of nobody", "<a>&nbsp;</a>", "xml: not well-formed at byte 9: invalid character entity &nbsp;"},
		{"too deep", strings.Repeat("<a>", 6) + strings.Repeat("</a>", 6), "xml: the document has more than 5 levels"},
		{"too long", "<a>" + strings.Repeat(" ", 1000) + "</a>", "xml: the document has more than 1000 bytes"},
		{"too many elements", "<a>" + strings.Repeat("<b/>", 30) + "</a>", "xml: the document has more than 20 nodes"},
		{"too many attributes", "<a " + strings.Repeat(`b="" `, 30) + "/>", "xml: the document has more than 20 nodes"},
		{"text in too small pieces", "<a>" + strings.Repeat(`<!---->x`, 30) + "</a>", "xml: the document has more than 20 nodes"},
		{"two roots", "<a/><b/>", "xml: not well-formed at byte 8: there is a second root element"},
		{"text after the end", "<a/>x", "xml: not well-formed at byte 5: there is text outside of the root element"},
		{"not closed", "<a><b></b>", "xml: not well-formed at byte 10: unexpected EOF"},
		{"not UTF-8", "<a>\xff</a>", "xml: not well-formed at byte 4: invalid UTF-8"},
		{"an encoding of nobody", `<?xml version="1.0" encoding="x-none"?><a/>`, `xml: not well-formed at byte 39: xml: opening charset "x-none": unsupported charset: "x-none"`},
		{"two colons", "<a:b:c/>", "xml: not well-formed at byte 6: expected element name after <"},
		{"a name for namespaces only", "<xmlns:a/>", "xml: not well-formed at byte 10: the name of an element is none: a"},
		{"an attribute twice", `<a b="1" b="2"/>`, "xml: not well-formed at byte 16: an element has twice the attribute b"},
		{"HTML", "<html><br></html>", "xml: not well-formed at byte 17: element <br> closed by </html>"},
	} {
		_, err := xmltree.Parse([]byte(tt.doc), limits)
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
	_, err := xmltree.Parse([]byte("<a>"), limits)
	if e, ok := errors.AsType[*xmltree.SyntaxError](err); !ok || e.Offset != 3 {
		t.Errorf("an error of syntax is %#v", err)
	}
}

// A part of a document means the same wherever it is put.
func TestAppendXML(t *testing.T) {
	const doc = `<a xmlns="urn:1" xmlns:p="urn:2"><p:b p:x="&lt;" xml:lang="de" y="1">t<c xmlns="">&amp;</c><d/></p:b></a>`
	b := parse(t, doc).First("urn:2", "b")
	const want = `<b xmlns="urn:2" xmlns:ns1="urn:2" ns1:x="&lt;" xml:lang="de" y="1">t<c xmlns="">&amp;</c><d xmlns="urn:1"/></b>`
	if got := b.XML(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if again := parse(t, b.XML()).XML(); again != want {
		t.Errorf("written twice: %s", again)
	}
	var inside bytes.Buffer
	b.AppendXML(&inside, "urn:2")
	if got := inside.String(); !strings.HasPrefix(got, `<b xmlns:ns1`) {
		t.Errorf("inside of its namespace: %s", got)
	}
}

func TestAppendHTML(t *testing.T) {
	for _, tt := range []struct{ xhtml, want string }{
		{`a &lt;b&gt; &amp;amp; "c"`, "a &lt;b&gt; &amp;amp; &#34;c&#34;"},
		{`<p class="x">1<br/>2</p><a href="?a=1&amp;b=2"/>`, `<p class="x">1<br>2</p><a href="?a=1&amp;b=2"></a>`},
		{`<br>lost?</br>`, "<br>lost?"},
		{`<h:p xmlns:h="http://www.w3.org/1999/xhtml">x</h:p>`, "<p>x</p>"},
		{`<svg xmlns="http://www.w3.org/2000/svg" xmlns:l="http://www.w3.org/1999/xlink"><use l:href="#a"/></svg>`,
			`<svg xmlns="http://www.w3.org/2000/svg"><use xlink:href="#a"></use></svg>`},
		{`<q xmlns:z="urn:z" z:on="1" é="2" xml:lang="fr">x</q>`, `<q xml:lang="fr">x</q>`},
		{`<é>inside</é>`, "inside"},
		{`<script>a &lt;/script&gt; b</script>`, "<script>a &lt;/script&gt; b</script>"},
	} {
		var b bytes.Buffer
		parse(t, `<div xmlns="http://www.w3.org/1999/xhtml">`+tt.xhtml+`</div>`).AppendHTML(&b)
		if b.String() != tt.want {
			t.Errorf("%s: got %s, want %s", tt.xhtml, b.String(), tt.want)
		}
	}
}

// What was read is written so that it is read the same again.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`<a xmlns="urn:1" b="2">c<d xmlns=""/></a>`, `<p:a xmlns:p="urn:1" p:b="" p:c="" xml:d=""/>`, "<a>\r\n]]&gt;</a>", "<!DOCTYPE a>", `<a:b:c/>`, `<a xmlns:x="" x:y="1"/>`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		e, err := xmltree.Parse(doc, xmltree.Limits{Size: 10_000, Depth: 20, Nodes: 1000})
		if err != nil {
			return
		}
		once := e.XML()
		again, err := xmltree.Parse([]byte(once), xmltree.Limits{})
		if err != nil {
			t.Fatalf("%v in %s", err, once)
		}
		if twice := again.XML(); twice != once {
			t.Errorf("%s\nread again: %s", once, twice)
		}
	})
}
