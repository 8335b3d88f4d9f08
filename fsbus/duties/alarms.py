"""Alarms: an alert in the human's `urgent/` that wants an ack, and a ring by the `notify` command.

Each alarm is one file in `.node/alarms/`, named by its cause, so that one cause is one alarm however often it is
found, also after a restart. When it rings is decided by `core/alarm.py`.
"""
from __future__ import annotations

import os
import subprocess
import time
from dataclasses import asdict, replace
from typing import Any

from fsbus.core import alarm, flat, gate
from fsbus.core.alarm import Alarm
from fsbus.duties.shop import Shop
from fsbus.spool import atomic, careful, channel, message

RING_LIMIT = 60.0  # seconds a notify command may take
RETRY = 60.0  # seconds after a notify command that failed


class Alarms:
    """All that is up."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._folder = shop.tree.node("alarms")
        atomic.folder(self._folder)
        self._human = shop.tree.with_role("human")
        self._ringing: tuple[subprocess.Popen[bytes], float, list[Alarm]] | None = None
        self._last, self._not_before = self._latest_ring(), 0.0

    def raise_(self, cause: str, title: str, text: str, key: str = "") -> None:
        """Tell the human, unless this cause is up already."""
        if not self._human or os.path.exists(self._path(cause)):
            return
        sent = message.post(self._shop.tree, self._human, "alert", self._shop.agent.name, text, {"title": title, "task": key})
        self._keep(Alarm(cause, title, text, sent, time.time(), key))
        self._shop.journal.record("dispatch", key or cause, "alarm", title, alert=sent)

    def clear(self, cause: str) -> None:
        """The cause is over: the next time it comes up is a new alarm."""
        atomic.discard(self._path(cause))

    def step(self, now: float) -> None:
        """Note who was acked, and ring if it is time."""
        if self._ringing is not None:
            self._see_ring(now)
            return
        names = channel.listing(self._folder)
        if not names or not self._shop.bus.notify or now < self._not_before:
            return
        up = [self._seen(found) for found in map(self._read, names) if found is not None]
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
            self._shop.complain(f"notify cannot be started: {error.strerror}")
            self._not_before = now + RETRY
            return
        self._ringing = (process, now, due)

    def _see_ring(self, now: float) -> None:
        assert self._ringing is not None
        process, began, due = self._ringing
        if process.poll() is None:
            if now - began > RING_LIMIT:
                process.kill()
            return
        self._ringing = None
        if process.returncode == 0:
            for rung in due:
                self._keep(replace(rung, rings=rung.rings + 1, rung=began))
        else:  # a human who was not reached is tried again
            self._shop.complain(f"notify ended with code {process.returncode}")
            self._last, self._not_before = 0.0, now + RETRY
        for rung in due:
            self._shop.journal.record("notify", rung.key or rung.cause, "rang", f"code {process.returncode}: {rung.title}")

    def _seen(self, found: Alarm) -> Alarm:
        """The alarm as its alert stands now: acked, or taken away by hand."""
        urgent = self._shop.tree.folder(self._human, "urgent")
        unseen = any(m.key == found.message for m in channel.messages(urgent))
        read = any(m.key == found.message and m.state == "read" for m in channel.messages(f"{urgent}/read"))
        return found if unseen or read else replace(found, acked=True)

    def _path(self, cause: str) -> str:
        return f"{self._folder}/{cause}.yaml"

    def _keep(self, up: Alarm) -> None:
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
