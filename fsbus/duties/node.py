"""This host's node: the duties it has, each under its lock, in one loop over one bell.

`up` runs them until a signal, `tick` until there is nothing left to do. All of it may be killed at any instant;
what the next start finds it puts in order. Agents come and go while it runs: a folder with an `agent.yaml` is a
worker within seconds, a changed `bus.yaml` counts; a bad one of either is refused aloud and the last good one stays.
"""
from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any

from fsbus.core.config import AgentConfig
from fsbus.duties.baton import Baton
from fsbus.duties.duty import LOOK
from fsbus.duties.held import Held
from fsbus.duties.possible import Post, Posts
from fsbus.duties.shop import Function, Shop
from fsbus.spool import fault
from fsbus.spool.bell import Bell, ring
from fsbus.spool.journal import Journal
from fsbus.spool.locks import Busy, DutyLock
from fsbus.spool.tree import Tree
from fsbus.spool.watcher import Watcher

PASS = 0.005  # seconds between passes when it rings all the time: each pass costs the same for one task and for ten
REST = 3  # times as long as a pass took it rests after it, at most, while it goes on ringing: what runs needs the processor more
REST_MOST = 0.02  # seconds
REVIEW = 2.0  # seconds between looks at who is an agent here, and how
LIVELY = 1.0  # seconds between safety looks while something moves
CALM = 10.0  # seconds without that, after which they are `LOOK` apart: an idle node costs half


class Node:
    """The duties of one host on one root."""

    def __init__(self, tree: Tree, say: Callable[[str], None] = lambda text: None, once: bool = False) -> None:
        """`once`: it will `tick` and be gone."""
        self.tree, self._say, self._once = tree, say, once
        self.bus = tree.bus()
        self.journal = Journal(tree.root, tree.host)
        self.bell = Bell(tree.root)
        self.baton = Baton()  # in this thread's hand unless it waits
        self.posts = Posts(self, say)
        self._held: dict[str, Held] = {}
        self._stopping = 0  # signals so far: the first asks, the second insists
        self._reviewed = self._began = 0.0  # when it last looked who is an agent here, and when its last pass began
        self._trouble = ""  # what kept it from that
        self._told = 0  # records of the journal of which others were told
        self._moved = time.monotonic()  # when the last of them was written
        self._stack = ExitStack()

    def __enter__(self) -> Node:
        self._stack.enter_context(self._signals())  # first in, last out: a stop may come at any moment
        self._stack.enter_context(self.bell)
        self._stack.callback(self.baton.release)
        return self

    def __exit__(self, *error: Any) -> None:
        for held in self._held.values():
            held.duty.stop()
        for held in self._held.values():
            held.end(self._say)
        self.journal.close()
        self._stack.close()

    def shop(self, agent: AgentConfig, function: Function | None = None) -> Shop:
        """What a duty of this agent works with."""
        return Shop(self.tree, agent, self.bus, self.journal, self.bell.ring, function, self.baton, self._once)

    def take_on(self, name: str, post: Post) -> None:
        """Do this duty from the next step on. Raises Busy if another process does."""
        lock = DutyLock(self.tree, name)
        lock.__enter__()
        try:
            self._held[name] = Held(post, lock)
        except BaseException:
            lock.__exit__(None, None, None)  # it is tried again, by us or by another process
            raise

    def up(self, only: list[str] | None = None) -> None:
        """Run until SIGTERM or SIGINT, then end in good order; a second signal kills what still runs.

        With `only` None agents that come, change and go are followed; else those of these duties; with [] none is.
        """
        self.journal.gather = True
        row = 1  # passes in a row, each of them rung for before the last one was over
        with Watcher(self.tree, self._changed):
            while not self._stopping:
                self._review(only)
                self._began = time.monotonic()
                look = self._step()
                ended = time.monotonic()
                with self.baton.aside:
                    rung = self.bell.wait(0.0)
                    row = row + 1 if rung else 1
                    if rung or self.bell.wait(look):  # what rings in the rest after a pass belongs to the next one
                        time.sleep(max(0.0, ended + _rest(ended - self._began, row) - time.monotonic()))
            self._wind_down()

    def tick(self) -> None:
        """One pass of everything: until nothing waits that could be started and nothing moves any more."""
        quiet = 0
        while quiet < 2 and not self._stopping:
            before = self.journal.written
            look = self._step()
            still = any(held.duty.busy() or held.duty.settling for held in self._held.values())
            quiet = 0 if still or self.journal.written != before else quiet + 1
            if still:
                with self.baton.aside:
                    self.bell.wait(look)
        for held in self._held.values():
            held.duty.finish()
        self._wind_down()

    def _step(self) -> float:
        looks = [LOOK if time.monotonic() - self._moved > CALM else LIVELY]
        for name, held in self._held.items():
            before = held.trouble
            looks.append(held.step())
            self.baton.offer()
            if held.trouble and held.trouble != before:
                self._say(f"{name}: {held.trouble}; it is tried again")
        self.journal.flush()
        self._tell_others()
        return min(looks)

    def _tell_others(self) -> None:
        """Something moved: ring for who waits for the end of a task, and for other nodes of this host."""
        if self.journal.written != self._told:
            self._told, self._moved = self.journal.written, time.monotonic()
            ring(self.tree.root, but=self.bell.path)

    def _changed(self, agents: set[str], before: float) -> None:
        """By hand, or by a program that rings for nobody: in the `urgent/` of these agents, or in an inbox."""
        for agent in agents:
            ring(self.tree.root, agent, everybody=False)
        if self._began < before:
            self.bell.ring()

    @property
    def troubles(self) -> dict[str, str]:
        """By duty: what kept it from its last step."""
        return {name: held.trouble for name, held in self._held.items() if held.trouble}

    def _review(self, only: list[str] | None) -> None:
        now = time.monotonic()
        if now - self._reviewed < REVIEW:
            return
        self._reviewed = now
        if only == []:
            return
        try:
            self._look_around(only)
        except Exception as error:  # as at a step
            if (trouble := fault.sentence(error)) != self._trouble:
                self._say(f"who is an agent here cannot be looked at: {trouble}; it is tried again")
            self._trouble = trouble
        else:
            self._trouble = ""

    def _look_around(self, only: list[str] | None) -> None:
        there = self.tree.registered()
        for held in self._held.values():  # one that was removed comes back by `mv`, unless a folder is in its place
            agent = held.post.config
            if agent is not None and (agent.name in there or held.duty.busy()):
                self.posts.mend(agent.name)
        wanted = {name: post for name, post in self.posts.all().items() if only is None or name in only}
        for name, held in list(self._held.items()):
            self._let_go(name, held, wanted)
        for name, post in wanted.items():
            if name not in self._held:
                self._join(name, post)

    def _let_go(self, name: str, held: Held, wanted: dict[str, Post]) -> None:
        """Retire a duty whose agent is gone or changed; what it runs ends first."""
        post = wanted.get(name)
        change = post.change(held.post) if post is not None else "its agent"
        if not change and not held.leaving:
            return
        if not held.leaving:
            held.leaving = True
            held.duty.retire()
            self._say(f"{name}: {change} {'changed' if post else 'is gone'}")
        if not held.duty.busy():
            del self._held[name]
            held.duty.taken_over = any(other.agent == held.post.agent for other in wanted.values())
            held.end(self._say)

    def _join(self, name: str, post: Post) -> None:
        try:
            self.take_on(name, post)
            self._say(f"{name}: started")
        except Busy:
            pass  # another process of this host does it
        except Exception as error:  # as at a step
            self._say(f"{name} cannot be started: {fault.sentence(error)}")

    def _wind_down(self) -> None:
        asked = self._stopping
        duties = [held.duty for held in self._held.values()]
        while True:
            for duty in duties:
                duty.stop(insist=self._stopping > max(1, asked))
            if not any(duty.busy() for duty in duties):
                return
            self._step()
            with self.baton.aside:
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


def _rest(took: float, row: int) -> float:
    """Seconds without a pass after one that took so long, the last of so many in a row: one task alone is not held up."""
    return min(max(PASS - took, min(row, REST) * took), REST_MOST)
