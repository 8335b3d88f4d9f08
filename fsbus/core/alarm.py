"""When a human is rung: pure rules over the alarms that are up (DESIGN section 6).

One alarm per cause until it is acked, raised a second time after four hours and then never again; one ring for many;
in quiet hours nothing rings, and what came up meanwhile rings once when they end.
"""
from __future__ import annotations

from dataclasses import dataclass, replace

AGAIN_AFTER = 4 * 3600.0  # seconds until an alarm that nobody acked rings a second time
TOGETHER = 600.0  # seconds after a ring in which further alarms wait for one digest


@dataclass(frozen=True, slots=True)
class Alarm:
    """One cause that a human should know of."""

    cause: str  # `failed:<key>`, `down:<agent>`, ...: what makes it one alarm and not two
    title: str  # a few words
    text: str  # what, where, what was tried, what to type
    message: str  # key of the alert in the human's urgent/
    raised: float  # seconds since 1970
    key: str = ""  # the task it is about
    rings: int = 0  # how often it rang
    rung: float = 0.0  # when it rang last
    acked: bool = False  # the human knows
    over: bool = False  # the cause has ended, and the human has not said that they know


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours in which nothing rings, in minutes of the local day; may go over midnight."""

    start: int
    end: int

    def holds(self, minute: int) -> bool:
        """Whether this minute of the day is quiet."""
        if self.start <= self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end


def to_ring(alarms: list[Alarm], last_ring: float, now: float, minute: int, quiet: Quiet | None) -> list[Alarm]:
    """The alarms that ring now, together; `minute` is the minute of the local day."""
    if quiet is not None and quiet.holds(minute):
        return []
    due = [a for a in alarms if not (a.acked or a.over) and _due(a, now)]
    return [] if 0 <= now - last_ring < TOGETHER else due  # a ring in the future is a clock that was set back


def raised(up: Alarm | None, new: Alarm) -> Alarm:
    """What stands when a cause comes up: the alarm that is up for it already, unless a human knew of that and it was over."""
    if up is None or (up.over and up.acked):
        return new
    return replace(up, over=False)


def ended(up: Alarm) -> Alarm | None:
    """What stands when a cause is over: nothing if a human knows; else it is silent, so that to and fro is one alarm."""
    return None if up.acked else replace(up, over=True)


def rang(up: Alarm, when: float) -> Alarm:
    """The alarm after it has reached the human."""
    return replace(up, rings=up.rings + 1, rung=when)


def digest(alarms: list[Alarm]) -> tuple[str, str, str]:
    """Title, text and key of one ring for these alarms."""
    if len(alarms) == 1:
        return alarms[0].title, alarms[0].text, alarms[0].key
    titles = "\n".join(f"- {a.title}" for a in alarms)
    return f"fsbus: {len(alarms)} things need you", f"{titles}\nfsbus status; fsbus today", ""


def _due(alarm: Alarm, now: float) -> bool:
    return alarm.rings == 0 or (alarm.rings == 1 and abs(now - alarm.rung) >= AGAIN_AFTER)


def read_quiet(text: str) -> Quiet | None:
    """`22:00-07:00` as quiet hours; None if it is not that."""
    start, dash, end = text.replace(" ", "").partition("-")
    minutes = [_minute(start), _minute(end)]
    if not dash or None in minutes:
        return None
    return Quiet(minutes[0] or 0, minutes[1] or 0)


def _minute(text: str) -> int | None:
    hour, colon, minute = text.partition(":")
    if not (_is_number(hour) and (_is_number(minute) or not colon)):
        return None
    total = int(hour) * 60 + int(minute or 0)
    return total if int(minute or 0) < 60 and total < 24 * 60 else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 2
