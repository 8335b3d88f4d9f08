"""Which paths outside of the merged channels a peer may name, for what: registers, journals, case folders, results' files; pure.

The grammar is `core/paths.py`; here is only what each kind of request may be about.
"""

from __future__ import annotations

from functools import lru_cache

from fsbus.core.names import is_agent
from fsbus.core.paths import parse_path, split

_REGISTERS = ("bus", "agent", "beat", "pause")
_MERGED = ("task", "message", "result", "brief")

spot_of = lru_cache(1 << 13)(parse_path)  # one put asks four times, a batch has a thousand


def kind(path: str) -> str:
    """The kind of what a path names, '' for none."""
    spot = spot_of(path)
    return spot.kind if spot is not None else ""


def is_register(path: str) -> bool:
    """bus.yaml, and agents/<a>/agent.yaml, alive.yaml, PAUSE."""
    return kind(path) in _REGISTERS


def is_whole(path: str) -> bool:
    """A file that is read and put whole: a register, or one that is merged."""
    return kind(path) in (*_REGISTERS, *_MERGED)


def is_merged(path: str) -> bool:
    """A file that is put under a name for good."""
    return kind(path) in _MERGED


def is_results(path: str) -> bool:
    """agents/<a>/outbox/<run>.files, also in late/."""
    return kind(path) == "files"


def is_tree(path: str) -> bool:
    """A folder whose files may be asked for: a result's, a case folder, log/<host>."""
    spot = spot_of(path)
    if spot is None:
        head, name = split(path)
        return head == "log" and is_agent(name)
    return spot.kind == "files" or (spot.kind == "case" and not spot.inner)


def base_of(path: str) -> str:
    """The folder, as `is_tree` knows it, in which this path names a file; '' if it names none."""
    spot = spot_of(path)
    if spot is None or spot.kind not in ("file", "case", "log") or (spot.kind == "case" and not spot.inner):
        return ""
    return split(path)[0] if spot.kind == "log" else path[: -len(spot.inner) - 1]
