"""What travels before the name that announces it: brief, result, files; and what of them is left behind afterwards."""
from __future__ import annotations

from collections.abc import Iterator

from fsbus.core.gathered import Half, Held, truest
from fsbus.core.order import ENDED, beside, brief_of
from fsbus.core.paths import INBOX, split
from fsbus.core.states import COLLECTED
from fsbus.core.steps import Step, Way
from fsbus.core.trust import may_come


def accompany(way: Way, here: Half, source: Half, top: Held, brought: bool) -> Iterator[Step]:
    """What one side still needs beside `top`, which it has or, if `brought`, is about to get from `source`."""
    if top.spot.kind == "message" or (way.rules.old(top.spot.key) and not brought):
        return
    if top.spot.channel == INBOX:
        if top.spot.name.state == "queued":
            yield from _brief(way, here, source, top, brought)
        return
    for kind in ("files", "result"):
        yield from _part(way, here, source, top, kind, brought)


def outlived(way: Way, here: Half, top: Held) -> Iterator[Step]:
    """The briefs of an attempt that has ended."""
    for held in here.beside if top.spot.kind == "task" and top.rank >= ENDED else ():
        if held.spot.kind == "brief":
            yield Step(f"sweep-{way.end}", held.path, "", f"its attempt has ended: {top.path}", top.path)


def _brief(way: Way, here: Half, source: Half, top: Held, brought: bool) -> Iterator[Step]:
    """Without its brief an attempt starts as if it were the first; a scan may have missed it, so it is asked for."""
    want = brief_of(split(top.path)[0], top.spot.key, top.spot.attempt)
    theirs = next((held.entry for held in source.beside if held.path == want), None)
    unseen = brought and top.spot.attempt > 1
    if any(held.path == want for held in here.beside) or (theirs is None and not unseen):
        return
    if not may_come(want, theirs or (0, ""), way.rules, [h.path for h in here.names]):
        yield Step(way.bring, want, want, "the brief of this attempt" if theirs else "its brief, if there is one")


def _part(way: Way, here: Half, source: Half, top: Held, kind: str, brought: bool) -> Iterator[Step]:
    """The result, or the files: in the folder of the name they belong to."""
    want = beside(split(top.path)[0], top.spot.name.run, kind)
    mine, theirs = [one for one in _like(here, want) if not _is_anothers(way, one, top)], _like(source, want)
    if any(held.rank > top.rank for held in mine):
        return  # already where the name goes next
    gone = ""
    if all(held.path != want for held in mine):
        step = _get(way, mine, theirs, want, [h.path for h in here.names], brought and kind == "result")
        if step is None:
            return
        yield step
        gone = step.path if step.kind.startswith("advance") else ""
    for held in mine:
        if held.path not in (want, gone) and not (held.rank >= COLLECTED and way.rules.here(way.rules.dispatch)):
            yield Step(f"sweep-{way.end}", held.path, "", f"{want} has taken its place", want)


def _is_anothers(way: Way, one: Held, top: Held) -> bool:
    """Whether it lies with an agent of this side, and `top` with one of the other, whose host says nothing about ours."""
    rules, agent = way.rules, top.spot.agent
    return rules.here(one.spot.agent) and rules.there(agent) and agent != rules.dispatch


def _get(way: Way, mine: list[Held], theirs: list[Held], want: str, held: list[str], unseen: bool) -> Step | None:
    """How one side comes by what it lacks: by a rename if it has it under another folder, else from the other side.

    A name that says `done` has a result, even where the scan has missed it: it is asked for.
    """
    offered = next((one for one in theirs if one.path == want), truest(theirs))
    own = truest(mine)
    elsewhere = own is not None and split(own.path)[0] != split(want)[0]  # else it is a digit that differs: no step forward
    if own is not None and elsewhere and (offered is None or offered.entry == own.entry):
        return Step(f"advance-{way.end}", own.path, want, "it goes with its name") if _may(want, own, way, held) else None
    if offered is not None:
        return Step(way.bring, offered.path, want, "it goes before its name") if _may(want, offered, way, held) else None
    return Step(way.bring, want, want, "its result, which the listing has missed") if unseen else None


def _may(want: str, one: Held, way: Way, held: list[str]) -> bool:
    return not may_come(want, one.entry, way.rules, held)


def _like(half: Half, want: str) -> list[Held]:
    """The same under any digit: what lies beside a name keeps its own when a person changes the priority."""
    name = split(want)[1]
    return [held for held in half.beside if held.spot.name[1:] == name[1:]]
