"""Who owns something that runs, and whether they are provably gone: host, pid AND start time, or not gone.

A pid alone is reused within hours; unknown means alive (DESIGN section 6, crash rules). The processes that an
attempt started are recognised by the environment they inherit, whatever group or session they moved to, so that a
worker killed between `fork` and its own notes leaves nothing unfindable. A Mac has no /proc and is asked by `ps`; of
its own programs (sh, sleep) it hides the environment, so those are recognised by the files that they print into.
"""
from __future__ import annotations

import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_PROC = "/proc"
SYSTEM = "/usr/bin:/bin:/usr/sbin:/sbin"  # where ps and lsof are, whatever PATH a service was given
PATIENCE = 10.0  # seconds for them: lsof asks every mounted disk, a dead server's, too, for two each


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
    """When a process began, in the system's own words; '' if it is gone or cannot be asked, `ended` of a Mac's zombie."""
    fields = _proc_fields(pid)
    if fields:
        return fields[19]
    if os.path.isdir(_PROC):
        return ""
    state, _, began = _said("ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)).strip().partition(" ")
    return "ended" if state[:1] == "Z" else began.strip()


def gone(pid: int, started: str) -> bool:
    """Whether the process that had this number and start time has provably ended."""
    if not exists(pid):
        return True
    now = start_time(pid)
    return bool(now and started and now != started)


def marked(marks: dict[str, str], outputs: Iterable[str] = ()) -> list[int]:
    """The processes of this user whose environment holds all these variables, this process and its parents excepted.

    Where an environment may be hidden, those that write into one of these files as well.
    """
    mine, (gap, environments) = _ancestors(os.getpid()), _environments()
    clear = {name: value for name, value in marks.items() if gap == "\0" or value.isascii()}  # ps has its own way with others
    wanted = [f"{gap}{name}={value}{gap}" for name, value in clear.items()]
    found = dict.fromkeys(pid for pid, environment in environments if all(one in environment for one in wanted))
    return [pid for pid in found | dict.fromkeys(_writers(outputs)) if pid not in mine]


def kill_all(marks: dict[str, str], outputs: Iterable[str] = ()) -> list[int]:
    """End all processes that `marked` finds, those they start meanwhile included; returns whom it met."""
    met: list[int] = []
    for _ in range(50):  # a fork bomb is not ours to win, but a shell that starts one more child is
        pids = marked(marks, outputs)
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


def _environments() -> tuple[str, list[tuple[int, str]]]:
    """What stands before and behind each variable, and the variables of each process."""
    if os.path.isdir(_PROC):
        return "\0", [(int(name), _proc_environment(name)) for name in os.listdir(_PROC) if name.isdigit()]
    rows = (row.strip().partition(" ") for row in _said("ps", "-xwwE", "-o", "pid=", "-o", "command=").split("\n"))
    return " ", [(int(pid), f"{text} ") for pid, _, text in rows if pid.isdigit()]


def _proc_environment(pid: str) -> str:
    try:
        with open(f"{_PROC}/{pid}/environ", "rb") as file:
            return f"\0{file.read().decode('utf-8', 'surrogateescape')}\0"
    except OSError:
        return ""


def _writers(files: Iterable[str]) -> list[int]:
    """Who has one of these files open for writing, where /proc does not tell more; who only reads is left alone."""
    there = [] if os.path.isdir(_PROC) else list(filter(os.path.exists, files))
    words = ("lsof", "-w", "-S", "2", "-a", "-u", str(os.getuid()), "-F", "pa", "--", *there)
    found, pid = [], 0
    for line in _said(*words).splitlines() if there else []:
        if line[:1] == "p":
            pid = int(line[1:])
        elif line in ("aw", "au"):
            found.append(pid)
    return found


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
    text = "" if os.path.isdir(_PROC) else _said("ps", "-o", "ppid=", "-p", str(pid)).strip()
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


def _said(*words: str) -> str:
    """What a program of the system prints, '' if it may not be asked: the sandbox of an agent program starts no `ps`.

    Always in one language and time zone: those of whoever asks differ from those of the process that is asked about, and
    a Mac travels.
    """
    import subprocess

    env = os.environ | {"LC_ALL": "C", "TZ": "UTC", "PATH": f"{os.environ.get('PATH', '')}:{SYSTEM}"}
    try:
        done = subprocess.run(words, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "surrogateescape")
