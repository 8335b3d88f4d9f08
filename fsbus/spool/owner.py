"""Who owns something that runs, and whether they are provably gone: host, pid AND start time, or not gone.

A pid alone is reused within hours; unknown means alive (DESIGN section 6, crash rules). The processes that an
attempt started are recognised by the environment they inherit, whatever group or session they moved to, so that a
worker killed between `fork` and its own notes leaves nothing unfindable.
"""
from __future__ import annotations

import os
import signal

_PROC = "/proc"


def exists(pid: int) -> bool:
    """Whether a process of this number is there (a zombie is not)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _status(pid) != "Z"


def start_time(pid: int) -> str:
    """When a process began, in the system's own words; '' if it is gone or cannot be asked."""
    fields = _proc_fields(pid)
    if fields:
        return fields[19]
    if os.path.isdir(_PROC):
        return ""
    return _ps("-o", "lstart=", "-p", str(pid)).strip()


def gone(pid: int, started: str) -> bool:
    """Whether the process that had this number and start time has provably ended."""
    if not exists(pid):
        return True
    now = start_time(pid)
    return bool(now and started and now != started)


def marked(marks: dict[str, str]) -> list[int]:
    """The processes of this user whose environment holds all these variables, this process and its parents excepted."""
    wanted = {f"{name}={value}" for name, value in marks.items()}
    mine = _ancestors(os.getpid())
    return [pid for pid, environment in _environments() if pid not in mine and wanted <= environment]


def kill_all(marks: dict[str, str]) -> list[int]:
    """End all processes with these marks, those they start meanwhile included; returns whom it met."""
    met: list[int] = []
    for _ in range(50):  # a fork bomb is not ours to win, but a shell that starts one more child is
        pids = marked(marks)
        if not pids:
            break
        for pid in pids:
            signal_one(pid, signal.SIGKILL)
        met += [pid for pid in pids if pid not in met]
    return met


def signal_one(pid: int, number: int) -> None:
    """Send a signal to a process that may be gone."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def signal_group(group: int, number: int) -> None:
    """Send a signal to a process group that may be gone."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        pass


def group_exists(group: int) -> bool:
    """Whether a process group has members."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # a Mac says so of a group of zombies, and of somebody else's
    return True


def _environments() -> list[tuple[int, set[str]]]:
    if os.path.isdir(_PROC):
        return [(int(name), _proc_environment(name)) for name in os.listdir(_PROC) if name.isdigit()]
    rows = (row.split() for row in _ps("-wwEo", "pid=,command=").splitlines())
    return [(int(words[0]), set(words[1:])) for words in rows if words]


def _proc_environment(pid: str) -> set[str]:
    try:
        with open(f"{_PROC}/{pid}/environ", "rb") as file:
            return set(file.read().decode("utf-8", "surrogateescape").split("\0"))
    except OSError:
        return set()


def _ancestors(pid: int) -> set[int]:
    found: set[int] = set()
    while pid > 1 and pid not in found:
        found.add(pid)
        pid = _parent(pid)
    return found


def _parent(pid: int) -> int:
    fields = _proc_fields(pid)
    if fields:
        return int(fields[1])
    text = "" if os.path.isdir(_PROC) else _ps("-o", "ppid=", "-p", str(pid)).strip()
    return int(text) if text.isdigit() else 0


def _status(pid: int) -> str:
    fields = _proc_fields(pid)
    return fields[0] if fields else ""


def _proc_fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name: state, parent, ..., start time (index 19)."""
    try:
        with open(f"{_PROC}/{pid}/stat", "rb") as file:
            return file.read().decode("ascii", "replace").rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return []


def _ps(*words: str) -> str:
    import subprocess

    return subprocess.run(["ps", *words], capture_output=True, text=True, check=False).stdout
