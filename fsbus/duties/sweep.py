"""Sweeping: what is past its retention goes to the archive, what is past the archive's goes for good.

Age alone removes only what was collected (DESIGN section 8), by the time in the key. Dot-files that a dead process
left half-written go after an hour. Names that fsbus did not make are left alone.
"""
from __future__ import annotations

import os
import time

from fsbus.core.names import TaskName, born, is_key
from fsbus.duties.duty import Duty
from fsbus.duties.ending import FILES, RESULT
from fsbus.duties.shop import Shop
from fsbus.spool import atomic, channel
from fsbus.spool.owner import exists
from fsbus.spool.tree import FOLDERS, Tree

EVERY = 3600.0  # seconds between sweeps
TEMP_AGE = 3600.0  # seconds a half-written file of a dead process is kept
MARKER_AGE = 3  # times the archive's retention: markers outlive what they mark


class Sweep(Duty):
    """The duty `sweep`."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.name = shop, "sweep"
        self._next = 0.0

    def step(self) -> float:
        """Sweep if it is time; returns in how many seconds to look again."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + EVERY
            self._sweep(time.time())
        return self._next - now

    def _sweep(self, now: float) -> None:
        self._archive(now - self.shop.bus.keep_results)
        self._drop_archive(now - self.shop.bus.keep_results - self.shop.bus.keep_archive)
        self._drop_markers(now - MARKER_AGE * (self.shop.bus.keep_results + self.shop.bus.keep_archive))
        for folder in _ours(self.shop.tree):
            self._drop_temps(folder, now)

    def _archive(self, before: float) -> None:
        outbox = self.shop.outbox("").rstrip("/")
        for folder in (outbox, f"{outbox}/late"):
            for name in sorted(channel.tasks(channel.listing(folder), "outbox")):
                if born(name.key) < before:
                    self._move(folder, name)

    def _move(self, folder: str, name: TaskName) -> None:
        day = f"{name.key[:4]}-{name.key[4:6]}-{name.key[6:8]}"
        target = f"{self.shop.tree.root}/archive/{day}"
        atomic.folder(target)
        for sibling in (RESULT, FILES):
            if os.path.lexists(f"{folder}/{name.run}{sibling}"):
                atomic.advance(f"{folder}/{name.run}{sibling}", f"{target}/{name.run}{sibling}")
        if atomic.advance(f"{folder}/{name}", f"{target}/{name}"):
            why = "older than retention.results"
            self.shop.journal.record("sweep", name.key, f"{name.state} > archive", why, attempt=name.attempt)

    def _drop_archive(self, before: float) -> None:
        limit = time.strftime("%Y-%m-%d", time.gmtime(before))
        archive = f"{self.shop.tree.root}/archive"
        for day in channel.listing(archive):
            if len(day) == 10 and day < limit and day.replace("-", "").isdigit():
                atomic.remove_folder(f"{archive}/{day}")

    def _drop_markers(self, before: float) -> None:
        markers = self.shop.tree.node("collected")
        for key in channel.listing(markers):
            if is_key(key) and born(key) < before:
                atomic.discard(f"{markers}/{key}")

    def _drop_temps(self, folder: str, now: float) -> None:
        for name in os.listdir(folder) if os.path.isdir(folder) else []:
            pid = name[len(atomic.TEMP) :].split("-")[0]
            if name.startswith(atomic.TEMP) and pid.isdigit() and not exists(int(pid)):
                path = f"{folder}/{name}"
                if os.path.lexists(path) and now - os.lstat(path).st_mtime > TEMP_AGE:
                    atomic.discard(path)


def _ours(tree: Tree) -> list[str]:
    """Every folder in which a killed process may have left something half-written."""
    agents = (f"{tree.root}/agents/{agent}" for agent in tree.agents())
    node = (tree.node(inner) for inner in ("locks", "ledger", "alarms"))
    return [tree.root, *node, *(f"{agent}/{inner}".rstrip("/") for agent in agents for inner in ("", *FOLDERS))]
