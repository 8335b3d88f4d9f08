"""What commands print with: answers on stdout, talk on stderr, nothing that acts on a terminal."""
from __future__ import annotations

import errno
import sys

from fsbus.core.errors import Unsaid, as_typed
from fsbus.core.screen import safe, safe_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any


_named: list[str] = []  # the bus that --root named, as it is typed


def name_root(root: str) -> None:
    """Every command that is told from now on names this bus, since without it the reader would be at another one."""
    _named[:] = [as_typed(root)]


def typable(text: str) -> str:
    """The text with commands that work as they stand. `on vps: fsbus up` and `ssh vps, then fsbus up` are for another root."""
    if not _named or "fsbus " not in text or "over there" in text:
        return text
    import re

    from fsbus.faces.cli.verbs import VERBS

    told = "|".join(verb for verb in VERBS if verb != "init")
    return re.sub(rf"(?<!: )(?<!then )\bfsbus (?=({told})\b)", lambda _: f"fsbus --root {_named[0]} ", text)


class Done:
    """Around what is printed of something that has been done: where that fails, nobody may be told to do it again."""

    def __init__(self, what: str, then: str) -> None:
        """`what` was done, and `then` is what to type to see it."""
        self._what, self._then = what, then

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if error is None:
                flush()
        except Unsaid as unsaid:
            error = unsaid
        if isinstance(error, Unsaid):
            raise Unsaid(f"{self._what}, but {error.what}", then=self._then) from None


def put(text: str) -> None:
    """A piece of the answer as it stands. Raises Unsaid, and BrokenPipeError where the reader has had enough."""
    try:
        sys.stdout.write(text)
    except OSError as error:
        raise _unsaid(error) from None


def flush() -> None:
    """Bring out what was printed so far. Raises as `put`."""
    try:
        sys.stdout.flush()
    except OSError as error:
        raise _unsaid(error) from None


def say(text: str) -> None:
    """One line of the answer."""
    put(safe_line(text) + "\n")


def show(text: str) -> None:
    """A text as the answer, escaped where it would act on a terminal, ended by a newline."""
    put(safe(text) + ("" if text.endswith("\n") else "\n"))


def talk(text: str) -> None:
    """A line beside the answer; where nobody can hear it, it stays unsaid."""
    flush()  # so that `2>&1` shows them in order
    try:
        sys.stderr.write(safe_line(typable(text)) + "\n")
    except OSError:
        pass


def as_json(data: Any) -> None:
    """Data as the answer."""
    import json

    put(json.dumps(data, indent=2, ensure_ascii=True, default=str) + "\n")


def _unsaid(error: OSError) -> OSError | Unsaid:
    if isinstance(error, BrokenPipeError):
        return error
    why = "stdout is closed" if error.errno == errno.EBADF else str(error.strerror or error)
    return Unsaid(f"the answer cannot be printed: {why}", then="type it again when that is mended")
