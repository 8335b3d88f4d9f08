"""What an urgent message says: its body as a value, and how long it lives (DESIGN sections 4 and 7).

A body is YAML as `post` writes it, or any text that a person dropped. The reader is total. Who sent it is in the
name alone: a `from` in the text is text. No imports beyond the light ones: a cold `send` pays for this module.
"""
from __future__ import annotations

from collections import namedtuple

from fsbus.core.names import MessageName, born

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_BYTES = 64 << 10  # of one message; more belongs into a task or a file that the message names
ALL = "all"  # in place of an agent: everybody but the sender
ORDERS = ("cancel", "pause", "resume", "assign")  # what a worker and dispatch obey by themselves
AUTOMATIC = ("status", "result")  # what fsbus itself sends as tasks move: nobody is told when one was never read


class Message(namedtuple("Message", "key type sender agent text task title ack repeat")):
    """One message as its reader gets it.

    key: its identity; type: one of MESSAGE_TYPES; sender, agent: from whom and for whom; text: what it says; task:
    the key of the task it is about, or ''; title: one line, or ''; ack: whether the sender waits for an ack; repeat:
    whether it may have been shown before, to a reader that died over it.
    """

    __slots__ = ()


def understood(name: MessageName, agent: str, body: Mapping[str, object] | None, raw: str, repeat: bool = False) -> Message:
    """The message with this name; `body` is its mapping, None if it is plain text, which `raw` holds."""
    if body is None:
        return Message(name.key, name.type, name.sender, agent, raw, "", "", False, repeat)
    said = {field: str(body.get(field) or "") for field in ("text", "task", "title", "ack")}
    wants = said["ack"].lower() in ("true", "yes")
    return Message(name.key, name.type, name.sender, agent, said["text"], said["task"], said["title"], wants, repeat)


def lives(body: Mapping[str, object] | None, ttl: float) -> float:
    """How many seconds a message lives unread: its own `ttl` (whole seconds, as `send` writes it), else the bus's."""
    own = str((body or {}).get("ttl") or "")
    number = own[:-1] if own[-1:] == "s" else own
    return float(number) if number.isdigit() else ttl


def expires(name: MessageName, body: Mapping[str, object] | None, ttl: float) -> float:
    """When it expires, in seconds since 1970; by the time in its key, so that all hosts agree without a word."""
    return born(name.key) + lives(body, ttl)


def is_order(kind: str, role: str, task: str) -> bool:
    """Whether an agent of this role obeys such a message by itself, so that it is not put before it.

    A worker obeys all four, dispatch those about a task; for a person the node ends what is cancelled. A cancel that
    names no task means that of its own key, an assign that names none is words.
    """
    if kind in ("pause", "resume"):
        return role == "worker"
    if kind == "cancel":
        return role in ("worker", "dispatch", "human")
    return kind == "assign" and role in ("worker", "dispatch") and bool(task)
