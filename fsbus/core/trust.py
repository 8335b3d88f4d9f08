"""What one side of a link may say to the other: asked for every name that arrives, by whoever dials and by whoever serves.

A host speaks for the agents that live on its side of the link, and for nobody else. Dispatch's home makes attempts and
collects; an agent's home acks, runs and ends; a sender's home sends. So a host that was taken over can lie about its
own tasks, and about nothing else.
"""
from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from fsbus.core.names import new_key
from fsbus.core.order import WAITING, rank
from fsbus.core.paths import INBOX, Spot, spot_of
from fsbus.core.states import COLLECTED

Entry = tuple[int, str]  # size in bytes (-1: a folder), and for queued files 8 hex of the content's hash
FOLDER = -1  # in place of the size of a folder, which is a result's
MOMENT = 18  # letters of a key that say when it was made
BIGGEST = {"task": 1 << 20, "message": 64 << 10, "result": 2 << 20, "brief": 1 << 20}  # bytes


@dataclass(frozen=True)
class Rules:
    """One link, seen from `near`: who lives where, and what time it is. One clock per plan."""

    homes: Mapping[str, str]  # agent -> the host it lives on
    dispatch: str  # the agent that routes and collects; '' if there is none
    near: frozenset[str]  # the hosts on this side of the link
    beyond: frozenset[str]  # the hosts on the other side
    now: float  # seconds since 1970
    retention: float = 7 * 86400.0  # a name is sent until this age
    margin: float = 3600.0  # and accepted until this much later
    expire: bool = True  # False = the clocks are apart: age decides nothing
    authors: Mapping[str, str] = field(default_factory=dict)  # key -> the host where the task was written, where known
    enders: Mapping[str, str] = field(default_factory=dict)  # path of a collected end -> who ended it (core/forgotten.py)
    people: frozenset[str] = frozenset({"human"})  # agents whose home shall see everything

    @cached_property
    def flipped(self) -> Rules:
        """The same link, seen from the other side."""
        return replace(self, near=self.beyond, beyond=self.near)

    def there(self, agent: str) -> bool:
        """Whether this agent lives beyond the link."""
        return self.homes.get(agent) in self.beyond

    def here(self, agent: str) -> bool:
        """Whether this agent lives on this side; neither here nor there is who has no home."""
        return self.homes.get(agent) in self.near

    def old(self, key: str, late: bool = False) -> bool:
        """Whether what was made then is past its retention; `late`: past the margin as well."""
        return self.expire and key[:MOMENT] < self._limits[late]

    @cached_property
    def _limits(self) -> tuple[str, str]:
        """The moments before which a key is old, as keys write them: comparing letters is all that it costs."""
        ages = (self.retention, self.retention + self.margin)
        sent, taken = (new_key(max(0, int((self.now - age) * 1000)), 0)[:MOMENT] for age in ages)
        return sent, taken

    def carried(self, agent: str) -> bool:
        """Whether all that concerns this agent is wanted on this side: it, dispatch, or a person who looks lives here."""
        return any(self.here(who) for who in (agent, self.dispatch, *self.people))


def may_come(path: str, entry: Entry, rules: Rules, held: Collection[str] = ()) -> str:
    """Why this name is not taken from beyond, '' if it is; `held`: what this side has of its key, or more."""
    spot = spot_of(path)
    if spot is None:
        return "this is not a name that may cross"
    return judged(spot, entry[0], rules, _same(spot, held))


def judged(spot: Spot, size: int, rules: Rules, names: list[Spot]) -> str:
    """The same for what has been read; `names`: what this side has of this very attempt, or message."""
    if spot.kind not in (*BIGGEST, "files"):
        return f"a {spot.kind} is not merged"
    if (size != FOLDER) if spot.kind == "files" else not 0 <= size <= BIGGEST[spot.kind]:
        return f"{size} bytes are not what a {spot.kind} may have"
    if spot.agent not in rules.homes:
        return f"there is no agent {spot.agent} here"
    said = _message(spot, rules) if spot.kind == "message" else _task(spot, rules, names)
    return said or _too_old(spot, rules, names)


def _same(spot: Spot, held: Collection[str]) -> list[Spot]:
    """The names among these that say where the same attempt, or message, is."""
    found = (spot_of(path) for path in held if spot.key in path)
    same = [f for f in found if f is not None and (f.key, f.attempt) == (spot.key, spot.attempt)]
    return [f for f in same if f.kind in ("task", "message") and (f.kind == "task" or f.agent == spot.agent)]


def _too_old(spot: Spot, rules: Rules, held: list[Spot]) -> str:
    """Born dead: what nobody has seen is too old to start; what was collected is not taken up again after it was let go."""
    if not rules.old(spot.key, late=True):
        return ""
    far = rank(spot, rules.dispatch)
    waits = spot.channel == INBOX and far <= WAITING
    done_with = (spot.kind == "message" or far >= COLLECTED) and not held
    return "it is past its retention" if waits or done_with else ""


def _message(spot: Spot, rules: Rules) -> str:
    if rules.there(spot.name.sender) or rules.there(spot.agent):
        return ""
    return f"{spot.name.sender} does not live there and cannot speak from there"


def _task(spot: Spot, rules: Rules, held: list[Spot]) -> str:
    """Dispatch's home may say all that is dispatch's; a worker's home what that worker did."""
    from_dispatch = rules.there(rules.dispatch)
    if spot.agent == rules.dispatch and spot.channel != INBOX:
        return "" if from_dispatch else "only dispatch collects, and it does not live there"
    if rules.there(spot.agent):
        return "" if from_dispatch else _own(spot, rules, held)
    if spot.channel != INBOX:
        return f"{spot.agent} does not live there and did not end there"
    return _given(spot, rules, held, from_dispatch)


def _own(spot: Spot, rules: Rules, held: list[Spot]) -> str:
    """What a worker's home says of its worker, where dispatch is on our side and knows who has which attempt."""
    owners = {name.agent for name in held}
    queued = spot.kind == "task" and spot.name.state == "queued"
    passed_on = not queued and spot.kind != "brief" and all(map(rules.there, owners))  # moved by hand, among agents of one side
    if owners and spot.agent not in owners and not passed_on:
        return f"this attempt was not given to {spot.agent}"
    if spot.kind == "brief":
        return "only dispatch writes briefs"
    return "only dispatch makes attempts, and it does not live there" if queued and spot.attempt > 1 and not held else ""


def _given(spot: Spot, rules: Rules, held: list[Spot], from_dispatch: bool) -> str:
    """What may be laid into the inbox of an agent of ours: work, by dispatch; and a submission to dispatch."""
    if spot.kind == "brief":
        return "" if from_dispatch else "only dispatch writes briefs"
    state = spot.name.state
    if from_dispatch and not held:
        return ""  # our own word, removed here by hand: it comes back
    if state == "acked" and from_dispatch and any(h.agent == spot.agent and h.name.state == "acked" for h in held):
        return ""  # a changed priority
    if state != "queued":
        return f"{spot.agent} does not live there and is not {state} there"
    if from_dispatch or (spot.agent == rules.dispatch and spot.attempt == 1):
        return ""
    return "only dispatch gives work, and it does not live there"

