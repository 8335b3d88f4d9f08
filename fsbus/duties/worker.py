"""The worker of one agent on its home host: adopts, acks at once, starts in order, watches, ends.

The loop (`step`) never runs a task and never waits for one: it acks everything on sight, also while all slots are
busy, so that `queued` for five minutes means that this loop is down.
"""
from __future__ import annotations

import os
import time

from fsbus.core import attempts
from fsbus.core.names import MessageName, TaskName
from fsbus.core.result import Outcome
from fsbus.duties import ending, pulled, recover
from fsbus.duties.attempt import Attempt, Slot
from fsbus.duties.backlog import Backlog
from fsbus.duties.beat import Beat
from fsbus.duties.case import begun
from fsbus.duties.duty import LOOK, Duty
from fsbus.duties.orders import CallOff, Order, Orders, Overtaken
from fsbus.duties.press import Press
from fsbus.duties.shop import Shop
from fsbus.spool import atomic, channel
from fsbus.spool.adopt import Adopter
from fsbus.spool.glance import Glance
from fsbus.spool.stale import Stale

LISTING_SHARE = 20  # listing the inbox may take 1/20 of the time, so that a backlog of 100,000 does not eat the worker


class Worker(Duty):
    """The duty `worker:<agent>`; its lock is held by whoever made it."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.name = shop.by
        self._inbox = shop.tree.folder(shop.agent.name, "inbox")
        self._adopter = Adopter(shop.tree, shop.agent.name, shop.journal)
        self._glance = Glance(self._inbox)
        self._orders = Orders(shop.tree, shop.agent.name)
        self._backlog = Backlog(shop.baton)
        self._running: dict[tuple[str, int], Attempt] = {}
        self.press = Press(shop, lambda end: self.finished(end.name))
        self._slots = [*(Slot(self) for _ in range(shop.agent.slots)), Slot(self, reserved=True)]
        self._beat = Beat(shop)
        self._listed = self._cost = 0.0
        self._held_for = (False, 0.0)  # PAUSE, and until when a usage limit lasts, as last seen

    def start(self) -> None:
        """Put in order what a dead worker left, then open the slots."""
        self._adopter.recover()
        recover.all_of(self.shop)
        self.shop.parked_until = self._beat.parked_until()
        if not self.shop.pulls:
            self.shop.begun = begun(self.shop.tree.folder(self.shop.agent.name, "runs"))
            for thread in (self.press, *self._slots):
                thread.start()

    def step(self) -> float:
        """Everything that can be done now; returns in how many seconds to look again at the latest."""
        now = time.monotonic()
        for switch in self._orders.switches():
            self._switch(switch)
        if self._hold() or self._beat.due(now):
            self._beat.write(self._in_hand(), parked_until=self.shop.parked_until)
        looks = [LOOK, self._beat.left(now), self._see_inbox(now), self._see_runs(now)]
        return max(0.0, min(looks))

    def busy(self) -> bool:
        """Whether something runs, or waits and may be started."""
        return self._backlog.in_hand() or (len(self._backlog) > 0 and not self._backlog.held and not self.shop.pulls)

    def stop(self, insist: bool = False) -> None:
        """Start nothing new; ask what runs to end, or end it at once. What a function has is left to the next start then."""
        self._backlog.close(abandon=insist and self.shop.function is not None)
        self.shop.stopping.set()
        for attempt in list(self._running.values()):
            attempt.watch.ask("stopping")
            if insist:
                attempt.watch.insist()

    def retire(self) -> None:
        """Start nothing new and let what runs come to its end: another worker takes over."""
        self._backlog.close()

    def close(self) -> None:
        """The last beat: this worker ended in good order."""
        self.press.close()
        self._beat.write(stopped=True, parked_until=self.shop.parked_until)

    def _in_hand(self) -> list[str]:
        return [f"{key}.a{attempt}" for key, attempt in list(self._running)]

    def take(self, reserved: bool = False) -> Attempt | None:
        """The next attempt for a slot; None when the worker ends."""
        if self.shop.parked_until:
            self._backlog.hold(True)  # the next one would meet the same limit
        while (name := self._backlog.take(reserved)) is not None:
            attempt = self._running[name.key, name.attempt] = Attempt(self.shop, name)
            order = self._orders.look().get(name.key)
            if order is None or not order.covers(name.attempt):
                return attempt
            try:
                self._call_off(name, order)
                error: OSError | None = None
            except OSError as caught:
                error = caught
            self.finished(attempt.name, error)
        return None

    def finished(self, name: TaskName, error: OSError | None = None) -> None:
        """An attempt is out of hand; an error means that the disk refused before anything was started."""
        self._running.pop((name.key, name.attempt), None)
        if error is None:
            self._backlog.done(name)
        else:
            self.shop.complain(f"{name.key} cannot be started: {error.strerror} ({error.filename})")
            with self.shop.baton.aside:
                self.shop.stopping.wait(LOOK)
            self._backlog.give_back(name)
        self.shop.wake()

    def _see_inbox(self, now: float) -> float:
        rest = self._listed + LISTING_SHARE * self._cost - now
        if rest > 0:
            self.settling = True
            return rest
        self._backlog.begin_listing()
        began = time.monotonic()
        fresh, strangers = self._glance.look()
        fresh = self._highest(fresh)
        self._listed = time.monotonic()
        self._cost = self._listed - began
        _, again = self._adopter.step(strangers)
        self.settling = self._adopter.settling
        if self.shop.pulls:
            pulled.watch(self.shop, list(self._glance.tasks.values()), time.time())
        stale = Stale(time.time(), self.shop.bus.keep_results)
        waiting = [self._ack(task) for task in fresh if not stale(self._inbox, task)]  # those are the sweep's
        self._backlog.add(name for name in waiting if name is not None)
        return LOOK if again is None else again

    def _highest(self, fresh: list[TaskName]) -> list[TaskName]:
        """Those without a higher attempt in this inbox; the others, also those seen before, are called off."""
        highest = attempts.tops(attempts.later(self._glance.tasks)) if fresh else {}
        over = set(attempts.overtaken(self._glance.tasks.values(), highest)) if highest else ()
        for name in over:
            try:
                self._overtake(name)
            except OSError as error:
                self.shop.complain(f"{name.key} cannot be called off: {error.strerror}")
                self._glance.forget(name)
        return [name for name in fresh if name not in over]

    def _overtake(self, name: TaskName) -> None:
        order = Overtaken(name.key, name.attempt)
        if not self._withdraw(order) and (name.state != "running" or pulled.is_pulled(self.shop, name)):
            self._call_off(name, order)

    def _ack(self, task: TaskName) -> TaskName | None:
        """The task as it may now wait for a slot; None if it runs or somebody else moved it."""
        if task.state != "queued":
            return task if task.state == "acked" else None
        acked = task.to("acked")
        self.shop.baton.offer()  # a backlog of thousands must not hold up what runs
        try:
            if not atomic.advance(f"{self._inbox}/{task}", f"{self._inbox}/{acked}"):
                return None
        except OSError as error:
            self.shop.complain(f"{task.key} cannot be acked: {error.strerror}")
            self._glance.forget(task)
            return None
        self._glance.moved(task, acked)
        self.shop.record(acked, "queued > acked", "seen")
        return acked

    def _see_runs(self, now: float) -> float:
        running = list(self._running.values())
        for order in self._orders.look().values():
            self._obey(order)
        for order in self._orders.assigns():
            self._urge(order)
        return min((attempt.watch.look(now) for attempt in running), default=now + LOOK) - now

    def _obey(self, order: Order) -> None:
        """Carry out one order as far as it can be now; it is filed when there is nothing left to end."""
        if not self._withdraw(order) and not self._here(order) and (order.attempt or self._ended(order.key)):
            self._orders.file(order.message)

    def _withdraw(self, order: CallOff) -> bool:
        """End what this is about, if a slot has it or it waits for one."""
        for (key, number), attempt in list(self._running.items()):
            if key == order.key and order.covers(number):
                attempt.watch.ask(order.reason)
                return True
        waiting = self._backlog.withdraw(order.key, order.covers)
        if waiting is not None:
            try:
                self._call_off(waiting, order)
            except OSError:
                self._backlog.give_back(waiting)  # it is called off at the next look
                raise
            self._backlog.done(waiting)
        return waiting is not None

    def _urge(self, order: Order) -> None:
        """Start this task now; the order is filed once it runs, or has ended."""
        self._backlog.urge(order.key)
        if any(key == order.key for key, _ in list(self._running)) or self._ended(order.key):
            self._orders.file(order.message)

    def _switch(self, order: MessageName) -> None:
        """Pause or resume, as the file PAUSE says it to everybody who looks."""
        path = f"{self.shop.tree.root}/agents/{self.shop.agent.name}/PAUSE"
        if order.type == "pause":
            words = str(self._orders.said(order).get("text") or "")
            atomic.note(path, f"{words or f'paused by {order.sender}'}\n".encode())
        else:
            atomic.discard(path)
        self._orders.file(order)
        self.shop.journal.record(self.name, order.key, f"{order.type}d", f"{order.sender} said so", agent=self.shop.agent.name)

    def _here(self, order: Order) -> bool:
        """Whether the inbox holds something that this is about; a task that its agent pulled is ended right away."""
        names = [n for _ in (1, 2) for n in channel.tasks(channel.listing(self._inbox), "inbox")]
        mine = [n for n in names if n.key == order.key and order.covers(n.attempt)]
        for name in mine:
            if pulled.is_pulled(self.shop, name):
                self._call_off(name, order)
        return bool(mine)

    def _call_off(self, name: TaskName, order: CallOff) -> None:
        now = time.time()
        ending.end(self.shop, name, Outcome(order.failure(name.state)), now, now, 0)

    def _ended(self, key: str) -> bool:
        found = channel.places(self.shop.tree, key)
        return bool(found) and channel.truth(found).ended

    def _hold(self) -> bool:
        """Give nothing out while PAUSE is there or a usage limit lasts; whether that has changed."""
        if self.shop.parked_until and self.shop.parked_until <= time.time():
            self.shop.parked_until = 0.0
        paused = os.path.exists(f"{self.shop.tree.root}/agents/{self.shop.agent.name}/PAUSE")
        why = (paused, self.shop.parked_until)
        if self._backlog.held != any(why):
            self._backlog.hold(any(why))
        changed, self._held_for = why != self._held_for, why
        return changed
