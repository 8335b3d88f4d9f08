"""Submitting: a task written whole under its full name, where it may wait.

What returned survives a kill and a power cut. With a key given, the same call again does nothing, and another text
under that key is refused, so that a script may repeat what it is not sure of.
"""
from __future__ import annotations

from fsbus.core import flat, names, policy
from fsbus.core.errors import BadUsage, NotFound, Refused
from fsbus.spool import atomic, bell, careful, keys, message
from fsbus.spool.journal import Journal
from fsbus.spool.sender import allow, known, lays, may, stranger
from fsbus.spool.tree import Tree

_PLAIN = frozenset(("task", "title", "type", "to", "priority", "urgent"))  # fields in which little can be wrong
MAX_BYTES = 1 << 20  # as the reader's; a larger task is a file that the task should name


def submit(tree: Tree, journal: Journal, fields: dict[str, object], sender: str, key: str = "") -> str:
    """Store a task and return its key. Raises BadUsage, NotFound, Refused, and OSError for a disk in trouble."""
    to = str(fields.get("to") or "")
    allow(tree, sender, to)
    place = _place(tree, to, fields)
    data = flat.dump({name: value for name, value in fields.items() if value not in (None, "", (), [])}).encode()
    _sayable(data, str(fields["task"]))
    if not _is_plain(fields):
        _understood(tree, to, data)
        _answerable(tree, sender, str(fields.get("reply_to") or ""))
    text = str(fields.get("title") or fields["task"])
    name = names.TaskName(_priority(fields), key or keys.make(), names.slug(text), 1, "queued", "yaml")
    if key and not _store_once(tree, place, name, data):
        return key
    if not key:
        _store(tree, place, name, data)
    journal.record(f"submit by {sender}", name.key, "> queued", "submitted", agent=place, attempt=1, sender=sender)
    if fields.get("urgent") and place == to and tree.role(to) == "worker":
        message.post(tree, to, "assign", sender, "", {"task": name.key})  # starts it now, in the slot reserved for that
    bell.ring(tree.root)
    return str(name.key)


def _store(tree: Tree, place: str, name: names.TaskName, data: bytes) -> None:
    folder = tree.folder(place, "inbox")
    try:
        atomic.publish(f"{folder}/{name}", data)
    except (FileNotFoundError, NotADirectoryError):
        atomic.folder(folder)  # or the error that says what is in its place
        atomic.publish(f"{folder}/{name}", data)


def _store_once(tree: Tree, place: str, name: names.TaskName, data: bytes) -> bool:
    """Store what has a key of its own; False if it was there.

    One after the other: between the look of one and its link, another's task could have been acked already, and would
    then lie there under two names.
    """
    from fsbus.spool.locks import Turn

    if not names.is_key(name.key):
        raise BadUsage(f"{name.key!r} is not a key", then="a key looks like 20261122-021455123-m2x9rt")
    with Turn(tree, "submit"):
        fresh = not _is_there(tree, name.key, data)
        if fresh:
            _store(tree, place, name, data)
        return fresh


def _place(tree: Tree, to: str, fields: dict[str, object]) -> str:
    """Whose inbox: the agent's own, unless dispatch has to choose or to hold it back first, or both live elsewhere."""
    held = fields.get("after") or fields.get("not_before")
    if to and not held and lays(tree, to):
        return to
    dispatch = tree.with_role("dispatch")
    if not dispatch:
        what, then = "choose an agent", "name one with --to AGENT"
        if to:
            what, then = "hold it back until it may start", "fsbus agent add dispatch --role dispatch"
        raise NotFound(f"there is no dispatch to {what}", where=tree.root, then=then)
    return dispatch


def _is_plain(fields: dict[str, object]) -> bool:
    """Whether no reader can refuse these fields, so that nobody needs to be asked."""
    kind, text = str(fields.get("type") or ""), str(fields["task"])
    harmless = text.replace("\n", "").replace("\t", "").isprintable() and (not kind or names.is_agent(kind))
    return harmless and not any(value for name, value in fields.items() if name not in _PLAIN)


def _understood(tree: Tree, to: str, data: bytes) -> None:
    """Refuse now what dispatch or the agent's worker would refuse later."""
    from fsbus.core.refusal import Refusal
    from fsbus.core.task import read

    task, agent = read(data, "yaml"), tree.agent(to) if to else None
    if isinstance(task, Refusal):
        raise BadUsage(task.what, then=task.fix)
    wrong = None if agent is None or isinstance(agent, Refusal) else policy.unfit(task, agent)
    if wrong is not None:
        raise Refused(wrong.what, where=to, then=wrong.fix)


def _answerable(tree: Tree, sender: str, reply_to: str) -> None:
    """Whoever is told of the end is the sender, or somebody whom it may reach: `title` is a message to them."""
    if reply_to and not known(tree, reply_to):
        raise stranger(tree, reply_to)
    if reply_to not in ("", sender) and not may(tree, sender, reply_to):
        raise Refused(f"{sender} may not have {reply_to} told of the end", then=f"leave out reply_to, or --reply-to {sender}")


def _sayable(data: bytes, text: str) -> None:
    if not text.strip():
        raise BadUsage("there is nothing to do in this task", then="say what, in words, with --file FILE, or with - for stdin")
    if len(data) > MAX_BYTES:
        then = "put the long part into a file of its own, and name that file in the text"
        raise BadUsage(f"a task may have {MAX_BYTES} bytes, this has {len(data)}", then=then)


def _is_there(tree: Tree, key: str, data: bytes) -> bool:
    from fsbus.spool import channel

    while found := channel.places(tree, key):
        try:
            there = careful.read(channel.path(tree, channel.truth(found)), MAX_BYTES)
        except FileNotFoundError:
            continue  # it moved on meanwhile
        if there != data:
            raise Refused("this key belongs to another task", where=key, then=f"fsbus show {key}")
        return True
    return False


def _priority(fields: dict[str, object]) -> int:
    given = fields.get("priority")
    if given is None:
        return 0 if fields.get("urgent") else names.DEFAULT_PRIORITY
    if str(given) not in tuple("0123456789"):
        raise BadUsage(f"priority {given!r} is not 0 (first) to 9 (whenever)", then="leave it out for 5")
    return int(str(given))
