"""One attempt from `acked` to what it came to, in one thread: mark, rename, run up to `tries` times.

Promise 3: the case folder is made, durably, before the command; where it is, nothing is started. A kill at any
instant leaves either the task as it was, or a case folder from which `recover` says `crashed`.
"""
from __future__ import annotations

import threading
import time
import traceback
from dataclasses import replace
from typing import Any

from fsbus.core import policy
from fsbus.core.decide import LIMIT_WAIT
from fsbus.core.handed import kept
from fsbus.core.moment import show_duration
from fsbus.core.names import TaskName
from fsbus.core.refusal import Refusal
from fsbus.core.result import STDERR_TAIL, WHAT_MOST, Failure, Outcome, bad_input, failure, first_line
from fsbus.core.task import MAX_BYTES, Task, read
from fsbus.duties import recover, tell, trial
from fsbus.duties.case import Case
from fsbus.duties.ending import End
from fsbus.duties.shop import Job, Shop
from fsbus.duties.watch import Watch
from fsbus.spool import atomic, careful, fault, owner

# Trying again at once cannot help: a person, another setting or another day is needed.
FINAL = frozenset({"cancelled", "lost", "bad-input", "denied", "auth", "limit", "spawn"})
BROKEN_OFF = frozenset({"timeout", "silent", "cancelled", "crashed", "lost"})  # ended by us, or not by its own will
BACKOFF_MAX = 3600.0  # seconds


class Gone(Exception):
    """Somebody else took the step first; there is nothing to do and nothing wrong."""


class Attempt:
    """An attempt of one task in one slot."""

    def __init__(self, shop: Shop, name: TaskName) -> None:
        self.shop, self.name = shop, name
        self.case: Case = shop.case(name)
        self.watch = Watch(lambda: self.case.moved(self._try), shop.baton)
        self._try = 0
        self._tried: list[str] = []

    def run(self) -> End | None:
        """What it came to, to be published; None if somebody else took it.

        Raises OSError only for a disk that refuses before anything was started.
        """
        began, start = time.time(), time.monotonic()
        try:
            task = self._task()
            self._begin(task)
        except Gone:
            return None
        if isinstance(task, Refusal):
            outcome = Outcome(bad_input(task))
        else:
            outcome = self._tries(trial.told(self.shop, self.case, self.name, task))
        if outcome.failure is not None and outcome.failure.kind == "limit":
            self.shop.parked_until = outcome.failure.until or time.time() + LIMIT_WAIT
        return End(self.name, outcome, began, time.time(), max(1, self._try), time.monotonic() - start)

    def broken_off(self, error: Exception) -> End:
        """What it came to by a fault of fsbus itself."""
        what = failure("crashed", fault.sentence(error))
        return End(self.name, Outcome(what), time.time(), time.time(), self._try)

    def _task(self) -> Task | Refusal:
        try:
            self._data = careful.read(self.shop.inbox(self.name), MAX_BYTES)
        except FileNotFoundError:
            raise Gone from None
        except OSError as error:
            if careful.is_disks_fault(error):
                raise
            self._data = b""
            return Refusal(None, f"the file cannot be read: {error.strerror}", "look at its permissions")
        task = read(self._data, self.name.ext)
        return task if isinstance(task, Refusal) else policy.unfit(task, self.shop.agent) or task

    def _begin(self, task: Task | Refusal) -> None:
        if recover.swept(self.shop, self.name):
            raise Gone
        self.shop.need_room()
        with self.shop.barrier():
            first = self.case.open()
        if not first:
            recover.judge(self.shop, self.name)
            raise Gone
        running = self.name.to("running")
        try:
            if recover.yielded(self.shop, self.name, self.case):
                raise Gone
            moved = atomic.advance(self.shop.inbox(self.name), self.shop.inbox(running))
        except OSError:
            self.case.take_back()
            raise
        if not moved:
            self.case.take_back()
            raise Gone
        self.shop.record(running, "acked > running", "a slot is free")
        self.name = running
        if not isinstance(task, Refusal):
            self._limits(task)
            tell.started(self.shop, running, task.reply_to)

    def _limits(self, task: Task) -> None:
        agent = self.shop.agent
        self.watch.limit(min(filter(None, (task.timeout, agent.timeout)), default=0.0), agent.silence)

    def _tries(self, task: Task) -> Outcome:
        allowed = min(task.tries or self.shop.agent.tries, self.shop.agent.tries)
        while True:
            self._try += 1
            began = time.monotonic()
            outcome = self._one(task)
            if outcome.failure is None:
                return outcome
            took = show_duration(time.monotonic() - began)
            self._tried.append(f"try {self._try}: {outcome.failure.kind} after {took}: {outcome.failure.what}")
            if outcome.failure.kind in BROKEN_OFF:
                # what it moved out of its group must not meet the next try
                owner.kill_all(trial.marks(self.shop, self.name), self.case.outputs())
            if self._try >= allowed or not worth_another(outcome.failure) or self._pause():
                return outcome.failed(self._last(outcome.failure))

    def _last(self, last: Failure) -> Failure:
        """The failure of the attempt: a cancelled one must not look as if another attempt might help."""
        tried = (*last.tried, *self._tried)
        asked = self.watch.asked() if last.retryable or worth_another(last) else None
        if asked is not None and asked.kind != last.kind:
            last = replace(asked, exit_code=last.exit_code, stderr_tail=last.stderr_tail)
        return replace(last, tried=tried)

    def _one(self, task: Task) -> Outcome:
        self.watch.restart()
        self.shop.wake()  # so that the loop learns when to look, and the journal tells of the start
        if self.shop.function is not None:
            return self._call(task)
        if self._try == 1:
            self._lay_out()
        try:
            return trial.run(self.shop, self.case, self.name, task, self._try, self.watch)
        except OSError as error:  # the case folder cannot be written: the work, if any, is not proven
            return Outcome(failure("crashed", f"the case folder cannot be written: {error.strerror}"))

    def _lay_out(self) -> None:
        """What the command may read and where it may write."""
        self.case.write(f"task.{self.name.ext}", self._data)
        atomic.folder(self.case.files)

    def _call(self, task: Task) -> Outcome:
        assert self.shop.function is not None
        try:
            with self.shop.baton.lent:
                result: Any = kept(self.shop.function(Job(self.name.key, self.name.attempt, task)))
        except BaseException as error:  # `sys.exit` and a cancelled coroutine, too: this slot is for the next task
            tail = traceback.format_exc()[-STDERR_TAIL:]
            return Outcome(failure("exit", _sentence(error), exit_code=1, stderr_tail=tail))
        outcome = Outcome(result=result, summary=first_line(result))
        if task.verify or self.shop.agent.verify:
            self._lay_out()
        return trial.proved(self.shop, self.case, self.name, task, outcome, self.watch)

    def _pause(self) -> bool:
        """Wait before the next try; whether to give up instead."""
        agent = self.shop.agent
        base = self.shop.bus.backoff if agent.backoff is None else agent.backoff
        halted = self.watch.halted
        with self.shop.baton.aside:
            return halted.wait(min(base * 2 ** (self._try - 1), BACKOFF_MAX))


def worth_another(what: Failure) -> bool:
    """Whether one more try in this attempt may help; a failure the program itself calls final stays so."""
    if what.kind in FINAL:
        return False
    return what.retryable or (what.kind == "exit" and what.exit_code is not None and not what.own_words)


def _sentence(error: BaseException) -> str:
    """What a function raised, on one line."""
    try:
        said = str(error)
    except Exception:  # a stranger's
        said = "it cannot say what"
    return " ".join(f"{type(error).__name__}: {said}".split())[:WHAT_MOST]


class Slot(threading.Thread):
    """A thread that runs one attempt after the other, and sleeps when there is none."""

    def __init__(self, worker: Any, reserved: bool = False) -> None:
        """A `reserved` one runs only what an assign put first, so that a full house does not delay it."""
        super().__init__(name="slot", daemon=True)
        self._worker, self._reserved = worker, reserved

    def run(self) -> None:
        """Until the worker has no more to give."""
        with self._worker.shop.baton:
            while (attempt := self._worker.take(self._reserved)) is not None:
                with self._worker.shop.apart(f"{attempt.name.key} cannot be let go of"):
                    self._run(attempt)
                self._worker.shop.baton.offer()

    def _run(self, attempt: Attempt) -> None:
        try:
            end = attempt.run()
        except OSError as error:
            self._worker.finished(attempt.name, error)
            return
        except Exception as error:  # a fault of ours: the slot must live, or its worker looks busy for ever
            end = attempt.broken_off(error)
        if end is None:
            self._worker.finished(attempt.name)
        else:
            self._worker.press.give(end)
