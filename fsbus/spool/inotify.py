"""File events of Linux, straight from the kernel (inotify(7)), taken in as often as somebody asks and not oftener.

watchfiles has a thread that wakes up for each event: beside a busy node, which renames every task three times within
the watched folders, that was four switches and a quarter of the time of a task (2 cores; bin/bench, life). On a Mac it
is the way (`fsevents`).
"""
from __future__ import annotations

import ctypes
import errno
import os
import select
import struct
import time
from collections.abc import Generator, Iterator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fsbus.spool.watcher import Stop

EVENT = struct.Struct("iIII")  # of <sys/inotify.h>: watch, mask, cookie, length of the name that follows
IN_CLOSE_WRITE, IN_MOVED_TO, IN_CREATE, IN_ONLYDIR = 0x8, 0x80, 0x100, 0x01000000
COMES = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ONLYDIR  # what goes needs no hint
ROOM = 65536  # bytes that are read at once
LOST = -1  # the watch of an event that says that there were too many


def batches(folders: list[str], seconds: float, stop: Stop) -> Generator[list[str], None, None]:
    """For `seconds`: the folders in which something came since the last batch, one for each event.

    Raises OSError where the kernel has no more watches to give.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    eye = _checked(libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
    try:
        watched = dict(_watch(libc, eye, folders))
        poll = select.poll()
        for fd in (eye, stop.fd):
            poll.register(fd, select.POLLIN)
        end = time.monotonic() + seconds
        while not stop.is_set() and (left := end - time.monotonic()) > 0:
            if poll.poll(left * 1000) and not stop.is_set():
                yield _folders(os.read(eye, ROOM), watched)
    finally:
        os.close(eye)


def _watch(libc: ctypes.CDLL, eye: int, folders: list[str]) -> Iterator[tuple[int, str]]:
    for folder in folders:
        try:
            yield _checked(libc.inotify_add_watch(eye, os.fsencode(folder), COMES)), folder
        except FileNotFoundError:
            continue  # it was removed a moment ago


def _folders(data: bytes, watched: dict[int, str]) -> list[str]:
    found, at = [], 0
    while at < len(data):
        watch, _, _, length = EVENT.unpack_from(data, at)
        found += list(watched.values()) if watch == LOST else [watched[watch]] if watch in watched else []
        at += EVENT.size + length
    return found


def _checked(answer: int) -> int:
    if answer < 0:
        number = ctypes.get_errno() or errno.EIO
        raise OSError(number, os.strerror(number))
    return answer
