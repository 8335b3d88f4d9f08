"""Routing: what lies in dispatch's inbox goes to a worker as soon as it may and somebody takes it."""
from __future__ import annotations

import os
import time

from fsbus.core import policy
from fsbus.core.names import TaskName, is_key
from fsbus.core.order import brief_of
from fsbus.core.refusal import Refusal
from fsbus.core.result import Failure, Outcome, bad_input, failure
from fsbus.core.route import Hold, Route, choose
from fsbus.core.task import MAX_BYTES, Task, read
from fsbus.duties import ending
from fsbus.duties.alarms import Alarms
from fsbus.duties.crossing import too_old
from fsbus.duties.orders import Order, Orders
from fsbus.duties.roster import Roster
from fsbus.duties.shop import Shop
from fsbus.spool import atomic, careful, channel, message
from fsbus.spool.adopt import STILL
from fsbus.spool.channel import Place

EDITED = 1.0  # seconds between looks whether somebody has edited what waits here
MISSING = "missing-"  # and an agent's name: the cause of an alarm


class Routing:
    """Dispatch's hand on its own inbox."""

    def __init__(self, shop: Shop, orders: Orders, alarms: Alarms) -> None:
        self.shop, self._orders, self._alarms = shop, orders, alarms
        self._tasks: dict[TaskName, Task | Refusal] = {}  # what waits here, read once, and again when somebody has edited it
        self._looks: dict[TaskName, careful.Looks] = {}  # what their files looked like when they were read
        self._looked = 0.0  # when they were last looked at, in monotonic seconds
        self._before: dict[str, list[Place]] = {}  # of what they wait for, as of this pass
        self._held: dict[str, str] = {}  # why, as last written to the journal
        self._missing = {cause: False for cause in alarms.causes() if cause.startswith(MISSING)}  # whether told since the start

    def step(self, waiting: list[TaskName], roster: Roster, orders: dict[str, Order]) -> list[tuple[TaskName, Task]]:
        """Give away what can be given; returns what only a planner can take apart: no `to`, no `type`."""
        self._forget_edited()
        self._tasks = self._read(waiting)
        self._before, unplanned = {}, []
        with self.shop.apart():  # where one folder cannot be read, what runs after something waits
            self._before = self._look_before()
        for name, task in self._tasks.items():
            with self.shop.apart(f"{name.key} cannot be routed"):
                unplanned += self._one(name, task, roster, orders)
        with self.shop.apart():
            self._tell_missing(roster)
        return unplanned

    def _one(self, name: TaskName, task: Task | Refusal, roster: Roster, orders: dict[str, Order]) -> list[tuple[TaskName, Task]]:
        """Give it away, hold it, or end it; what only a planner can take apart is returned."""
        if name.key in orders:
            self.fail(name, orders[name.key].failure("queued"))
            self._orders.file(orders[name.key].message)
        elif isinstance(task, Refusal):
            self.fail(name, bad_input(task))
        elif task.to and (late := self._too_late(name, task, task.to)):
            self.fail(name, bad_input(late))
        elif not self._waits(name, task):
            if not self.shop.agent.run or task.to or task.type:
                self._route(name, task, roster)
            elif os.path.exists(self.shop.tree.pause(self.shop.agent.name)):
                self._hold(name, "dispatch is paused: no planner is started")
            else:
                return [(name, task)]
        return []

    def _tell_missing(self, roster: Roster) -> None:
        """The human hears once of each agent that tasks wait for and that is not there, as long as that is so."""
        held = [(name, task.to) for name, task in self._tasks.items() if name.key in self._held and not isinstance(task, Refusal)]
        missing = {f"{MISSING}{to}": (to, name) for name, to in held if to and not self._is_there(to, roster)}
        for cause, (agent, name) in missing.items():
            if not self._missing.get(cause):
                text = (
                    f"{name.slug} ({name.key}) is for {agent!r}, and there is no worker of that name; it waits with dispatch.\n"
                    f"To have one:   fsbus agent add {agent} --run COMMAND\n"
                    f"To end it:     fsbus cancel {name.key}\nTo see it:     fsbus trace {name.key}\n"
                )
                self._alarms.raise_(cause, f"there is no worker {agent}, and tasks wait for it", text)
        for cause in self._missing.keys() - missing.keys():
            self._alarms.clear(cause)
        self._missing = dict.fromkeys(missing, True)

    def _is_there(self, agent: str, roster: Roster) -> bool:
        return agent in roster.workers() or self.shop.tree.role(agent) == "human"

    def fail(self, name: TaskName, what: Failure, result: object = None) -> None:
        """End a task that dispatch has itself; the human is told unless it was called off."""
        now = time.time()
        self._held.pop(name.key, None)
        if what.kind != "cancelled":
            self._alarms.failed(name, self.shop.agent.name, what, "it was given to nobody")
        ending.end(self.shop, name, Outcome(what, result), now, now, 0)

    def _waits(self, name: TaskName, task: Task) -> bool:
        held = self._not_yet(task)
        if isinstance(held, Failure):
            self.fail(name, held)
        elif held:
            self._hold(name, held)
        return bool(held)

    def _route(self, name: TaskName, task: Task, roster: Roster) -> None:
        if task.to and self.shop.tree.role(task.to) == "human":
            self._give(name, Route(task.to, f"to: {task.to}"), roster)
            return
        where = choose(task.to, task.type, roster.candidates())
        if isinstance(where, Hold):
            self._hold(name, where.why)
            return
        wrong = policy.unfit(task, roster.workers()[where.agent]) or self._too_late(name, task, where.agent)
        if wrong is not None:
            self.fail(name, bad_input(wrong))
        else:
            self._give(name, where, roster)
            if task.urgent:
                message.post(self.shop.tree, where.agent, "assign", self.shop.agent.name, "", {"task": name.key})

    def _too_late(self, name: TaskName, task: Task, agent: str) -> Refusal | None:
        """Why it will be too old for this agent when it may start; said at once, and not after weeks of waiting."""
        return too_old(self.shop, name.key, agent, max(time.time(), task.not_before or 0.0))

    def _give(self, name: TaskName, where: Route, roster: Roster) -> None:
        inbox = self.shop.tree.folder(where.agent, "inbox")
        target = f"{inbox}/{name}"
        if name.attempt > 1:  # what it is to be told goes first
            told = brief_of(inbox, name.key, name.attempt)
            atomic.advance(channel.brief(self.shop.tree, self.shop.agent.name, name), told)
        if atomic.advance(self.shop.inbox(name), target):
            self.shop.journal.record("dispatch", name.key, "queued > queued", where.why, agent=where.agent, attempt=name.attempt)
            self._held.pop(name.key, None)
            roster.facts(where.agent)["queued"] += 1

    def _not_yet(self, task: Task) -> str | Failure:
        """Why the task must wait, or can never start; '' if it may go."""
        if task.not_before and task.not_before > time.time():
            return "not_before is not reached"
        for part in task.after:
            found = self._before.get(part, [])
            last = channel.truth(found) if found else None
            if last is not None and last.collected and last.name.state == "failed":
                return failure("cancelled", f"it was to run after {last.name.key}, which failed")
            if last is None or last.name.state != "done":
                return f"waits for {part}"
        return ""

    def _look_before(self) -> dict[str, list[Place]]:
        """Where everything is that tasks here wait for: one look at the tree for all of them."""
        parts = {part for task in self._tasks.values() if not isinstance(task, Refusal) for part in task.after}
        whole = set(filter(is_key, parts))
        rest = {part: channel.places(self.shop.tree, part) for part in parts - whole}
        return channel.places_of(self.shop.tree, whole) | rest

    def _hold(self, name: TaskName, why: str) -> None:
        if self._held.get(name.key) != why:
            self._held[name.key] = why
            self.shop.journal.record("dispatch", name.key, "held", why, agent=self.shop.agent.name, attempt=name.attempt)

    def _forget_edited(self) -> None:
        """A person may edit what nobody has acked, and that text wins; not while it is being written."""
        if time.monotonic() - self._looked < EDITED:
            return
        self._looked = time.monotonic()
        self._looks = {name: looks for name, looks in self._looks.items() if name in self._tasks}
        for name, looks in self._looks.items():
            path = self.shop.inbox(name)
            try:
                facts = os.stat(path)
                still = not 0 <= time.time() - facts.st_mtime < STILL
                if careful.looks(facts) != looks and still and not careful.being_written(path):
                    del self._tasks[name]
            except OSError:
                continue  # it moved on, or an editor is putting another file in its place

    def _read(self, waiting: list[TaskName]) -> dict[TaskName, Task | Refusal]:
        tasks = {}
        for name in waiting:
            with self.shop.apart(f"{name.key} cannot be read"):
                task = self._task(name)
                if task is not None:
                    tasks[name] = task
        return tasks

    def _task(self, name: TaskName) -> Task | Refusal | None:
        """What it says; None if it moved on."""
        if name in self._tasks:
            return self._tasks[name]
        path = self.shop.inbox(name)
        try:
            self._looks[name] = careful.looks(os.stat(path))
            task = read(careful.read(path, MAX_BYTES), name.ext)
        except FileNotFoundError:
            return None  # it moved on: a person gave it another digit, say
        except OSError as error:
            if careful.is_disks_fault(error):
                raise
            return Refusal(None, f"the file cannot be read: {error.strerror}", "look at its permissions")
        return task if isinstance(task, Refusal) else policy.unaddressed(task, self.shop.agent.name)
