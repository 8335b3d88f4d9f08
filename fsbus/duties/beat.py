"""The beat: `alive.yaml`, a register that says that an agent's duty on its home host is alive, and what it has in hand.

The file is replaced whole and never synced: after a power cut nobody is alive anyway.
"""
from __future__ import annotations

import os
import time
from collections.abc import Iterable

from fsbus import __version__
from fsbus.core import flat
from fsbus.core.moment import moment
from fsbus.duties.shop import Shop
from fsbus.spool import atomic, careful
from fsbus.spool.journal import stamp
from fsbus.spool.tree import Tree

IN_A_LEASE = 3  # beats at least: with fewer the living would be called down, and their tasks given away while they run
SOONEST = 0.1  # seconds between two: `beat: 0` would do nothing else


class Beat:
    """The beat of one agent."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._path = f"{shop.tree.root}/agents/{shop.agent.name}/alive.yaml"
        self._began, self._last = stamp(time.time()), 0.0

    def due(self, now: float) -> bool:
        """Whether it is time for one (monotonic seconds); then it counts as made now."""
        if self._last and self.left(now) > 0:
            return False
        self._last = now
        return True

    def left(self, now: float) -> float:
        """Seconds until the next one."""
        bus = self._shop.bus
        return self._last + max(SOONEST, min(bus.beat, bus.lease / IN_A_LEASE)) - now

    def parked_until(self) -> float:
        """What the last beat said of a usage limit, in seconds since 1970; 0 if it has none, or it is over."""
        until = moment(str(careful.mapping(self._path).get("parked_until") or ""))
        return until if isinstance(until, float) and until > time.time() else 0.0

    def write(self, running: Iterable[str] = (), stopped: bool = False, parked_until: float = 0.0) -> None:
        """Say so now; `stopped` is the last word of a duty that ended in good order."""
        now = stamp(time.time())
        facts: dict[str, object] = {
            "host": self._shop.tree.host, "pid": os.getpid(), "started": self._began, "beat": now,
            "running": list(running), "parked_until": stamp(parked_until) if parked_until else None, "version": __version__,
        }  # fmt: skip
        facts |= {"stopped": now} if stopped else {}
        facts |= {"paused": True} if os.path.exists(self._shop.tree.pause(self._shop.agent.name)) else {}
        trouble = self._shop.stuck or self._shop.trouble
        facts |= {"trouble": trouble} if trouble else {}
        try:
            atomic.replace(self._path, flat.dump(facts).encode())
        except FileNotFoundError:
            return  # the agent was removed: there is no folder to say it in
        except OSError as error:
            self._shop.complain(f"the beat cannot be written: {error.strerror}")


def quiet(tree: Tree, agents: Iterable[str], now: float) -> float | None:
    """Seconds since one of these agents gave a sign of life, as the files here have it; None if none ever did."""
    newest = max((careful.changed(f"{tree.root}/agents/{name}/alive.yaml") for name in agents), default=0.0)
    return now - newest if newest else None
