"""Whether the sweep may take the wall clock for right; pure, asked before anything is let go by its age.

A clock may be years ahead: a boot with a dead battery, a machine that was resumed with its image's time. NTP sets it
right within minutes, and by then all that is kept would be gone. So a clock is trusted that is less than `FAR` past the
last sweep of this host. One that is further ahead is trusted once it has stayed so for `WAIT`: a laptop that was off for
three months sweeps two hours after it is back, whether it sleeps in between or not. One that is behind is trusted at
once, since nothing is old to it. A clock that nobody sets right within that time cannot be told from a right one.
"""
from __future__ import annotations

from collections import namedtuple

FAR = 2 * 86400.0  # seconds: who sweeps once a day, by cron, is never kept waiting
WAIT = 2 * 3600.0  # seconds: NTP takes minutes, and an hour where the network is slow to come up


class Trusted(namedtuple("Trusted", "swept ahead", defaults=(0.0,))):
    """What is known of the clock after a look at it, in seconds since 1970.

    swept: what it said at the last sweep; ahead: what it said when it was first seen far past that, 0 = it is not.
    """

    __slots__ = ()


def look(before: Trusted | None, now: float) -> Trusted:
    """The next look; now is the time for a sweep unless the clock is `ahead`. `before` is None where none was ever made."""
    if before is None or now - before.swept < FAR:
        return Trusted(now)
    ahead = before.ahead if 0 < before.ahead <= now else now  # set back, and still far ahead: it is being set
    return Trusted(now) if now - ahead >= WAIT else before._replace(ahead=ahead)
