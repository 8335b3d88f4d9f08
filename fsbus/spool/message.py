"""Posting an urgent message: a whole file in the receiver's `urgent/`, named `new`; the sender never waits."""
from __future__ import annotations

from fsbus.core import flat
from fsbus.core.errors import BadUsage, NotFound
from fsbus.core.names import MessageName
from fsbus.spool import atomic, bell, channel, keys
from fsbus.spool.tree import Tree


def post(tree: Tree, agent: str, kind: str, sender: str, text: str, more: dict[str, str]) -> str:
    """Store a message for an agent; returns its key once it survives a kill and a power cut."""
    name = MessageName(keys.make(), kind, sender, "new", "yaml")
    body: dict[str, object] = dict(more)
    if text:
        body["text"] = text
    folder = tree.folder(agent, "urgent")
    atomic.folder(folder)
    atomic.publish(f"{folder}/{name}", flat.dump(body or {"text": ""}).encode())
    bell.ring(tree.root)
    return str(name.key)


def file(folder: str, name: MessageName) -> None:
    """Put a message out of the way as acked: into `read/`, where it is kept."""
    target = folder if folder.endswith("/read") else f"{folder}/read"
    atomic.folder(target)
    atomic.advance(f"{folder}/{name}", f"{target}/{name.to('acked')}")


def ack(tree: Tree, part: str) -> str:
    """Mark the one message whose key contains `part` as acked; returns its key. Raises NotFound, BadUsage."""
    folders = [tree.folder(agent, inner) for agent in tree.agents() for inner in ("urgent", "urgent/read")]
    found = [(folder, name) for folder in folders for name in channel.messages(folder) if part.strip().lower() in name.key]
    keys_found = sorted({name.key for _, name in found})
    if not keys_found:
        raise NotFound(f"there is no message {part!r}", where=tree.root, then="fsbus today shows what waits for you")
    if len(keys_found) > 1:
        raise BadUsage(f"{part!r} fits {len(keys_found)} messages", where=", ".join(keys_found[:5]), then="use more of the key")
    folder, name = max(found, key=lambda f: f[1].state == "acked")
    if name.state != "acked":
        file(folder, name)
        bell.ring(tree.root)
    return str(name.key)
