"""Every path that may cross between hosts: one grammar, asked before anything that a peer names touches a disk.

    agents/<a>/inbox/            <stem>.a<N>.queued|acked|running.<ext>, .brief-<key>.a<N>.yaml
    agents/<a>/outbox[/late]/    <stem>.a<N>.done|failed.<ext>, <stem>.a<N>.result.yaml, <stem>.a<N>.files/…
    agents/<a>/urgent[/read]/    <key>-<type>.from-<agent>.<state>.<ext>: new in urgent/, every other state in read/
    agents/<a>/runs/<stem>.a<N>/…, agents/<a>/alive.yaml, agents/<a>/agent.yaml, agents/<a>/PAUSE
    log/<host>/<date>.jsonl, bus.yaml

`parse_path` is total: whatever is not one of these is None, never an exception. What lies below a `.files` or a case
folder was named by an agent; of it only what no disk can take for another place is let through.
"""
from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from fsbus.core.names import is_agent, is_day, parse_message, parse_task
from fsbus.core.states import INBOX_STATES, NEW, OUTBOX_STATES

PATH_BYTES = 1000  # macOS takes 1024 in all, and the root's own path is part of that
PART_BYTES = 255  # of one name, on every file system we know
DEPTH = 16  # folders below a `.files` or case folder
FILES_MOST = 10_000  # files below one
LEFT_OUT = "left-out"  # in a case folder: what the agent left for its result and cannot travel
RESULT, FILES, BRIEF = ".result.yaml", ".files", ".brief-"
ARRIVING, GOING = ".in-", ".gone-"  # before the name of what is on its way here, or being removed
INBOX, OUTBOX, LATE, URGENT, SEEN, RUNS = "inbox", "outbox", "outbox/late", "urgent", "urgent/read", "runs"
CHANNELS = (INBOX, OUTBOX, LATE, URGENT, SEEN)  # upstream first: a move doubles, never vanishes
REGISTERS = {"alive.yaml": "beat", "agent.yaml": "agent", "PAUSE": "pause"}  # of an agent; written by one host, copied one way

_LONGEST = f"agents/{'a' * 64}/{LATE}/0-20000101-000000000-000000-{'a' * 32}.a9999{FILES}/"  # what may stand before an `inner`


class Spot(NamedTuple):
    """What a path names."""

    kind: str  # task, message; result, files, brief (beside a task); file (below `.files`), case (below `runs`); and the
    # registers beat, agent, pause, log, bus
    agent: str  # whose; of a log, the host
    channel: str  # inbox … urgent/read, or runs; '' for registers
    name: Any  # a TaskName or MessageName, else the last part of the path, or the folder it is below
    key: str  # of which task or message, '' for registers
    attempt: int  # 0 for messages and registers
    inner: str  # the path below `.files` or below the case folder


def parse_path(path: object) -> Spot | None:
    """What this path, relative to the root, names; None if it may not cross."""
    if not isinstance(path, str) or len(path) > PATH_BYTES or not path.isprintable() or len(path.encode()) > PATH_BYTES:
        return None
    parts = path.split("/")
    if path == "bus.yaml":
        return Spot("bus", "", "", path, "", 0, "")
    if parts[0] == "log" and len(parts) == 3:
        return _log(parts[1], parts[2])
    if parts[0] != "agents" or len(parts) < 3 or not is_agent(parts[1]):
        return None
    if len(parts) == 3:
        kind = REGISTERS.get(parts[2])
        return Spot(kind, parts[1], "", parts[2], "", 0, "") if kind else None
    return _below(parts[1], parts[2:])


spot_of = lru_cache(1 << 13)(parse_path)  # who stores a name asks four times, and a batch has a thousand


def split(path: str) -> tuple[str, str]:
    """A path's folder and its last part."""
    folder, _, name = path.rpartition("/")
    return folder, name


def _log(host: str, name: str) -> Spot | None:
    ok = is_agent(host) and is_day(name[:10]) and name[10:] == ".jsonl"
    return Spot("log", host, "", name, "", 0, "") if ok else None


def _below(agent: str, parts: list[str]) -> Spot | None:
    if parts[0] == RUNS:
        return _beside("case", agent, RUNS, parts[1], parts[2:])
    deep = len(parts) > 2 and f"{parts[0]}/{parts[1]}" in (LATE, SEEN)
    channel, rest = ("/".join(parts[:2]), parts[2:]) if deep else (parts[0], parts[1:])
    if channel in (URGENT, SEEN):
        return _message(agent, channel, rest[0]) if len(rest) == 1 else None
    if channel == INBOX and len(rest) == 1 and rest[0].startswith(BRIEF):
        return _brief(agent, rest[0])
    if channel not in (INBOX, OUTBOX, LATE):
        return None
    if channel != INBOX and rest[0].endswith(FILES):
        return _beside("file" if rest[1:] else "files", agent, channel, rest[0], rest[1:])
    return _in_channel(agent, channel, rest[0]) if len(rest) == 1 else None


def _in_channel(agent: str, channel: str, name: str) -> Spot | None:
    if channel != INBOX and name.endswith(RESULT):
        return _beside("result", agent, channel, name, [])
    task = parse_task(name)
    if task is None or task.state not in (INBOX_STATES if channel == INBOX else OUTBOX_STATES):
        return None
    return Spot("task", agent, channel, task, task.key, task.attempt, "")


def _message(agent: str, channel: str, name: str) -> Spot | None:
    message = parse_message(name)
    if message is None or (message.state == NEW) != (channel == URGENT):
        return None
    return Spot("message", agent, channel, message, message.key, 0, "")


def _brief(agent: str, name: str) -> Spot | None:
    key = name[len(BRIEF) : len(BRIEF) + 25]
    task = parse_task(f"0-{key}-x{name[len(BRIEF) + 25 :].removesuffix('.yaml')}.queued.yaml")
    ok = task is not None and name == f"{BRIEF}{task.key}.a{task.attempt}.yaml"
    return Spot("brief", agent, INBOX, name, key, task.attempt, "") if ok and task is not None else None


def _beside(kind: str, agent: str, channel: str, name: str, inner: list[str]) -> Spot | None:
    suffix = {"result": RESULT, "case": ""}.get(kind, FILES)
    task = parse_task(f"{name.removesuffix(suffix)}.done.yaml")
    if task is None or len(inner) > DEPTH or not all(map(_harmless, inner)):
        return None
    return Spot(kind, agent, channel, name, task.key, task.attempt, "/".join(inner))


def crosses(inner: str) -> bool:
    """Whether a file that an agent leaves for its result may go to other hosts under this path below `.files`."""
    return parse_path(f"{_LONGEST}{inner}") is not None


def is_twin(inner: str, taken: dict[str, str]) -> bool:
    """Whether some disk takes this path, or a folder on the way, for another of those that `taken` knows; it learns this one.

    A Mac's tells neither case nor how a letter with an accent is written: what arrives there would not be what was announced.
    """
    parts = inner.split("/")
    steps = ("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))
    return any(taken.setdefault(_folded(step), step) != step for step in steps)


def _folded(path: str) -> str:
    if path.isascii():
        return path.lower()
    from unicodedata import normalize

    return normalize("NFD", normalize("NFD", path).casefold())


def _harmless(part: str) -> bool:
    """Whether this names something in its own folder, on every file system."""
    return part not in ("", ".", "..") and len(part.encode("utf-8", "replace")) <= PART_BYTES and "\\" not in part
