"""Which duties a host has: one per agent that has its home here, and those of the tree itself."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fsbus.core.config import AgentConfig, BusConfig
from fsbus.core.errors import Refused
from fsbus.core.refusal import Refusal
from fsbus.duties.adoption import Adoption
from fsbus.duties.attendant import Attendant
from fsbus.duties.dispatch import Dispatch
from fsbus.duties.duty import Duty
from fsbus.duties.hosts import dialled
from fsbus.duties.sweep import Sweep
from fsbus.duties.urgent import Urgent
from fsbus.duties.worker import Worker
from fsbus.spool.found import furnish

if TYPE_CHECKING:
    from fsbus.duties.node import Node


@dataclass(frozen=True, slots=True)
class Post:
    """A duty that could be taken on; a change of what it goes by makes it another one."""

    config: AgentConfig | None  # of the agent it serves
    make: Callable[[], Duty]
    bus: BusConfig | None = None  # what bus.yaml says, if it goes by that

    @property
    def agent(self) -> str:
        """The agent it serves, '' if it serves none."""
        return self.config.name if self.config else ""

    def change(self, before: Post) -> str:
        """Which file makes it another one than it was, '' if none does."""
        return "its agent.yaml" if self.config != before.config else "bus.yaml" if self.bus != before.bus else ""


class Posts:
    """This host's duties as the agents' files say them now."""

    def __init__(self, node: Node, say: Callable[[str], None]) -> None:
        self._node, self._say = node, say
        self._good: dict[str, AgentConfig] = {}  # the last agent.yaml of each agent that could be used
        self._said: dict[str, str] = {}

    def all(self) -> dict[str, Post]:
        """By name: `dispatch`, `sweep`, `worker:<agent>`, `pull:<agent>` for one without a command, `adopt`, `urgent`;
        `mirror:<host>` and `urgent:<host>` for each host that this one dials."""
        found: dict[str, Post] = {}
        bus = self._bus()
        for agent in self._here():
            if agent.role == "dispatch":
                if agent.name != self._node.tree.with_role("dispatch"):
                    continue  # another one counts
                found["dispatch"] = self._post(agent, Dispatch)
            elif agent.role == "worker":
                duty, kind = ("pull", Attendant) if agent.pulls else ("worker", Worker)
                found[f"{duty}:{agent.name}"] = self._post(agent, kind)
        for host in self._dialled():
            found[f"mirror:{host}"] = Post(None, self._over(host, "mirror"), bus)
            found[f"urgent:{host}"] = Post(None, self._over(host, "urgent"))
        found["adopt"] = Post(None, lambda: Adoption(self._node.tree, self._node.journal, self._node.shop), bus)
        found["sweep"] = Post(None, lambda: Sweep(self._node.tree, bus, self._node.journal), bus)
        found["urgent"] = Post(None, lambda: Urgent(self._node.tree, self._node.journal))
        return found

    def _bus(self) -> BusConfig:
        """What bus.yaml says, or said when it could be used; what is wrong with it is said once."""
        try:
            self._node.bus = self._node.tree.bus()
            self._said.pop("bus.yaml", None)
        except Refused as error:
            self._say_once("bus.yaml", f"{error.sentence()}; the last good one stays in force")
        return self._node.bus

    def _dialled(self) -> tuple[str, ...]:
        """Whom this host dials; what is wrong with that is said once."""
        if not any("ssh" in settings for settings in self._node.bus.hosts.values()):
            return ()
        try:
            return dialled(self._node.tree)
        except Refused as error:
            self._say_once("hosts", error.sentence())
            return ()

    def _say_once(self, about: str, words: str) -> None:
        if self._said.get(about) != words:
            self._said[about] = words
            self._say(words)

    def _over(self, host: str, lane: str) -> Callable[[], Duty]:
        def make() -> Duty:
            from fsbus.duties.lane import Lane  # paramiko: 40 MB and 0.2 s, only for those who dial
            from fsbus.duties.mirror import Mirror

            tree, every = self._node.tree, self._node.bus.sync_every
            return Lane(tree, host) if lane == "urgent" else Mirror(tree, host, every)

        return make

    def mend(self, agent: str) -> None:
        """Make an agent's folders again that are missing; what the disk refuses is said by the duty that needs them."""
        try:
            furnish(self._node.tree.root, agent)
        except OSError:
            pass

    def _post(self, agent: AgentConfig, kind: Callable[..., Duty]) -> Post:
        def make() -> Duty:
            self.mend(agent.name)
            return kind(self._node.shop(agent))

        return Post(agent, make, self._node.bus)

    def _here(self) -> list[AgentConfig]:
        """The agents with their home here; of a bad agent.yaml the last good one."""
        tree = self._node.tree
        names = tree.registered()
        for name in names:
            found = tree.agent(name)
            if isinstance(found, Refusal):
                self._refuse(name, found)
            else:
                self._good[name] = found
                self._said.pop(name, None)
        self._good = {name: config for name, config in self._good.items() if name in names}
        return [config for config in self._good.values() if config.home == tree.host]

    def _refuse(self, name: str, why: Refusal) -> None:
        kept = "the last good one stays in force" if name in self._good else "it does nothing until that is mended"
        if self._said.get(name) != why.sentence():
            self._said[name] = why.sentence()
            self._say(f"agents/{name}/agent.yaml is refused: {why.sentence()}; {kept}")
            self._node.journal.record("node", f"agent:{name}", "refused", why.sentence(), agent=name)
