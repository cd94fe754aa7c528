"""Prints what the programs on the desktop show: a JSON object a line for each
widget, in the order of the tree. It asks AT-SPI, the interface for screen readers."""

import json
import sys

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi


def look(widget, depth):
    states = widget.get_state_set()
    if depth > 0 and not states.contains(Atspi.StateType.SHOWING):
        return
    place = widget.get_extents(Atspi.CoordType.SCREEN)
    text = Atspi.Text.get_text(widget, 0, -1) if "Text" in widget.get_interfaces() else ""
    print(json.dumps({
        "role": widget.get_role_name(), "name": widget.get_name(), "hint": widget.get_description(), "text": text,
        "x": place.x, "y": place.y, "width": place.width, "height": place.height,
        "checked": states.contains(Atspi.StateType.CHECKED),
    }))
    for i in range(widget.get_child_count()):
        attempt(widget.get_child_at_index(i), depth + 1)


def attempt(widget, depth):
    """Widgets come and go while they are looked at."""
    try:
        if widget is not None:
            look(widget, depth)
    except gi.repository.GLib.Error as gone:
        print(gone, file=sys.stderr)


Atspi.init()
desktop = Atspi.get_desktop(0)
for i in range(desktop.get_child_count()):
    attempt(desktop.get_child_at_index(i), 0)
