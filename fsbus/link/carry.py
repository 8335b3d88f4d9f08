"""Carrying out a plan between this tree and another: the acting half of `core/merge.py`.

Messages go first; then what announces nothing (briefs, results, files), names, sweeps; where a step of an attempt fails,
its later steps are left to the next pass, which plans everything again. So a cut at any byte leaves two valid trees.
What moved on meanwhile is no error: it is looked at again next time.
"""
from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from fsbus.core.errors import Refused
from fsbus.core.gathered import Listing
from fsbus.core.paths import FILES, RESULT, spot_of
from fsbus.core.steps import Step
from fsbus.link import bulk, doors
from fsbus.link.judge import Judge
from fsbus.link.local import Local
from fsbus.link.side import Put, Side, limit_of, sha256
from fsbus.spool.journal import Journal

MOST = 1_000  # files in hand at once
BYTES = 16 << 20  # and bytes of them: one batch is in memory

Attempt = tuple[str, int]
Told = Callable[[str, str], None]  # a path that was copied, and the way: to or from


@dataclass(slots=True)
class Report:
    """What one pass did; counts, and sentences for people."""

    pushed: int = 0  # files that went to the other side
    pulled: int = 0  # files that came from there
    moved: int = 0  # names that were renamed, edited or swept
    left: int = 0  # steps that the next pass does: their source moved on, or a side refused
    refused: list[str] = field(default_factory=list)  # what a peer may not say, a sentence each
    stale: list[str] = field(default_factory=list)  # paths of what is too old to be started
    trouble: OSError | None = None  # what a disk refused: the way from it went on, the way to it did not


class Carrying:
    """One plan on its way."""

    def __init__(self, near: Local, far: Side, host: str, told: Told, way: bulk.Way | None = None) -> None:
        """`told` hears of every task and message that was copied, for the journal; `way` is rsync's to that host."""
        self._near, self._far, self._host, self._told = near, far, host, told
        self._judge, self._way = Judge(near), way
        self._failed: set[Attempt] = set()
        self._sizes: dict[str, Listing] = {}
        self.report = Report()

    def out(self, steps: list[Step], near: Listing, far: Listing) -> Report:
        """All of it; `near` and `far` are the listings that the plan was made from. Raises Unreachable."""
        self._sizes = {"push": near, "pull": far}
        for phase in (_is_message, _announces_nothing, _is_name, _is_sweep):
            self._phase([step for step in steps if phase(step)])
        self.report.refused += [f"{step.path}: {step.why}" for step in steps if step.kind == "refuse"]
        self.report.stale += [step.path for step in steps if step.kind == "stale"]
        return self.report

    def _phase(self, steps: list[Step]) -> None:
        folders = [step for step in steps if doors.is_results(step.path) and step.kind in ("push", "pull")]
        for step in folders:
            self._try(step, self._folder)
        for part in self._parts([step for step in steps if step not in folders] if folders else steps):
            self._batch([s for s in part if s.kind == "push"], self._near, self._far)
            self._batch([s for s in part if s.kind == "pull"], self._far, self._near)
            for step in part:
                if step.kind not in ("push", "pull"):
                    self._try(step, self._single)

    def _parts(self, steps: list[Step]) -> Iterator[list[Step]]:
        part: list[Step] = []
        size = 0
        for step in steps:
            if _attempt(step.path) in self._failed:
                continue
            part.append(step)
            size += self._size(step) if step.kind in self._sizes else 0
            if len(part) >= MOST or size >= BYTES:
                yield part
                part, size = [], 0
        yield part

    def _size(self, step: Step) -> int:
        folder, _, name = step.path.rpartition("/")
        listed = self._sizes[step.kind].get(folder, {}).get(name)
        return listed[0] if listed is not None and listed[0] >= 0 else limit_of(step.path)

    def _batch(self, steps: list[Step], source: Side, target: Side) -> None:
        """Read many, put many; what a peer sends is judged once more before it is stored."""
        if not steps:
            return
        wanted = {step.path: step for step in steps}
        puts, ways = [], []
        for path, body in source.read_many([(path, self._size(step)) for path, step in wanted.items()]):
            step = wanted[path]
            why = self._judge.why_not(step.to, len(body), self._host) if body is not None and target is self._near else ""
            if body is not None and not why:
                puts.append(Put(step.to, body, sha256(body)))
                ways.append(step)
            elif why or not _announces_nothing(step):
                self._fail(step, why)
        try:
            for step, put, done in zip(ways, puts, target.put_many(puts), strict=True):
                self._landed(step, done, target)
                if done and step.kind == "pull" and step.to.endswith(RESULT) and b"\nfiles:" in put.body:
                    self._files_of(step)
        except OSError as error:
            self._disk(ways, error)

    def _files_of(self, step: Step) -> None:
        """A result that names files: their folder, in case the scan missed it while it was renamed."""
        path, to = (p.removesuffix(RESULT) + FILES for p in (step.path, step.to))
        if os.path.lexists(self._near.at(to)):
            return
        try:
            bulk.pull_files(self._near, self._far, path, to, self._way)
        except (FileNotFoundError, Refused) as error:
            self._fail(step, f"its files cannot be had: {error}")

    def _landed(self, step: Step, done: bool, target: Side) -> None:
        refused = target.refused.pop(step.to, "")
        if refused:
            self._fail(step, refused)
        elif done:
            self.report.pushed += step.kind == "push"
            self.report.pulled += step.kind == "pull"
            self._told(step.to, "to" if step.kind == "push" else "from")

    def _try(self, step: Step, do: Callable[[Step], bool]) -> None:
        if _attempt(step.path) in self._failed:
            return
        try:
            self.report.moved += do(step)
        except FileNotFoundError:
            self._fail(step, "")
        except Refused as error:
            self._fail(step, str(error))
        except OSError as error:
            self._disk([step], error)

    def _single(self, step: Step) -> bool:
        side: Side = self._near if step.kind.endswith("-near") else self._far
        if step.kind.startswith("advance"):
            return self._advance(step, side)
        if step.kind.startswith("sweep"):
            return side.sweep(step.path, step.greater)
        source = self._far if side is self._near else self._near
        body = source.read(step.path, limit_of(step.path))
        return side.edit(step.path, body, sha256(body))

    def _advance(self, step: Step, side: Side) -> bool:
        if side is self._near:
            why = self._judge.why_not(step.to, self._near.size(step.path), self._host)
            if why:
                raise Refused(why)
        done = side.advance(step.path, step.to)
        if done:
            self._told(step.to, "from" if side is self._near else "to")
        return done

    def _folder(self, step: Step) -> bool:
        carry = bulk.push_files if step.kind == "push" else bulk.pull_files
        return carry(self._near, self._far, step.path, step.to, self._way)

    def _disk(self, steps: list[Step], error: OSError) -> None:
        """A full disk over there is no reason to leave there what lies on it."""
        self.report.trouble = self.report.trouble or error
        for step in steps:
            self._fail(step, "")

    def _fail(self, step: Step, why: str) -> None:
        self._failed.add(_attempt(step.path))
        self.report.left += 1
        if why:
            self.report.refused.append(f"{step.to or step.path}: {why}")


def _attempt(path: str) -> Attempt:
    spot = spot_of(path)
    return (spot.key, spot.attempt) if spot is not None else (path, 0)


def _announces_nothing(step: Step) -> bool:
    return step.kind in ("push", "pull", "advance-near", "advance-far") and doors.kind(step.path) in ("brief", "result", "files")


def _is_message(step: Step) -> bool:
    return step.kind.split("-")[0] in ("push", "pull", "advance") and doors.kind(step.path) == "message"


def _is_name(step: Step) -> bool:
    other = _announces_nothing(step) or _is_message(step)
    return step.kind.split("-")[0] in ("push", "pull", "advance", "edit") and not other


def _is_sweep(step: Step) -> bool:
    return step.kind.startswith("sweep")


def copied(journal: Journal, by: str, path: str, way: str) -> None:
    """Write down that a task or a message crossed; what lies beside a task is told by its name."""
    spot = spot_of(path)
    if spot is not None and spot.kind in ("task", "message"):
        journal.record(by, spot.key, "copied", f"{way}: {path.rpartition('/')[2]}", agent=spot.agent)
