"""Whether the disk still has a place for what is worth keeping; what says that the system has none for a process."""
from __future__ import annotations

import errno
import os

ROOM = 256 << 10  # bytes without which no command is started: its output and result would have no place
ROOM_FILES = 16  # and so many files
CROWDED = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})  # too many processes, or open files, for now


def need_room(path: str) -> None:
    """Raise ENOSPC if the disk that holds this folder is so full that nothing worth keeping could be kept there."""
    if is_full(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


def is_full(path: str) -> bool:
    """Whether this disk has no room for anything worth keeping."""
    disk = os.statvfs(path)
    no_files = disk.f_files and disk.f_favail < ROOM_FILES  # some file systems do not count them
    return bool(_free(disk) < ROOM or no_files)


def free(path: str) -> int:
    """Bytes that may still be written to the disk that holds this folder."""
    return _free(os.statvfs(path))


def _free(disk: os.statvfs_result) -> int:
    return disk.f_bavail * disk.f_frsize
