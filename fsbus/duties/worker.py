"""The worker of one agent on its home host: adopts, acks at once, starts in order, watches, ends.

The loop (`step`) never runs a task and never waits for one: it acks everything on sight, also while all slots are
busy, so that `queued` for five minutes means that this loop is down.
"""
from __future__ import annotations

import os
import time
from math import inf

from fsbus.core.health import Look, look
from fsbus.core.names import TaskName
from fsbus.duties import pulled, recover
from fsbus.duties.attempt import Attempt, Slot
from fsbus.duties.backlog import Backlog
from fsbus.duties.beat import Beat
from fsbus.duties.begun import Begun
from fsbus.duties.duty import LOOK, Duty, begin
from fsbus.duties.obeying import Obeying
from fsbus.duties.press import Press
from fsbus.duties.shop import Shop
from fsbus.spool import atomic
from fsbus.spool.adopt import Adopter
from fsbus.spool.glance import Glance
from fsbus.spool.stale import Stale

LISTING_SHARE = 20  # listing the inbox may take 1/20 of the time, so that a backlog of 100,000 does not eat the worker


class Worker(Duty):
    """The duty `worker:<agent>`; its lock is held by whoever made it."""

    def __init__(self, shop: Shop) -> None:
        self.shop: Shop = shop
        self.name = shop.by
        self._inbox = shop.folder("inbox")
        self._adopter = Adopter(shop.tree, shop.agent.name, shop.journal)
        self._glance = Glance(self._inbox)
        self._backlog = Backlog(shop.baton)
        self._running: dict[tuple[str, int], Attempt] = {}
        self._obeying = Obeying(shop, self._glance, self._backlog, self._running)
        self.press = Press(shop, lambda end: self.finished(end.name))
        self._asleep = [self.press, *(Slot(self) for _ in range(shop.agent.slots)), Slot(self, reserved=True)]
        self._beat = Beat(shop)
        self._unstarted: dict[TaskName, tuple[float, Exception]] = {}  # what could not be, until when it waits, and why
        self._listed = self._cost = 0.0
        self._clocks: Look | None = None  # as last seen, for judging what the agent has fetched
        self._awake = 0.0  # when the last grace began, in seconds since 1970
        self._held_for = (False, 0.0)  # PAUSE, and until when a usage limit lasts, as last seen

    def start(self) -> None:
        """Put in order what a dead worker left."""
        self._adopter.recover()
        recover.all_of(self.shop)
        self.shop.parked_until = self._beat.parked_until()
        if not self.shop.pulls:
            self.shop.begun = Begun(self.shop.folder("runs"))

    def step(self) -> float:
        """Everything that can be done now; returns in how many seconds to look again at the latest."""
        now = time.monotonic()
        apart, looks = self.shop.apart, [LOOK]
        with apart():
            self._obeying.switch()
        if self._hold() or self._beat.due(now):
            self._beat.write(self._in_hand(), parked_until=self.shop.parked_until)
        self._see_unstarted(now)
        self.press.tell()
        with apart():
            looks.append(self._see_inbox(now))
        with apart():
            looks.append(self._see_runs(now))
        apart.tell()
        return max(0.0, min(*looks, self._beat.left(now)))

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
        self._beat.write(stopped=not self.taken_over, parked_until=self.shop.parked_until)

    def _in_hand(self) -> list[str]:
        return [f"{key}.a{attempt}" for key, attempt in list(self._running)]

    def take(self, reserved: bool = False) -> Attempt | None:
        """The next attempt for a slot; None when the worker ends."""
        if self.shop.parked_until:
            self._backlog.hold(True)  # the next one would meet the same limit
        while (name := self._backlog.take(reserved)) is not None:
            error: Exception | None = None
            try:
                attempt = self._running[name.key, name.attempt] = Attempt(self.shop, name)
                if not self._obeying.called_off(name):
                    return attempt
            except Exception as caught:  # a fault of ours, too: the slot must live
                error = caught
            self.finished(name, error)
        return None

    def finished(self, name: TaskName, error: Exception | None = None) -> None:
        """An attempt is out of hand; an error means that the disk refused, or we failed, before anything was started."""
        self._running.pop((name.key, name.attempt), None)
        if error is None:
            self._unstarted.pop(name, None)
            self._backlog.done(name)
        else:
            error.add_note(f"{name.key} cannot be started")
            self._unstarted[name] = (time.monotonic() + LOOK, error)
        self.shop.wake()

    def _see_unstarted(self, now: float) -> None:
        """What could not be started waits again after a while, and holds no slot meanwhile; told until it is started.

        A `tick` leaves it to the next one.
        """
        for name, (until, error) in list(self._unstarted.items()):
            attempt = self._running.get((name.key, name.attempt))
            if (attempt is not None and attempt.name.state == "running") or not (name in self._backlog or self.shop.once):
                del self._unstarted[name]
                continue
            self.shop.apart.keep(error)
            if until < inf and (until <= now or self.shop.once or self.shop.stopping.is_set()):
                self._unstarted[name] = (inf, error)
                self._backlog.done(name) if self.shop.once else self._backlog.give_back(name)

    def _see_inbox(self, now: float) -> float:
        rest = self._listed + LISTING_SHARE * self._cost - now
        if rest > 0:
            self.settling = True
            return rest
        self._backlog.begin_listing()
        began = time.monotonic()
        fresh, strangers = self._glance.look()
        fresh = self._obeying.highest(fresh)
        self._listed = time.monotonic()
        self._cost = self._listed - began
        again: float | None = None
        with self.shop.apart():  # a look tells what is new but once
            _, again = self._adopter.step(strangers)
        self.settling = self._adopter.settling
        if self.shop.pulls:
            self._see_pulled(time.time())
        stale = Stale(time.time(), self.shop.bus.keep_results)
        waiting = [self._receive(task) for task in fresh if not stale(self._inbox, task)]  # those are the sweep's
        self._backlog.add(name for name in waiting if name is not None)
        if self._backlog and not self.shop.pulls:
            self._open()
        return LOOK if again is None else again

    def _open(self) -> None:
        """Start the press and the slots, at the first task: an idle agent needs no threads."""
        while self._asleep:
            begin(self._asleep[0])
            del self._asleep[0]

    def _see_pulled(self, now: float) -> None:
        """Judge what the agent has fetched; after a start, a sleep or a jump it gets one lease, since it slept as well.

        A process that does one pass is gone before that is over.
        """
        self._clocks = look(self._clocks, now, time.monotonic(), self.shop.bus.lease)
        if self._clocks.grace and not self.shop.once:
            self._awake = now
        if self._clocks.judges or self.shop.once:
            pulled.watch(self.shop, list(self._glance.tasks.values()), now, self._awake)

    def _receive(self, task: TaskName) -> TaskName | None:
        """The same as `_ack`; what cannot be done is tried again at the next look."""
        with self.shop.apart(f"{task.key} cannot be received"):
            return self._judge(task) if task.state == "running" else self._ack(task)
        self._glance.forget(task)
        return None

    def _judge(self, task: TaskName) -> TaskName | None:
        """End what says running while no slot has it, as after a crash: a backup or the far side brought back what was removed.

        This worker's lock is ours, so nobody else runs it. What a slot began and ended since that listing is there no longer.
        A further name of what a slot has, under another digit, waits until that has ended.
        """
        attempt = self._running.get((task.key, task.attempt))
        if attempt is None and os.path.lexists(self.shop.inbox(task)):
            recover.stray(self.shop, task)
        return task if attempt is not None and attempt.name.priority != task.priority else None

    def _ack(self, task: TaskName) -> TaskName | None:
        """The task as it may now wait for a slot; None if it runs or somebody else moved it."""
        if task.state != "queued":
            return task if task.state == "acked" else None
        acked = task.to("acked")
        self.shop.baton.offer()  # a backlog of thousands must not hold up what runs
        if not atomic.advance(f"{self._inbox}/{task}", f"{self._inbox}/{acked}"):
            return None
        self.shop.record(acked, "queued > acked", "seen")
        self._glance.moved(task, acked)  # only now: what cannot be written down comes up again
        return acked

    def _see_runs(self, now: float) -> float:
        running = list(self._running.values())
        with self.shop.apart():
            self._obeying.step()
        return min((attempt.watch.look(now) for attempt in running), default=now + LOOK) - now

    def _hold(self) -> bool:
        """Give nothing out while PAUSE is there or a usage limit lasts; whether that has changed."""
        if self.shop.parked_until and self.shop.parked_until <= time.time():
            self.shop.parked_until = 0.0
        paused = os.path.exists(self.shop.tree.pause(self.shop.agent.name))
        why = (paused, self.shop.parked_until)
        if self._backlog.held != any(why):
            self._backlog.hold(any(why))
        changed, self._held_for = why != self._held_for, why
        return changed
