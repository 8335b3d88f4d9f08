"""A child that dies at its Nth mutating call to the disk: `python -m tests.crash.die N MODE -- fsbus words...`.

Run it so to see one death by hand: `python -m tests.crash.die 4 before -- --root /tmp/bus submit --to echo hello`.

`fsbus/spool/atomic.py` is the one module that changes the disk, so its `os` is replaced by a proxy that counts; the
start of an agent's command (`subprocess` in `duties/command.py`) is one more countable step. Nothing else is changed
and the death is a real SIGKILL. Modes:

    before   dies instead of call N          after   dies when call N has taken effect
    torn     dies when half of the bytes of write N are there; other calls are not counted
    never    only counts

`$DIE_STEPS`, a regular expression, chooses what is counted among the lines `name path path...` that describe a step.

`python -m tests.crash.die serve` is the same for a whole sweep: it imports fsbus once, reads one request per line
(JSON), forks a child for it and answers with how that ended, so that a step costs a fork and not a start of Python.
"""
from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

CHANGES = ("write", "link", "rename", "unlink", "mkdir", "makedirs", "rmdir", "symlink", "mkfifo", "fsync")
PROC = os.environ.get("FAKE_MAC_PROC", "/proc")  # see tests/fake_mac.py
FOR_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Deadline:
    """Counts steps, writes each down before it is made, and dies at the one that was asked for."""

    def __init__(self, number: int, mode: str, steps: str = "", trace: int = -1) -> None:
        self.number, self.mode, self._trace = number, mode, trace
        self._steps = re.compile(steps)
        self.count = 0
        self._lock = threading.RLock()

    def step(self, name: str, call: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """Make a call, or die before, in the middle of or after it. One thread at a time, so that N means one call."""
        line = _line(name, args)
        if not self._steps.search(line) or (self.mode == "torn" and name != "write"):
            return call(*args, **more)
        with self._lock:
            self.count += 1
            last = self.count == self.number and self.mode != "never"
            if self._trace >= 0:
                os.write(self._trace, f"{line}\n".encode("utf-8", "replace"))
            if last and self.mode == "before":
                die()
            if last and self.mode == "torn":
                call(args[0], bytes(args[1])[: len(args[1]) // 2])
                die()
            answer = call(*args, **more)
            if last and self.mode == "after":
                die()
            return answer


class CountingOs:
    """The module `os` as `atomic` sees it: everything that changes the disk is a step."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name not in CHANGES:
            return real
        return partial(self._deadline.step, name, real)

    def open(self, path: str, flags: int, *more: Any) -> int:
        """Opening for writing may make a file; opening for reading changes nothing."""
        if not flags & FOR_WRITING:
            return os.open(path, flags, *more)
        return int(self._deadline.step("open", os.open, path, flags, *more))


class CountingSubprocess:
    """The module `subprocess` as `duties/command.py` sees it: the start of a command is a step."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    def Popen(self, argv: Iterable[str], **more: Any) -> Any:  # noqa: N802
        """Start a command."""
        return self._deadline.step("spawn", subprocess.Popen, tuple(argv), **more)


def die() -> None:
    """The end, with nothing flushed, unwound or said."""
    os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()


def run(number: int, mode: str, words: list[str], trace: int = -1) -> int:
    """`fsbus words...` in this process, dying at call `number`."""
    from fsbus.duties import command
    from fsbus.faces.cli import edge
    from fsbus.spool import atomic

    deadline = Deadline(number, mode, os.environ.pop("DIE_STEPS", ""), trace)
    vars(atomic)["os"] = CountingOs(deadline)
    vars(command)["subprocess"] = CountingSubprocess(deadline)
    code = edge.run(words)
    sys.stdout.flush()
    return code


def serve() -> None:
    """Answer requests `{number, mode, words, env}` until stdin ends."""
    preload()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    """Run one request in a forked child; what it printed, the steps it made, its code (negative: the signal)."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as trace:
        pid = os.fork()
        if pid == 0:
            _child(asked, out.fileno(), err.fileno(), trace.fileno())
        _, status = os.waitpid(pid, 0)
        said, talk, steps = (_content(file.fileno()) for file in (out, err, trace))
    return {"code": os.waitstatus_to_exitcode(status), "stdout": said, "stderr": talk, "steps": steps.splitlines(), "pid": pid}


def preload() -> None:
    """Import what the verbs of the sweeps import, so that a forked child has it."""
    import filelock  # noqa: F401

    from fsbus.core import config, gate, task  # noqa: F401
    from fsbus.duties import pull, serve  # noqa: F401
    from fsbus.faces.cli import verbs
    from fsbus.spool import submit  # noqa: F401
    from fsbus.views import overview, story  # noqa: F401

    for verb in ("submit", "tick", "cancel", "task", "status"):
        verbs.module(verb)


def _child(asked: dict[str, Any], out: int, err: int, trace: int) -> None:
    code = 99
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.environ.clear()
        os.environ.update(asked["env"])
        code = run(asked["number"], asked["mode"], asked["words"], trace)
    finally:
        os._exit(code)


def _content(fd: int) -> str:
    return os.pread(fd, 1 << 20, 0).decode("utf-8", "replace")


def _line(name: str, args: tuple[Any, ...]) -> str:
    """A step for people: `rename /a /b`, `write /a`; a file by its name where it is known by its number."""
    paths = [arg for arg in args if isinstance(arg, str)]
    return " ".join((name, *(paths or map(_file, args[:1]))))


def _file(fd: Any) -> str:
    try:
        return os.readlink(f"{PROC}/self/fd/{fd}")
    except OSError:
        return str(fd)


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
    else:
        sys.exit(run(int(sys.argv[1]), sys.argv[2], sys.argv[4:]))
