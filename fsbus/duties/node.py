"""This host's node: the duties it has, each under its lock, in one loop over one bell.

`up` runs them until a signal, `tick` until there is nothing left to do. All of it may be killed at any instant;
what the next start finds it puts in order.
"""
from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any

from fsbus.core.config import AgentConfig
from fsbus.core.refusal import Refusal
from fsbus.duties.adoption import Adoption
from fsbus.duties.dispatch import Dispatch
from fsbus.duties.duty import Duty
from fsbus.duties.shop import Function, Shop
from fsbus.duties.sweep import Sweep
from fsbus.duties.worker import Worker
from fsbus.spool.bell import Bell
from fsbus.spool.found import repair
from fsbus.spool.journal import Journal
from fsbus.spool.locks import Busy, DutyLock
from fsbus.spool.tree import Tree
from fsbus.spool.watcher import Watcher

NEW_AGENTS = 2.0  # seconds between looks for agents that were added while the node runs


class Node:
    """The duties of one host on one root."""

    def __init__(self, tree: Tree, say: Callable[[str], None] = lambda text: None) -> None:
        self.tree, self._say = tree, say
        self.bus = tree.bus()
        self.journal = Journal(tree.root, tree.host)
        self.bell = Bell(tree.root)
        self._duties: list[Duty] = []
        self._asleep: list[Duty] = []  # taken on, and to be started at the next step
        self.troubles: dict[str, str] = {}  # by duty: what the disk refused at its last step
        self._stopping = 0  # signals so far: the first asks, the second insists
        self._grown = time.monotonic()  # the last look for new agents
        self._refused: dict[str, str] = {}  # bad agent files, as last said
        self._stack = ExitStack()

    def __enter__(self) -> Node:
        self._stack.enter_context(self._signals())  # first in, last out: a stop may come at any moment
        self._stack.enter_context(self.bell)
        return self

    def __exit__(self, *error: Any) -> None:
        for duty in self._duties:
            duty.stop()
        for duty in self._duties:
            duty.close()
        self.journal.close()
        self._stack.close()

    def possible(self) -> dict[str, Callable[[], Duty]]:
        """Every duty that this host has, by name. Bad agent files are said aloud and left out."""
        found: dict[str, Callable[[], Duty]] = {}
        for agent in self._here():
            if agent.role == "dispatch":
                found["dispatch"] = lambda a=agent: Dispatch(self.shop(a))  # type: ignore[misc]
                found["sweep"] = lambda a=agent: Sweep(self.shop(a))  # type: ignore[misc]
            elif agent.role == "worker":
                found[f"worker:{agent.name}"] = lambda a=agent: Worker(self.shop(a))  # type: ignore[misc]
        found["adopt"] = lambda: Adoption(self.tree, self.journal)
        return found

    def shop(self, agent: AgentConfig, function: Function | None = None) -> Shop:
        """What a duty of this agent works with."""
        return Shop(self.tree, agent, self.bus, self.journal, self.bell.ring, function)

    def take_on(self, duty: str, make: Callable[[], Duty]) -> None:
        """Do this duty from the next step on. Raises Busy if another process does."""
        self._stack.enter_context(DutyLock(self.tree, duty))
        started = make()
        self._duties.append(started)
        self._asleep.append(started)

    def up(self, grow: bool = False) -> None:
        """Run until SIGTERM or SIGINT, then end in good order; a second signal kills what still runs.

        With `grow`, agents that are added meanwhile get their duties, too.
        """
        with Watcher(self.tree, self.bell.ring):
            while not self._stopping:
                look = self._step()
                self.bell.wait(min(look, self._grow()) if grow else look)
            self._wind_down()

    def tick(self) -> None:
        """One pass of everything: until nothing waits that could be started and nothing moves any more."""
        quiet = 0
        while quiet < 2 and not self._stopping:
            before = self.journal.written
            look = self._step()
            still = any(duty.busy() or duty.settling for duty in self._duties)
            quiet = 0 if still or self.journal.written != before else quiet + 1
            if still:
                self.bell.wait(look)
        self._wind_down()

    def _step(self) -> float:
        looks = []
        for duty in self._duties:
            try:
                if duty in self._asleep:
                    duty.start()
                    self._asleep.remove(duty)
                looks.append(duty.step())
                self.troubles.pop(duty.name, None)
            except OSError as error:  # a full or broken disk: the others go on, this one is tried again
                self._complain(duty.name, f"{error.strerror} ({error.filename})")
                looks.append(1.0)
        return min(looks, default=1.0)

    def _complain(self, duty: str, what: str) -> None:
        if self.troubles.get(duty) != what:
            self._say(f"{duty}: {what}; it is tried again")
        self.troubles[duty] = what

    def _grow(self) -> float:
        """Take on the duties of new agents, now and then; returns in how many seconds to look again."""
        if time.monotonic() - self._grown >= NEW_AGENTS:
            self._grown = time.monotonic()
            have = {duty.name for duty in self._duties}
            for duty, make in self.possible().items():
                if duty not in have:
                    self._take_on_if_free(duty, make)
        return NEW_AGENTS

    def _take_on_if_free(self, duty: str, make: Callable[[], Duty]) -> None:
        try:
            self.take_on(duty, make)
            self._say(f"{duty} is new here")
        except Busy:
            pass
        except OSError as error:
            self._say(f"{duty}: {error.strerror} ({error.filename})")

    def _wind_down(self) -> None:
        asked = self._stopping
        while True:
            for duty in self._duties:
                duty.stop(insist=self._stopping > max(1, asked))
            if not any(duty.busy() for duty in self._duties):
                return
            self._step()
            self.bell.wait(0.2)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def ask(number: int, frame: FrameType | None) -> None:
            self._stopping += 1
            self.bell.ring()

        before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
        try:
            yield
        finally:
            for number, old in before.items():
                signal.signal(number, old)

    def _here(self) -> list[AgentConfig]:
        found = []
        for name in self.tree.agents():
            agent = self.tree.agent(name)
            if isinstance(agent, Refusal):
                if self._refused.get(name) != agent.sentence():
                    self._say(f"agents/{name}/agent.yaml is not used: {agent.sentence()}")
                self._refused[name] = agent.sentence()
            elif agent.home == self.tree.host:
                self._repair(name)
                found.append(agent)
        return found

    def _repair(self, agent: str) -> None:
        try:
            repair(self.tree.root, agent)
        except OSError as error:
            self._say(f"agents/{agent}: {error.strerror} ({error.filename})")
