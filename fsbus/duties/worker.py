"""The worker of one agent on its home host: adopts, acks at once, starts in order, watches, ends.

The loop (`step`) never runs a task and never waits for one: it acks everything on sight, also while all slots are
busy, so that `queued` for five minutes means that this loop is down.
"""
from __future__ import annotations

import os
import time

from fsbus.core.names import MessageName, TaskName
from fsbus.core.result import Outcome, failure
from fsbus.duties import ending, recover
from fsbus.duties.attempt import Attempt, Slot
from fsbus.duties.backlog import Backlog
from fsbus.duties.beat import Beat
from fsbus.duties.case import PULLED
from fsbus.duties.duty import Duty
from fsbus.duties.orders import Orders
from fsbus.duties.shop import Shop
from fsbus.spool import atomic, channel
from fsbus.spool.adopt import Adopter

LISTING_SHARE = 20  # listing the inbox may take 1/20 of the time, so that a backlog of 100,000 does not eat the worker
LOOK = 1.0  # seconds between safety looks: no bell and no file event is relied on


class Worker(Duty):
    """The duty `worker:<agent>`; its lock is held by whoever made it."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.name = shop.by
        self._inbox = shop.tree.folder(shop.agent.name, "inbox")
        self._adopter = Adopter(shop.tree, shop.agent.name, shop.journal)
        self._orders = Orders(shop.tree, shop.agent.name)
        self._backlog = Backlog()
        self._running: dict[tuple[str, int], Attempt] = {}
        self._slots = [Slot(self) for _ in range(shop.agent.slots)]
        self._beat = Beat(shop)
        self._listed = self._cost = 0.0

    def start(self) -> None:
        """Put in order what a dead worker left, then open the slots."""
        self._adopter.recover()
        recover.all_of(self.shop)
        if self.shop.function is not None or not self.shop.agent.pulls:
            for slot in self._slots:
                slot.start()

    def step(self) -> float:
        """Everything that can be done now; returns in how many seconds to look again at the latest."""
        now = time.monotonic()
        if self._beat.due(now):
            self._beat.write(self._in_hand())
        self._pause()
        looks = [LOOK, self._see_inbox(now), self._see_runs(now)]
        return max(0.0, min(looks))

    def busy(self) -> bool:
        """Whether something runs, or waits and may be started."""
        return self._backlog.in_hand() or (len(self._backlog) > 0 and not self._backlog.held and not self.shop.agent.pulls)

    def stop(self, insist: bool = False) -> None:
        """Start nothing new; ask what runs to end, or end it at once."""
        self._backlog.close()
        self.shop.stopping.set()
        for attempt in list(self._running.values()):
            attempt.watch.ask("stopping")
            if insist:
                attempt.watch.insist()

    def close(self) -> None:
        """The last beat: this worker ended in good order."""
        self._beat.write(stopped=True)

    def _in_hand(self) -> list[str]:
        return [f"{key}.a{attempt}" for key, attempt in list(self._running)]

    def take(self) -> Attempt | None:
        """The next attempt for a slot; None when the worker ends."""
        while (name := self._backlog.take()) is not None:
            attempt = self._running[name.key, name.attempt] = Attempt(self.shop, name)
            if name.key not in self._orders.look():
                return attempt
            try:
                self._cancel_waiting(name)
                error: OSError | None = None
            except OSError as caught:
                error = caught
            self.finished(attempt, error)
        return None

    def finished(self, attempt: Attempt, error: OSError | None) -> None:
        """A slot is done with an attempt; an error means that the disk refused before anything was started."""
        name = attempt.name
        self._running.pop((name.key, name.attempt), None)
        self._backlog.done(name)
        if error is not None:
            self.shop.complain(f"{name.key} cannot be started: {error.strerror} ({error.filename})")
            self.shop.stopping.wait(LOOK)
        self.shop.wake()

    def _see_inbox(self, now: float) -> float:
        rest = self._listed + LISTING_SHARE * self._cost - now
        if rest > 0:
            self.settling = True
            return rest
        self._backlog.begin_listing()
        began = time.monotonic()
        names = channel.listing(self._inbox)
        self._listed = time.monotonic()
        self._cost = self._listed - began
        _, again = self._adopter.step(names)
        self.settling = self._adopter.settling
        waiting = [self._ack(task) for task in channel.tasks(names, "inbox")]
        self._backlog.refill(name for name in waiting if name is not None)
        return LOOK if again is None else again

    def _ack(self, task: TaskName) -> TaskName | None:
        """The task as it may now wait for a slot; None if it runs or somebody else moved it."""
        if task.state != "queued":
            return task if task.state == "acked" else None
        acked = task.to("acked")
        try:
            if not atomic.advance(f"{self._inbox}/{task}", f"{self._inbox}/{acked}"):
                return None
        except OSError as error:
            self.shop.complain(f"{task.key} cannot be acked: {error.strerror}")
            return None
        self.shop.record(acked, "queued > acked", "seen")
        return acked

    def _see_runs(self, now: float) -> float:
        running = list(self._running.values())
        for key, message in self._orders.look().items():
            self._obey(key, message)
        return min((attempt.watch.look(now) for attempt in running), default=now + LOOK) - now

    def _obey(self, key: str, message: MessageName) -> None:
        """Carry out one cancel as far as it can be now; it is filed when its task has ended."""
        for (running, _), attempt in list(self._running.items()):
            if running == key:
                attempt.watch.ask("cancelled")
                return
        waiting = self._backlog.withdraw(key)
        if waiting is not None:
            try:
                self._cancel_waiting(waiting)
            finally:
                self._backlog.done(waiting)
        elif self._ended(key):
            self._orders.file(message)
        else:
            self._take_back(key)

    def _take_back(self, key: str) -> None:
        """End a task that its agent pulled: the agent is told at its next `progress` or `done`."""
        for name in channel.tasks(channel.listing(self._inbox), "inbox"):
            if name.key == key and name.state == "running" and os.path.exists(f"{self.shop.case(name).path}/{PULLED}"):
                self._cancel_waiting(name)

    def _cancel_waiting(self, name: TaskName) -> None:
        now = time.time()
        end = Outcome(failure("cancelled", f"cancelled while it was {name.state}"))
        ending.end(self.shop, name, end, now, now, 0)

    def _ended(self, key: str) -> bool:
        found = channel.places(self.shop.tree, key)
        return bool(found) and channel.truth(found).rank > 2

    def _pause(self) -> None:
        held = os.path.exists(f"{self.shop.tree.root}/agents/{self.shop.agent.name}/PAUSE")
        if held != self._backlog.held:
            self._backlog.hold(held)
