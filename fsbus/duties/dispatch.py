"""Dispatch: gives tasks to workers and takes their ends in (DESIGN section 6), on dispatch's home host alone.

A task lies in dispatch's inbox as `queued` until it can be given to somebody; a task's final result lies in
dispatch's outbox. Decisions are pure functions elsewhere (`core/route.py`); here they are carried out.
"""
from __future__ import annotations

import os
import time

from fsbus.core import policy
from fsbus.core.config import AgentConfig
from fsbus.core.names import TaskName
from fsbus.core.refusal import Refusal
from fsbus.core.result import Failure, Outcome, failure
from fsbus.core.route import Candidate, Hold, Route, choose
from fsbus.core.task import MAX_BYTES, Task, read
from fsbus.duties import collect, ending
from fsbus.duties.beat import Beat
from fsbus.duties.duty import Duty
from fsbus.duties.orders import Orders
from fsbus.duties.shop import Shop
from fsbus.spool import atomic, careful, channel, message
from fsbus.spool.adopt import Adopter

LOOK = 1.0  # seconds between safety looks


class Dispatch(Duty):
    """The duty `dispatch`; its lock is held by whoever made it."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.name = shop, "dispatch"
        self._tree, self._me = shop.tree, shop.agent.name
        self._adopter = Adopter(shop.tree, self._me, shop.journal)
        self._orders = Orders(shop.tree, self._me)
        self._tasks: dict[TaskName, Task | Refusal] = {}  # what waits here, read once
        self._beat = Beat(shop)
        self._held: dict[str, str] = {}  # why, as last written to the journal

    def start(self) -> None:
        """Finish what a killed adoption left."""
        self._adopter.recover()

    def step(self) -> float:
        """Adopt, route, collect; returns in how many seconds to look again at the latest."""
        if self._beat.due(time.monotonic()):
            self._beat.write()
        names = channel.listing(self.shop.inbox("").rstrip("/"))
        _, again = self._adopter.step(names)
        self.settling = self._adopter.settling
        waiting = sorted(t for t in channel.tasks(names, "inbox") if t.state == "queued")
        if waiting:
            self._route_all(waiting)
        self._tasks = {name: task for name, task in self._tasks.items() if name in waiting}
        self._forward_cancels(waiting)
        collect.everything(self.shop)
        return LOOK if again is None else min(LOOK, again)

    def close(self) -> None:
        """The last beat."""
        self._beat.write(stopped=True)

    def _route_all(self, waiting: list[TaskName]) -> None:
        candidates = self._candidates()
        cancelled = self._orders.look()
        for name in waiting:
            task = self._task(name)
            if name.key in cancelled:
                self._fail(name, failure("cancelled", "cancelled before it was given to anybody"))
                self._orders.file(cancelled[name.key])
            elif isinstance(task, Refusal):
                self._fail(name, failure("bad-input", task.sentence()))
            else:
                self._route(name, task, candidates)

    def _route(self, name: TaskName, task: Task, candidates: list[Candidate]) -> None:
        held = self._not_yet(task)
        if isinstance(held, Failure):
            self._fail(name, held)
            return
        where = Hold(held) if held else choose(task.to, task.type, candidates)
        if isinstance(where, Hold):
            self._hold(name, where.why)
            return
        agent = next(c.agent for c in candidates if c.agent.name == where.agent)
        wrong = policy.unfit(task, agent)
        if wrong is not None:
            self._fail(name, failure("bad-input", wrong.sentence()))
        else:
            self._give(name, where, candidates)

    def _give(self, name: TaskName, where: Route, candidates: list[Candidate]) -> None:
        target = f"{self._tree.folder(where.agent, 'inbox')}/{name}"
        if atomic.advance(self.shop.inbox(name), target):
            self.shop.journal.record("dispatch", name.key, "queued > queued", where.why, agent=where.agent, attempt=name.attempt)
            self._held.pop(name.key, None)
            candidates[:] = [_loaded(c) if c.agent.name == where.agent else c for c in candidates]

    def _not_yet(self, task: Task) -> str | Failure:
        """Why the task must wait, or can never start; '' if it may go."""
        if task.not_before and task.not_before > time.time():
            return "not_before is not reached"
        for part in task.after:
            found = channel.places(self._tree, part)
            last = channel.truth(found) if found else None
            if last is not None and last.collected and last.name.state == "failed":
                return failure("cancelled", f"it was to run after {last.name.key}, which failed")
            if last is None or last.name.state != "done":
                return f"waits for {part}"
        return ""

    def _hold(self, name: TaskName, why: str) -> None:
        if self._held.get(name.key) != why:
            self._held[name.key] = why
            self.shop.journal.record("dispatch", name.key, "held", why, agent=self._me, attempt=name.attempt)

    def _fail(self, name: TaskName, what: Failure) -> None:
        now = time.time()
        ending.end(self.shop, name, Outcome(what), now, now, 0)

    def _task(self, name: TaskName) -> Task | Refusal:
        if name not in self._tasks:
            try:
                self._tasks[name] = read(careful.read(self.shop.inbox(name), MAX_BYTES), name.ext)
            except OSError as error:
                return Refusal(None, f"the file cannot be read: {error.strerror}", "look at its permissions")
        return self._tasks[name]

    def _candidates(self) -> list[Candidate]:
        agents = (self._tree.agent(name) for name in self._tree.agents())
        return [self._candidate(a) for a in agents if isinstance(a, AgentConfig) and a.role == "worker"]

    def _candidate(self, agent: AgentConfig) -> Candidate:
        load = sum(1 for _ in channel.tasks(channel.listing(self._tree.folder(agent.name, "inbox")), "inbox"))
        return Candidate(agent, load, os.path.exists(f"{self._tree.root}/agents/{agent.name}/PAUSE"))

    def _forward_cancels(self, waiting: list[TaskName]) -> None:
        """A cancel may have been sent here for a task that has been given away meanwhile: it follows its task."""
        here = {name.key for name in waiting}
        for key, order in self._orders.look().items():
            if key in here:
                continue
            found = channel.places(self._tree, key)
            last = channel.truth(found) if found else None
            if last is not None and last.rank <= 2 and last.agent != self._me:
                message.post(self._tree, last.agent, "cancel", order.sender, "forwarded by dispatch", {"task": key})
            if last is not None:
                self._orders.file(order)


def _loaded(candidate: Candidate) -> Candidate:
    return Candidate(candidate.agent, candidate.load + 1, candidate.paused)
