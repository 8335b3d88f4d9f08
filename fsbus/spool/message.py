"""Urgent messages on the disk: posting one, finding it again, and moving it on (DESIGN section 7).

A message is a whole file in the receiver's `urgent/`, named `new`; the sender never waits. It leaves that folder with
its first change of state, so that `urgent/` stays small whatever the traffic.
"""
from __future__ import annotations

import os
import time
from collections import namedtuple

from fsbus.core import flat, given
from fsbus.core.errors import BadUsage, NotFound, Refused
from fsbus.core.message import MAX_BYTES, ORDERS
from fsbus.core.names import MessageName, parse_message
from fsbus.spool import atomic, bell, careful, keys
from fsbus.spool.sender import stranger
from fsbus.spool.tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

HAND = ".hand-"  # a message that a reader has in hand, see `mailbox`
TEXTS = frozenset(("text", "title"))  # what people read
IN_HAND = 2.0  # seconds that a reader may take to mark what it has shown

Spot = namedtuple("Spot", "agent folder name")  # where a copy of a message lies: whose, in which folder, under which name


def post(
    tree: Tree, agent: str, kind: str, sender: str, text: str, more: Mapping[str, object], key: str = "", sync: bool = True
) -> str:
    """Store a message for an agent; returns its key once it survives a kill and, with `sync`, a power cut."""
    name = MessageName(key or keys.make(), kind, sender, "new", "yaml")
    body = {field: value for field, value in more.items() if value}
    if text or not body:
        body["text"] = text
    _store(tree, agent, str(name), flat.dump(body).encode(), sync)
    bell.ring(tree.root, agent, everybody=kind in ORDERS)
    if sync:
        atomic.sync_folder(tree.folder(agent, "urgent"))  # the promise to the sender; the reader need not wait for it
    return str(name.key)


def _store(tree: Tree, agent: str, name: str, data: bytes, sync: bool) -> None:
    """A new whole file, by one rename: the key is new, so that no other file can have this name."""
    folder = tree.folder(agent, "urgent")
    try:
        temp = atomic.stage(f"{folder}/{name}", data, sync)
    except FileNotFoundError:
        if not tree.has(agent):
            raise stranger(tree, agent) from None
        atomic.folder(folder)
        temp = atomic.stage(f"{folder}/{name}", data, sync)
    atomic.advance(temp, f"{folder}/{name}")


def content(path: str, ext: str) -> tuple[dict[str, object] | None, str]:
    """What a message says: its mapping, or None for plain text, and the text as it lies there. Raises OSError."""
    raw = careful.read(path, MAX_BYTES).decode("utf-8", "replace")
    return (_mapping(raw) if ext == "yaml" else None), raw


def _mapping(raw: str) -> dict[str, object] | None:
    found: object = None if _commented(raw) else flat.load(raw)
    if found is None:
        from fsbus.core import gate  # imports yaml: only for what a person wrote

        found = gate.strings(raw, texts=TEXTS)
    return found if isinstance(found, dict) else None


def _commented(raw: str) -> bool:
    """Whether a text of it has a `#`, which begins a comment where no quotes are. fsbus itself writes no such line."""
    lines = [line.partition(":") for line in raw.split("\n")] if " #" in raw else []
    return any(key in TEXTS and " #" in text and text.lstrip()[0] not in "\"'" for key, _, text in lines)


def file(folder: str, name: MessageName, state: str = "acked") -> bool:
    """Put a message out of the way as acked (or read): into `read/`, where it is kept; False if it moved meanwhile."""
    target = folder if folder.endswith("/read") else f"{folder}/read"
    atomic.folder(target)
    return atomic.advance(f"{folder}/{name}", f"{target}/{name.to(state)}")


def find(tree: Tree, part: str) -> list[Spot]:
    """Every copy of the one message whose key contains `part`; a broadcast has one for each. Raises NotFound, BadUsage."""
    part = given.part(part)
    found = list(_spots(tree, part)) if part else []
    keys_found = sorted({spot.name.key for spot in found})
    if not keys_found:
        raise NotFound(f"there is no message {part!r}", where=tree.root, then="fsbus today shows what waits for you")
    if len(keys_found) > 1:
        raise BadUsage(f"{part!r} fits {len(keys_found)} messages", where=", ".join(keys_found[:5]), then="use more of the key")
    return found


def _spots(tree: Tree, part: str) -> list[Spot]:
    """In the direction of flow: new or in hand, read, archive; a move meanwhile doubles a name and never hides it."""
    from fsbus.spool import channel  # who only sends does not pay for it

    found = []
    for agent in tree.agents():
        urgent = tree.folder(agent, "urgent")
        found += [Spot(agent, urgent, name) for name in _all(urgent) if part in name.key]
        found += [Spot(agent, f"{urgent}/read", name) for name in channel.messages(f"{urgent}/read") if part in name.key]
    for day in channel.days(tree):
        folder = f"{tree.root}/archive/{day}"
        found += [Spot("", folder, name) for name in channel.messages(folder) if part in name.key]
    return found


def _all(urgent: str) -> list[MessageName]:
    """The messages in `urgent/`, also those that a reader has in hand."""
    names = os.listdir(urgent) if os.path.isdir(urgent) else []
    return [name for name in map(parse_message, map(bare, names)) if name is not None]


def in_hand(urgent: str, name: str) -> bool:
    """Whether some reader has the message of this name in hand."""
    try:
        return any(n.startswith(HAND) and n.endswith(f"-{name}") for n in os.listdir(urgent))
    except OSError:
        return False


def bare(name: str) -> str:
    """The message's own name in that of a file in hand (`.hand-<pid>-<start>-<name>`); any other as it is."""
    return name.split("-", 3)[3] if name.startswith(HAND) and name.count("-") > 3 else name


def ack(tree: Tree, part: str, reader: str) -> str:
    """Mark a message as acked; returns its key. Raises NotFound, BadUsage, Refused.

    Of a broadcast it is the copy of `reader`, if there is one, else every copy that somebody has read; the others stay
    for who has yet to see them. One that its reader has in hand is waited for: it was printed a moment ago and is about
    to say `read`.
    """
    end = time.monotonic() + IN_HAND
    while True:
        found = find(tree, part)
        mine = [spot for spot in found if spot.agent == reader] or _seen(found)
        if [spot for spot in mine if spot.name.state == "acked" or _ack(spot)]:
            bell.ring(tree.root)
            return str(found[0].name.key)
        if time.monotonic() > end:
            key, state = found[0].name.key, (mine or found)[0].name.state
            raise Refused(f"{key} cannot be acked: it is {state}", then=f"fsbus trace {key}")
        time.sleep(0.01)


def _seen(found: list[Spot]) -> list[Spot]:
    """The copies that may be acked for their readers: of a broadcast those that were read, else the only one."""
    read = [spot for spot in found if spot.name.state in ("read", "acked")]
    return read or (found if len({spot.agent for spot in found}) == 1 else [])


def _ack(spot: Spot) -> bool:
    return spot.name.state in ("new", "read") and file(spot.folder, spot.name)
