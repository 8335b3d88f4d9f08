"""Adoption: a file that somebody dropped into an inbox gets its full name, or is kept in `rejected/` with the reason.

    NAME  --rename-->  .adopt-<key>-NAME  --link-->  5-<key>-<slug>.a1.queued.md   (then the dot-name goes)

A kill in between leaves the dot-name, and `recover` finishes it. A drop is taken only when it is whole: seen with
the same size, times and inode for half a second, and open for writing by nobody (facts/faults.md row 2). Nothing in
it is followed, executed or opened blocking. Work for an agent into whose inbox this host may not lay any, or that dispatch
has to hold back, gets its name in dispatch's, with the agent as `to` in its text; what `submit` does with it, too.
"""
from __future__ import annotations

import os
import stat
import sys
import time
from collections import namedtuple
from collections.abc import Callable

from fsbus.core import names, policy
from fsbus.core.addressed import addressed
from fsbus.core.errors import as_typed
from fsbus.core.refusal import Refusal
from fsbus.core.screen import safe
from fsbus.core.task import MAX_BYTES, Task, extension, read
from fsbus.spool import atomic, careful, channel, fault, keys, message, rejected
from fsbus.spool.journal import Journal
from fsbus.spool.sender import lays
from fsbus.spool.tree import Tree

STILL = 0.5  # seconds without a change before a drop counts as whole
SETTLED = 5.0  # seconds after which a drop that is still being written is left to the next tick
CLAIM = ".adopt-"
IN_TRANSIT = ("~", ".tmp", ".part", ".partial", ".swp", ".swo", ".crdownload", ".download")
# and `#x#`, which Emacs saves by itself while somebody types

_FORGED = Refusal(None, "it lay here under a name of fsbus's own, for a task that is another file", "give it a name of its own")

Facts = tuple[int, int, int, int]
# its full name; what was repaired or assumed; to be started at once; in whose inbox it has it, if not here, and what it says
Taken = namedtuple("Taken", "name notes urgent via data", defaults=("", b""))


class Adopter:
    """Adoption of tasks in one agent's inbox; remembers what it saw when, and nothing else.

    `note.NoteAdopter` does the same for `urgent/`: a subclass says what a drop becomes and where it may lie already.
    """

    channel, what = "inbox", "task"
    then = "fsbus check FILE && mv FILE"

    def __init__(self, tree: Tree, agent: str, journal: Journal) -> None:
        self._tree, self._agent, self._journal = tree, agent, journal
        self._folder = tree.folder(agent, self.channel)
        self._seen: dict[str, tuple[Facts, float, float]] = {}  # what it looked like, since when, and when it was first seen
        self._in_hand = False  # the disk refused halfway: a drop lies under its dot-name
        self._trouble = ""
        self.settling = False  # a drop is there that may be whole in a moment
        self._guide = channel.Guide(self._folder)

    def recover(self) -> int:
        """Finish what a killed adoption left; for the holder of this inbox's duty alone."""
        self._in_hand = False
        left = [(n, claimed) for n in _hidden(self._folder) if (claimed := _claimed(n)) is not None]
        return sum(self._unless_the_disk_refuses(drop, self._finish, name, key, drop) for name, (key, drop) in left)

    def _finish(self, claim: str, key: str, drop: str) -> bool:
        path, others = f"{self._folder}/{claim}", self._present(key)
        if self._has_its_last_name(path, others):
            atomic.discard(path)
        elif others:
            self._reject(path, drop, key, _FORGED)  # whoever made it, it is not the task of that key
        else:
            self._take(claim, key, drop)
        return True

    def _unless_the_disk_refuses(self, drop: str, step: Callable[..., bool], *words: str) -> bool:
        """Take a step for one drop. One that cannot be taken is told of, is tried again, and keeps nobody waiting."""
        try:
            return step(*words)
        except Exception as error:  # the disk, or a fault of ours
            self._in_hand = True
            said = f"{safe(drop, keep='')}: {fault.sentence(error)}"
            if said != self._trouble:
                sys.stderr.write(f"fsbus: adopt:{self._agent}: {said}; it is tried again\n")
            self._trouble = said
            return False

    def _present(self, key: str) -> list[str]:
        """The paths of everything that has this key."""
        return [channel.path(self._tree, place) for place in channel.places(self._tree, key)]

    def _has_its_last_name(self, path: str, others: list[str]) -> bool:
        """Whether this very file is taken in or kept already: a kill came between its new name and the end of the old."""
        folder, facts = self._rejected(), os.lstat(path)
        kept = os.listdir(folder) if facts.st_nlink > 1 and os.path.isdir(folder) else []
        others = [*others, *(f"{folder}/{name}" for name in kept)]
        return any(os.path.lexists(other) and os.path.samestat(facts, os.lstat(other)) for other in others)

    def _rejected(self) -> str:
        return f"{self._tree.folder(self._agent, 'inbox')}/rejected"

    def step(self, strangers: list[str]) -> tuple[int, float | None]:
        """Take in every whole drop among these names, none of which is a task's.

        Returns how many it took, and in how many seconds to look again, None if there is nothing to look for. What it took
        is to be gone on with at once: the hint that its full name is there comes late on a Mac, and may never come.
        """
        if self._in_hand:
            self.recover()
        now = time.monotonic()
        self._seen = {name: self._since(name, facts, now) for name, facts in self._drops(strangers)}
        ready = sorted((facts[2], name) for name, (facts, since, _) in self._seen.items() if now - since >= STILL)
        left = [name for _, name in ready if not self._unless_the_disk_refuses(name, self._adopt, name)]
        waiting = {name: since for name, (_, since, _) in self._seen.items() if now - since < STILL}
        self.settling = any(now - self._seen[name][2] < SETTLED for name in (*waiting, *left))
        taken = len(ready) - len(left)
        return taken, (0.0 if taken else min(waiting.values()) + STILL - now if waiting else STILL if left else None)

    def _drops(self, strangers: list[str]) -> list[tuple[str, Facts]]:
        found = []
        for name in strangers:
            if name == "rejected" or name.endswith(IN_TRANSIT) or name[0] == "#" == name[-1]:
                continue
            facts = _facts(f"{self._folder}/{name}")
            if facts is not None and not self._guide.covers(name):
                found.append((name, facts))
        return found

    def _since(self, name: str, facts: Facts, now: float) -> tuple[Facts, float, float]:
        before = self._seen.get(name, ((0, 0, 0, 0), now, now))
        return before if before[0] == facts else (facts, now, before[2])

    def _adopt(self, name: str) -> bool:
        path = f"{self._folder}/{name}"
        try:
            if stat.S_ISREG(os.lstat(path).st_mode) and careful.being_written(path):
                return False
        except PermissionError:
            pass  # `_take` says so in the .why
        except OSError:
            return False  # gone again
        key = keys.make()
        claim = rejected.fitting(f"{CLAIM}{key}-{name}", "")
        return atomic.advance(path, f"{self._folder}/{claim}") and self._take(claim, key, name)

    def _take(self, claim: str, key: str, name: str) -> bool:
        path = f"{self._folder}/{claim}"
        data = self._read(path)
        full = data if isinstance(data, Refusal) else self._full_name(data, key, _suffix(name))
        if isinstance(full, Refusal):
            self._reject(path, name, key, full)
            return True
        if full.via:
            atomic.advance(atomic.stage(f"{self._folder}/{key}", full.data), path)
        else:
            atomic.sync_folder(path)  # whoever wrote it left it in memory
        folder = self._tree.folder(full.via or self._agent, self.channel)
        if not atomic.publish_staged(path, f"{folder}/{full.name}"):
            atomic.discard(path)
        self._taken(key, name, full)
        return True

    def _read(self, path: str) -> bytes | Refusal:
        try:
            wrong = careful.flaw(os.lstat(path), MAX_BYTES)
            return Refusal(None, *wrong) if wrong else careful.read(path, MAX_BYTES, links=1)
        except OSError as error:
            if careful.is_disks_fault(error):
                raise
            return Refusal(None, f"this file cannot be read: {error.strerror}", "look at its permissions")

    def _full_name(self, data: bytes, key: str, suffix: str) -> Taken | Refusal:
        """What a drop becomes here, or why it cannot be taken in."""
        task = read(data, suffix)
        if isinstance(task, Refusal):
            return task
        config = self._tree.agent(self._agent)
        worker = not isinstance(config, Refusal) and config.role == "worker"
        wrong = None
        if worker and not isinstance(config, Refusal):
            wrong = policy.misplaced(task, self._agent) or policy.unfit(task, config)
        via = self._via(task)
        said = addressed(data, suffix, self._agent) if via else data
        if isinstance(said, Refusal):
            return wrong or said
        slug, ext = names.slug(task.title or task.text), extension(said, suffix)
        full = names.TaskName(_priority(task), key, slug, 1, "queued", ext)
        return wrong or Taken(str(full), task.notes, task.urgent and worker and not via, via, said)

    def _via(self, task: Task) -> str:
        """Dispatch, if it has to hold this task back, or this host may lay none into this inbox; '' if it stays here."""
        dispatch = self._tree.with_role("dispatch")
        held = task.after or task.not_before is not None
        return dispatch if self._agent != dispatch and (held or not lays(self._tree, self._agent)) else ""

    def _taken(self, key: str, drop: str, full: Taken) -> None:
        more = {"agent": full.via or self._agent, "drop": drop, "notes": list(full.notes)}
        why = f"dropped by hand for {self._agent}, to go by way of dispatch" if full.via else "dropped by hand"
        self._journal.record(f"adopt:{self._agent}", key, "drop > queued", why, **more)
        if full.urgent:
            message.post(self._tree, self._agent, "assign", policy.HUMAN, "", {"task": key})

    def _reject(self, path: str, name: str, key: str, why: Refusal) -> None:
        rejected.keep(self._rejected(), path, name, rejected.WHY.format(
            name=safe(name, keep=""), why=safe(why.sentence()), what=self.what,
            then=f"Mended, drop it again:\n    {self.then} {as_typed(self._folder)}/",
        ))  # fmt: skip
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
