"""feed_check reads Atom documents with parsers that are not ours (expat, and the
Universal Feed Parser) and tells where one breaks a rule of RFC 4287 that the
validator of the W3C checks too.

    feed_check.py FILE ADDRESS [FILE ADDRESS ...]

It prints a line for each fault and ends with the status 1 if there are any.
"""

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
# The one liberty that OStatus takes: GNU social, StatusNet and Mastodon look for the
# page and the pictures of a person in links inside of the author, where RFC 4287 3.2
# has no elements of Atom but its own three.
PERSON = {"name": (1, 1), "uri": (0, 1), "email": (0, 1), "link": (0, None)}


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

    def text(self, e, where):
        kind = e.get("type", "text")
        if kind not in ("text", "html", "xhtml"):  # 3.1.1
            self.fault(where, f"a text of type {kind}")
        if kind != "xhtml" and len(e):
            self.fault(where, "elements inside of a text")

    def content(self, e, where):
        kind = e.get("type", "text")  # 4.1.3
        if kind not in ("text", "html", "xhtml") and not MEDIA.match(kind):
            self.fault(where, f"content of type {kind}")
        if kind in ("text", "html") and len(e):
            self.fault(where, "elements inside of the content")
        if e.get("src") and ((e.text or "").strip() or len(e)):
            self.fault(where, "content here and elsewhere")

    def person(self, e, where):
        self.counts(e, PERSON, where)
        if not (e.findtext(ATOM + "name") or "").strip():
            self.fault(where, "a person without a name")
        self.links(e, where)
        for uri in e.findall(ATOM + "uri"):
            self.iri(uri.text, where + "/uri")
        for mail in e.findall(ATOM + "email"):
            if not re.match(r"^[^@\s]+@[^@\s]+$", mail.text or ""):
                self.fault(where, f"{mail.text!r} is no address")

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
            rel = link.get("rel", "alternate")
            if rel != "alternate" and ":" not in rel and not re.match(r"^[a-z][a-z0-9.-]*$", rel):
                self.fault(where, f"the relation {rel}")
            if rel == "alternate":  # 4.1.1 and 4.1.2: one of each kind
                key = (link.get("type"), link.get("hreflang"))
                if key in alternates:
                    self.fault(where, f"two alternates {key}")
                alternates.add(key)
        return alternates

    def metadata(self, e, allowed, where):
        self.counts(e, allowed, where)
        for name in ("id", "icon", "logo"):
            for child in e.findall(ATOM + name):
                self.iri(child.text, f"{where}/{name}")
        for name in ("updated", "published"):
            for child in e.findall(ATOM + name):
                if not DATE.match(child.text or ""):
                    self.fault(where, f"{name} is {child.text!r}")
        for name in ("title", "subtitle", "summary", "rights"):
            for child in e.findall(ATOM + name):
                self.text(child, f"{where}/{name}")
        for name in ("author", "contributor"):
            for child in e.findall(ATOM + name):
                self.person(child, f"{where}/{name}")
        for child in e.findall(ATOM + "category"):
            if not child.get("term"):
                self.fault(where, "a category without a term")
        return self.links(e, where)

    def entry(self, e, has_author, where):
        alternates = self.metadata(e, ENTRY, where)
        content = e.find(ATOM + "content")
        if content is None and not alternates:
            self.fault(where, "neither content nor an alternate")
        if content is not None:
            self.content(content, where + "/content")
            if content.get("src") and e.find(ATOM + "summary") is None:
                self.fault(where, "content elsewhere and no summary")
        source = e.find(ATOM + "source")
        if source is not None:
            self.metadata(source, SOURCE, where + "/source")
            has_author = has_author or source.find(ATOM + "author") is not None
        if not has_author and e.find(ATOM + "author") is None:
            self.fault(where, "nobody is the author")

    def feed(self, root):
        self.metadata(root, FEED, "feed")
        has_author = root.find(ATOM + "author") is not None
        selves = [link.get("href") for link in root.findall(ATOM + "link") if link.get("rel") == "self"]
        if selves != [self.address]:
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
        if root.tag == ATOM + "feed":
            self.feed(root)
            entries = root.findall(ATOM + "entry")
        elif root.tag == ATOM + "entry":
            self.entry(root, False, "entry")
            return
        else:
            self.fault("document", f"it is a {root.tag}")
            return
        read = feedparser.parse(data)
        if read.bozo:
            self.fault("document", f"the feed parser stumbles: {read.bozo_exception}")
        if read.version != "atom10" or [e.get("id") for e in read.entries] != [e.findtext(ATOM + "id") for e in entries]:
            self.fault("document", f"the feed parser reads {read.version}, {[e.get('id') for e in read.entries]}")
        for e in read.entries:
            if e.get("updated_parsed") is None or not e.get("link"):
                self.fault(f"entry {e.get('id')}", "the feed parser finds no time or no link")


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
