"""Adoption: a file that somebody dropped into an inbox gets its full name, or is kept in `rejected/` with the reason.

    NAME  --rename-->  .adopt-<key>-NAME  --link-->  5-<key>-<slug>.a1.queued.md   (then the dot-name goes)

A kill in between leaves the dot-name, and `recover` finishes it. A drop is taken only when it is whole: seen with
the same size, times and inode for half a second, and open for writing by nobody (facts/faults.md row 2). Nothing in
it is followed, executed or opened blocking.
"""
from __future__ import annotations

import os
import stat
import time

from fsbus.core import names, policy
from fsbus.core.refusal import Refusal
from fsbus.core.screen import safe
from fsbus.core.task import MAX_BYTES, Task, extension, read
from fsbus.spool import atomic, careful, channel, keys
from fsbus.spool.journal import Journal
from fsbus.spool.tree import Tree

STILL = 0.5  # seconds without a change before a drop counts as whole
CLAIM = ".adopt-"
IN_TRANSIT = ("~", ".tmp", ".part", ".partial", ".swp", ".swo", ".crdownload", ".download")
NAME_MAX = 255  # bytes, on every file system that matters

WHY = """\
{name} was not taken in as a task.

{why}

The file lies unchanged beside this note. Mended, drop it again:
    fsbus check FILE && mv FILE {inbox}/
"""

Facts = tuple[int, int, int, int]


class Adopter:
    """Adoption for one agent's inbox; remembers what it saw when, and nothing else."""

    def __init__(self, tree: Tree, agent: str, journal: Journal) -> None:
        self._tree, self._agent, self._journal = tree, agent, journal
        self._inbox = tree.folder(agent, "inbox")
        self._seen: dict[str, tuple[Facts, float]] = {}
        self._readme: Facts | None = None  # our own guide, as it was when it was read

    def recover(self) -> int:
        """Finish what a killed adoption left; for the holder of this inbox's duty alone."""
        left = [n for n in _hidden(self._inbox) if n.startswith(CLAIM)]
        for name in left:
            key = name[len(CLAIM) : len(CLAIM) + names.KEY_LENGTH]
            if channel.places(self._tree, key) or self._is_kept(name):
                atomic.discard(f"{self._inbox}/{name}")  # it has its last name already
            else:
                self._take(name, key, name[len(CLAIM) + names.KEY_LENGTH + 1 :])
        return len(left)

    def _is_kept(self, claim: str) -> bool:
        """Whether this very file lies in `rejected/` already: a kill came between its new name and the end of the old."""
        folder = f"{self._inbox}/rejected"
        facts = os.lstat(f"{self._inbox}/{claim}")
        names = os.listdir(folder) if facts.st_nlink > 1 and os.path.isdir(folder) else []
        return any(os.path.samestat(facts, os.lstat(f"{folder}/{name}")) for name in names)

    def step(self, strangers: list[str]) -> tuple[int, float | None]:
        """Take in every whole drop among these names, none of which is a task's.

        Returns how many it took, and in how many seconds to look again, None if there is nothing to look for.
        """
        now = time.monotonic()
        drops = self._drops(strangers)
        self._seen = {name: self._since(name, facts, now) for name, facts in drops}
        ready = [(facts[2], name) for name, (facts, since) in self._seen.items() if now - since >= STILL]
        taken = sum(self._adopt(name) for _, name in sorted(ready))
        waiting = [since for name, (_, since) in self._seen.items() if now - since < STILL]
        return taken, (min(waiting) + STILL - now if waiting else STILL if len(ready) > taken else None)

    def _drops(self, strangers: list[str]) -> list[tuple[str, Facts]]:
        found = []
        for name in strangers:
            if name == "rejected" or name.endswith(IN_TRANSIT):
                continue
            facts = _facts(f"{self._inbox}/{name}")
            if facts is not None and not (name == channel.OWN_README and self._own_readme(name, facts)):
                found.append((name, facts))
        return found

    def _since(self, name: str, facts: Facts, now: float) -> tuple[Facts, float]:
        before = self._seen.get(name)
        return before if before is not None and before[0] == facts else (facts, now)

    def _own_readme(self, name: str, facts: Facts) -> bool:
        if facts != self._readme:
            try:
                own = careful.read(f"{self._inbox}/{name}", MAX_BYTES).startswith(channel.OWN_README_START)
            except OSError:
                own = False
            self._readme = facts if own else None
        return self._readme is not None

    def _adopt(self, name: str) -> bool:
        path = f"{self._inbox}/{name}"
        try:
            if stat.S_ISREG(os.lstat(path).st_mode) and careful.being_written(path):
                return False
        except PermissionError:
            pass  # `_take` says so in the .why
        except OSError:
            return False  # gone again
        key = keys.make()
        claim = _fitting(f"{CLAIM}{key}-{name}", "")
        return atomic.advance(path, f"{self._inbox}/{claim}") and self._take(claim, key, name)

    def _take(self, claim: str, key: str, name: str) -> bool:
        path = f"{self._inbox}/{claim}"
        found = self._read(path, name)
        if isinstance(found, Refusal):
            self._reject(path, name, key, found)
            return True
        task, ext = found
        full = names.TaskName(_priority(task), key, names.slug(task.title or task.text), 1, "queued", ext)
        if not atomic.publish_staged(path, f"{self._inbox}/{full}"):
            atomic.discard(path)
        more = {"agent": self._agent, "drop": name, "notes": list(task.notes)}
        self._journal.record(f"adopt:{self._agent}", key, "drop > queued", "dropped by hand", **more)
        return True

    def _read(self, path: str, name: str) -> tuple[Task, str] | Refusal:
        try:
            wrong = careful.flaw(os.lstat(path), MAX_BYTES)
            if wrong:
                return Refusal(None, *wrong)
            data = careful.read(path, MAX_BYTES, links=1)
        except OSError as error:
            return Refusal(None, f"this file cannot be read: {error.strerror}", "look at its permissions")
        task = read(data, _suffix(name))
        if isinstance(task, Refusal):
            return task
        config = self._tree.agent(self._agent)
        worker = not isinstance(config, Refusal) and config.role == "worker"
        wrong_choice = policy.unfit(task, config) if worker and not isinstance(config, Refusal) else None
        return wrong_choice or (task, extension(data, _suffix(name)))

    def _reject(self, path: str, name: str, key: str, why: Refusal) -> None:
        folder = f"{self._inbox}/rejected"
        atomic.folder(folder)
        text = WHY.format(name=safe(name, keep=""), why=safe(why.sentence()), inbox=self._inbox).encode()
        kept = _free(folder, name, text)
        atomic.note(f"{folder}/{_fitting(kept, '.why')}", text)
        if stat.S_ISDIR(os.lstat(path).st_mode):
            atomic.advance(path, f"{folder}/{kept}")
        else:
            atomic.publish_staged(path, f"{folder}/{kept}")
        self._journal.record(f"adopt:{self._agent}", key, "drop > rejected", why.sentence(), agent=self._agent, drop=name)


def _facts(path: str) -> Facts | None:
    try:
        facts = os.lstat(path)
    except OSError:
        return None  # moved on
    return facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


def _hidden(folder: str) -> list[str]:
    return [name for name in os.listdir(folder) if name[0] == "."] if os.path.isdir(folder) else []


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1][1:].lower()


def _priority(task: Task) -> int:
    if task.priority is not None:
        return task.priority
    return 0 if task.urgent else names.DEFAULT_PRIORITY


def _free(folder: str, name: str, why: bytes) -> str:
    """A name under which nothing lies in `rejected/`: what was kept there is never overwritten.

    A `.why` without its file is only reused if it says the same: then a kill came between the two.
    """
    for number in range(1, 100_000):
        candidate = _fitting(name, f".{number}") if number > 1 else name
        note = f"{folder}/{_fitting(candidate, '.why')}"
        if not os.path.lexists(f"{folder}/{candidate}") and (not os.path.lexists(note) or _says(note, why)):
            return candidate
    raise FileExistsError(17, "rejected/ is full of this name", f"{folder}/{name}")


def _says(note: str, why: bytes) -> bool:
    try:
        return careful.read(note, MAX_BYTES) == why
    except OSError:
        return False


def _fitting(name: str, suffix: str) -> str:
    """The name with its suffix, cut to what a file system takes."""
    raw, room = os.fsencode(name), NAME_MAX - len(suffix)
    return (name if len(raw) <= room else raw[:room].decode("utf-8", "ignore")) + suffix
