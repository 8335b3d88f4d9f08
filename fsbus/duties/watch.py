"""The eye on a running attempt: it knows the facts, asks the ladder, and sends the signals.

The attempt's own thread runs commands through it; the worker's loop calls `look`.
"""
from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from signal import Signals

from fsbus.core import ladder
from fsbus.core.moment import show_duration
from fsbus.core.result import Failure, failure
from fsbus.duties.baton import Baton
from fsbus.duties.command import Command

NO_LIMIT = 365 * 86400.0  # seconds; a deadline must be some time


class Watch:
    """One attempt under watch; all times are monotonic seconds but `deadline`."""

    def __init__(self, moved: Callable[[], tuple[int, ...]], baton: Baton) -> None:
        now = time.monotonic()
        self._facts = ladder.RunFacts(started=now, moved=now, timeout=0.0, silence=0.0)
        self._limits = (0.0, 0.0)
        self._moved, self._print = moved, ()  # type: tuple[Callable[[], tuple[int, ...]], tuple[int, ...]]
        self._baton = baton
        self._command: Command | None = None
        self._sent: Signals | None = None
        self._stop: ladder.Stop | None = None

    @cached_property
    def halted(self) -> threading.Event:
        """Set when nothing further may be started for this attempt; made for those who ask, under the baton."""
        return threading.Event()

    def limit(self, timeout: float, silence: float) -> None:
        """The task is known now, and with it how long each try of it may take."""
        self._limits = (timeout, silence)

    def restart(self) -> None:
        """A new try begins: its time and silence count from now."""
        now, facts = time.monotonic(), self._facts
        self._facts = ladder.RunFacts(now, now, *self._limits, facts.cancelled, facts.stopping, facts.superseded)
        self._sent = self._stop = None

    def deadline(self) -> float:
        """When this try is over, in seconds since 1970."""
        return time.time() + (self._facts.timeout or NO_LIMIT)

    def run(self, argv: tuple[str, ...], stdin: str, stdout: str, stderr: str, cwd: str, env: dict[str, str]) -> int:
        """Start a command and sleep until it has ended; its code. Raises OSError if it cannot be started."""
        self._command = Command(argv, stdin, stdout, stderr, cwd, env)
        try:
            with self._baton.command:
                return self._command.wait()
        finally:
            self._command = None

    def ask(self, reason: str) -> None:
        """Have it end: `cancelled`, `stopping` (its worker goes) or `superseded` (a later attempt is there)."""
        if getattr(self._facts, reason) is None:
            self._facts = replace(self._facts, **{reason: time.monotonic()})
        self.halted.set()

    def insist(self) -> None:
        """End it now, without a ladder."""
        command = self._command
        if command is not None:
            command.stop(Signals.SIGKILL)

    def look(self, now: float) -> float:
        """See to the limits; returns when to look again."""
        if self._facts.silence:
            fingerprint = self._moved()
            if fingerprint != self._print:
                self._print, self._facts = fingerprint, replace(self._facts, moved=now)
        stop, command = ladder.due(self._facts, now), self._command
        if stop is not None and command is not None:
            self._stop = self._stop or stop
            if stop.signal != self._sent:
                command.stop(stop.signal)
                self._sent = stop.signal
        soon = now + 1.0 if self._facts.silence else now + 3600.0
        return min(soon, ladder.next_look(self._facts, now))

    def failure(self) -> Failure | None:
        """Why we ended it; None if it ended by itself."""
        return self._because(self._stop.kind) if self._stop is not None else None

    def asked(self) -> Failure | None:
        """Why somebody wants its end, whether it ended by that or by itself; a cancel counts most. None if nobody does."""
        facts = self._facts
        wanted = (("cancelled", facts.cancelled), ("lost", facts.superseded), ("crashed", facts.stopping))
        return next((self._because(kind) for kind, at in wanted if at is not None), None)

    def _because(self, kind: str) -> Failure:
        ran = show_duration(time.monotonic() - self._facts.started)
        what = {
            "timeout": f"it ran longer than its {show_duration(self._facts.timeout)}",
            "silent": f"no output and no touched file for {show_duration(self._facts.silence)}",
            "cancelled": f"cancelled after {ran}",
            "crashed": f"its worker was stopped after {ran}",
            "lost": "a later attempt took its place",
        }[kind]
        return failure(kind, what)
