"""One agent's `urgent/`, as its reader and its host see it.

    X.new.yaml  --take-->  .hand-<pid>-<start>-X.new.yaml  --shown-->  read/X.read.yaml

The reader has the content before the name says `read`. One that dies in between leaves the dot-name, with its pid
and start time, and the next reader shows the message again, marked as a repeat: at least once, and never by two
readers at the same time. Nothing is concluded from an absence: a name missed by one listing is there at the next.
"""
from __future__ import annotations

import os
import time
from collections import namedtuple

from fsbus.core import message as words
from fsbus.core.message import Message
from fsbus.core.names import MessageName, parse_message
from fsbus.spool import atomic, message, owner, sender
from fsbus.spool.message import HAND
from fsbus.spool.tree import Tree

Letter = namedtuple("Letter", "key file name")  # a message that may be taken: in this file, the name as it was parsed

_tokens: dict[int, str] = {}


class Mailbox:
    """See the module."""

    def __init__(self, tree: Tree, agent: str) -> None:
        self.tree, self.agent = tree, agent
        self.folder = tree.folder(agent, "urgent")
        self._ttl = tree.ttl()
        self._hands: dict[str, str] = {}  # key -> the dot-name under which this process holds it

    def look(self) -> tuple[list[Letter], list[str]]:
        """What a reader may take, oldest first: new messages, and those in a dead reader's hand; and the drops."""
        letters, drops = [], []
        for file in _listing(self.folder):
            if file[0] != ".":
                name = parse_message(file)
            elif file.startswith(HAND) and _is_dead(file):
                name = parse_message(message.bare(file))
            else:
                continue
            if name is not None and name.state == "new":
                letters.append(Letter(name.key, file, name))
            elif name is None and file[0] != "." and file != "read":
                drops.append(file)
        return sorted(letters), drops

    def take(self, letter: Letter) -> Message | None:
        """Take one in hand and read it; None if somebody else did, or if it is not for a reader's eyes."""
        found = self.peek(letter)
        if found is None or self._is_out_of_date(letter):
            return None
        hand = f"{HAND}{os.getpid()}-{_token(os.getpid())}-{message.bare(letter.file)}"
        if not atomic.advance(f"{self.folder}/{letter.file}", f"{self.folder}/{hand}"):
            return None
        self._hands[found.key] = hand
        return found

    def peek(self, letter: Letter) -> Message | None:
        """Read one and leave it as it is; None if it is not for a reader's eyes: an order, expired, or not honest."""
        name = letter.name
        if not self._is_honest(name):
            return None
        try:
            body, raw = message.content(f"{self.folder}/{letter.file}", name.ext)
        except OSError:
            return None  # moved on, or not a file: the duty `urgent` explains it
        if words.expires(name, body, self._ttl) < time.time():
            return None
        found = words.understood(name, self.agent, body, raw, repeat=letter.file[0] == ".")
        return None if name.type in words.ORDERS and self._is_order(name, found.task) else found

    def _is_out_of_date(self, letter: Letter) -> bool:
        """Whether it was read before, as its greater name says: this one came back, from a backup or by hand, and goes."""
        base = f"{self.folder}/read/{letter.key}-{letter.name.type}.from-{letter.name.sender}"
        if not any(os.path.lexists(f"{base}.{state}.{letter.name.ext}") for state in ("read", "acked")):
            return False
        return atomic.discard(f"{self.folder}/{letter.file}")

    def shown(self, one: Message) -> None:
        """The reader has it: now its name may say so."""
        self._put(one.key, "read")

    def give_back(self, one: Message) -> None:
        """It could not be shown: it is new again."""
        self._put(one.key, "new")

    def _put(self, key: str, state: str) -> None:
        hand = self._hands.pop(key)
        name = parse_message(message.bare(hand))
        assert name is not None
        target = f"{self.folder}/read" if state == "read" else self.folder
        atomic.folder(target)
        atomic.advance(f"{self.folder}/{hand}", f"{target}/{name.to(state)}")

    def _is_order(self, name: MessageName, task: str) -> bool:
        """Whether the node carries it out; for a person only a cancel of what lies with them, any other is news."""
        role = self.tree.role(self.agent)
        obeyed = words.is_order(name.type, role, task) and sender.commands(self.tree, name.sender, self.agent)
        inbox = _listing(self.tree.folder(self.agent, "inbox")) if obeyed and role == "human" else []
        return obeyed and (role != "human" or any((task or name.key) in lying for lying in inbox))

    def _is_honest(self, name: MessageName) -> bool:
        return sender.honest(self.tree, name.sender, self.agent)


def _listing(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def _is_dead(name: str) -> bool:
    parts = name.split("-", 3)
    if len(parts) != 4 or not parts[1].isdigit():
        return False
    pid, began = int(parts[1]), parts[2]
    return not owner.exists(pid) or (pid != os.getpid() and began != "" and _start(pid) not in ("", began))


def _start(pid: int) -> str:
    """The start time of a process as letters and digits that a file name can hold."""
    return "".join(c for c in owner.start_time(pid) if c.isalnum())


def _token(pid: int) -> str:
    """The same of a process that cannot change under us, asked once."""
    if pid not in _tokens:
        _tokens[pid] = _start(pid)
    return _tokens[pid]
