"""A folder that is asked for its names again and again, and seldom changes: one `stat` instead of a listing.

A folder's mtime says that a name came or went. It is trusted only when it is older than the grain of the clock that
wrote it, since two changes within one grain look like one.
"""
from __future__ import annotations

import os
import time

GRAIN = 2_000_000_000  # ns; FAT and some network disks count in steps of two seconds
FINE = 50_000_000  # ns; a disk that writes parts of milliseconds has the kernel's clock, which ticks at least each 10 ms


class Folder:
    """One folder's visible names, remembered."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._seen: tuple[int, list[str]] = (0, [])  # its time, 0 if not to be trusted, and its names; one value for all threads

    def names(self) -> list[str]:
        """Its names now, [] if it is missing; not to be changed by the caller."""
        try:
            changed = os.stat(self.path).st_mtime_ns
            stamp, names = self._seen
            if changed != stamp or not changed:
                found = [name for name in os.listdir(self.path) if name[0] != "."]
                names = names if found == names else found  # the same list as long as it says the same
                grain = FINE if changed % 1_000_000 else GRAIN
                self._seen = (changed if abs(time.time_ns() - changed) > grain else 0, names)
        except FileNotFoundError:
            self._seen = (0, names := [])
        return names
