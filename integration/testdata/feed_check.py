"""feed_check reads Atom documents with parsers that are not ours (expat, and the
Universal Feed Parser) and tells where one breaks a rule of RFC 4287 that the
validator of the W3C checks too.

    feed_check.py FILE ADDRESS [FILE ADDRESS ...]

ADDRESS is where a document was found; for one that was pushed it begins with "push ".

It prints a line for each fault and ends with the status 1 if there are any.
"""

import base64
import datetime
import re
import sys
from urllib.parse import urlsplit
from xml.etree import ElementTree

import feedparser

ATOM = "{http://www.w3.org/2005/Atom}"
# 3.3: with a T, a Z or an offset, and seconds.
DATE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")
MEDIA = re.compile(r"^[\w.+-]+/[\w.+-]+(\s*;.*)?$")
# How often an element may stand in each place (4.1.1, 4.1.2, 4.2.11), at least and
# at most; None for any number.
METADATA = {"author": (0, None), "category": (0, None), "contributor": (0, None), "id": (1, 1), "link": (0, None),
            "rights": (0, 1), "title": (1, 1), "updated": (1, 1)}
FEED = METADATA | {"generator": (0, 1), "icon": (0, 1), "logo": (0, 1), "subtitle": (0, 1), "entry": (0, None)}
ENTRY = METADATA | {"content": (0, 1), "published": (0, 1), "source": (0, 1), "summary": (0, 1)}
SOURCE = {name: (0, most) for name, (_, most) in FEED.items() if name != "entry"}
PERSON = {"name": (1, 1), "uri": (0, 1), "email": (0, 1)}  # 3.2
# The attributes without a namespace that an element of Atom may have.
ATTRIBUTES = {"category": {"term", "scheme", "label"}, "content": {"type", "src"}, "generator": {"uri", "version"},
              "link": {"href", "rel", "type", "hreflang", "title", "length"}, "title": {"type"}, "subtitle": {"type"}, "summary": {"type"}, "rights": {"type"}}
# What has no more than text in it, and what has no text but elements.
SIMPLE = {"id", "icon", "logo", "name", "uri", "email", "updated", "published", "generator"}
CONTAINERS = {"feed", "entry", "source", "author", "contributor"}
LANGUAGE = re.compile(r"^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$")
XHTML_DIV = "{http://www.w3.org/1999/xhtml}div"


class Checker:
    def __init__(self, address):
        self.address, self.faults = address, []

    def fault(self, where, what):
        self.faults.append(f"{self.address}: {where}: {what}")

    def counts(self, e, allowed, where):
        seen = {}
        for child in e:
            if child.tag.startswith(ATOM):
                seen[child.tag[len(ATOM):]] = seen.get(child.tag[len(ATOM):], 0) + 1
        for name in seen:
            if name not in allowed:
                self.fault(where, f"there is no atom:{name} here")
        for name, (least, most) in allowed.items():
            n = seen.get(name, 0)
            if n < least or most is not None and n > most:
                self.fault(where, f"{n} elements {name}")

    def iri(self, text, where):
        parts = urlsplit(text or "")
        if not parts.scheme or text != text.strip() or re.search(r"[\s<>\"{}|\\^`]", text):
            self.fault(where, f"{text!r} is no absolute IRI")

    def form(self, e, where):
        """Check what holds for every element of Atom: its attributes (2), and whether
        there is text or are elements in it."""
        name = e.tag[len(ATOM):]
        for attribute in e.keys():
            if not attribute.startswith("{") and attribute not in ATTRIBUTES.get(name, set()):
                self.fault(where, f"{name} has no attribute {attribute}")
        lang = e.get("{http://www.w3.org/XML/1998/namespace}lang")
        if lang and not LANGUAGE.match(lang):
            self.fault(where, f"the language {lang!r}")
        if name in SIMPLE and len(e):
            self.fault(where, f"elements inside of {name}")
        if name in CONTAINERS and ((e.text or "").strip() or any((c.tail or "").strip() for c in e)):
            self.fault(where, f"text inside of {name}")
        if name in ("link", "category") and any(c.tag.startswith(ATOM) for c in e):
            self.fault(where, f"elements of Atom inside of {name}")

    def text(self, e, where):
        kind = e.get("type", "text")
        if kind not in ("text", "html", "xhtml"):  # 3.1.1
            self.fault(where, f"a text of type {kind}")
        self.inside(e, kind, where)

    def inside(self, e, kind, where):
        if kind in ("text", "html") and len(e):
            self.fault(where, f"elements inside of {kind}")
        if kind == "xhtml" and ([c.tag for c in e] != [XHTML_DIV] or (e.text or "").strip() or (e[0].tail or "").strip()):
            self.fault(where, "xhtml that is not one div")

    def content(self, e, entry, where):
        kind = e.get("type", "text")  # 4.1.3
        elsewhere = e.get("src") is not None
        if elsewhere and ((e.text or "").strip() or len(e)):
            self.fault(where, "content here and elsewhere")
        if elsewhere:
            self.iri(e.get("src"), where)
        if kind in ("text", "html", "xhtml"):
            if elsewhere and e.get("type"):
                self.fault(where, f"content elsewhere of type {kind}")
            if not elsewhere:
                self.inside(e, kind, where)
            need = elsewhere
        else:
            if not MEDIA.match(kind) or kind.startswith(("multipart/", "message/")):
                self.fault(where, f"content of type {kind}")
            xml = kind.endswith(("+xml", "/xml"))
            if kind.startswith("text/") and not xml and len(e):
                self.fault(where, "elements inside of text")
            need = elsewhere or not xml and not kind.startswith("text/")
            if need and not elsewhere:
                try:
                    base64.b64decode("".join((e.text or "").split()), validate=True)
                except ValueError:
                    self.fault(where, "content that is no base64")
        if need and entry.find(ATOM + "summary") is None:  # 4.1.2
            self.fault(where, "content that cannot be read here, and no summary")

    def person(self, e, where):
        self.form(e, where)
        self.counts(e, PERSON, where)
        for child in e:
            if child.tag.startswith(ATOM):
                self.form(child, where)
        if not (e.findtext(ATOM + "name") or "").strip():
            self.fault(where, "a person without a name")
        for uri in e.findall(ATOM + "uri"):
            self.iri(uri.text, where + "/uri")
        for mail in e.findall(ATOM + "email"):
            if not re.match(r"^[^@\s]+@[^@\s]+$", mail.text or ""):
                self.fault(where, f"{mail.text!r} is no address")

    def date(self, e, where):
        try:
            if DATE.match(e.text or ""):
                datetime.datetime.fromisoformat(re.sub(r"\.\d+", "", e.text).replace("Z", "+00:00"))
                return
        except ValueError:
            pass
        self.fault(where, f"the time {e.text!r}")

    def links(self, e, where):
        alternates = set()
        for link in e.findall(ATOM + "link"):
            if not link.get("href"):
                self.fault(where, "a link to nowhere")
                continue
            self.iri(link.get("href"), where + "/link")
            if link.get("type") and not MEDIA.match(link.get("type")):
                self.fault(where, f"a link of type {link.get('type')}")
            if link.get("length") and not link.get("length").isdigit():
                self.fault(where, f"a link of length {link.get('length')}")
            if link.get("hreflang") and not LANGUAGE.match(link.get("hreflang")):
                self.fault(where, f"a link in the language {link.get('hreflang')!r}")
            rel = link.get("rel", "alternate")
            if ":" in rel:
                self.iri(rel, where + "/link/rel")
            if rel != "alternate" and ":" not in rel and not re.match(r"^[a-z][a-z0-9.-]*$", rel):
                self.fault(where, f"the relation {rel}")
            if rel == "alternate":  # 4.1.1 and 4.1.2: one of each kind
                key = (link.get("type"), link.get("hreflang"))
                if key in alternates:
                    self.fault(where, f"two alternates {key}")
                alternates.add(key)
        return alternates

    def metadata(self, e, allowed, where):
        self.form(e, where)
        self.counts(e, allowed, where)
        for child in e:
            if child.tag.startswith(ATOM) and child.tag[len(ATOM):] not in CONTAINERS:
                self.form(child, where)
        for name in ("id", "icon", "logo"):
            for child in e.findall(ATOM + name):
                self.iri(child.text, f"{where}/{name}")
        for name in ("updated", "published"):
            for child in e.findall(ATOM + name):
                self.date(child, f"{where}/{name}")
        for name in ("title", "subtitle", "summary", "rights"):
            for child in e.findall(ATOM + name):
                self.text(child, f"{where}/{name}")
        for name in ("author", "contributor"):
            for child in e.findall(ATOM + name):
                self.person(child, f"{where}/{name}")
        for child in e.findall(ATOM + "category"):
            if not child.get("term"):
                self.fault(where, "a category without a term")
            if child.get("scheme"):
                self.iri(child.get("scheme"), where + "/category")
        for child in e.findall(ATOM + "generator"):
            if not (child.text or "").strip():
                self.fault(where, "a generator without a name")
            if child.get("uri"):
                self.iri(child.get("uri"), where + "/generator")
        return self.links(e, where)

    def entry(self, e, has_author, where):
        alternates = self.metadata(e, ENTRY, where)
        content = e.find(ATOM + "content")
        if content is None and not alternates:
            self.fault(where, "neither content nor an alternate")
        if content is not None:
            self.content(content, e, where + "/content")
        source = e.find(ATOM + "source")
        if source is not None:
            has_author = has_author or source.find(ATOM + "author") is not None
        if not has_author and e.find(ATOM + "author") is None:
            self.fault(where, "nobody is the author")

    def source(self, e):
        self.metadata(e, SOURCE, "a source")
        for name in ("id", "title", "updated"):  # 4.2.11: it should have them
            if e.find(ATOM + name) is None:
                self.fault("a source", f"no {name}")

    def feed(self, root):
        self.metadata(root, FEED, "feed")
        has_author = root.find(ATOM + "author") is not None
        selves = [link.get("href") for link in root.findall(ATOM + "link") if link.get("rel") == "self"]
        pushed = self.address.startswith("push ")
        if len(selves) != 1 or not pushed and selves != [self.address]:
            self.fault("feed", f"the links to itself are {selves}")
        seen = set()
        for e in root.findall(ATOM + "entry"):
            name = e.findtext(ATOM + "id")
            key = (name, e.findtext(ATOM + "updated"))
            if key in seen:  # 4.1.1: the same id twice is two versions of one entry
                self.fault(f"entry {name}", "it stands there twice")
            seen.add(key)
            self.entry(e, has_author, f"entry {name}")

    def document(self, data):
        try:
            root = ElementTree.fromstring(data)
        except ElementTree.ParseError as e:
            self.fault("document", f"not well-formed: {e}")
            return
        # Authors of things that are in extensions are people too.
        for e in root.iter(ATOM + "author"):
            self.person(e, "an author")
        for e in root.iter(ATOM + "source"):
            self.source(e)
        if root.tag == ATOM + "feed":
            self.feed(root)
            entries = root.findall(ATOM + "entry")
        elif root.tag == ATOM + "entry":
            self.entry(root, False, "entry")
            entries = [root]
        else:
            self.fault("document", f"it is a {root.tag}")
            return
        self.feed_parser(root, entries, data)

    def feed_parser(self, root, entries, data):
        if root.tag == ATOM + "entry":  # it reads no entry that is alone
            start = data.index(b"<entry")
            data = b'<feed xmlns="' + ATOM[1:-1].encode() + b'">' + data[start:] + b"</feed>"
        read = feedparser.parse(data)
        if read.bozo:
            self.fault("document", f"the feed parser stumbles: {read.bozo_exception}")
        if read.version != "atom10" or [e.get("id") for e in read.entries] != [e.findtext(ATOM + "id") for e in entries]:
            self.fault("document", f"the feed parser reads {read.version}, {[e.get('id') for e in read.entries]}")
        if root.tag == ATOM + "feed" and (read.feed.get("id"), read.feed.get("title")) != (root.findtext(ATOM + "id"), root.findtext(ATOM + "title")):
            self.fault("feed", f"the feed parser takes {read.feed.get('id')!r} for its id")
        for e, element in zip(read.entries, entries):
            own = [link.get("href") for link in element.findall(ATOM + "link") if link.get("rel") == "alternate" and link.get("type") == "text/html"]
            if e.get("updated_parsed") is None or e.get("link") not in own:
                self.fault(f"entry {e.get('id')}", f"the feed parser finds no time, or the link {e.get('link')}")


def main(arguments):
    faults = []
    for file, address in zip(arguments[::2], arguments[1::2]):
        checker = Checker(address)
        with open(file, "rb") as f:
            checker.document(f.read())
        faults += checker.faults
    print("\n".join(faults))
    return 1 if faults or len(arguments) < 2 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
