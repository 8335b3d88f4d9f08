"""The messages that a duty obeys by itself, whatever its agent does: for now `cancel` (DESIGN section 7).

A cancel has no rank. It is a message in the agent's `urgent/` that lives as long as its task and is looked at before
every start; when there is nothing left to end, it is filed as acked. One that names an attempt calls off only that
one and earlier ones: a later attempt took their place.
"""
from __future__ import annotations

from dataclasses import dataclass

from fsbus.core import flat
from fsbus.core.names import MessageName
from fsbus.core.result import Failure, failure
from fsbus.spool import careful, channel, message
from fsbus.spool.folder import Folder
from fsbus.spool.tree import Tree

MESSAGE_LIMIT = 64 << 10  # bytes of an order that are read


@dataclass(frozen=True, slots=True)
class Order:
    """One task, or its attempts up to a number, called off."""

    message: MessageName
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


class Orders:
    """The cancels waiting for one agent."""

    def __init__(self, tree: Tree, agent: str) -> None:
        self._folder = tree.folder(agent, "urgent")
        self._listing = Folder(self._folder)
        self._names: list[str] = []
        self._orders: dict[str, Order] = {}

    def look(self) -> dict[str, Order]:
        """What is called off, by key; one for the whole task comes before others."""
        names = self._listing.names()
        if names is not self._names:
            read = map(self._read, (m for m in channel.message_names(names) if m.type == "cancel" and m.state == "new"))
            found = sorted(read, key=lambda o: (o.attempt == 0, o.attempt))
            self._names, self._orders = names, {order.key: order for order in found}
        return self._orders

    def file(self, order: Order) -> None:
        """It was carried out: out of the way, and kept."""
        message.file(self._folder, order.message)

    def _read(self, name: MessageName) -> Order:
        """The order; one that names no task was made by hand, with `touch`, and means the task of its own key."""
        said = flat.load(careful.read_text(f"{self._folder}/{name}", MESSAGE_LIMIT) or "") or {}
        attempt = str(said.get("attempt") or "0")
        return Order(name, str(said.get("task") or name.key), int(attempt) if attempt.isdigit() else 0)
