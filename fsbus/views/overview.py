"""`fsbus status`: the whole bus, or one agent, from names alone; no task file is opened.

100,000 names are counted in little more than the time of listing them.
"""
from __future__ import annotations

import os
from collections import namedtuple

from fsbus.core import health
from fsbus.core.names import new_key, parse_task
from fsbus.core.states import INBOX_STATES, OUTBOX_STATES
from fsbus.spool import careful, channel, linkfacts
from fsbus.spool.journal import stamp
from fsbus.spool.tree import Tree

SAMPLE = 200  # unseen tasks whose age is asked for: with more of them, the oldest by key

AsOf = namedtuple("AsOf", "away now offset up first")  # why nothing is known of a host now; for which moment the rest holds;
# its clock minus ours; since when its link has been up (seconds since 1970, 0 for this host); the first key that is sent there

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def bus(tree: Tree, now: float) -> dict[str, Any]:
    """Everything, as data."""
    moment = Moment(tree, now)
    found = [agent(tree, name, moment) for name in tree.agents()]
    agents = [facts for facts in found if facts["role"] or _matters(tree, facts)]
    links = {host: linkfacts.numbers(facts) for host, facts in linkfacts.all_of(tree).items()}
    return {"root": tree.root, "host": tree.host, "as_of": stamp(now), "agents": agents, "links": links}


class Moment:
    """What one look at several agents has to find out only once."""

    def __init__(self, tree: Tree, now: float) -> None:
        self._tree, self._now = tree, now
        self.timers = _timers(tree)
        self._homes: dict[str, AsOf] = {}

    def at(self, home: str) -> AsOf:
        """For which moment holds what lies here of a host."""
        if home not in self._homes:
            self._homes[home] = _as_of(self._tree, home, self._now, self.timers)
        return self._homes[home]


def agent(tree: Tree, name: str, moment: Moment) -> dict[str, Any]:
    """One agent: health and its cause, counts by state, the age of what waits, its beat."""
    timers = moment.timers
    settings = tree.settings(name)
    known = moment.at(tree.home(name))
    now = known.now
    inbox, outbox, rejected, closed = _listings(tree, name)
    counts = count(inbox, INBOX_STATES) | count(outbox, OUTBOX_STATES)
    beat = careful.mapping(f"{tree.root}/agents/{name}/alive.yaml")
    facts = health.AgentFacts(
        role=str(settings.get("role", "")), pulls=not settings.get("run"),
        paused=_is_paused(tree, name, beat), running=counts["running"],
        beat_age=linkfacts.seconds_since(beat.get("beat"), now + known.offset), stopped="stopped" in beat,
        oldest_queued=_oldest(tree, name, inbox, known) if counts["queued"] else None,
        parked_for=_left(beat.get("parked_until"), now + known.offset), silence=_seconds(settings.get("silence")),
        still=_still(tree, name, inbox, now) if counts["running"] else None, away=known.away,
    )  # fmt: skip
    word, cause = health.word(facts, timers["lease"], timers["ack"])
    refused = tree.refused(name)
    if refused:
        cause = f"{cause}; agent.yaml is refused: {refused}".removeprefix("; ")
    return {
        "agent": name, "role": facts.role, "home": str(settings.get("home", "")), "health": word, "cause": cause, **counts,
        "refused": refused or None,
        "as_of": stamp(now),
        "rejected": sum(not n.endswith(".why") for n in rejected),
        "oldest_queued": facts.oldest_queued, "beat": beat.get("beat"), "beat_age": facts.beat_age,
        "pid": linkfacts.number(beat["pid"], int) if "pid" in beat else None,
        "trouble": closed or beat.get("trouble"),
        "parked_until": beat.get("parked_until") if facts.parked_for is not None else None,
    }  # fmt: skip


def _matters(tree: Tree, facts: dict[str, Any]) -> bool:
    """Whether an agent without a role is one all the same: its agent.yaml is refused, or gone while tasks lie with it."""
    waits = any(facts[state] for state in INBOX_STATES)
    return waits or os.path.exists(f"{tree.root}/agents/{facts['agent']}/agent.yaml")


def _as_of(tree: Tree, home: str, now: float, timers: dict[str, float]) -> AsOf:
    """How much is known here of an agent's home.

    What lies here of another host is as old as the last good pass: measured by now, every beat would look late.
    """
    if home == tree.host:
        return AsOf("", now, 0.0, 0.0, "")
    facts = linkfacts.of_home(tree, home)
    age, up = linkfacts.age(facts, now), linkfacts.seconds_since(facts.get("up"), now)
    away = health.out_of_reach(str(facts.get("trouble") or ""), age, timers["every"])
    last = now if age is None else now - max(0.0, age)
    since = 0.0 if up is None else now - up + timers["every"]
    offset = linkfacts.number(facts.get("offset"), float) or 0.0
    return AsOf(away, last, offset, since, new_key(int(max(0.0, now - timers["keep"]) * 1000), 0))


def _is_paused(tree: Tree, name: str, beat: dict[str, Any]) -> bool:
    if "paused" in beat and tree.home(name) != tree.host:
        return True
    return os.path.exists(tree.pause(name))


def _listings(tree: Tree, name: str) -> tuple[list[str], list[str], list[str], str]:
    """The names in inbox, outbox and rejected, and what the disk refused: one agent's trouble is not the whole bus's."""
    try:
        inbox, outbox, rejected = (channel.listing(tree.folder(name, c)) for c in ("inbox", "outbox", "inbox/rejected"))
    except OSError as error:
        return [], [], [], f"{error.strerror} ({error.filename})"
    return inbox, outbox, rejected, ""


def count(names: list[str], states: tuple[str, ...]) -> dict[str, int]:
    """How many tasks of each state are among these names.

    The word is looked for in all names at once; a drop that happens to hold it counts until it is adopted.
    """
    text = "\n".join(names)
    return {state: text.count(f".{state}.") for state in states}


def _oldest(tree: Tree, agent: str, names: list[str], known: AsOf) -> float | None:
    """How long the oldest unseen task waits there: since its file was put there, not since it was written.

    With another host it can wait there only since the link has been up: before, it lay here. What is past its retention
    is not sent there and waits for the sweep.
    """
    folder = tree.folder(agent, "inbox")
    queued = [n for n in names if ".queued." in n and n[2:27] >= known.first]
    if len(queued) > SAMPLE:
        queued = sorted(queued, key=lambda n: n[2:27])[:SAMPLE]  # by key, oldest first
    ages = [_changed(f"{folder}/{n}", known.now) for n in queued if parse_task(n) is not None]
    most = max(0.0, known.now - known.up)
    return max((round(min(age, most), 1) for age in ages if age is not None), default=None)


def _changed(path: str, now: float) -> float | None:
    """Seconds since a name was last moved (a rename sets ctime, and nobody can set it back); None if it has moved on."""
    try:
        return max(0.0, now - os.stat(path).st_ctime)
    except OSError:
        return None


def _still(tree: Tree, agent: str, names: list[str], now: float) -> float | None:
    """Seconds since the least lively running task wrote output or touched what it leaves."""
    running = [n for n in names if ".running." in n]
    tasks = [task for task in map(parse_task, running) if task is not None]
    runs = tree.folder(agent, "runs")
    return max((_quiet(channel.case(runs, task), now) for task in tasks), default=None)


def _quiet(case: str, now: float) -> float:
    times = [os.stat(case).st_mtime] if os.path.isdir(case) else [now]
    for name in os.listdir(case) if os.path.isdir(case) else []:
        try:
            times.append(os.stat(f"{case}/{name}").st_mtime)
        except OSError:
            continue
    return max(0.0, now - max(times))


def _left(until: object, now: float) -> float | None:
    age = linkfacts.seconds_since(until, now)
    return -age if age is not None and age < 0 else None


def _seconds(text: object) -> float:
    from fsbus.core.moment import duration

    found = duration(text) if isinstance(text, str) and text else 0.0
    return found if isinstance(found, float) else 0.0


def _timers(tree: Tree) -> dict[str, float]:
    """The timers that health needs, without the whole of `core/config.py`."""
    from fsbus.core.moment import duration

    timers = tree.timers()
    found = {name: duration(timers.get(name, default)) for name, default in (("lease", "30s"), ("ack", "5m"))}
    found["every"], found["keep"] = duration(tree.sync_every()), duration(str(tree.block("retention").get("results") or "7d"))
    return {name: value if isinstance(value, float) else 300.0 for name, value in found.items()}
