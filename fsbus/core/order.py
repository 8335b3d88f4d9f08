"""Which of two names of one attempt is the truer: a total order, the same on every host (DESIGN section 8).

    unrouted < queued < acked < running < failed < done < late in a worker's outbox < collected < put aside by dispatch

Put aside is the last, since dispatch moves an end from its outbox to `late/` when a further attempt is asked for, and
never back. Names of one rank differ by what a person renamed: the smaller first digit counts (to make a task more
urgent works on every host; to make it less so is undone by the host that has not heard of it), then the path, so that
hosts agree without asking. Messages: new < read < acked < expired.

Nothing is removed but a name whose greater lies on the same disk: `beaten` is the question to ask right before.
"""
from __future__ import annotations

from collections.abc import Iterable

from fsbus.core.paths import BRIEF, FILES, INBOX, LATE, RESULT, Spot, spot_of
from fsbus.core.states import COLLECTED, MESSAGE_STATES, QUEUED, RANK

UNROUTED = -1  # queued with dispatch: it is queued with a worker next
WAITING = RANK[QUEUED]  # up to here nobody has seen it
ENDED = RANK["failed"]  # from here on the attempt is over
ASIDE = 10  # added in a worker's late/, as COLLECTED is in dispatch's outbox
PUT_ASIDE = 40  # added in dispatch's late/
BESIDE = ("result", "files", "brief")

Order = tuple[int, int, str]


def rank(spot: Spot, dispatch: str) -> int:
    """How far the name at this spot is; for tasks and messages, and for what lies beside them by its folder alone."""
    if spot.kind == "message":
        return MESSAGE_STATES.index(spot.name.state)
    own = RANK[spot.name.state] if spot.kind == "task" else 0
    if spot.agent == dispatch:
        place = UNROUTED if spot.kind == "task" and spot.name.state == QUEUED else COLLECTED
        return own + (PUT_ASIDE if spot.channel == LATE else place if spot.channel != INBOX or place < 0 else 0)
    return own + (ASIDE if spot.channel == LATE else 0)


def order(spot: Spot, path: str, dispatch: str) -> Order:
    """The place of this name among those of its attempt; greater is truer."""
    priority = -int(spot.name.priority) if spot.kind == "task" else 0
    return rank(spot, dispatch), priority, path


def beaten(held: Iterable[str], path: str, dispatch: str) -> str:
    """The path among those on this disk that is truer than `path`, '' if there is none: then `path` must stay."""
    spot = spot_of(path)
    if spot is None:
        return ""
    rivals = [(found, other) for other in held if (found := spot_of(other)) is not None and _rivals(spot, found)]
    own = order(spot, path, dispatch)
    return max(((order(s, o, dispatch), o) for s, o in rivals if order(s, o, dispatch) > own), default=((), ""))[1]


def dominated(held: Iterable[str], path: str, dispatch: str) -> bool:
    """Whether this disk has that name, or a truer one of its attempt: then it is not taken."""
    held = list(held)
    return bool(held) and (path in held or bool(beaten(held, path, dispatch)))


def _rivals(one: Spot, other: Spot) -> bool:
    """Whether these two stand for the same thing, so that the truer replaces the other."""
    if (one.key, one.attempt) != (other.key, other.attempt):
        return False
    if one.kind == "message":
        return other.kind == "message" and one.agent == other.agent and bool(one.name.to(other.name.state) == other.name)
    if one.kind == "brief":  # needed until its attempt has ended
        return other.kind == "task" and other.channel != INBOX
    return one.kind == other.kind and (one.kind == "task" or bool(one.name[1:] == other.name[1:]))  # whatever its first digit


def brief_of(folder: str, key: str, attempt: int) -> str:
    """The path of the brief for an attempt that waits in this inbox: a dot-file, so that nobody takes it for a task."""
    return f"{folder}/{BRIEF}{key}.a{attempt}.yaml"


def beside(folder: str, run: str, kind: str) -> str:
    """The path of the result, or of the files, of the attempt `<stem>.a<N>` that ended in this folder."""
    return f"{folder}/{run}{RESULT if kind == 'result' else FILES}"
