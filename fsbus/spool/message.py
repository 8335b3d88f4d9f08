"""Posting an urgent message: a whole file in the receiver's `urgent/`, named `new`; the sender never waits."""
from __future__ import annotations

from fsbus.core import flat
from fsbus.core.names import MessageName
from fsbus.spool import atomic, bell, keys
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
