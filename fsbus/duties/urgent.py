"""The duty `urgent`: looks after the `urgent/` of every agent on this host, so that they stay small and honest.

Drops become notes from the human. What claims to come from somebody who may not send to this agent goes to
`inbox/rejected/` with the reason. What nobody read in time becomes `expired` and goes to the archive, and its sender
is told, by the sender's own host; what was read goes there after the same time. It reads nothing for anybody.
"""
from __future__ import annotations

import os
import time

from fsbus.core import message as words
from fsbus.core.moment import show_duration
from fsbus.core.names import MessageName, born, parse_message
from fsbus.duties.apart import Apart
from fsbus.duties.duty import LOOK, Duty
from fsbus.spool import atomic, channel, message, rejected, sender
from fsbus.spool.folder import Folder
from fsbus.spool.journal import Journal
from fsbus.spool.note import NoteAdopter
from fsbus.spool.tree import Tree
from fsbus.views import story

AWAY = 180.0  # seconds more for an agent with its home elsewhere: word that it was read may be on the way
THEN = 'Send what it says to dispatch:\n    fsbus send dispatch note "..."'


class Urgent(Duty):
    """See the module."""

    def __init__(self, tree: Tree, journal: Journal) -> None:
        self.name = "urgent"
        self._tree, self._journal = tree, journal
        self._apart = Apart()
        self._boxes: dict[str, Box] = {}

    def step(self) -> float:
        """Look at each folder that changed or in which something is due; returns in how many seconds to look again."""
        agents, looks = self._tree.agents(), [LOOK]
        self._boxes = {agent: box for agent, box in self._boxes.items() if agent in agents}
        for agent in agents:
            with self._apart(f"the messages of {agent} cannot be looked after"):
                self._boxes[agent] = self._boxes.get(agent) or Box(self._tree, self._journal, agent, self._apart)
                looks.append(self._boxes[agent].step(time.time()))
        self.settling = any(box.settling for box in self._boxes.values())
        self._apart.tell()
        return min(looks)


class Box:
    """One agent's `urgent/` and `urgent/read/`."""

    def __init__(self, tree: Tree, journal: Journal, agent: str, apart: Apart) -> None:
        self._tree, self._journal, self.agent, self._apart = tree, journal, agent, apart
        self._path = tree.folder(agent, "urgent")
        self._new, self._read = Folder(self._path), Folder(f"{self._path}/read")
        self._adopter = NoteAdopter(tree, agent, journal)
        self._adopter.recover()
        self._seen: list[str] | None = None  # the names at the last look
        self._strangers: list[str] = []  # those among them that are no messages: drops
        self._dues: dict[MessageName, float] = {}  # when each that was looked into expires, or is looked into again
        self._due = self._read_due = 0.0  # when something here expires next, or may
        self.settling = False

    def step(self, now: float) -> float:
        """Everything that can be done now; returns in how many seconds to look again."""
        names = self._new.names()
        if names is not self._seen:
            self._strangers = [name for name in names if name != "read" and parse_message(name) is None]
        again = self._adopter.step(self._strangers)[1] if self._strangers else None
        self.settling = bool(self._strangers) and self._adopter.settling
        if names is not self._seen or now >= self._due:
            self._seen, self._due = names, self._tend(names, now)
        if now >= self._read_due:
            self._read_due = self._archive(now)
        return max(0.0, min(self._due - now, LOOK if again is None else again))

    def _tend(self, names: list[str], now: float) -> float:
        """See to each message that is new here or due; returns when the next one is."""
        here = [name for name in channel.message_names(names) if name.state == "new"]
        self._dues = {n: due if (due := self._dues.get(n, 0.0)) > now else self._due_at(n, now) for n in here}
        return min(self._dues.values(), default=now + 3600.0)

    def _due_at(self, name: MessageName, now: float) -> float:
        with self._apart(f"{name.key} cannot be looked after"):
            return self._see(name, now)
        return now + LOOK

    def _see(self, name: MessageName, now: float) -> float:
        """When this message is due; refused and expired ones are dealt with at once."""
        if not sender.honest(self._tree, name.sender, self.agent):
            self._refuse(name)
            return now + 3600.0
        try:
            body, _ = message.content(f"{self._path}/{name}", name.ext)
        except OSError:
            return now + LOOK  # moved on, or unreadable for now
        at = words.expires(name, body, self._tree.ttl()) + (0.0 if self._is_here(self.agent) else AWAY)
        if not self._is_here(name.sender):
            at += self._on_its_way(name)
        if at > now or self._still_wanted(name, body or {}):
            return max(at, now + LOOK)
        self._expire(name, str((body or {}).get("task") or ""), now)
        return now + 3600.0

    def _on_its_way(self, name: MessageName) -> float:
        """How long after it was written it arrived, by our clock: the time of another host's clock is not ours."""
        try:
            return max(0.0, os.lstat(f"{self._path}/{name}").st_mtime - born(name.key))
        except OSError:
            return 0.0

    def _still_wanted(self, name: MessageName, body: dict[str, object]) -> bool:
        """A cancel lives as long as its task, and what asks dispatch for another attempt as long as that one."""
        role, task = self._tree.role(self.agent), str(body.get("task") or "")
        if name.type not in ("cancel", "assign") or not words.is_order(name.type, role, task):
            return False
        if name.type == "assign" and role != "dispatch":
            return False
        found = channel.places(self._tree, task or name.key)
        return bool(found) and not story.present(self._tree, found).collected

    def _refuse(self, name: MessageName) -> None:
        why = f"there is no agent {name.sender}"
        if sender.known(self._tree, name.sender):
            why = f"{name.sender} may not send to {self.agent}: {sender.reaches(self._tree.settings(name.sender))}"
        said = rejected.WHY.format(name=name, what="message", why=why, then=THEN)
        try:
            rejected.keep(f"{self._tree.folder(self.agent, 'inbox')}/rejected", f"{self._path}/{name}", str(name), said)
        except FileNotFoundError:
            return  # moved on
        self._journal.record("urgent", name.key, "refused", why, agent=self.agent)

    def _expire(self, name: MessageName, task: str, now: float) -> None:
        day = self._tree.archive(name.key)
        atomic.folder(day)
        if not atomic.advance(f"{self._path}/{name}", f"{day}/{name.to('expired')}"):
            return
        age = show_duration(now - born(name.key))
        about = {"task": task} if task else {}
        self._journal.record("urgent", name.key, "expired", f"never read in {age}", agent=self.agent, **about)
        if name.type not in words.AUTOMATIC and self._tree.has(name.sender) and self._is_here(name.sender):
            text = f"{self.agent} never read your {name.type} {name.key}: it expired after {age}"
            message.post(self._tree, name.sender, "status", self.agent, text, {"task": task})

    def _archive(self, now: float) -> float:
        """Move what was read, and is past its time, to the archive; returns when to look again."""
        ttl = self._tree.ttl()
        for name in channel.message_names(self._read.names()):
            with self._apart(f"{name.key} cannot be archived"):
                if born(name.key) + ttl < now and self._is_over(name, ttl, now):
                    day = self._tree.archive(name.key)
                    atomic.folder(day)
                    atomic.advance(f"{self._path}/read/{name}", f"{day}/{name}")
        return now + min(60.0, max(LOOK, ttl / 10))

    def _is_over(self, name: MessageName, ttl: float, now: float) -> bool:
        try:
            body, _ = message.content(f"{self._path}/read/{name}", name.ext)
        except OSError:
            return False
        return words.expires(name, body, ttl) < now

    def _is_here(self, agent: str) -> bool:
        return self._tree.home(agent) == self._tree.host
