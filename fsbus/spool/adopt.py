"""Adoption: a file that somebody dropped into an inbox gets its full name, or is kept in `rejected/` with the reason.

    NAME  --rename-->  .adopt-<key>-NAME  --link-->  5-<key>-<slug>.a1.queued.md   (then the dot-name goes)

A kill in between leaves the dot-name, and `recover` finishes it. A drop is taken only when it is whole: seen with
the same size, times and inode for half a second, and open for writing by nobody (facts/faults.md row 2). Nothing in
it is followed, executed or opened blocking.
"""
from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Callable

from fsbus.core import names, policy
from fsbus.core.refusal import Refusal
from fsbus.core.screen import safe
from fsbus.core.task import MAX_BYTES, Task, extension, read
from fsbus.spool import atomic, careful, channel, keys
from fsbus.spool.journal import Journal
from fsbus.spool.tree import Tree

STILL = 0.5  # seconds without a change before a drop counts as whole
SETTLED = 5.0  # seconds after which a drop that is still being written is left to the next tick
CLAIM = ".adopt-"
IN_TRANSIT = ("~", ".tmp", ".part", ".partial", ".swp", ".swo", ".crdownload", ".download")
# and `#x#`, which Emacs saves by itself while somebody types
NAME_MAX = 255  # bytes, on every file system that matters

WHY = """\
{name} was not taken in as a task.

{why}

The file lies unchanged beside this note. Mended, drop it again:
    fsbus check FILE && mv FILE {inbox}/
"""

_FORGED = Refusal(None, "it lay here under a name of fsbus's own, for a task that is another file", "give it a name of its own")

Facts = tuple[int, int, int, int]


class Adopter:
    """Adoption for one agent's inbox; remembers what it saw when, and nothing else."""

    def __init__(self, tree: Tree, agent: str, journal: Journal) -> None:
        self._tree, self._agent, self._journal = tree, agent, journal
        self._inbox = tree.folder(agent, "inbox")
        self._seen: dict[str, tuple[Facts, float, float]] = {}  # what it looked like, since when, and when it was first seen
        self._in_hand = False  # the disk refused halfway: a drop lies under its dot-name
        self._trouble = ""
        self.settling = False  # a drop is there that may be whole in a moment
        self._readme: Facts | None = None  # our own guide, as it was when it was read

    def recover(self) -> int:
        """Finish what a killed adoption left; for the holder of this inbox's duty alone."""
        self._in_hand = False
        left = [(n, claimed) for n in _hidden(self._inbox) if (claimed := _claimed(n)) is not None]
        return sum(self._unless_the_disk_refuses(drop, self._finish, name, key, drop) for name, (key, drop) in left)

    def _finish(self, claim: str, key: str, drop: str) -> bool:
        path, found = f"{self._inbox}/{claim}", channel.places(self._tree, key)
        if self._has_its_last_name(path, found):
            atomic.discard(path)
        elif found:
            self._reject(path, drop, key, _FORGED)  # whoever made it, it is not the task of that key
        else:
            self._take(claim, key, drop)
        return True

    def _unless_the_disk_refuses(self, drop: str, step: Callable[..., bool], *words: str) -> bool:
        """Take a step for one drop. One that cannot be taken is told of, is tried again, and keeps nobody waiting."""
        try:
            return step(*words)
        except OSError as error:
            self._in_hand = True
            said = f"{safe(drop, keep='')}: {error.strerror}"
            if said != self._trouble:
                sys.stderr.write(f"fsbus: adopt:{self._agent}: {said}; it is tried again\n")
            self._trouble = said
            return False

    def _has_its_last_name(self, path: str, found: list[channel.Place]) -> bool:
        """Whether this very file is a task or kept already: a kill came between its new name and the end of the old."""
        folder = f"{self._inbox}/rejected"
        facts = os.lstat(path)
        kept = os.listdir(folder) if facts.st_nlink > 1 and os.path.isdir(folder) else []
        others = [*(channel.path(self._tree, place) for place in found), *(f"{folder}/{name}" for name in kept)]
        return any(os.path.lexists(other) and os.path.samestat(facts, os.lstat(other)) for other in others)

    def step(self, strangers: list[str]) -> tuple[int, float | None]:
        """Take in every whole drop among these names, none of which is a task's.

        Returns how many it took, and in how many seconds to look again, None if there is nothing to look for.
        """
        if self._in_hand:
            self.recover()
        now = time.monotonic()
        self._seen = {name: self._since(name, facts, now) for name, facts in self._drops(strangers)}
        ready = sorted((facts[2], name) for name, (facts, since, _) in self._seen.items() if now - since >= STILL)
        left = [name for _, name in ready if not self._unless_the_disk_refuses(name, self._adopt, name)]
        waiting = {name: since for name, (_, since, _) in self._seen.items() if now - since < STILL}
        self.settling = any(now - self._seen[name][2] < SETTLED for name in (*waiting, *left))
        return len(ready) - len(left), (min(waiting.values()) + STILL - now if waiting else STILL if left else None)

    def _drops(self, strangers: list[str]) -> list[tuple[str, Facts]]:
        found = []
        for name in strangers:
            if name == "rejected" or name.endswith(IN_TRANSIT) or name[0] == "#" == name[-1]:
                continue
            facts = _facts(f"{self._inbox}/{name}")
            if facts is not None and not (name == channel.OWN_README and self._own_readme(name, facts)):
                found.append((name, facts))
        return found

    def _since(self, name: str, facts: Facts, now: float) -> tuple[Facts, float, float]:
        before = self._seen.get(name, ((0, 0, 0, 0), now, now))
        return before if before[0] == facts else (facts, now, before[2])

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


def _claimed(name: str) -> tuple[str, str] | None:
    """The key and the first name of a drop that an adoption had in hand; None for anybody else's dot-file."""
    key, drop = name[len(CLAIM) : len(CLAIM) + names.KEY_LENGTH], name[len(CLAIM) + names.KEY_LENGTH :]
    return (key, drop[1:]) if name.startswith(CLAIM) and names.is_key(key) and drop[:1] == "-" and drop[1:] else None


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
