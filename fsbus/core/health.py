"""An agent's health in one word, from facts (DESIGN section 6); pure, and light enough for a cold `status`."""
from __future__ import annotations

from collections import namedtuple


class AgentFacts(namedtuple("AgentFacts", "role pulls paused running beat_age stopped oldest_queued")):
    """What is known about an agent now.

    role: dispatch, worker or human; pulls: it fetches its work itself; paused: PAUSE exists; running: tasks in that
    state; beat_age: seconds since its last beat, None if there never was one; stopped: its last beat said that it ended
    in good order; oldest_queued: seconds that a task waits unseen, None if none does.
    """

    __slots__ = ()


def word(facts: AgentFacts, lease: float, ack: float) -> tuple[str, str]:
    """The health and its cause."""
    if facts.paused:
        return "paused", "PAUSE exists"
    if facts.role == "human":
        return "ok", "a person"
    if facts.oldest_queued is not None and facts.oldest_queued > ack:
        return "down", "a task is queued for longer than timers.ack"
    if facts.beat_age is None:
        return "down", "never started"
    if facts.stopped:
        return "down", "stopped"
    if facts.beat_age > lease:
        return "down", "no beat for longer than timers.lease"
    return ("busy", f"{facts.running} running") if facts.running else ("ok", "")
