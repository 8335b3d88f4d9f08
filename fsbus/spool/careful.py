"""Reading what others put into a folder: never followed, never blocked on, never more than asked for.

A name in an inbox may be a link to a secret, a pipe that nobody writes to, a device, or a sparse terabyte
(facts/faults.md rows 8 to 10). Everything is looked at without being opened first, and checked again once open.
"""
from __future__ import annotations

import errno
import os
import stat

from fsbus.spool.atomic import DISK_TROUBLE

_ODD_BITS = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX
PIECE = 1 << 16  # bytes that are read at once
Looks = tuple[int, int, int]  # a file's inode, size and mtime (ns)
TWIN = "a file whose name is that of another on a Mac, which does not tell case"

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def looks(facts: os.stat_result) -> Looks:
    """What tells whether a file was changed, or replaced by another, since it was read."""
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


def is_disks_fault(error: OSError) -> bool:
    """Whether the disk, or this process, keeps a file from being read; EFBIG is `read`'s word for a large one."""
    return error.errno in DISK_TROUBLE and error.errno != errno.EFBIG


def flaw(facts: os.stat_result, limit: int, links: int = 1) -> tuple[str, str] | None:
    """What makes a directory entry unfit to be read, and what to do about it; None for an ordinary file."""
    mode = facts.st_mode
    if not stat.S_ISREG(mode):
        return f"this is {_kind(mode)}, not a file", "put a copy of the text itself here"
    if facts.st_nlink > links:
        return "this file has a second name elsewhere (a hard link)", "copy it here with cp"
    if mode & _ODD_BITS:
        return "this file has set-user, set-group or sticky bits", "chmod 600 it and drop it again"
    if facts.st_uid not in (os.geteuid(), 0):
        return f"this file belongs to user {facts.st_uid}", "copy it, so that it is yours"
    if facts.st_size > limit:
        return f"this file has {facts.st_size} bytes, the limit is {limit}", "name a file in the text instead of pasting it"
    return None


def read(path: str, limit: int, links: int = 2) -> bytes:
    """The content of a regular file of at most `limit` bytes.

    Raises OSError: ELOOP for anything that is not an ordinary file, EFBIG for a larger one, and the usual ones.
    `links` is 2 where a crash of ours may have left a second name.
    """
    fd = os.open(path, _OPEN)
    try:
        facts = os.fstat(fd)
        if not stat.S_ISREG(facts.st_mode) or facts.st_nlink > links:
            raise OSError(errno.ELOOP, "not an ordinary file", path)
        data = _read_up_to(fd, limit + 1)
        if len(data) > limit:
            raise OSError(errno.EFBIG, f"larger than {limit} bytes", path)
        return data
    finally:
        os.close(fd)


def read_text(path: str, limit: int = 1 << 20) -> str | None:
    """The text of an ordinary file, undecodable bytes replaced; None if it is missing or is not one."""
    try:
        return read(path, limit, links=1 << 16).decode("utf-8", "replace")
    except OSError:
        return None


def changed(path: str) -> float:
    """When a file was changed last, in seconds since 1970; 0 if it is missing, or a link that leads nowhere."""
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def mapping(path: str) -> dict[str, object]:
    """What a file that fsbus wrote says, as strings by key; {} if it is missing, or says anything else."""
    from fsbus.core import flat

    return flat.load(read_text(path) or "") or {}


def head(path: str, limit: int) -> str:
    """The first `limit` bytes of a file as text, '' if it is missing or no file."""
    return _piece(path, limit, from_end=False)


def tail(path: str, limit: int) -> str:
    """The last `limit` bytes of a file as text, '' if it is missing or no file."""
    return _piece(path, limit, from_end=True)


def _piece(path: str, limit: int, from_end: bool) -> str:
    try:
        fd = os.open(path, _OPEN)
    except OSError:
        return ""
    try:
        start = max(0, os.fstat(fd).st_size - limit) if from_end else 0
        return os.pread(fd, limit, start).decode("utf-8", "replace")
    except OSError:
        return ""  # a folder, or a pipe
    finally:
        os.close(fd)


def below(folder: str) -> tuple[list[str], dict[str, str]]:
    """What lies below a folder, as paths below it in order: the regular files, and what else is there and what that is.

    A file whose name no other host would take is something else, too.
    Links are not followed, not even one that took the folder's own place.
    """
    from fsbus.core.paths import is_twin  # who only submits or looks does not load it

    files: list[str] = []
    odd: dict[str, str] = {}
    if not os.path.islink(folder):
        _look_below(folder, "", files, odd)
    taken: dict[str, str] = {}
    twins = dict.fromkeys((inner for inner in sorted(files) if is_twin(inner, taken)), TWIN)
    return sorted(inner for inner in files if inner not in twins), dict(sorted((odd | twins).items()))


def _look_below(folder: str, inner: str, files: list[str], odd: dict[str, str]) -> None:
    from fsbus.core.paths import crosses

    try:
        with os.scandir(folder) as entries:
            found = list(entries)
    except OSError:
        return
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            _look_below(entry.path, f"{inner}{entry.name}/", files, odd)
        elif not entry.is_file(follow_symlinks=False):
            odd[inner + entry.name] = _kind_of(entry)
        elif crosses(inner + entry.name):
            files.append(inner + entry.name)
        else:
            odd[inner + entry.name] = "a file whose name cannot go to another host"


def _kind_of(entry: os.DirEntry[str]) -> str:
    try:
        return _kind(entry.stat(follow_symlinks=False).st_mode)
    except OSError:
        return "something odd"


def being_written(path: str) -> bool:
    """Whether some process has the file open for writing, as far as this system can tell (Linux can, a Mac cannot)."""
    import fcntl

    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    fd = os.open(path, _OPEN)
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN  # anything else: no leases here (NFS, another owner); fall back to waiting
    finally:
        os.close(fd)
    return False


def _read_up_to(fd: int, limit: int) -> bytes:
    data = chunk = os.read(fd, min(limit, PIECE))
    chunks = [data]
    while len(chunk) == PIECE and limit > PIECE:  # an ordinary file gives less only at its end
        limit -= PIECE
        chunk = os.read(fd, min(limit, PIECE))
        chunks.append(chunk)
    return b"".join(chunks) if len(chunks) > 1 else data


def _kind(mode: int) -> str:
    names = {
        stat.S_IFLNK: "a symbolic link",
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFBLK: "a block device",
        stat.S_IFCHR: "a character device",
        stat.S_IFDIR: "a folder",
    }
    return names.get(stat.S_IFMT(mode), "something odd")
