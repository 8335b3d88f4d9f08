"""What a plan is made of, and the two ways along a link, so that the rules are written once and hold in both directions."""
from __future__ import annotations

from typing import NamedTuple

from fsbus.core.trust import Rules


class Step(NamedTuple):
    """One step of a plan; paths are relative to the root."""

    kind: str  # push (near to far), pull, advance-near (rename path to `to`), advance-far, edit-near (far's text under
    # the same name, while that name is still there), edit-far, sweep-near (remove the lesser name), sweep-far; and what
    # only tells: refuse (a name of far that near does not take), stale (a name of near too old to be started)
    path: str  # of what
    to: str  # where it goes: for push, pull and advance
    why: str  # for people
    greater: str = ""  # of a sweep: the truer name that stays, since the lesser one cannot tell where it is


class Way(NamedTuple):
    """One direction of a link, seen from the side at its end."""

    bring: str  # pull or push
    end: str  # near or far
    rules: Rules  # as that side sees the link
    keys: set[str]  # of what that side has something
    final: set[str]  # of which it has the final result
    failing: set[str]  # of which the other side has it, and it is a failure
