"""An agent's health in one word with its cause, from facts (DESIGN section 6); pure, and light enough for `status`."""
from __future__ import annotations

from collections import namedtuple

JUMP = 5.0  # seconds by which wall clock and monotonic clock may part between two looks: more is a sleep, or somebody set it
MISSED = 3  # passes that may be missed before a link without a known trouble counts as down
PATIENT = 180.0  # seconds, at least: who syncs every second is not down after three
QUIET = 600.0  # seconds without progress after which a running task without a `silence` limit shows as silent


class AgentFacts(
    namedtuple(
        "AgentFacts",
        "role pulls paused running beat_age stopped oldest_queued parked_for still silence away",
        defaults=("",),
    )
):
    """What is known about an agent now; all times in seconds.

    role: dispatch, worker or human; pulls: it fetches its work itself; paused: PAUSE exists; running: tasks in that
    state; beat_age: since its last beat, None if there never was one; stopped: its last beat said that it ended in
    good order; oldest_queued: how long a task waits unseen, None if none does; parked_for: how long its usage limit
    still lasts, None if it has none; still: since the least lively running task last made progress, None if none
    runs; silence: the limit that its agent.yaml sets for that, 0 = none; away: why nothing is known of its home now, ''
    if that is this host or its link is up. Ages are as of the last good word from its home.
    """

    __slots__ = ()


class Look(namedtuple("Look", "looked skew judge_from grace")):
    """One look at the clocks by whoever judges the agents.

    looked: the last look, on the monotonic clock; skew: wall clock minus monotonic clock then; judge_from: when on
    the monotonic clock agents may be judged again; grace: why a grace began at this look, '' if none did.
    """

    __slots__ = ()

    @property
    def judges(self) -> bool:
        """Whether agents may be judged at this look."""
        return bool(self.looked >= self.judge_from)


def look(before: Look | None, wall: float, monotonic: float, lease: float) -> Look:
    """The next look at the clocks: after a start, a sleep, a jump or a standstill everybody gets one lease of grace.

    The beats that look old then are those of workers that slept, or stood still, as well.
    """
    skew = wall - monotonic
    grace = "the start" if before is None else _break(before, skew, monotonic, lease)
    if before is None or grace:
        return Look(monotonic, skew, monotonic + lease, grace)
    return Look(monotonic, skew, before.judge_from, "")


def _break(before: Look, skew: float, monotonic: float, lease: float) -> str:
    jumped, stood = abs(skew - before.skew), monotonic - before.looked
    if jumped > JUMP:
        return f"the clock jumped by {round(jumped)} s"
    return f"nobody looked for {round(stood)} s" if stood > max(JUMP, lease / 2) else ""


def word(facts: AgentFacts, lease: float, ack: float) -> tuple[str, str]:
    """The health and its cause ('' where there is nothing to say)."""
    if facts.role == "human":
        return ("paused", "PAUSE exists") if facts.paused else ("ok", "")
    if facts.away:
        return "unreachable", facts.away
    if facts.paused:
        return "paused", "PAUSE exists"
    down = _down(facts, lease, ack)
    if down:
        return "down", down
    if facts.parked_for is not None:
        return "parked", f"usage limit, for another {round(facts.parked_for)} s"
    if facts.still is not None and facts.still > (facts.silence or QUIET):
        return "silent", f"alive, no progress for {round(facts.still)} s"
    return ("busy", f"{facts.running} running") if facts.running else ("ok", "")


def out_of_reach(trouble: str, age: float | None, every: float) -> str:
    """Why nothing is known of another host now, '' while its link is up; `age`: seconds since the last good pass."""
    if age is None:
        return trouble or "never synced"
    if trouble:
        return f"{trouble}; as of {round(age)} s ago"
    return f"no pass for {round(age)} s (sync.every {round(every)} s)" if is_late(age, every) else ""


def is_late(age: float, every: float) -> bool:
    """Whether a link counts as down after so many seconds without a good pass, although no trouble of it is known."""
    return age > max(MISSED * every, PATIENT)


def _down(facts: AgentFacts, lease: float, ack: float) -> str:
    if facts.beat_age is None:
        return "never started"
    if facts.stopped:
        return "stopped"
    if facts.beat_age > lease:
        return f"no beat for {round(facts.beat_age)} s (timers.lease {round(lease)} s)"
    sees = facts.role == "dispatch"  # what waits with dispatch was seen, and is held until it may or can go
    if not sees and facts.oldest_queued is not None and facts.oldest_queued > ack:
        return f"a task is queued for {round(facts.oldest_queued)} s (timers.ack {round(ack)} s)"
    return ""
