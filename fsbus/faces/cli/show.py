"""`fsbus show`."""
from __future__ import annotations

from fsbus.bus import Bus
from fsbus.faces.cli import out

HELP = {"key": "the task, by any unique part of its key", "json": "as JSON: key and text"}


def show_(key: str, *, json: bool = False) -> int:
    """The task file as it was dropped or submitted.

    fsbus show m2x9rt
    """
    bus = Bus()
    text = bus.text(key)
    if json:
        out.as_json({"key": bus.task(key)["key"], "text": text})
    else:
        out.show(text)
    return 0
