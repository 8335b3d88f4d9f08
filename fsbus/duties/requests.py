"""Requests: a task without `to` and `type` goes to dispatch's planner, a command that answers with a list of tasks.

The request runs until its children have ended, and its result gathers theirs. The children's keys are written to the
case folder before the first child is, so that a dispatch that is killed in between makes each child once. A planner
that died with dispatch is started again, as the next attempt of the request, as often as `attempts` says.
"""
from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from typing import Any

from fsbus.core import flat, policy
from fsbus.core.decide import Again, Past
from fsbus.core.names import TaskName
from fsbus.core.plan import read_plan
from fsbus.core.refusal import Refusal
from fsbus.core.result import Failure, Outcome, bad_input, failure
from fsbus.core.task import MAX_BYTES, Task, read
from fsbus.duties import collect, ending, reassign, recover, trial
from fsbus.duties.alarms import Alarms
from fsbus.duties.case import Case
from fsbus.duties.children import Child, Children
from fsbus.duties.duty import begin
from fsbus.duties.ledger import Account
from fsbus.duties.orders import Order, Orders
from fsbus.duties.shop import Shop
from fsbus.duties.watch import Watch
from fsbus.spool import atomic, careful, channel, fault, keys
from fsbus.spool.channel import Place

PLAN = "plan.yaml"  # the children: their keys and their tasks
GONE = "dispatch was gone while the planner ran"


class Requests:
    """Dispatch's requests; one planner runs at a time."""

    def __init__(self, shop: Shop, orders: Orders, alarms: Alarms) -> None:
        self.shop, self._alarms = shop, alarms
        self._children = Children(shop, orders)
        self._planning: tuple[TaskName, Watch, threading.Thread] | None = None
        self._begun: set[tuple[str, int]] = set()  # requests whose planner this process has started, by key and attempt
        self._closed = False  # no further planner is started

    def recover(self) -> None:
        """A planner that was running when dispatch died is started again; one whose plan is there goes on.

        To be repeated for what was in the way of some: what this process has begun is left alone.
        """
        inbox = sorted(channel.tasks(channel.listing(self.shop.folder("inbox")), "inbox"))
        self._finish({name.key: name.attempt for name in inbox})
        for name in (name for name in inbox if (name.key, name.attempt) not in self._begun):
            with self.shop.apart(f"{name.key} cannot be put in order"):
                self._put_in_order(name)

    def _put_in_order(self, name: TaskName) -> None:
        case = self.shop.case(name)
        if name.state == "queued" and case.started() and not os.listdir(case.path):
            case.take_back()  # killed between the marker and the rename: nothing was started
        elif (name.state != "queued" or case.started()) and not os.path.exists(self._plan(name)):
            self._once_more(name)

    def _finish(self, further: dict[str, int]) -> None:
        """Put aside what has failed and has a further attempt in the inbox: a kill came before that."""
        for name in channel.tasks(channel.listing(self.shop.folder("outbox")) if further else (), "outbox"):
            if name.state == "failed" and further.get(name.key, 0) > name.attempt:
                with self.shop.apart(f"{name.key} cannot be put in order"):
                    self._put_aside(name)

    def busy(self) -> bool:
        """Whether a planner runs."""
        return self._planning is not None and self._planning[2].is_alive()

    def retire(self) -> None:
        """Start no further planner."""
        self._closed = True

    def stop(self, insist: bool = False) -> None:
        """Ask a running planner to end."""
        self.retire()
        if self._planning is not None:
            self._planning[1].ask("stopping")
            if insist:
                self._planning[1].insist()

    def step(self, unplanned: list[tuple[TaskName, Task]], open_: list[TaskName], orders: dict[str, Order]) -> None:
        """Start the next planner, watch the running one, gather what has ended."""
        if self._planning is not None:
            name, watch, thread = self._planning
            if name.key in orders:
                watch.ask("cancelled")
            watch.look(time.monotonic())
            if not thread.is_alive():
                self._planning = None
        if self._planning is None and not self._closed:
            any(self._has_started(name, task) for name, task in unplanned)
        for name in open_:
            plan = self._plan(name)
            with self.shop.apart(f"the children of {name.key} cannot be followed"):
                if os.path.exists(plan):
                    self._follow(name, plan, orders.get(name.key))

    def _plan(self, name: TaskName) -> str:
        return f"{self.shop.case(name).path}/{PLAN}"

    def _once_more(self, name: TaskName) -> None:
        """End a request whose planner died with us; its next attempt is made before."""
        me, gone = self.shop.agent.name, failure("crashed", GONE)
        if name.attempt >= self.shop.bus.attempts:
            self._alarms.failed(name, me, gone, f"{name.attempt} attempts failed")
            recover.judge(self.shop, name)
            return
        account = Account(name.key, (Past(name.attempt, me, gone),))
        here, found = Place(me, "inbox", name, False), channel.places(self.shop.tree, name.key)
        reassign.make(self.shop, here, Again(me, time.time(), GONE, "retry"), account, found)
        recover.judge(self.shop, name)
        self._put_aside(name.to("failed"))

    def _put_aside(self, ended: TaskName) -> None:
        collect.put_aside(self.shop, Place(self.shop.agent.name, "outbox", ended, True), "the next attempt was made")

    def _has_started(self, name: TaskName, task: Task) -> bool:
        """Start its planner, if nothing is in the way of that."""
        with self.shop.apart(f"{name.key} cannot be planned"):
            return self._start(name, task)
        return False

    def _start(self, name: TaskName, task: Task) -> bool:
        case, running = self.shop.case(name), name.to("running")
        if recover.swept(self.shop, name) or case.started():
            return False
        watch = Watch(lambda: case.moved(1), self.shop.baton)
        thread = threading.Thread(target=self._run, args=(case, running, task, watch), name="planner", daemon=True)
        begin(thread)  # while there is room for it; it waits for the baton, and then looks whether it is wanted
        if not case.open():
            return False
        try:
            moved = atomic.advance(self.shop.inbox(name), self.shop.inbox(running))
        except OSError:
            case.take_back()
            raise
        if not moved:
            case.take_back()  # renamed by hand this moment
            return False
        self._begun.add((name.key, name.attempt))
        self.shop.record(running, "queued > running", "no `to` and no `type`: to the planner")
        watch.limit(self.shop.agent.timeout, self.shop.agent.silence)
        watch.restart()
        self._planning = (running, watch, thread)
        return True

    def _run(self, case: Case, name: TaskName, task: Task, watch: Watch) -> None:
        began = time.time()
        with self.shop.baton:
            if self._planning is None or self._planning[1] is not watch:
                return
            try:
                outcome = self._planned(case, name, task, watch)
                if outcome.failure is not None:
                    if outcome.failure.kind != "cancelled":
                        self._alarms.failed(name, self.shop.agent.name, outcome.failure, "no children were made")
                    ending.end(self.shop, name, outcome, began, time.time(), 1)
            except Exception as error:  # still `running` without a plan: the next start of dispatch tries again
                self.shop.complain(f"{name.key} cannot be planned: {fault.sentence(error)}")
        self.shop.wake()

    def _planned(self, case: Case, name: TaskName, task: Task, watch: Watch) -> Outcome:
        """Run the planner and keep its plan; a failure if it has none."""
        wrong = policy.unfit(task, self.shop.agent)
        if wrong is not None:
            return Outcome(bad_input(wrong))
        case.write(f"task.{name.ext}", task.text)
        atomic.folder(case.files)
        asked = replace(trial.told(self.shop, case, name, task), expect=None)  # of what its children make, not of the plan
        outcome = trial.run(self.shop, case, name, asked, 1, watch)
        if outcome.failure is not None:
            return outcome
        found = read_plan(outcome.result, self._others())
        if isinstance(found, Refusal):
            return outcome.failed(failure("bad-input", f"the planner's answer cannot be used: {found.sentence()}"))
        self._write(case, found)
        return outcome

    def _others(self) -> list[str]:
        return [agent for agent in self.shop.tree.agents() if agent != self.shop.agent.name]

    def _write(self, case: Case, tasks: list[dict[str, Any]]) -> None:
        """The plan, with a key for each child; `after` may name a sibling by the planner's own `id`."""
        made = [keys.make() for _ in tasks]
        by_id = {task["id"]: key for task, key in zip(tasks, made, strict=True) if "id" in task}
        rows = []
        for task, key in zip(tasks, made, strict=True):
            fields = {k: v for k, v in task.items() if k != "id"} | {"parent": case.name.key}
            rows.append({"key": key, "fields": fields | {"after": [by_id.get(word, word) for word in task["after"]]}})
        atomic.note(f"{case.path}/{PLAN}", flat.dump({"children": rows}).encode())

    def _follow(self, name: TaskName, plan: str, order: Order | None) -> None:
        """Look after the children; when all have ended, the request has."""
        ended = self._children.follow(plan, order)
        if ended is None:
            return
        bad = [child for child in ended if child["state"] == "failed"]
        summary = f"{len(ended) - len(bad)} of {len(ended)} children done"
        began = os.stat(os.path.dirname(plan)).st_mtime
        outcome = Outcome(_wrong(ended, bad, order) or self._unmet(name, ended), {"children": ended}, summary)
        if ending.end(self.shop, name, outcome, began, time.time(), 1):
            self._children.forget(plan)

    def _unmet(self, name: TaskName, ended: list[Child]) -> Failure | None:
        """What the request expected and its children did not make; nobody has told the human of that."""
        task = read(careful.read(self.shop.inbox(name), MAX_BYTES), name.ext)
        if isinstance(task, Refusal) or not task.expect:
            return None
        files = [file for child in ended for file in child.get("files", ())]
        missing = trial.unmet(task.expect, {"children": ended}, files)
        if missing is None:
            return None
        missing = replace(missing, retryable=False)  # the same plan would make the same
        self._alarms.failed(name, self.shop.agent.name, missing, "its children are done")
        return missing


def _wrong(ended: list[Child], bad: list[Child], order: Order | None) -> Failure | None:
    if order is not None:
        return order.failure("running")
    if not bad:
        return None
    names = ", ".join(f"{child.get('slug') or child.get('title')} ({child['key']})" for child in bad[:5])
    more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
    return failure("exit", f"{len(bad)} of {len(ended)} children failed: {names}{more}")
