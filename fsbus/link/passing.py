"""One pass of the batch lane: two trees are looked at, what to do is planned, and it is done.

    guards -> registers from the config host -> listings -> plan -> carry out -> beats, journals, case folders

Nothing is remembered from pass to pass but the facts about the link (`spool/linkfacts.py`), so that a pass may be cut
off anywhere, and two at the same time are a waste and no harm.
"""
from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from fsbus.core import forgotten, guards
from fsbus.core.errors import Refused
from fsbus.core.gathered import Listing
from fsbus.core.hearsay import Word, heard, told
from fsbus.core.merge import plan
from fsbus.core.names import KEY_LENGTH
from fsbus.core.paths import split
from fsbus.core.steps import Step
from fsbus.core.trust import Rules
from fsbus.link import registers
from fsbus.link.carry import Carrying, Report, copied
from fsbus.link.dial import way_of
from fsbus.link.judge import Judge
from fsbus.link.local import Local, flow
from fsbus.link.remote import Remote
from fsbus.link.side import Side, limit_of
from fsbus.spool import linkfacts
from fsbus.spool.journal import Journal, story
from fsbus.spool.tree import Tree

ROUNDS = 3  # plans in one pass: what moved on while the first was carried out is looked at again at once


class Pass:
    """The passes over one link; `far` is who was dialled."""

    def __init__(self, tree: Tree, journal: Journal, host: str, far: Side, force: bool = False) -> None:
        """`force` goes on although the far side became empty."""
        self._tree, self._journal, self.host, self._far, self._force = tree, journal, host, far, force
        self._near = Local(tree)
        self._way = way_of(tree, host)
        self._before: Listing = {}
        self.offset = self.round_trip = 0.0
        self._lost: list[str] = []  # what a side cannot list or read, a sentence each
        self._enders: dict[str, str] = {}  # by path of a result that dispatch's side lacks, who ended it
        self._beyond: dict[str, Word] = {}  # what it said last of other hosts, before its beats came

    def dry(self) -> list[Step]:
        """What a pass would do now. Raises Refused where a guard stops it, Unreachable, OSError."""
        return self._planned()[3]

    def run(self) -> Report:
        """One pass, its facts written down. Raises Refused where a guard stops it, Unreachable, OSError.

        What a disk refuses is raised at the end: a full one over there keeps nothing from coming home.
        """
        report = Report()
        _or_later(report, registers.config, self._near, self._far, self._rules())
        for _ in range(ROUNDS):
            rules, near, far, steps = self._planned()
            done = Carrying(self._near, self._far, self.host, self._told, self._way).out(steps, near, far)
            _add(report, done)
            if not (done.pushed or done.pulled or done.moved):
                break
        report.refused += self._lost
        self._near.ring()
        known = linkfacts.words(self._tree)  # before the beats go, lest these look older than it
        self._one_way(report, rules, far)
        if report.trouble is not None:
            raise report.trouble
        if isinstance(self._far, Remote):  # else nobody over there could note it
            self._far.passed(told(known, time.time()))
        self._facts(report, sum(map(len, far.values())))
        return report

    def _planned(self) -> tuple[Rules, Listing, Listing, list[Step]]:
        """The rules of this moment, both listings and the plan; made anew if our clock jumped meanwhile."""
        why = ""
        for _ in range(ROUNDS):
            wall, monotonic = time.time(), time.monotonic()
            rules = self._rules()
            near, far = self._look()
            steps = plan(near, far, self._with_enders(self._with_authors(rules, near, far), near, far))
            why = guards.jumped(time.time() - wall, time.monotonic() - monotonic)
            if not why:
                return rules, near, far, steps
        raise Refused(why, then="see to the clock of this host")

    def _rules(self) -> Rules:
        began, wall = time.monotonic(), time.time()
        hello = self._far.hello()
        self.round_trip = time.monotonic() - began
        self.offset = hello.now - (wall + self.round_trip / 2)
        self._beyond = heard(hello.beyond, wall)
        apart = guards.clocks(self.offset, self.host)
        found = Judge(self._near).rules(self.host)
        wrong = guards.other_bus(self._tree.bus().id, hello.bus, self.host) if hello.bus else ""
        if wrong or isinstance(found, str):
            raise Refused(wrong or str(found), then="fsbus doctor")
        return replace(found, expire=not apart)

    def _look(self) -> tuple[Listing, Listing]:
        """Both listings, if no guard stops us."""
        near, far = self._near.listing(), self._far.listing()
        known = linkfacts.read(self._tree, self.host)
        before = int(linkfacts.number(known.get("names"), int) or 0) if not self._force else 0
        wrong = guards.emptied(far, before, self.host) or guards.too_many(far, self.host)
        if wrong:
            raise Refused(wrong)
        return self._listed(near, far)

    def _listed(self, near: Listing, far: Listing) -> tuple[Listing, Listing]:
        """Both without the folders that one of them cannot list, which are told."""
        known, sides = flow(self._tree), ((self._tree.host, near), (self.host, far))
        lost = [(folder, host) for host, listing in sides for folder in guards.unlisted(known, listing)]
        self._lost = [f"{folder} of {host}: this is no folder; fsbus doctor says there what to type" for folder, host in lost]
        for folder, _ in lost:
            near.pop(folder, None)
            far.pop(folder, None)
        return near, far

    def _with_authors(self, rules: Rules, near: Listing, far: Listing) -> Rules:
        """Who wrote the queued texts that differ: this host if its own journal says so, else who says so of itself."""
        keys = {
            name[2 : 2 + KEY_LENGTH]
            for folder, entries in near.items()
            for name, entry in entries.items()
            if entry[1] and entry != far.get(folder, {}).get(name, entry)
        }
        return replace(rules, authors={key: self._author(key) for key in keys}) if keys else rules

    def _author(self, key: str) -> str:
        hosts = [str(r.get("host")) for r in story(self._tree.root, key) if r.get("event") in ("> queued", "drop > queued")]
        return self._tree.host if self._tree.host in hosts else next(iter(hosts), "")

    def _with_enders(self, rules: Rules, near: Listing, far: Listing) -> Rules:
        """Who ended what dispatch's side has forgotten: the results that the other side still has of it say so."""
        here = rules.here(rules.dispatch)
        side, has, lacks = (self._far, far, near) if here else (self._near, near, far)
        host = self.host if here else self._tree.host
        asked = forgotten.asked(has, lacks, rules)
        self._enders = {path: self._enders[path] for path in asked.values() if path in self._enders}
        unread = ((path, _size(has, path)) for path in asked.values() if path not in self._enders)
        try:
            for path, body in side.read_many(unread):
                self._enders |= {path: forgotten.ender(body)} if body is not None else {}
        except OSError as error:  # everything else goes its way
            self._lost.append(f"{host}: who ended what dispatch lacks cannot be read: {error.strerror}")
        return replace(rules, enders={end: self._enders.get(path, "") for end, path in asked.items()})

    def _told(self, path: str, way: str) -> None:
        """The third of the four facts: stored, copied, shown, acked."""
        copied(self._journal, f"sync:{self.host}", path, f"{way} {self.host}")

    def _one_way(self, report: Report, rules: Rules, far: Listing) -> None:
        lively = sorted(registers.lively(self._before, far))
        _or_later(report, registers.beats, self._near, self._far, rules)
        _or_later(report, registers.journals, self._near, self._far, rules)
        _or_later(report, registers.cases, self._near, self._far, rules, lively)
        self._before = far

    def _facts(self, report: Report, names: int) -> None:
        now = time.time()
        linkfacts.good(
            self._tree, self.host, now, round_trip=round(self.round_trip, 4), offset=round(self.offset, 3),
            backlog=report.left, names=names, refused=len(report.refused), by=self._far.by,
            clocks=guards.clocks(self.offset, self.host), beyond=told(self._beyond, now),
        )  # fmt: skip


def _size(listed: Listing, path: str) -> int:
    folder, name = split(path)
    return max(0, min(listed[folder][name][0], limit_of(path)))  # as a peer says


def _or_later(report: Report, do: Callable[..., object], *what: object) -> None:
    """Have a disk's trouble wait until the rest of the pass is done."""
    try:
        do(*what)
    except OSError as error:
        report.trouble = report.trouble or error


def _add(whole: Report, part: Report) -> None:
    whole.pushed += part.pushed
    whole.pulled += part.pulled
    whole.moved += part.moved
    whole.left, whole.refused, whole.stale = part.left, part.refused, part.stale
    whole.trouble = whole.trouble or part.trouble
