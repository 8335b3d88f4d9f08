"""The steps of one pass that have nothing to do with each other: what is in the way of one keeps none of the others waiting.

A task that dispatch cannot read, an agent whose folder the disk refuses, a fault of ours that one name brings to light:
each is met at every pass, and would stop whatever comes after it for good. So a step for one of many is taken `apart`,
and the pass tells the first trouble when it is over: shown by `status`, said once on stderr, tried again.
"""
from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import TypeVar

    One = TypeVar("One")
    Done = TypeVar("Done")


class Apart:
    """What was in the way during one pass."""

    def __init__(self) -> None:
        self._first: Exception | None = None
        self.met = 0  # steps that something was in the way of, in all passes

    def __call__(self, about: str = "") -> Step:
        """`with apart(f"{name} cannot be read"):` one of many; what it raises is kept, with what it was about."""
        return Step(self, about)

    def each(self, many: Iterable[One], do: Callable[[One], Done], about: str = "") -> list[Done]:
        """Do this with each of many; what came of it with those with which it could be done. `about` says `{}` for the one."""
        done = []
        for one in many:
            with self(about.format(one)):
                done.append(do(one))
        return done

    def keep(self, error: Exception, about: str = "") -> None:
        """It was in the way of a step."""
        self.met += 1
        if self._first is None:
            if about:
                error.add_note(about)
            self._first = error

    def tell(self) -> None:
        """The pass is over: raise the first of what was in the way, if anything was."""
        first, self._first = self._first, None
        if first is not None:
            raise first


class Step:
    """One of many."""

    __slots__ = ("_about", "_apart")

    def __init__(self, apart: Apart, about: str) -> None:
        self._apart, self._about = apart, about

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        if not isinstance(error, Exception):
            return False
        self._apart.keep(error, self._about)
        return True
