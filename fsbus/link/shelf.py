"""One folder's part of a listing, remembered: an unchanged folder costs one `stat`, and one more per queued task.

A name is parsed when it is seen first. What it holds never changes after that, except the text of a task that is still
queued, which a person may edit: those carry a hash of the content, kept by inode, size and times, and not kept at all
while the file is so young that two edits could look like one.
"""

from __future__ import annotations

import os
import stat
import time

from fsbus.core.paths import parse_path
from fsbus.core.trust import FOLDER, Entry
from fsbus.link.side import MAX_NAMES, MAX_TASK, sha256
from fsbus.spool import careful
from fsbus.spool.folder import GRAIN, Stamp, stamp

TAG_LENGTH = 8  # hex of the hash: tells an edit, is no proof

Facts = tuple[int, int, int, int]  # a file's inode, size and times


class Shelf:
    """What lies in one folder, as `Entry` by name."""

    def __init__(self, root: str, folder: str) -> None:
        self._path, self._folder = f"{root}/{folder}", folder
        self._changed: Stamp | None = None  # its times as of the last scan
        self._strangers: set[str] = set()  # what does not parse, or is no file
        self._tags: dict[str, tuple[Facts, str]] = {}  # of queued names
        self.entries: dict[str, Entry] = {}

    def look(self) -> dict[str, Entry] | None:
        """The entries now, not to be changed by the caller; None if there is no folder, but something that cannot be listed."""
        try:
            changed = stamp(self._path)
            if changed is None or changed != self._changed:
                self._scan(os.listdir(self._path))
                self._changed = changed
        except FileNotFoundError:
            self._changed, self.entries, self._tags, self._strangers = None, {}, {}, set()
        except (NotADirectoryError, PermissionError):
            return None
        for name in list(self._tags):
            self._weigh(name)
        return self.entries

    def _scan(self, names: list[str]) -> None:
        present = set(names[:MAX_NAMES])
        for name in self.entries.keys() - present:
            del self.entries[name]
            self._tags.pop(name, None)
        self._strangers &= present
        for name in present - self.entries.keys() - self._strangers:
            self._take(name)

    def _take(self, name: str) -> None:
        spot = parse_path(f"{self._folder}/{name}")
        if spot is None:
            self._strangers.add(name)
            return
        entry = self._entry(name, folder=spot.kind == "files")
        if entry is None:
            return  # gone, or no plain file: looked at again at the next scan
        self.entries[name] = entry
        if ".queued." in name:
            self._tags[name] = ((0, 0, 0, 0), "")

    def _entry(self, name: str, folder: bool) -> Entry | None:
        try:
            facts = os.lstat(f"{self._path}/{name}")
        except FileNotFoundError:
            return None
        if folder:
            return (FOLDER, "") if stat.S_ISDIR(facts.st_mode) else None
        return (facts.st_size, "") if stat.S_ISREG(facts.st_mode) else None

    def _weigh(self, name: str) -> None:
        """Bring the entry of a queued name up to date."""
        path = f"{self._path}/{name}"
        try:
            facts = os.lstat(path)
            now = (facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
            before, tag = self._tags[name]
            if now != before:
                tag = sha256(careful.read(path, MAX_TASK))[:TAG_LENGTH]
                settled = time.time_ns() - max(facts.st_mtime_ns, facts.st_ctime_ns) > GRAIN
                self._tags[name] = (now if settled else (0, 0, 0, 0), tag)
            self.entries[name] = (facts.st_size, tag)
        except OSError:  # moved on, or not what it should be: not listed
            self.entries.pop(name, None)
            del self._tags[name]
