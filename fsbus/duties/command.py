"""One run of one command: its own process group, its output straight into the case folder, its end by the ladder.

Output goes to files and not through us, so that it survives the worker and needs no thread. The group is signalled
while its leader is still unreaped, since a reaped leader's number may belong to somebody else.
"""
from __future__ import annotations

import errno
import os
import select
import signal
import subprocess
import threading
from functools import lru_cache
from typing import Any

from fsbus.spool import owner
from fsbus.spool.atomic import FILE_MODE

_bytes = lru_cache(maxsize=512)(os.fsencode)  # of variables, which are the same for every command but for a few


class Command:
    """A started command. `wait` in one thread, `stop` from any other."""

    def __init__(self, argv: tuple[str, ...], stdin: str, stdout: str, stderr: str, cwd: str, env: dict[str, str]) -> None:
        """Start it; a `~/` before the program is our home, as in `cwd`. Raises OSError if it cannot be started."""
        fds = [os.open(stdin, os.O_RDONLY | os.O_CLOEXEC)]
        try:
            fds += [_new(stdout)]
            fds += [_new(stderr)]
            variables = {_bytes(name): _bytes(value) for name, value in env.items()}
            self._process = subprocess.Popen(
                _found(argv), stdin=fds[0], stdout=fds[1], stderr=fds[2], cwd=cwd, env=variables, start_new_session=True
            )
        except ValueError as error:  # a word or a variable that no process can be given: one with a zero byte, say
            raise OSError(errno.EINVAL, str(error)) from None
        finally:
            for fd in fds:
                os.close(fd)
        self.pid = self._process.pid
        self._lock = threading.Lock()  # between signalling the group and reaping its leader
        self._reaped = False

    def wait(self) -> int:
        """Sleep until it has ended, end what it left running, and return its code (negative: by that signal)."""
        try:
            _sleep_until_dead(self.pid)
        finally:  # a Ctrl-C, where a person waits for the check of their own work
            with self._lock:
                owner.signal_group(self.pid, signal.SIGKILL)
                code = self._process.wait()
                self._reaped = True
        return code

    def stop(self, number: signal.Signals) -> None:
        """Send a signal to its whole group, if it is still there."""
        with self._lock:
            if not self._reaped:
                owner.signal_group(self.pid, number)


def _found(argv: tuple[str, ...]) -> tuple[str, ...]:
    return (os.path.expanduser(argv[0]), *argv[1:]) if argv[0].startswith("~/") else argv


def _new(path: str) -> int:
    """An empty file for its owner alone, whatever the umask: what agents print holds secrets."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)


def _sleep_until_dead(pid: int) -> None:
    """Return when the process is dead and not yet reaped."""
    if hasattr(os, "waitid"):
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        return
    mac: Any = select  # a Mac before Python 3.13
    exits = mac.kevent(pid, mac.KQ_FILTER_PROC, mac.KQ_EV_ADD, mac.KQ_NOTE_EXIT)
    queue = mac.kqueue()
    try:
        queue.control([exits], 1)
    except ProcessLookupError:
        pass  # dead before we asked
    finally:
        queue.close()
