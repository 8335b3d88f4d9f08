"""What the far end tells, as values: listings as differences, events. Nothing is believed that is not of the grammar.

Names of a listing are looked at only as far as that they are names (a listing may have 100,000): the plan parses those
that differ, and every path is parsed again before it touches a disk.
"""

from __future__ import annotations

import re

from fsbus.core.gathered import Listing
from fsbus.core.names import is_agent
from fsbus.core.paths import CHANNELS
from fsbus.core.trust import Entry
from fsbus.link import doors
from fsbus.link.frames import Garbled, text, unpack
from fsbus.link.side import MAX_MESSAGE, MAX_NAMES, Event

_NAME = r"\.?[a-z0-9][a-z0-9.-]{0,199}"
_NEW = re.compile(rf"(?:{_NAME}\t-?[0-9]{{1,10}}\t[0-9a-f]{{0,8}}\n)*")
_GONE = re.compile(rf"(?:{_NAME}\n)*")


class Told:
    """The listing as it was told so far on this connection."""

    def __init__(self) -> None:
        self._known: Listing = {}

    def learn(self, fields: list[bytes], wanted: list[str]) -> Listing:
        """Take in what changed; the whole listing of the folders that were asked for (none: of all). Raises Garbled."""
        if len(fields) % 4:
            raise Garbled("a listing has four fields a folder")
        told = [text(folder) for folder in fields[::4]]
        for place, folder in enumerate(told):
            whole, new, gone = map(text, fields[4 * place + 1 : 4 * place + 4])
            self._take(folder, whole, new, gone)
        return {folder: dict(self._known[folder]) for folder in told if not wanted or folder in wanted}

    def _take(self, folder: str, whole: str, new: str, gone: str) -> None:
        if not is_channel(folder):
            raise Garbled(f"a listing of {folder[:80]!r}")
        if not (_NEW.fullmatch(new) and _GONE.fullmatch(gone)):
            raise Garbled(f"names in {folder} that cannot be names")
        known: dict[str, Entry] = {} if whole else self._known.get(folder, {})
        for line in new.splitlines():
            name, size, tag = line.split("\t")
            known[name] = (int(size), tag)
        for name in gone.splitlines():
            known.pop(name, None)
        if len(known) > MAX_NAMES:
            raise Garbled(f"more than {MAX_NAMES} names in {folder}")
        self._known[folder] = known


def is_channel(folder: str) -> bool:
    """Whether this is a folder that is merged."""
    parts = folder.split("/", 2)
    return len(parts) == 3 and parts[0] == "agents" and is_agent(parts[1]) and parts[2] in CHANNELS


def event(body: bytes) -> Event | None:
    """What an event says, None if it says nothing that may be said. Raises Garbled."""
    fields = unpack(body)
    if len(fields) != 3 or len(fields[1]) > MAX_MESSAGE:
        return None
    path = text(fields[0])
    return Event(path, fields[1] if fields[2] else None) if doors.kind(path) == "message" else None
