"""What everything that a worker does has in common: where, for whom, and with which pen."""
from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from fsbus.core.config import AgentConfig, BusConfig
from fsbus.core.names import TaskName
from fsbus.core.task import Task
from fsbus.duties.apart import Apart
from fsbus.duties.baton import Baton
from fsbus.duties.begun import Begun
from fsbus.duties.case import Case
from fsbus.spool import atomic, room
from fsbus.spool.folder import Folder
from fsbus.spool.journal import Journal
from fsbus.spool.tree import Tree

SOON = 0.1  # seconds for which a disk that had room is taken to have it still: what does not fit then fails at its own step
NO_WAIT = nullcontext()
BELIEVED = 1.0  # seconds for which it is taken for known who dispatches, and who else is an agent here


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker written as a Python function gets: its task, and which attempt this is."""

    key: str
    attempt: int
    task: Task

    @property
    def text(self) -> str:
        """What is to be done."""
        return self.task.text

    @property
    def input(self) -> Any:
        """The task's free data, None if it has none."""
        return self.task.input


Function = Callable[[Job], Any]


@dataclass(slots=True)
class Shop:
    """One agent's worker on its home host."""

    tree: Tree
    agent: AgentConfig
    bus: BusConfig
    journal: Journal
    wake: Callable[[], None]  # rings this process's own bell
    function: Function | None = None  # a worker in Python; None = the agent's command
    baton: Baton = field(default_factory=Baton)  # of this process
    once: bool = False  # this process does one pass (`tick`) and is gone
    apart: Apart = field(default_factory=Apart)  # what is in the way of one task, while the pass goes on
    stopping: threading.Event = field(default_factory=threading.Event)  # set once, when the node shall end
    begun: Begun | None = None  # case folders, known by the one process that makes them
    parked_until: float = 0.0  # a usage limit of the agent program ends then, in seconds since 1970
    trouble: str = ""  # what the disk or the system last refused; shown by status
    stuck: str = ""  # what kept the agent's duty from its last step; shown by status
    inherited: dict[str, str] = field(default_factory=lambda: dict(os.environ))  # the environment of this process
    mail: dict[str, Folder] = field(default_factory=dict)  # the `urgent/` of those who are told how tasks move
    deaf: dict[str, float] = field(default_factory=dict)  # until when theirs is full, in monotonic seconds
    known: tuple[str, float] = ("", 0.0)  # who dispatches, and until when that is believed, in monotonic seconds
    beside: tuple[tuple[str, ...], float] = ((), 0.0)  # the other agents of this host, and the same
    roomy: float = 0.0  # until when it is believed that the disk has room, in monotonic seconds
    _folders: dict[str, str] = field(init=False)  # the paths that each task needs

    def __post_init__(self) -> None:
        self._folders = {channel: self.tree.folder(self.agent.name, channel) for channel in ("inbox", "outbox", "runs")}

    @property
    def pulls(self) -> bool:
        """Whether the agent fetches its tasks itself: it has neither a command nor a function."""
        return self.function is None and self.agent.pulls

    @property
    def by(self) -> str:
        """How the journal calls this worker."""
        return f"worker:{self.agent.name}"

    def folder(self, channel: str) -> str:
        """The agent's channel, or `runs`."""
        return self._folders.get(channel) or self.tree.folder(self.agent.name, channel)

    def inbox(self, name: TaskName) -> str:
        """The path of a name in the inbox."""
        return f"{self._folders['inbox']}/{name}"

    def outbox(self, name: TaskName | str) -> str:
        """The path of a name in the outbox."""
        return f"{self._folders['outbox']}/{name}"

    def case(self, name: TaskName) -> Case:
        """The case folder of an attempt."""
        return Case(self.folder("runs"), name, self.begun)

    def record(self, name: TaskName, event: str, why: str, **more: object) -> None:
        """A line in the journal about one of this agent's tasks."""
        self.journal.record(self.by, name.key, event, why, agent=self.agent.name, attempt=name.attempt, **more)

    def dispatch(self) -> str:
        """Who dispatches, '' if nobody does; as it was a moment ago, since every task asks three times."""
        now = time.monotonic()
        if now > self.known[1]:
            self.known = (self.tree.with_role("dispatch"), now + BELIEVED)
        return self.known[0]

    def others(self) -> tuple[str, ...]:
        """The other agents of this host that begin tasks, as they were a moment ago, since every start asks."""
        now = time.monotonic()
        if now > self.beside[1]:
            self.beside = (tuple(a for a in self.tree.agents() if a != self.agent.name and self._may_begin(a)), now + BELIEVED)
        return self.beside[0]

    def _may_begin(self, agent: str) -> bool:
        """The same of one; whoever that cannot be told of may."""
        with self.apart(f"{agent} cannot be looked after"):
            return self._begins(agent)
        return True

    def _begins(self, agent: str) -> bool:
        """Whether this agent may begin a task on this host: a worker, a person with `task next`, a dispatch that plans."""
        tree = self.tree
        return tree.home(agent) == tree.host and (tree.role(agent) != "dispatch" or "run" in tree.settings(agent))

    def need_room(self) -> None:
        """Raise ENOSPC where the disk has no room for what an attempt leaves; what was there a moment ago is believed."""
        now = time.monotonic()
        if now > self.roomy:
            room.need_room(self.folder("runs"))
            self.roomy = now + SOON

    def barrier(self) -> AbstractContextManager[None]:
        """`with` it: a wait for the disk, with the baton aside; where nothing waits for power cuts, it is over at once."""
        return self.baton.aside if atomic.durable() else NO_WAIT

    def complain(self, what: str) -> None:
        """Say a trouble once, until it changes."""
        if what and what != self.trouble:
            sys.stderr.write(f"fsbus: {self.by}: {what}\n")
        self.trouble = what
