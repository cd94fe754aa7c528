#!/usr/bin/python3
"""Use a server through PyPump 0.7, the pump.io library for Python.

    pypump_drive.py BASE NICK PASSWORD FRIEND FRIENDS_PASSWORD

Both people have accounts on the server at BASE and know nobody yet. One line is
printed for every step, "step: what a user would see"; the test that runs this
program compares them. The exit status is 1 as soon as a step cannot be done.
"""
import html.parser
import os
import struct
import sys
import tempfile
import traceback
import urllib.parse
import zlib

import requests
from pypump import Client, PyPump
from pypump.models.person import Person
from pypump.store import DummyStore

BASE, NICK, PASSWORD, FRIEND, FRIENDS_PASSWORD = sys.argv[1:]
SITE = urllib.parse.urlsplit(BASE)


class Pump(PyPump):
    """PyPump always begins with https, and gives up if that fails. It hands the
    length of an upload to requests as a number, which only takes text."""

    @property
    def protocol(self):
        return SITE.scheme

    @protocol.setter
    def protocol(self, _):
        pass

    def request(self, *args, headers=None, **kwargs):
        headers = {name: str(value) for name, value in (headers or {}).items()}
        return super().request(*args, headers=headers, **kwargs)


# PyPump reads the server out of the id of a person as if it always were
# acct:nick@server; on unusual ports it is the address of the profile.
Person.isme = property(lambda person: person.username == person._pump.client.nickname)


class Page(html.parser.HTMLParser):
    """The forms of a page, each a dict of the fields that it sends, and the text
    of the element that is called "verifier"."""

    def __init__(self, text):
        super().__init__()
        self.forms, self.verifier, self.reading = [], "", False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form":
            self.forms.append((attributes["action"], {}))
        elif tag == "input":
            self.forms[-1][1][attributes["name"]] = attributes.get("value", "")
        self.reading = attributes.get("id") == "verifier"

    def handle_endtag(self, tag):
        self.reading = False

    def handle_data(self, text):
        if self.reading:
            self.verifier += text


def allow(address, nick, password):
    """Do what a person does in the browser: log in, allow, copy the verifier."""
    browser = requests.Session()

    def send(answer, **filled):
        answer.raise_for_status()
        action, fields = Page(answer.text).forms[0]
        return browser.post(urllib.parse.urljoin(answer.url, action), data={**fields, **filled}, timeout=30)

    answer = send(send(browser.get(address, timeout=30), username=nick, password=password))
    answer.raise_for_status()
    return Page(answer.text).verifier


def log_in(nick, password):
    client = Client(webfinger="%s@%s" % (nick, SITE.netloc), name="pypump_drive", type="native")
    return Pump(client=client, store=DummyStore(), verifier_callback=lambda address: allow(address, nick, password))


def items(feed, count=20):
    """The newest items of a feed. PyPump keeps what it has read of a feed, so that
    a second look needs a new one."""
    return list(type(feed)(feed.url, pypump=feed._pump).items(limit=count))


def ids(feed):
    return [item.id for item in items(feed)]


def names(feed):
    return ", ".join(person.username for person in items(feed))


def newest(feed):
    activity = items(feed, 1)[0]
    return "%s %s %r" % (activity.actor.username, activity.verb, getattr(activity.obj, "content", None))


def read(pump, thing):
    return pump.request(thing.links["self"])


def picture(width, height):
    """A PNG file in one colour."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"\0" + b"\x30\x70\xb0" * width
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(row * height)) + chunk(b"IEND", b""))


class Story:
    """The steps, in order. What one leaves on self, later ones use."""

    def login(self):
        self.me, self.friend = log_in(NICK, PASSWORD), log_in(FRIEND, FRIENDS_PASSWORD)
        yield "%s and %s" % (self.me.me.username, self.friend.me.username)

    def post(self):
        self.note = self.me.Note("a <b>first</b> note", display_name="First")
        self.note.to = self.me.Public
        self.note.cc = self.me.Collection(id=self.me.me.followers.url)
        self.note.send()
        yield newest(self.me.me.outbox)
        yield newest(self.me.me.inbox.major)
        yield "read by a stranger: %s" % requests.get(self.note.links["self"], timeout=30).json()["displayName"]

    def edit(self):
        self.me.request("/api/user/%s/feed" % NICK, method="POST",
                        data={"verb": "update", "object": {"id": self.note.id, "objectType": "note", "content": "an edited note"}})
        note = read(self.me, self.note)
        yield "%s: %s" % (note["displayName"], note["content"])

    def follow(self):
        self.me.Person("%s@%s" % (FRIEND, SITE.netloc)).follow()
        yield "%s follows %s" % (NICK, names(self.me.me.following))
        yield "%s is followed by %s" % (FRIEND, names(self.friend.me.followers))

    def inbox(self):
        self.reply_to = self.friend.Note("for those who follow me")
        self.reply_to.to = self.friend.Collection(id=self.friend.me.followers.url)
        self.reply_to.send()
        yield newest(self.me.me.inbox.major)
        yield "read by a stranger: %d" % requests.get(self.reply_to.links["self"], timeout=30).status_code

    def direct(self):
        note = self.friend.Note("for you only")
        note.to = self.friend.Person("%s@%s" % (NICK, SITE.netloc))
        note.send()
        yield newest(self.me.me.inbox.direct)

    def comment(self):
        theirs = self.me.Note().unserialize(read(self.me, self.reply_to))
        comment = self.me.Comment("a comment")
        comment.in_reply_to = theirs
        comment.send()
        yield "replies: " + ", ".join("%s %r" % (c.author.username, c.content) for c in items(theirs.comments))
        yield newest(self.friend.me.inbox.minor)

    def like(self):
        theirs = self.me.Note().unserialize(read(self.me, self.reply_to))
        theirs.like()
        yield "liked by %s, one of %d favorites" % (names(theirs.likes), len(items(self.me.me.favorites)))
        theirs.unlike()
        yield "liked by %d" % read(self.me, theirs)["likes"]["totalItems"]

    def share(self):
        mine = self.friend.Note().unserialize(read(self.friend, self.note))
        mine.share()
        yield "shared by %s" % names(mine.shares)
        yield newest(self.me.me.inbox.major)
        mine.unshare()
        yield "shared by %d" % read(self.friend, mine)["shares"]["totalItems"]

    def upload(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "sky.png")
            with open(path, "wb") as file:
                file.write(picture(800, 600))
            self.image = self.me.Image(display_name="The sky", content="in one colour")
            self.image.to = self.me.Public
            self.image.from_file(path)
        yield "%s, %dx%d" % (self.image.display_name, self.image.original.width, self.image.original.height)
        answer = requests.get(self.image.original.url, timeout=30)
        yield "%d %s" % (answer.status_code, answer.headers["content-type"])
        answer = requests.get(self.image.thumbnail.url, timeout=30)
        yield "thumbnail: %d %s, %d wide" % (answer.status_code, answer.headers["content-type"], self.image.thumbnail.width)

    def lists(self):
        friends = self.me.me.lists.create(display_name="Colleagues", content="from work")
        friends.add(self.me.Person("%s@%s" % (FRIEND, SITE.netloc)))
        yield "%s: %s" % (friends.display_name, names(friends.members))
        note = self.me.Note("for colleagues")
        note.to = friends
        note.send()
        yield newest(self.friend.me.inbox.major)
        friends.remove(self.me.Person("%s@%s" % (FRIEND, SITE.netloc)))
        yield "%d members" % len(items(friends.members))
        friends.delete()
        yield "still there: %s" % any(l.display_name == "Colleagues" for l in items(self.me.me.lists))

    def page(self):
        for n in range(25):
            self.me.Note("number %d" % n).send()
        pages = [item.id for item in type(self.me.me.outbox)(self.me.me.outbox.url, pypump=self.me).items(limit=30)]
        yield "%d items on two pages, %d different" % (len(pages), len(set(pages)))

    def unfollow(self):
        self.me.Person("%s@%s" % (FRIEND, SITE.netloc)).unfollow()
        yield "%s follows %d" % (NICK, len(items(self.me.me.following)))

    def delete(self):
        self.note.delete()
        yield "has a time of deletion: %s" % (self.note.deleted is not None)
        yield "read by a stranger: %d" % requests.get(self.note.links["self"], timeout=30).status_code
        self.image.delete()
        yield "read by a stranger: %d" % requests.get(self.image.links["self"], timeout=30).status_code


story = Story()
for step in ("login", "post", "edit", "follow", "inbox", "direct", "comment", "like", "share", "upload", "lists", "page", "unfollow", "delete"):
    try:
        for seen in getattr(story, step)():
            print("%s: %s" % (step, seen), flush=True)
    except Exception:  # whatever it is, the test shows it
        traceback.print_exc()
        sys.exit(1)
