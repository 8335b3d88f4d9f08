"""What is known about the links to other hosts, in `.node/links/<host>.yaml`: written by each pass, read by everybody.

    as_of     the end of the last good pass, by our clock      round_trip  seconds, through both programs
    offset    their clock minus ours, seconds                  backlog     steps that the last pass left undone
    names     how many names they had then                     trouble     why the last try failed, '' if it did not
    since     when that trouble began                          refused     what they sent and we do not take
    up        since when the passes have been good             clocks      what is wrong with their clock, '' if nothing
    by        what did the far half of it                beyond      of the hosts behind it: see core/hearsay.py
    gap       seconds between the last two good passes
"""
from __future__ import annotations

import os
import time

from fsbus.core import flat
from fsbus.spool import atomic
from fsbus.spool.tree import Tree

NUMBERS: dict[str, type[int] | type[float]] = {
    "round_trip": float, "offset": float, "backlog": int, "names": int, "refused": int, "gap": float,
}  # fmt: skip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fsbus.core.hearsay import Word  # a cold `status` beside direct links does not load it


def read(tree: Tree, host: str) -> dict[str, Any]:
    """The facts about the link to one host, {} if it was never tried; read again only when they changed."""
    found = tree.strings(_path(tree, host))
    return dict(found) if isinstance(found, dict) else {}


def all_of(tree: Tree) -> dict[str, dict[str, Any]]:
    """By host, every link that was ever tried."""
    folder = tree.node("links")
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return {name.removesuffix(".yaml"): read(tree, name.removesuffix(".yaml")) for name in sorted(names) if name[0] != "."}


def numbers(facts: dict[str, Any]) -> dict[str, Any]:
    """The same for people's scripts: what is a number is one, None where somebody wrote something else."""
    return facts | {name: number(facts[name], kind) for name, kind in NUMBERS.items() if name in facts}


def number(text: object, kind: type[int] | type[float]) -> float | None:
    """What a file of ours holds as text, as a number."""
    try:
        return kind(str(text))
    except ValueError:
        return None


def good(tree: Tree, host: str, now: float, **facts: object) -> None:
    """A pass came to its end."""
    before = read(tree, host)
    gap = age(before, now)
    up = _stamp(now) if _was_away(tree, before, gap) else before["up"]
    _write(tree, host, {"as_of": _stamp(now), **facts, "trouble": "", "since": "", "up": up, "gap": round(gap or 0.0, 1)})


def _was_away(tree: Tree, before: dict[str, Any], gap: float | None) -> bool:
    """Whether the link is new: it was in trouble, or no pass came for much longer than between the two before.

    A host that sleeps notes no trouble, nor does the one that it dials. Passes by cron are as far apart as ever.
    """
    from fsbus.core.health import is_late
    from fsbus.core.moment import duration

    every = duration(tree.sync_every())
    usual = max(every if isinstance(every, float) else 0.0, number(before.get("gap"), float) or 0.0)
    return bool(before.get("trouble")) or not before.get("up") or gap is None or is_late(gap, usual)


def bad(tree: Tree, host: str, now: float, why: str) -> None:
    """A try failed; what was known stays known."""
    before = read(tree, host)
    since = before.get("since") or _stamp(now)
    if before.get("trouble") != why:
        _write(tree, host, before | {"trouble": why, "since": since})


def of_home(tree: Tree, home: str) -> dict[str, Any]:
    """The facts about the link over which a host is reached: its own, or that of a neighbour on the way."""
    found = read(tree, home)
    if found or not home:
        return found
    from fsbus.core.errors import Refused
    from fsbus.core.refusal import Refusal
    from fsbus.core.topology import topology

    try:
        links = topology(tree.bus())
    except Refused:
        return {}  # what is wrong with bus.yaml is said by who looks at it
    way = "" if isinstance(links, Refusal) else links.way(tree.host, home)
    facts = read(tree, way) if way else {}
    if "beyond" not in facts:
        return facts  # that one tells nothing of others: what lies here is as good as its own word
    word = _behind(facts).get(home)
    return facts | ({"as_of": ""} if word is None else {"as_of": _stamp(word.as_of), "offset": str(word.offset)})


def words(tree: Tree) -> dict[str, Word]:
    """How good the word of every other host is here, as far as that is known: for a neighbour to be told.

    Of each only by the way on which it lies: a neighbour on another one says what it heard from us. Raises Refused.
    """
    from fsbus.core.refusal import Refusal
    from fsbus.core.topology import topology

    found: dict[str, Word] = {}
    links = topology(tree.bus())
    if isinstance(links, Refusal):
        return found
    for host, facts in all_of(tree).items():
        own, beyond = _word(facts), links.beyond(tree.host, host)
        known = {host: own} | _behind(facts) if own is not None else {}
        found |= {name: word for name, word in known.items() if name in beyond}
    return found


def _word(facts: dict[str, Any]) -> Word | None:
    from fsbus.core.hearsay import Word

    before = seconds_since(facts.get("as_of"), 0.0)
    return None if before is None else Word(-before, number(facts.get("offset"), float) or 0.0)


def _behind(facts: dict[str, Any]) -> dict[str, Word]:
    from fsbus.core import hearsay

    near = _word(facts)
    return {} if near is None else hearsay.joined(near, hearsay.heard(str(facts.get("beyond") or ""), near.as_of))


def age(facts: dict[str, Any], now: float) -> float | None:
    """Seconds since the last good pass, None if there was none."""
    return seconds_since(facts.get("as_of"), now)


def seconds_since(text: object, now: float) -> float | None:
    """How long ago a time as fsbus writes it was, None if it is none."""
    import calendar

    if not isinstance(text, str):
        return None
    try:
        return now - calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) - float(f"0{text[19:23]}")
    except ValueError:
        return None


def _write(tree: Tree, host: str, facts: dict[str, object]) -> None:
    atomic.folder(tree.node("links"))
    atomic.replace(_path(tree, host), flat.dump(facts).encode())


def _path(tree: Tree, host: str) -> str:
    return tree.node(f"links/{host}.yaml")


def _stamp(now: float) -> str:
    from fsbus.spool.journal import stamp

    return stamp(now)
