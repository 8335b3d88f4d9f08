"""What fsbus says when it cannot do what was asked: one class per exit code of DESIGN section 9.

An error carries *what* happened, *where*, and what to type *next*; only the edge (`faces/cli/edge.py`) turns
it into a sentence and an exit code. A failed task is data (`core/result.py`), never one of these.
"""
from __future__ import annotations


class FsbusError(Exception):
    """Something a person or a program asked for cannot be done."""

    exit_code = 70  # EX_SOFTWARE: a class below says it better

    def __init__(self, what: str, *, where: str = "", then: str = "") -> None:
        super().__init__(what)
        self.what = what  # one clause, no full stop
        self.where = where  # a path, a key, an agent; may be empty
        self.then = then  # a command or an action that helps; may be empty

    def sentence(self) -> str:
        """The error as one line: what, where, what to type next."""
        where = f" ({self.where})" if self.where else ""
        then = f"; {self.then}" if self.then else ""
        return f"{self.what}{where}{then}"


class BadUsage(FsbusError):
    """The words on the command line, or a value given to the library, do not make sense."""

    exit_code = 2


class NotFound(FsbusError):
    """There is no such bus, host, agent, task, message or file."""

    exit_code = 3


class WaitedTooLong(FsbusError):
    """The time given for waiting is over; what was waited for may still happen."""

    exit_code = 4

    def __init__(self, what: str, *, then: str = "", ended: dict[str, str] | None = None) -> None:
        super().__init__(what, then=then)
        self.ended = ended or {}  # of several tasks those that have: key -> done or failed


class Refused(FsbusError):
    """Policy or the present state forbids it; the same call will be refused again."""

    exit_code = 5


class Unreachable(FsbusError):
    """The other host cannot be reached, or did not answer in time; what it holds is as it was."""

    exit_code = 6


class Mute(Unreachable):
    """The other host lets us in, and no fsbus answers there; plain SFTP may do."""


class TryLater(FsbusError):
    """The disk is full or read-only, or somebody else is at it; the same call may work later (EX_TEMPFAIL)."""

    exit_code = 75


class Unsaid(TryLater):
    """The answer cannot be printed: stdout is closed, or the disk behind it is in trouble."""


def as_typed(path: str) -> str:
    """A path as a shell takes it: for what to type next."""
    from shlex import quote  # only when something went wrong

    return quote(path)
