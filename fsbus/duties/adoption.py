"""The duty `adopt`: drops in inboxes that no other duty of this host looks after (humans, agents with another home)."""
from __future__ import annotations

from fsbus.core.config import AgentConfig
from fsbus.duties.duty import LOOK, Duty
from fsbus.spool.adopt import Adopter
from fsbus.spool.glance import Glance
from fsbus.spool.journal import Journal
from fsbus.spool.tree import Tree


class Adoption(Duty):
    """See the module."""

    def __init__(self, tree: Tree, journal: Journal) -> None:
        self.name = "adopt"
        self._tree, self._journal = tree, journal
        self._adopters: dict[str, Adopter] = {}
        self._glances: dict[str, Glance] = {}

    def step(self) -> float:
        """Look into each of these inboxes once; returns in how many seconds to look again."""
        looks = [self._see(agent) for agent in self._tree.agents() if not self._has_its_own(agent)]
        waiting = [look for look in looks if look is not None]
        self.settling = any(adopter.settling for adopter in self._adopters.values())
        return min([LOOK, *waiting])

    def _see(self, agent: str) -> float | None:
        if agent not in self._adopters:
            self._adopters[agent] = Adopter(self._tree, agent, self._journal)
            self._adopters[agent].recover()
            self._glances[agent] = Glance(self._tree.folder(agent, "inbox"))
        _, strangers = self._glances[agent].look()
        return self._adopters[agent].step(strangers)[1]

    def _has_its_own(self, agent: str) -> bool:
        found = self._tree.agent(agent)
        return isinstance(found, AgentConfig) and found.home == self._tree.host and found.role != "human"
