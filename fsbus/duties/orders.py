"""The messages that a worker obeys by itself, whatever its agent does: for now `cancel` (DESIGN section 7).

A cancel has no rank. It is a message in the agent's `urgent/` that lives as long as its task and is looked at before
every start; when the task has ended for it, it is filed as acked.
"""
from __future__ import annotations

from fsbus.core import flat
from fsbus.core.names import MessageName
from fsbus.spool import atomic, careful, channel
from fsbus.spool.tree import Tree

MESSAGE_LIMIT = 64 << 10  # bytes of an order that are read


class Orders:
    """The cancels waiting for one agent."""

    def __init__(self, tree: Tree, agent: str) -> None:
        self._folder = tree.folder(agent, "urgent")
        self._keys: dict[MessageName, str] = {}

    def look(self) -> dict[str, MessageName]:
        """Which tasks are cancelled: key -> the message that says so; a message is read once."""
        present = [m for m in channel.messages(self._folder) if m.type == "cancel" and m.state == "new"]
        self._keys = {m: self._keys.get(m) or self._task(m) for m in present}
        return {key: message for message, key in self._keys.items() if key}

    def file(self, message: MessageName) -> None:
        """The order was carried out: out of the way, and kept."""
        atomic.folder(f"{self._folder}/read")
        atomic.advance(f"{self._folder}/{message}", f"{self._folder}/read/{message.to('acked')}")

    def _task(self, message: MessageName) -> str:
        text = careful.read_text(f"{self._folder}/{message}", MESSAGE_LIMIT) or ""
        said = flat.load(text)
        return str(said.get("task", "")) if isinstance(said, dict) else ""
