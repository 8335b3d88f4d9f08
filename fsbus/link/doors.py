"""Which paths outside of the merged channels a peer may name, for what: registers, journals, case folders, results' files; pure.

The grammar is `core/paths.py`; here is only what each kind of request may be about.
"""

from __future__ import annotations

from fsbus.core import gate, order
from fsbus.core.errors import Refused
from fsbus.core.names import is_agent
from fsbus.core.paths import ARRIVING, Spot, split, spot_of
from fsbus.link.side import MAX_FOLDERS, limit_of, sha256

_REGISTERS = ("bus", "agent", "beat", "pause")
_MERGED = ("task", "message", "result", "brief")


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


def staging(path: str) -> str:
    """Where the files of a result lie until they are whole. Raises Refused."""
    if not is_results(path):
        raise unnamed(path)
    folder, name = split(path)
    return f"{folder}/{ARRIVING}{name}"


def base_of(path: str) -> str:
    """The folder, as `is_tree` knows it, in which this path names a file; '' if it names none."""
    spot = spot_of(path)
    if spot is None or spot.kind not in ("file", "case", "log") or (spot.kind == "case" and not spot.inner):
        return ""
    return split(path)[0] if spot.kind == "log" else path[: -len(spot.inner) - 1]


def one_more(folders: int, base: str) -> int:
    """Count a folder that was found below `base`. Raises Refused for more than all its files can lie in."""
    if folders >= MAX_FOLDERS:
        raise Refused(f"more than {MAX_FOLDERS} folders", where=base, then="leave fewer")
    return folders + 1


def unnamed(path: str) -> Refused:
    """What is said to somebody who names such a path."""
    return Refused("no such path may be named by a peer", where=repr(path)[:200])


def checked(path: str, body: bytes, digest: str) -> Spot:
    """What is about to be stored, if it may be named, fits, and arrived as it was sent. Raises Refused."""
    spot = spot_of(path)
    if spot is None or not is_merged(path):
        raise unnamed(path)
    if len(body) > limit_of(path):
        raise Refused(f"this may have {limit_of(path)} bytes, {len(body)} came", where=path)
    if sha256(body) != digest:
        raise Refused("this arrived damaged", where=path)
    return spot


def claims(spot: Spot, body: bytes, dispatch: str) -> None:
    """A result must say of itself what its name says: which task and attempt, and whose. Raises Refused.

    One in dispatch's own outbox was collected, and may be anybody's.
    """
    if spot.kind != "result" or _is_plain(spot, body, dispatch):
        return
    found = gate.own(body.decode("utf-8", "replace"))
    wanted = {"key": spot.key, "attempt": str(spot.attempt)} | ({} if spot.agent == dispatch else {"agent": spot.agent})
    said = found if isinstance(found, dict) else {}
    for word, name in wanted.items():
        if word in said and str(said[word]) != name:
            raise Refused(f"this result says {word}: {str(said[word])[:80]}, its name says {name}")


def _is_plain(spot: Spot, body: bytes, dispatch: str) -> bool:
    """Whether a result begins as fsbus writes it, with the truth: nothing further on can unsay that, since a key that is
    given twice is read by nobody."""
    lines = [line.partition(": ") for line in body[:512].decode("ascii", "replace").split("\n")[:4]]
    if [word for word, _, _ in lines] != ["key", "agent", "host", "attempt"]:
        return False
    key, agent, host, attempt = (value for _, _, value in lines)
    whose = agent == spot.agent or (spot.agent == dispatch and is_agent(agent))
    return whose and is_agent(host) and (key, attempt) == (spot.key, str(spot.attempt))


def checked_edit(path: str, body: bytes, digest: str) -> Spot:
    """The same for the new text of a task that waits."""
    spot = checked(path, body, digest)
    if spot.kind != "task" or spot.name.state != "queued":
        raise Refused("only the text of a queued task may change", where=path)
    return spot


def checked_step(old: str, new: str, dispatch: str) -> None:
    """A rename to a greater name of the same attempt or message. Raises Refused."""
    alike = (is_merged(old) and is_merged(new)) or (is_results(old) and is_results(new))
    if not (alike and order.beaten([new], old, dispatch)):
        raise Refused("that is no step forward", where=f"{old!r} to {new!r}"[:300])
