"""Dispatch, on its home host alone: routes tasks to workers, settles what ended, looks after who is down.

One pass (`step`) is one look at the tree; what to do is decided by pure functions (`core/route.py`, `core/decide.py`,
`core/health.py`) and carried out by the modules named in `__init__`.
"""
from __future__ import annotations

import time
from collections.abc import Callable

from fsbus.core.config import AgentConfig
from fsbus.duties import overtaken
from fsbus.duties.alarms import Alarms
from fsbus.duties.asked import Asked
from fsbus.duties.beat import Beat
from fsbus.duties.due import Dues
from fsbus.duties.duty import LOOK, Duty
from fsbus.duties.orders import Order, Orders
from fsbus.duties.requests import Requests
from fsbus.duties.roster import Roster
from fsbus.duties.routing import Routing
from fsbus.duties.settle import Settling
from fsbus.duties.shop import Shop
from fsbus.duties.supervise import Supervision
from fsbus.spool.adopt import Adopter
from fsbus.spool.glance import Glance

OFTEN = 1.0  # seconds between looks after all agents and tasks, at least
JUDGED = 8  # looks at the agents within the shorter of the timers by which they are judged: it costs most of an idle pass


class Dispatch(Duty):
    """The duty `dispatch`; its lock is held by whoever made it."""

    def __init__(self, shop: Shop) -> None:
        self.shop: Shop = shop
        self.name = "dispatch"
        self._beat = Beat(shop)
        self._looked = self._judged = float("-inf")  # when it last looked after the tasks, and the agents
        self._good: dict[str, AgentConfig] = {}  # the last agent.yaml of each that could be used
        self._adopter = Adopter(shop.tree, shop.agent.name, shop.journal)
        self._glance = Glance(shop.folder("inbox"))
        self._alarms = Alarms(shop)
        self._dues = Dues(shop, self._alarms)
        self._orders = Orders(shop.tree, shop.agent.name)
        self._routing = Routing(shop, self._orders, self._alarms)
        self._settling = Settling(shop, self._orders, self._alarms)
        self._asked = Asked(shop, self._orders, self._settling)
        self._supervision = Supervision(shop, self._settling, self._alarms)
        self._requests = Requests(shop, self._orders, self._alarms)
        # What a killed adoption, planning or collecting left is finished in the first pass, or as soon as that can be done.
        self._left: list[Callable[[], object]] = [self._adopter.recover, self._requests.recover, self._settling.recover]

    def step(self) -> float:
        """One pass; returns in how many seconds to look again at the latest."""
        if self._beat.due(time.monotonic()):
            self._beat.write()
        self._reread()
        self._left = [step for step in self._left if not self._is_done(step)]
        apart, looks = self.shop.apart, [LOOK]
        with apart():
            looks += self._take_in()
        roster, orders = Roster(self.shop.tree, apart, self._good), self._orders.look()
        with apart():
            self._give_away(roster, orders)
        with apart():
            self._asked.step(orders)
        with apart():
            looks += self._settling.step(roster, {order.key for order in orders.values()})
        if time.monotonic() - self._looked >= OFTEN:
            self._looked = time.monotonic()
            self._look_after(roster)
        apart.tell()
        return min(looks)

    def _is_done(self, step: Callable[[], object]) -> bool:
        """Whether all that this step is about could be put in order."""
        before = self.shop.apart.met
        with self.shop.apart():
            step()
        return self.shop.apart.met == before

    def _take_in(self) -> list[float]:
        _, strangers = self._glance.look()
        _, again = self._adopter.step(strangers)
        self.settling = self._adopter.settling
        return [] if again is None else [again]

    def _give_away(self, roster: Roster, orders: dict[str, Order]) -> None:
        waiting = sorted(self._glance.tasks.values())
        unplanned = self._routing.step([n for n in waiting if n.state == "queued"], roster, orders)
        self._requests.step(unplanned, [n for n in waiting if n.state != "queued"], orders)

    def _look_after(self, roster: Roster) -> None:
        apart = self.shop.apart
        with apart():
            self._judge(roster)
        with apart():
            self._dues.step(time.time())
        with apart():
            overtaken.step(self.shop, self._dues.inboxes(), [self._settling.outbox(agent) for agent in roster.workers()])
        with apart():
            self._alarms.step(time.time())

    def _judge(self, roster: Roster) -> None:
        pace = max(OFTEN, min(self.shop.bus.lease, self.shop.bus.ack) / JUDGED)
        if self._looked - self._judged >= pace:
            self._judged = self._looked
            self._supervision.step(roster)

    def _reread(self) -> None:
        """A planner that was named a moment ago counts for the request that comes right after it."""
        found = self.shop.tree.agent(self.shop.agent.name)
        if isinstance(found, AgentConfig):
            self.shop.agent = found

    def busy(self) -> bool:
        """Whether a planner runs."""
        return self._requests.busy()

    def retire(self) -> None:
        """Let a running planner end, start no other."""
        self._requests.retire()

    def stop(self, insist: bool = False) -> None:
        """Ask a running planner to end."""
        self._requests.stop(insist)

    def close(self) -> None:
        """The last beat, once the last ring has ended."""
        self._alarms.close()
        self._beat.write(stopped=not self.taken_over)
