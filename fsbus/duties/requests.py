"""Requests: a task without `to` and `type` goes to dispatch's planner, a command that answers with a list of tasks.

The request runs until its children have ended, and its result gathers theirs. The children's keys are written to the
case folder before the first child is, so that a dispatch that is killed in between makes each child once.
"""
from __future__ import annotations

import os
import threading
import time
from typing import Any

from fsbus.core import flat, gate
from fsbus.core.names import TaskName
from fsbus.core.plan import read_plan
from fsbus.core.refusal import Refusal
from fsbus.core.result import Failure, Outcome, failure
from fsbus.core.task import Task
from fsbus.duties import ending, recover, trial
from fsbus.duties.case import Case
from fsbus.duties.orders import Order, Orders
from fsbus.duties.routing import Routing
from fsbus.duties.shop import Shop
from fsbus.duties.watch import Watch
from fsbus.spool import atomic, careful, channel, keys, message
from fsbus.spool.submit import submit
from fsbus.views import story

PLAN = "plan.yaml"  # the children: their keys and their tasks
PLAN_LIMIT = 4 << 20  # bytes


class Requests:
    """Dispatch's requests; one planner runs at a time."""

    def __init__(self, shop: Shop, routing: Routing, orders: Orders) -> None:
        self.shop, self._routing, self._orders = shop, routing, orders
        self._planning: tuple[TaskName, Watch, threading.Thread] | None = None

    def recover(self) -> None:
        """A planner that was running when dispatch died is crashed; one whose plan is there goes on."""
        inbox = channel.listing(self.shop.inbox("").rstrip("/"))
        for name in channel.tasks(inbox, "inbox"):
            if name.state != "queued" and not os.path.exists(self._plan(name)):
                recover.judge(self.shop, name)

    def busy(self) -> bool:
        """Whether a planner runs."""
        return self._planning is not None and self._planning[2].is_alive()

    def stop(self, insist: bool = False) -> None:
        """Ask a running planner to end."""
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
        if self._planning is None and unplanned and not self.shop.stopping.is_set():
            self._start(*unplanned[0])
        for name in open_:
            if os.path.exists(self._plan(name)):
                self._follow(name, orders.get(name.key))

    def _plan(self, name: TaskName) -> str:
        return f"{self.shop.case(name).path}/{PLAN}"

    def _start(self, name: TaskName, task: Task) -> None:
        case, running = self.shop.case(name), name.to("running")
        if not case.open() or not atomic.advance(self.shop.inbox(name), self.shop.inbox(running)):
            return
        self.shop.record(running, "queued > running", "no `to` and no `type`: to the planner")
        watch = Watch(lambda: case.moved(1))
        watch.limit(self.shop.agent.timeout, self.shop.agent.silence)
        watch.restart()
        thread = threading.Thread(target=self._run, args=(case, running, task, watch), name="planner", daemon=True)
        self._planning = (running, watch, thread)
        thread.start()

    def _run(self, case: Case, name: TaskName, task: Task, watch: Watch) -> None:
        began = time.time()
        case.write(f"task.{name.ext}", task.text)
        atomic.folder(case.files)
        outcome = trial.run(self.shop, case, name, task, 1, watch)
        wrong = outcome.failure
        if wrong is None:
            found = read_plan(outcome.result, sorted(self._types()))
            if not isinstance(found, Refusal):
                self._write(case, found)
                self.shop.wake()
                return
            wrong = failure("bad-input", f"the planner's answer cannot be used: {found.sentence()}")
        ending.end(self.shop, name, outcome.failed(wrong), began, time.time(), 1)
        self.shop.wake()

    def _types(self) -> set[str]:
        return set(self.shop.tree.agents())

    def _write(self, case: Case, tasks: list[dict[str, Any]]) -> None:
        """The plan, with a key for each child; `after` may name a sibling by the planner's own `id`."""
        made = {str(task.get("id") or number): keys.make() for number, task in enumerate(tasks)}
        rows = []
        for number, task in enumerate(tasks):
            after = [made.get(word, word) for word in task.get("after", [])]
            fields = {k: v for k, v in task.items() if k not in ("id", "after")} | {"after": after, "parent": case.name.key}
            rows.append({"key": made[str(task.get("id") or number)], "fields": fields})
        atomic.note(f"{case.path}/{PLAN}", flat.dump({"children": rows}).encode())

    def _follow(self, name: TaskName, order: Order | None) -> None:
        """Make the children that are missing; when all have ended, the request has."""
        found = gate.values(careful.read_text(self._plan(name), PLAN_LIMIT) or "")
        rows = found.get("children", []) if isinstance(found, dict) else []
        children = [(str(row["key"]), row["fields"]) for row in rows]
        states = {key: self._child(key, fields, order) for key, fields in children}
        if all(state is not None for state in states.values()):
            self._gather(name, [state for state in states.values() if state is not None], order)

    def _child(self, key: str, fields: dict[str, Any], order: Order | None) -> dict[str, Any] | None:
        """A child's end, None while it has none."""
        places = channel.places(self.shop.tree, key)
        if not places:
            if order is None:
                submit(self.shop.tree, self.shop.journal, fields, self.shop.agent.name, key)
                return None
            return {"key": key, "state": "failed", "error": {"kind": "cancelled", "what": "never started"}}
        place = channel.truth(places)
        if not story.final(place):
            if order is not None and key not in self._orders.look():
                me = self.shop.agent.name
                message.post(self.shop.tree, me, "cancel", order.message.sender, "its request was cancelled", {"task": key})
            return None
        said = story.result(self.shop.tree, place)
        return {"key": key, "slug": place.name.slug, "state": place.name.state} | {
            name: said[name] for name in ("agent", "summary", "result", "error") if said.get(name) is not None
        }

    def _gather(self, name: TaskName, children: list[dict[str, Any]], order: Order | None) -> None:
        bad = [c for c in children if c["state"] == "failed"]
        wrong: Failure | None = None
        if order is not None:
            wrong = order.failure("running")
            self._orders.file(order)
        elif bad:
            which = ", ".join(str(c.get("slug") or c["key"]) for c in bad[:5])
            wrong = failure("exit", f"{len(bad)} of {len(children)} children failed: {which}")
        summary = f"{len(children) - len(bad)} of {len(children)} children done"
        began = os.stat(self.shop.case(name).path).st_mtime
        ending.end(self.shop, name, Outcome(wrong, {"children": children}, summary), began, time.time(), 1)
