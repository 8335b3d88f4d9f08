"""Where the names that could stand above a path would lie; pure.

A side asks this before it stores a name, since a truer one makes it old news. Only the names that a rename can lead to
are listed, so that the answer costs a few `lstat` and no listing; one under another priority is found by the next pass,
which sees both. Which of them is truer is for `core/order.py` to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fsbus.core.names import archive
from fsbus.core.paths import INBOX, LATE, OUTBOX, SEEN, URGENT, Spot
from fsbus.core.states import INBOX_STATES, MESSAGE_STATES, NEW, OUTBOX_STATES

_STATES = ((INBOX, INBOX_STATES), (OUTBOX, OUTBOX_STATES), (LATE, OUTBOX_STATES))


def rivals(spot: Spot, agents: Iterable[str], dispatch: str, everybody: bool = False) -> Iterator[str]:
    """The paths of the other names of the same attempt or message, as far as they follow from this one."""
    if spot.kind == "message":
        for state in MESSAGE_STATES:
            yield f"agents/{spot.agent}/{URGENT if state == NEW else SEEN}/{spot.name.to(state)}"
    elif spot.kind == "task":
        unrouted = spot.agent == dispatch and spot.channel == INBOX
        for agent in agents if unrouted or everybody else dict.fromkeys((spot.agent, dispatch or spot.agent)):
            start = f"agents/{agent}/"
            yield from (f"{start}{place}" for place in _places(spot.name.run, spot.name.ext))
    elif spot.kind in ("result", "files"):
        for agent in dict.fromkeys((spot.agent, dispatch or spot.agent)):
            yield from (f"agents/{agent}/{channel}/{spot.name}" for channel in (OUTBOX, LATE))


def let_go(spot: Spot) -> list[str]:
    """Where a message lies once its host has let go of it: one that has not yet would send it again as new."""
    if spot.kind != "message":
        return []
    return [f"{archive(spot.key)}/{spot.name.to(state)}" for state in MESSAGE_STATES]


def _places(run: str, ext: str) -> list[str]:
    return [f"{channel}/{run}.{state}.{ext}" for channel, states in _STATES for state in states]


def folders_for(spot: Spot, dispatch: str) -> Iterator[str]:
    """The folders in which the end of a brief's attempt would lie; its name says only the key."""
    for agent in dict.fromkeys((spot.agent, dispatch or spot.agent)):
        yield from (f"agents/{agent}/{channel}" for channel in (OUTBOX, LATE))
