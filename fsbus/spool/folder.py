"""A folder that is asked for its names again and again, and seldom changes: one `stat` instead of a listing.

A folder's times say that a name came or went: mtime, and ctime for those that set mtime back afterwards, as `tar` and
`rsync -a` do. They are trusted only when they are older than the grain of the clock that wrote them, since two changes
within one grain look like one.
"""
from __future__ import annotations

import os
import time

GRAIN = 2_000_000_000  # ns; FAT and some network disks count in steps of two seconds
FINE = 50_000_000  # ns; a disk that writes parts of milliseconds has the kernel's clock, which ticks at least each 10 ms

Stamp = tuple[int, int]  # mtime and ctime, ns


class Folder:
    """One folder's visible names, remembered."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._seen: tuple[Stamp | None, list[str]] = (None, [])  # its times and its names; one value for all threads

    def names(self) -> list[str]:
        """Its names now, [] if it is missing; not to be changed by the caller."""
        try:
            times = stamp(self.path)
            before, names = self._seen
            if times is None or times != before:
                found = [name for name in os.listdir(self.path) if name[0] != "."]
                names = names if found == names else found  # the same list as long as it says the same
                self._seen = (times, names)
        except FileNotFoundError:
            self._seen = (None, names := [])
        return names


def stamp(path: str) -> Stamp | None:
    """A folder's times, None while they are so young that its next change could bear the same ones. Raises OSError.

    To be taken before its names are listed: a listing may take longer than the grain, and times that are old enough
    only after it may be those of a change that it missed.
    """
    facts = os.stat(path)
    times = (facts.st_mtime_ns, facts.st_ctime_ns)
    return times if all(map(_is_past, times)) else None


def _is_past(moment: int) -> bool:
    """Whether this time is older than the grain of its clock, so that the next change will show."""
    return abs(time.time_ns() - moment) > (FINE if moment % 1_000_000 else GRAIN)
