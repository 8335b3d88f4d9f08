"""The messages that a duty obeys by itself, whatever its agent does: cancel, pause, resume, assign (DESIGN section 7).

They count only from somebody who may command this agent (`sender.commands`). A cancel has no rank: it is a message
in the agent's `urgent/` that lives as long as its task and is looked at before every start; when there is nothing
left to end, it is filed as acked. One that names an attempt calls off only that one and earlier ones: a later
attempt took their place.
"""
from __future__ import annotations

from dataclasses import dataclass

from fsbus.core.message import ORDERS
from fsbus.core.names import MessageName
from fsbus.core.result import Failure, failure
from fsbus.spool import channel, message, sender
from fsbus.spool.folder import Folder
from fsbus.spool.tree import Tree


@dataclass(frozen=True, slots=True)
class CallOff:
    """What is over: a task, or its attempts up to a number."""

    key: str
    attempt: int  # 0 = the task itself

    def covers(self, attempt: int) -> bool:
        """Whether it is about this attempt."""
        return self.attempt == 0 or attempt <= self.attempt

    @property
    def reason(self) -> str:
        """What the watch of a running attempt is asked for."""
        return "superseded" if self.attempt else "cancelled"

    def failure(self, state: str) -> Failure:
        """How an attempt ends that was never started for it."""
        if self.attempt:
            return failure("lost", f"a later attempt took its place while it was {state}")
        return failure("cancelled", f"cancelled while it was {state}")


@dataclass(frozen=True, slots=True)
class Overtaken(CallOff):
    """One attempt, of which a higher one lies in the same inbox."""

    def covers(self, attempt: int) -> bool:
        """Whether it is this one."""
        return attempt == self.attempt


@dataclass(frozen=True, slots=True)
class Order(CallOff):
    """A message about one task: a cancel (of its attempts up to a number), or an assign."""

    message: MessageName


class Orders:
    """The orders waiting for one agent."""

    def __init__(self, tree: Tree, agent: str) -> None:
        self._tree, self._agent = tree, agent
        self._folder = tree.folder(agent, "urgent")
        self._listing = Folder(self._folder)
        self._names: list[str] = []
        self._cancels: dict[str, Order] = {}
        self._assigns: list[Order] = []
        self._switches: list[MessageName] = []

    def look(self) -> dict[str, Order]:
        """What is called off, by key; one for the whole task comes before others."""
        self._refresh()
        return self._cancels

    def assigns(self) -> list[Order]:
        """The tasks that shall start now, oldest order first."""
        self._refresh()
        return self._assigns

    def switches(self) -> list[MessageName]:
        """Each pause and resume, oldest first."""
        self._refresh()
        return self._switches

    def file(self, name: MessageName) -> None:
        """It was carried out: out of the way, and kept."""
        message.file(self._folder, name)

    def _refresh(self) -> None:
        names = self._listing.names()
        if names is self._names:
            return
        found = sorted(m for m in channel.message_names(names) if m.state == "new" and m.type in ORDERS)
        honest = [m for m in found if sender.commands(self._tree, m.sender, self._agent)]
        cancels = sorted(map(self._read, of(honest, "cancel")), key=lambda o: (o.attempt == 0, o.attempt))
        self._names, self._cancels = names, {order.key: order for order in cancels}
        self._assigns = [order for order in map(self._read, of(honest, "assign")) if order.key != order.message.key]
        self._switches = of(honest, "pause", "resume")

    def _read(self, name: MessageName) -> Order:
        """The order; one that names no task was made by hand, with `touch`, and means the task of its own key."""
        said = self.said(name)
        attempt = str(said.get("attempt") or "0")
        return Order(str(said.get("task") or name.key), int(attempt) if attempt.isdigit() else 0, name)

    def said(self, name: MessageName) -> dict[str, object]:
        """What an order says beside what it is; {} if it is gone."""
        try:
            return message.content(f"{self._folder}/{name}", name.ext)[0] or {}
        except OSError:
            return {}


def of(names: list[MessageName], *kinds: str) -> list[MessageName]:
    """Those of these types."""
    return [name for name in names if name.type in kinds]
