"""The duty `adopt`: drops in inboxes that no other duty of this host looks after (humans, agents with another home).

It also ends what was called off and lies with a person of this host.
"""
from __future__ import annotations

from collections.abc import Callable

from fsbus.core.config import AgentConfig
from fsbus.duties import recall
from fsbus.duties.apart import Apart
from fsbus.duties.duty import LOOK, Duty
from fsbus.duties.orders import Orders
from fsbus.duties.shop import Shop
from fsbus.spool.adopt import Adopter
from fsbus.spool.glance import Glance
from fsbus.spool.journal import Journal
from fsbus.spool.tree import Tree


class Adoption(Duty):
    """See the module."""

    def __init__(self, tree: Tree, journal: Journal, shop: Callable[[AgentConfig], Shop]) -> None:
        self.name = "adopt"
        self._tree, self._journal, self._shop = tree, journal, shop
        self._apart = Apart()
        self._orders: dict[str, Orders] = {}
        self._adopters: dict[str, Adopter] = {}
        self._glances: dict[str, Glance] = {}

    def step(self) -> float:
        """Look into each of these inboxes once; returns in how many seconds to look again."""
        found = {agent: self._tree.agent(agent) for agent in self._tree.agents()}
        here = {a: one for a, one in found.items() if isinstance(one, AgentConfig) and one.home == self._tree.host}
        looks = [LOOK]
        for agent in (a for a in found if a not in here or here[a].role == "human"):
            with self._apart():
                looks.append(self._see(agent))
                if agent in here:
                    self._recall(here[agent])
        self.settling = any(adopter.settling for adopter in self._adopters.values())
        self._apart.tell()
        return min(looks)

    def _see(self, agent: str) -> float:
        if agent not in self._adopters:
            adopter = Adopter(self._tree, agent, self._journal)
            adopter.recover()
            self._adopters[agent], self._glances[agent] = adopter, Glance(self._tree.folder(agent, "inbox"))
        _, strangers = self._glances[agent].look()
        again = self._adopters[agent].step(strangers)[1]
        return LOOK if again is None else again

    def _recall(self, person: AgentConfig) -> None:
        if person.name not in self._orders:
            self._orders[person.name] = Orders(self._tree, person.name)
        if self._orders[person.name].look():
            recall.obey(self._shop(person), self._orders[person.name])
