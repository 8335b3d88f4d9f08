"""What keeps a step from being done, in one sentence: the disk's trouble, a refusal, or a fault of fsbus itself.

A fault of ours shows where it is, on stderr and once in this process; then it is a trouble like the others.
"""
from __future__ import annotations

import traceback

from fsbus.core.errors import FsbusError

_shown: set[str] = set()  # faults whose traceback was printed


def sentence(error: Exception) -> str:
    """The trouble in words, after what it was about, where that was noted (`duties/apart`)."""
    return ": ".join((*reversed(getattr(error, "__notes__", ())), _what(error)))


def _what(error: Exception) -> str:
    if isinstance(error, FsbusError):
        return error.sentence()
    if isinstance(error, OSError):
        return f"{error.strerror} ({error.filename})" if error.filename else str(error.strerror or error)
    what = f"a bug in fsbus: {type(error).__name__}: {error}; please report it with what the log of its node says"
    if what not in _shown:
        _shown.add(what)
        traceback.print_exception(error)
    return what
