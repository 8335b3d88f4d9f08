"""Sweeping: what is past its retention goes to the archive, what is past the archive's goes for good.

Age alone removes only what was collected (DESIGN section 8), by the time in the key. Dot-files that a dead process
left half-written go after an hour, what a cut link left after a day. Names that fsbus did not make are left alone.
None of it is done by a clock that may be years ahead (`core/trusted.py`).
"""
from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from functools import partial

from fsbus.core import flat
from fsbus.core.config import BusConfig
from fsbus.core.moment import show_duration
from fsbus.core.names import TaskName, born, is_key
from fsbus.core.paths import ARRIVING, GOING, parse_path
from fsbus.core.trusted import WAIT, Trusted, look
from fsbus.duties import whole
from fsbus.duties.apart import Apart
from fsbus.duties.duty import Duty
from fsbus.spool import atomic, careful, channel, linkfacts, message
from fsbus.spool.journal import Journal, files, first_kept
from fsbus.spool.owner import exists
from fsbus.spool.stale import Stale
from fsbus.spool.tree import FOLDERS, Tree
from fsbus.views import overview

EVERY = 3600.0  # seconds between sweeps
SOON = 60.0  # seconds between looks at a clock that is not trusted
TEMP_AGE = 3600.0  # seconds a half-written file of a dead process is kept
CUT_AGE = 86400.0  # seconds without a byte that something is kept whose link was cut: the next pass goes on with it, if with any
LATER = 7200.0  # seconds: a name is sent until the retention, accepted for an hour more, and let go an hour after that
GONE = "{} cannot be removed"
MARKER_AGE = 3  # times the archive's retention: markers outlive what they mark


class Sweep(Duty):
    """The duty `sweep`, on every host for its own copy of the tree."""

    def __init__(self, tree: Tree, bus: BusConfig, journal: Journal) -> None:
        self.name = "sweep"
        self._tree, self._bus, self._journal = tree, bus, journal
        self._next = 0.0
        self._apart = Apart()
        self._seen: Trusted | None = None  # the last look at the clock
        self._note = tree.node("sweep.yaml")  # the same, for the next process

    def step(self) -> float:
        """Sweep if it is time and the clock is trusted; returns in how many seconds to look again."""
        now = time.monotonic()
        if now >= self._next:
            wall, before = time.time(), self._seen or self._noted()
            self._seen = look(before, wall)
            self._next = now + (SOON if self._seen.ahead else EVERY)
            try:
                self._hold(before, self._seen) if self._seen.ahead else self._sweep(wall)
            finally:
                self._keep(before, self._seen)
        return self._next - now

    def _keep(self, before: Trusted | None, seen: Trusted) -> None:
        """Note the look for the next process, unless one of the last half hour says the same: cron ticks each minute."""
        if before is None or seen.ahead != before.ahead or abs(seen.swept - before.swept) > EVERY / 2:
            atomic.replace(self._note, flat.dump(seen._asdict()).encode(), sync=True)

    def _noted(self) -> Trusted | None:
        said = careful.mapping(self._note)
        try:
            return Trusted(float(str(said["swept"])), float(str(said["ahead"])))
        except (KeyError, ValueError):
            return None  # there never was a look

    def _hold(self, before: Trusted | None, seen: Trusted) -> None:
        """Say so once."""
        if seen != before:
            far, wait = show_duration(seen.ahead - seen.swept), show_duration(WAIT)
            why = f"the clock is {far} past the last sweep: nothing is swept before it has been so for {wait}"
            self._journal.record("sweep", "clock", "held", why)

    def _sweep(self, now: float) -> None:
        """All of it; what is in the way of a part, or of one name, is raised once the rest is done."""
        self._apart.each(self._parts(now), lambda part: part())
        self._apart.tell()

    def _parts(self, now: float) -> Iterator[Callable[[], None]]:
        keep, archive = self._bus.keep_results, self._bus.keep_archive
        yield partial(self._archive, now - keep - (LATER if len(self._bus.hosts) > 1 else 0.0))
        yield from (partial(self._put_stale_aside, agent, now, keep) for agent in self._tree.agents())
        yield partial(self._drop_archive, now - keep - archive)
        yield partial(self._drop_stale, Stale(now, archive))
        yield from (partial(self._drop_cases, agent, now - keep - archive) for agent in self._tree.agents())
        yield partial(self._drop_journal, first_kept(self._bus, now))
        yield partial(self._drop_markers, now - MARKER_AGE * (keep + archive))
        yield from (partial(self._drop_temps, folder, now) for folder in _ours(self._tree))

    def _archive(self, before: float) -> None:
        dispatch = self._tree.with_role("dispatch")
        outbox = self._tree.folder(dispatch, "outbox")
        for folder in (outbox, f"{outbox}/late") if dispatch else ():
            for name in sorted(channel.tasks(channel.listing(folder), "outbox")):
                if born(name.key) < before:
                    with self._apart(f"{name.key} cannot be archived"):
                        self._move(folder, name)

    def _put_stale_aside(self, agent: str, now: float, keep: float) -> None:
        """A task that no worker has even seen within the retention is not started any more, and the human is told.

        Dispatch's host looks after the workers of others: it sends them nothing that is so old.
        """
        here, inbox, home = Stale(now, keep), self._tree.folder(agent, "inbox"), self._tree.home(agent)
        if self._tree.role(agent) != "worker" or not (home == self._tree.host or self._sends_to(home)):
            return
        for name in sorted(channel.tasks(channel.listing(inbox), "inbox")):
            with self._apart(f"{name.key} cannot be put aside"):
                unsent = home != self._tree.host and name.state == "queued" and born(name.key) < now - keep - LATER
                if unsent or here(inbox, name):
                    self._stale(agent, inbox, name)

    def _sends_to(self, home: str) -> bool:
        """Whether this is dispatch's host, and was with that one a moment ago: what is queued here was not seen there."""
        mine = self._tree.home(self._tree.with_role("dispatch")) == self._tree.host
        apart = linkfacts.of_home(self._tree, home).get("clocks")  # by whose age decides nothing
        return mine and not apart and not overview.Moment(self._tree, time.time()).at(home).away

    def _stale(self, agent: str, inbox: str, name: TaskName) -> None:
        target = f"{self._tree.root}/archive/stale"
        atomic.folder(target)
        if not atomic.advance(f"{inbox}/{name}", f"{target}/{name}"):
            return
        self._journal.record("sweep", name.key, "queued > stale", "older than retention.results and never seen", agent=agent)
        human = self._tree.with_role("human")
        if human:
            text = f"{name.slug} ({name.key}) was queued for {agent} and never seen: not started, it lies in archive/stale/"
            message.post(self._tree, human, "alert", agent, text, {"title": f"{name.slug} is stale", "task": name.key})

    def _drop_cases(self, agent: str, before: float) -> None:
        """Case folders, of which results and archive tell nothing any more; the start marker is needed no longer.

        It is as long as its task lies in the inbox: a person may have it in hand for months.
        """
        runs, inbox = self._tree.folder(agent, "runs"), self._tree.folder(agent, "inbox")
        old = [run for run in channel.listing(runs) if is_key(run[2:27]) and born(run[2:27]) < before]
        here = {name.key for _ in (1, 2) if old for name in channel.tasks(channel.listing(inbox), "inbox")}
        gone = (f"{runs}/{run}" for run in old if run[2:27] not in here)
        self._apart.each(gone, atomic.remove_folder, GONE)

    def _move(self, folder: str, name: TaskName) -> None:
        target = self._tree.archive(name.key)
        atomic.folder(target)
        if whole.move(folder, target, name, whole.free(folder, target, name)):
            why = "older than retention.results"
            self._journal.record("sweep", name.key, f"{name.state} > archive", why, attempt=name.attempt)

    def _drop_archive(self, before: float) -> None:
        limit = time.strftime("%Y-%m-%d", time.gmtime(before))
        gone = (f"{self._tree.root}/archive/{day}" for day in channel.days(self._tree) if day < limit)
        self._apart.each(gone, atomic.remove_folder, GONE)

    def _drop_stale(self, old: Stale) -> None:
        """What was put aside unseen, once it has lain there for as long as the archive is kept."""
        stale = f"{self._tree.root}/archive/stale"
        for name in channel.tasks(channel.listing(stale), "inbox"):
            with self._apart(f"{name.key} cannot be removed"):
                if old(stale, name):
                    atomic.discard(f"{stale}/{name}")

    def _drop_journal(self, first: str) -> None:
        self._apart.each((path for path in files(self._tree.root) if os.path.basename(path) < first), atomic.discard, GONE)

    def _drop_markers(self, before: float) -> None:
        markers = self._tree.node("collected")
        old = (f"{markers}/{key}" for key in channel.listing(markers) if is_key(key) and born(key) < before)
        self._apart.each(old, atomic.discard, GONE)

    def _drop_temps(self, folder: str, now: float) -> None:
        for name in os.listdir(folder) if os.path.isdir(folder) else []:
            path = f"{folder}/{name}"
            with self._apart(GONE.format(path)):
                keep = self._temp_age(folder, name)
                if keep and now - _touched(path) > keep:
                    atomic.remove_folder(path) if os.path.isdir(path) else atomic.discard(path)

    def _temp_age(self, folder: str, name: str) -> float:
        """For how long this is kept if it is something half-written; 0.0 if it is none, or its process lives."""
        if name.startswith(atomic.TEMP):
            pid = name[len(atomic.TEMP) :].split("-")[0]
            return TEMP_AGE if pid.isdigit() and not exists(int(pid)) else 0.0
        whole = next((name[len(mark) :] for mark in (ARRIVING, GOING) if name.startswith(mark)), "")
        place = os.path.relpath(folder, self._tree.root)
        return CUT_AGE if whole and parse_path(f"{place}/{whole}") is not None else 0.0


def _touched(path: str) -> float:
    """When something in this was written last; far ahead if it has moved on."""
    below = (f"{folder}/{name}" for folder, _, names in os.walk(path) for name in names)
    try:
        return max(os.lstat(one).st_mtime for one in (path, *below))
    except FileNotFoundError:
        return math.inf


def _ours(tree: Tree) -> list[str]:
    """Every folder in which a killed process may have left something half-written."""
    agents = (f"{tree.root}/agents/{agent}" for agent in tree.agents())
    node = (tree.node(inner).rstrip("/") for inner in ("", "locks", "ledger", "alarms", "links"))
    inner = (f"{agent}/{inner}".rstrip("/") for agent in agents for inner in ("", *FOLDERS))
    return [tree.root, f"{tree.root}/agents", *node, *inner]
