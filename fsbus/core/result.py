"""How an attempt ended, as data: the `.result.yaml` beside an ended task (DESIGN section 5).

A failed task is a value, not an exception: what went wrong, of which kind, whether another attempt may help, and
what was tried.
"""
from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from fsbus.core.moment import iso, moment
from fsbus.core.refusal import Refusal

KINDS = {
    "exit": "the command ended with a code other than 0",
    "timeout": "it ran longer than it may",
    "silent": "it wrote nothing and touched no file for too long",
    "crashed": "its worker, or the machine, went away under it",
    "lost": "its lease ran out, or a later attempt took its place",
    "cancelled": "somebody asked for its end",
    "limit": "a usage limit of the agent program",
    "auth": "the agent program is not logged in",
    "denied": "the agent program was refused what it needed",
    "empty": "it ended well and had done nothing",
    "bad-input": "the task cannot be run as it is written",
    "verify": "the work does not pass its check, or lacks the file it should have made",
    "spawn": "the command could not be started",
}
# What another attempt may mend. `exit` is decided by the code: 75 (EX_TEMPFAIL of sysexits.h) asks for one.
RETRYABLE = frozenset({"timeout", "silent", "crashed", "lost", "limit", "verify", "empty"})
TRY_AGAIN = 75
STDERR_TAIL = 2000  # bytes of stderr kept with a failure
# Bounds on what agents write: the failures of all attempts go into one file, and before each further attempt.
SUMMARY_MOST = 120  # characters of a summary that is a result's first line
WHAT_MOST = 500  # characters of `what`
TRIED_MOST = 20  # lines of `tried`, the last ones
LINE_MOST = 200  # characters of such a line
LATEST = 7258118400.0  # the year 2200; a moment beyond it is a slip (milliseconds, most of them), and no clock shows it


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed, and what dispatch needs to decide about it."""

    what: str  # one sentence for people
    kind: str  # one of KINDS
    retryable: bool  # whether the same task may succeed later or elsewhere
    tried: tuple[str, ...] = ()  # one line per try
    exit_code: int | None = None  # of the command; negative = ended by that signal
    stderr_tail: str = ""  # the last it said
    own_words: bool = field(default=False, compare=False)  # the program says so itself, also that it is final; not in a result
    until: float | None = None  # for `limit`: when it ends, in seconds since 1970

    def data(self) -> dict[str, Any]:
        """As it stands under `error` in the result file; only a limit has an `until`."""
        head = {"what": self.what, "kind": self.kind, "retryable": self.retryable, "tried": list(self.tried)}
        head |= {"exit_code": self.exit_code, "stderr_tail": self.stderr_tail}
        if self.until is not None:
            head["until"] = iso(self.until)
        return head


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one try came to: a success, or a failure."""

    failure: Failure | None = None  # None = success
    result: Any = None  # text or data
    summary: str = ""  # one line
    cost: str | float = ""  # what it cost: a number, or the program's own words
    session: str = ""  # with which the program can go on
    verify: str = ""  # what the check said

    @property
    def state(self) -> str:
        """The state that the task's name takes."""
        return "failed" if self.failure else "done"

    def failed(self, failure: Failure) -> Outcome:
        """The same work, found wanting."""
        return replace(self, failure=failure)


@dataclass(frozen=True, slots=True)
class Ending:
    """Who ended what, when: the frame around an outcome."""

    key: str
    agent: str
    host: str
    attempt: int
    started: str  # ISO 8601, UTC
    ended: str
    took: float  # seconds of work
    tries: int = 1
    files: tuple[str, ...] = ()  # names of what the agent left
    left_out: tuple[str, ...] = ()  # what it left that is no regular file, each with what it is

    def data(self, outcome: Outcome) -> dict[str, Any]:
        """The whole result file, in the order in which people read it: the text that may be long comes last.

        What has no value is null or empty and not missing: scripts read these fields by name.
        """
        head: dict[str, Any] = {"key": self.key, "agent": self.agent, "host": self.host, "attempt": self.attempt}
        head |= {"state": outcome.state, "started": self.started, "ended": self.ended, "took": round(self.took, 3)}
        cost = None if outcome.cost == "" else outcome.cost  # 0 is a cost
        head |= {"tries": self.tries, "summary": outcome.summary, "cost": cost, "session": outcome.session or None}
        head |= {"verify": outcome.verify or None, "files": list(self.files)}
        if self.left_out:
            head["left_out"] = list(self.left_out)
        if outcome.failure:
            head["error"] = outcome.failure.data()
        return head | {"result": outcome.result}


def failure(kind: str, what: str, **more: Any) -> Failure:
    """A failure of a kind, retryable as its kind is unless said otherwise."""
    more.setdefault("retryable", kind in RETRYABLE)
    return Failure(what, kind, **more)


def ended_by_code(code: int, stderr: str) -> Failure:
    """The failure of a command that ended with this code (negative: by a signal)."""
    tail = stderr[-STDERR_TAIL:]
    last = next((line for line in reversed(tail.splitlines()) if line.strip()), "")
    said = f": {last.strip()[:200]}" if last else ""
    if code < 0:
        return failure("crashed", f"the command was ended by signal {-code}{said}", exit_code=code, stderr_tail=tail)
    what = f"the command ended with code {code}{said}"
    return failure("exit", what, retryable=code == TRY_AGAIN, exit_code=code, stderr_tail=tail)


def bad_input(why: Refusal) -> Failure:
    """The failure of a task that cannot be run as it is written."""
    return failure("bad-input", why.sentence())


def first_line(result: object) -> str:
    """The summary of a result for which nobody wrote one: the first line of a text that says something."""
    if not isinstance(result, str):
        return ""
    return next((line.strip()[:SUMMARY_MOST] for line in result.splitlines() if line.strip()), "")


def read_failure(data: object) -> Failure | None:
    """A structured failure that an agent wrote under `error`; None if there is none; total."""
    if data is None:
        return None
    if not isinstance(data, dict):
        return failure("exit", str(data)[:WHAT_MOST], own_words=True)
    kind = data.get("kind")
    kind = kind if isinstance(kind, str) and kind in KINDS else "exit"
    retryable = data.get("retryable", kind in RETRYABLE)
    tried = data.get("tried") or []
    return failure(
        kind,
        str(data.get("what") or KINDS[kind])[:WHAT_MOST],
        retryable=retryable is True or str(retryable).lower() in ("true", "yes"),
        tried=tuple(str(line)[:LINE_MOST] for line in (tried if isinstance(tried, list) else [tried])[-TRIED_MOST:]),
        exit_code=data["exit_code"] if isinstance(data.get("exit_code"), int) else None,
        stderr_tail=str(data.get("stderr_tail") or "")[-STDERR_TAIL:],
        until=_until(data.get("until")),
        own_words=True,
    )


def _until(value: object) -> float | None:
    """A time, or seconds since 1970: as a number, or as text, which `1795380539.950` stays when it is read."""
    if isinstance(value, str):
        found = moment(value)
        value = found if isinstance(found, float) else _number(value)
    return float(value) if isinstance(value, (int, float)) and 0 <= value < LATEST else None


def _number(text: str) -> float | None:
    whole, _, fraction = text.strip().partition(".")
    return float(text) if text.isascii() and whole.isdigit() and (fraction.isdigit() or not fraction) else None
