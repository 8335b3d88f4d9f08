"""Alarms: an alert in the human's `urgent/` that wants an ack, and a ring by the `notify` command.

Each alarm is one file in `.node/alarms/`, named by its cause, so that one cause is one alarm however often it is
found, also after a restart. When it rings is decided by `core/alarm.py`.
"""
from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import asdict, replace
from typing import Any

from fsbus.core import alarm, flat, gate
from fsbus.core.alarm import Alarm
from fsbus.core.decide import Past
from fsbus.core.names import TaskName
from fsbus.core.result import Failure
from fsbus.duties.shop import Shop
from fsbus.spool import atomic, careful, channel, message, owner
from fsbus.spool.folder import Folder

RING_LIMIT = 30.0  # seconds a notify command may take
LAST = 3.0  # seconds that it still gets when its node, or a tick, ends: nothing is left behind
MOMENT = 0.05  # seconds between two looks at it then
ALERT_TTL = "604800s"  # a week: an alert that went after a day would take its alarm along, over one weekend
RETRY = 60.0  # seconds after a notify command that failed, doubled for each further failure
RETRY_MAX = 3600.0  # for one that delivers and says it did not rings each time


class Alarms:
    """All that is up."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._folder = shop.tree.node("alarms")
        atomic.folder(self._folder)
        self._human, self._files, self._new, self._read_ones = "", Folder(self._folder), Folder(""), Folder("")
        self._known: tuple[list[list[str]], list[Alarm]] = ([], [])  # the names in the last three, and what is up with them
        self._find_human()
        self._ringing: tuple[subprocess.Popen[bytes], float, list[Alarm]] | None = None
        self._group = (0, 0.0)  # the process group of the last ring, 0 if there was none, and when it began
        self._last, self._not_before = self._latest_ring(), 0.0
        self._missed = 0  # rings in a row that did not reach the human

    def raise_(self, cause: str, title: str, text: str, key: str = "") -> None:
        """Tell the human, unless this cause is up already."""
        self._find_human()
        if not self._human:
            return
        up = self._up(cause)
        new = Alarm(cause, title, text, "", time.time(), key)
        stands = alarm.raised(up, new)
        if stands is not new:
            if stands != up:
                self._keep(stands)
            return
        more = {"title": title, "task": key, "ack": True, "ttl": ALERT_TTL}
        sent = message.post(self._shop.tree, self._human, "alert", self._shop.agent.name, text, more)
        self._keep(replace(new, message=sent))
        self._shop.journal.record("dispatch", key or cause, "alarm", title, alert=sent)

    def _find_human(self) -> None:
        """Who is told now, and where what is told lies: a person may come while dispatch runs."""
        self._human = self._shop.tree.with_role("human")
        urgent = self._shop.tree.folder(self._human, "urgent")
        if urgent != self._new.path:
            self._new, self._read_ones = Folder(urgent), Folder(f"{urgent}/read")

    def failed(self, name: TaskName, agent: str, last: Failure, why: str, history: tuple[Past, ...] = ()) -> None:
        """A task failed for good and nobody asked for that: what, where, what was tried, and what to type."""
        tried = "".join(f"  attempt {p.attempt}, {p.agent}: {p.failure.kind}: {p.failure.what}\n" for p in history)
        text = (
            f"{name.slug} ({name.key}) failed at {agent}: {last.what}\n{why}.\n" + (f"Tried:\n{tried}" if tried else "")
            + f"To see more:   fsbus trace {name.key}\n"
            f"To try again:  fsbus retry {name.key} --note 'what to do differently'\n"
        )  # fmt: skip
        self.raise_(f"failed-{name.key}", f"{name.slug} failed: {last.kind}", text, name.key)

    def clear(self, cause: str) -> None:
        """The cause is over: once the human knows, the next time it comes up is a new alarm."""
        up = self._up(cause)
        if up is None:
            return
        stands = alarm.ended(up)
        if stands is None:
            self.forget(cause)
        elif stands != up:
            self._keep(stands)

    def forget(self, cause: str) -> None:
        """A person deals with it: whatever comes of that is a new alarm."""
        atomic.discard(self._path(cause))

    def causes(self) -> list[str]:
        """What is up."""
        return [name.removesuffix(".yaml") for name in channel.listing(self._folder)]

    def step(self, now: float) -> None:
        """Note who was acked, and ring if it is time."""
        if self._ringing is not None:
            self._see_ring(now)
            return
        up = self._tidied()
        if not up or not self._shop.bus.notify or 0 < self._not_before - now <= RETRY_MAX:
            return
        local = time.localtime(now)
        due = alarm.to_ring(up, self._last, now, local.tm_hour * 60 + local.tm_min, self._shop.bus.quiet)
        if due:
            self._ring(due, now)

    def _ring(self, due: list[Alarm], now: float) -> None:
        title, text, key = alarm.digest(due)
        env = dict(os.environ) | {"TITLE": title, "TEXT": text, "PRIO": "high", "KEY": key}
        self._last = now
        try:
            process = subprocess.Popen(
                self._shop.bus.notify, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            self._missed_one(f"notify cannot be started: {error.strerror}", now)
            return
        self._ringing, self._group = (process, now, due), (process.pid, now)

    def close(self) -> None:
        """The node ends: a ring that is on gets a moment more, then it is ended with all that it started."""
        group, began = self._group
        if not group or (self._ringing is None and abs(time.time() - began) > RING_LIMIT):
            return  # its number may be somebody else's by now
        end = time.monotonic() + LAST
        while self._rings_still(group) and time.monotonic() < end:
            with self._shop.baton.aside:
                time.sleep(MOMENT)
        owner.signal_group(group, signal.SIGKILL)
        if self._ringing is not None:
            self._ringing[0].wait()
            self._see_ring(time.time())

    def _rings_still(self, group: int) -> bool:
        """Whether the command runs, or what it left running does."""
        return (self._ringing is not None and self._ringing[0].poll() is None) or owner.group_exists(group)

    def _see_ring(self, now: float) -> None:
        assert self._ringing is not None
        process, began, due = self._ringing
        if process.poll() is None:
            if abs(now - began) > RING_LIMIT:
                owner.signal_group(process.pid, signal.SIGKILL)  # its leader is unreaped: the number is still its own
            return
        self._ringing = None
        if process.returncode == 0:
            if self._missed:
                self._shop.complain("")
            self._missed = 0
            self._shop.apart.each(due, lambda rung: self._keep(alarm.rang(self._up(rung.cause) or rung, began)))
        else:  # a human who was not reached is tried again
            self._missed_one(f"notify ended with code {process.returncode}", now)
        for rung in due:
            self._shop.journal.record("notify", rung.key or rung.cause, "rang", f"code {process.returncode}: {rung.title}")

    def _missed_one(self, why: str, now: float) -> None:
        self._shop.complain(why)
        self._last, self._not_before = 0.0, now + min(RETRY * 2.0 ** min(self._missed, 10), RETRY_MAX)
        self._missed += 1

    def _tidied(self) -> list[Alarm]:
        """All that is up, as it stands; an acked one about a task is done with, since its cause cannot come up again.

        Looked into again only when something came or went: a weekend's 1,000 alerts cost a tenth of a processor.
        """
        names = [folder.names() for folder in (self._files, self._new, self._read_ones)]
        before, up = self._known
        if not before or any(now is not then for now, then in zip(names, before, strict=True)):
            waiting = self._waiting() if names[0] else set()
            read = self._shop.apart.each(names[0], self._read, "the alarm {} cannot be read")
            up = [self._as_seen(found, waiting) for found in read if found is not None]
            self._known = (names if len(read) == len(names[0]) else [], up)
        for known in up:
            with self._shop.apart(f"the alarm {known.cause} cannot be ended"):
                if known.acked and (known.key or known.over):
                    self.forget(known.cause)
        return up

    def _waiting(self) -> set[str]:
        """The keys of the alerts that the human has not acked; two looks in the direction of flow, lest one is missed."""
        new = {m.key for m in channel.message_names(self._new.names())}
        return new | {m.key for m in channel.message_names(self._read_ones.names()) if m.state == "read"}

    def _as_seen(self, found: Alarm, waiting: set[str]) -> Alarm:
        """The alarm as its alert stands now: acked, or taken away by hand."""
        return found if found.message in waiting else replace(found, acked=True)

    def _up(self, cause: str) -> Alarm | None:
        """The alarm that is up for this cause."""
        path = self._path(cause)
        found = self._read(os.path.basename(path)) if os.path.exists(path) else None
        return self._as_seen(found, self._waiting()) if found is not None else None

    def _path(self, cause: str) -> str:
        return f"{self._folder}/{cause}.yaml"

    def _keep(self, up: Alarm) -> None:
        self._known = ([], [])
        if os.path.exists(self._path(up.cause)) or not up.rings:
            atomic.replace(self._path(up.cause), flat.dump(asdict(up)).encode())

    def _read(self, name: str) -> Alarm | None:
        found: Any = gate.values(careful.read_text(f"{self._folder}/{name}") or "")
        try:
            return Alarm(**found) if isinstance(found, dict) else None
        except TypeError:
            return None  # written by another version: its alert is in urgent/ all the same

    def _latest_ring(self) -> float:
        found = [a for a in map(self._read, channel.listing(self._folder)) if a is not None]
        return max((a.rung for a in found), default=0.0)
