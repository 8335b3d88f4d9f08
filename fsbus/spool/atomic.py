"""The only module that creates, renames, links, removes or syncs anything in a bus.

Promise: after any call, and after a kill or a power cut inside one, each name is either absent or whole. What was
published is never modified. Every function is one step of DESIGN section 6 and may be repeated after a crash.

Durability is one switch, `FSBUS_DURABILITY`: `power` (the default: what returned survives a power cut) or `kill`
(survives the end of any process, not of the machine; for tests, benchmarks and RAM disks).
"""
from __future__ import annotations

import errno
import fcntl
import os

DIR_MODE, FILE_MODE = 0o700, 0o600
TEMP = ".new-"  # half-written files of ours; `sweep` removes those of dead processes
DISK_TROUBLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.EFBIG})

# On a Mac fsync(2) stops at the drive's cache; this one does not (facts/faults.md row 13).
_FULLFSYNC = getattr(fcntl, "F_FULLFSYNC", None)


_power = os.environ.get("FSBUS_DURABILITY") != "kill"  # as this process was started: it is asked at each step


def durable() -> bool:
    """Whether to pay for power cuts."""
    return _power


def publish(path: str, data: bytes) -> None:
    """A new whole file under a name that nothing had. Raises FileExistsError, and OSError for a disk in trouble."""
    temp = stage(path, data)
    try:
        os.link(temp, path)
    finally:
        os.unlink(temp)
    sync_folder(os.path.dirname(path))


def stage(path: str, data: bytes, sync: bool = True) -> str:
    """The data in a dot-file beside `path`, synced unless `sync_disk` follows; its path. Leaves nothing behind on failure."""
    temp, fd = _open_new(path)
    try:
        _write_all(fd, data)
        if sync:
            _sync(fd)
    except OSError as error:
        os.unlink(temp)
        raise _at(path, error) from None
    finally:
        os.close(fd)
    return temp


def replace(path: str, data: bytes, sync: bool = False) -> None:
    """A register: the whole new content, or the whole old one; without `sync` (a beat) that holds for a kill alone."""
    os.rename(stage(path, data, sync), path)


def _open_new(path: str) -> tuple[str, int]:
    """A new dot-file beside `path`, open for writing.

    One that is there belongs to a dead process that had our number, and may be a second name of what it published:
    it is taken away and never written through.
    """
    folder, _, name = path.rpartition("/")
    temp = f"{folder}/{TEMP}{os.getpid()}-{name}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return temp, os.open(temp, flags, FILE_MODE)
    except FileExistsError:
        os.unlink(temp)
        return temp, os.open(temp, flags, FILE_MODE)


def write(path: str, data: bytes) -> None:
    """A file in a case folder: seen by nobody who takes its presence for a state, so neither staged nor synced."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    try:
        _write_all(fd, data)
    except OSError as error:
        raise _at(path, error) from None
    finally:
        os.close(fd)


def advance(source: str, target: str) -> bool:
    """One rename: the step from state to state. False if the source is gone, that is, somebody else took the step."""
    try:
        os.rename(source, target)
    except FileNotFoundError:
        if os.path.lexists(source):
            raise  # the folder of the target is missing: trouble, not a lost race
        return False
    return True


def publish_staged(temp: str, path: str, sync: bool = True) -> bool:
    """Give a whole file its name beside the one it has, then take the old one away; False if the name was taken.

    A kill in between leaves two links to one file, which `os.stat().st_nlink` tells to recovery.
    """
    try:
        os.link(temp, path, follow_symlinks=False)
    except FileExistsError:
        return False
    if sync:
        sync_folder(os.path.dirname(path))
    os.unlink(temp)
    return True


def mark(path: str) -> bool:
    """A start marker: one folder, made durably, once. False if it was there."""
    try:
        os.mkdir(path, DIR_MODE)
    except FileExistsError:
        return False
    if durable():
        sync_folder(os.path.dirname(path))
    return True


def unmark(path: str) -> None:
    """Take back a marker that this process made a moment ago, for a step that was then not taken."""
    os.rmdir(path)


def note(path: str, data: bytes) -> bool:
    """A small marker file with a content, made once; False if it was there."""
    try:
        publish(path, data)
    except FileExistsError:
        return False
    return True


def tag(path: str, word: str) -> str | None:
    """A marker with a word in it, made once: a symbolic link, since that is made whole in one step.

    Returns the word that was there before, None if it was made now. The caller syncs the folder.
    """
    try:
        os.symlink(word, path)
    except FileExistsError:
        return os.readlink(path)
    return None


def folder(path: str) -> None:
    """A private folder, and those above it, if missing."""
    if not os.path.isdir(path):
        folder(os.path.dirname(path) or ".")  # `makedirs` would give the mode to the last one alone
        os.makedirs(path, DIR_MODE, exist_ok=True)


def append(fd: int, data: bytes) -> None:
    """One record at the end of an append-only file: one write, so that records of several processes do not mix."""
    os.write(fd, data)


def open_log(path: str) -> int:
    """A descriptor for `append`."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)


def extend(path: str, offset: int, data: bytes) -> int:
    """Write at the end of a file that is `offset` long, at 0 a new one; its length then. One of another length is left alone."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, FILE_MODE)
    try:
        size = os.fstat(fd).st_size
        if size == offset:
            os.lseek(fd, size, os.SEEK_SET)
            _write_all(fd, data)
        return max(size, os.fstat(fd).st_size)
    except OSError as error:
        raise _at(path, error) from None
    finally:
        os.close(fd)


def remove_folder(path: str) -> None:
    """Remove a folder of fsbus's own: a day of the archive that is past everybody's retention, a half-arrived one."""
    import shutil
    shutil.rmtree(path, ignore_errors=True)


def discard(path: str) -> bool:
    """Remove a file of fsbus's own that nobody needs any more (never one that a person made); whether it was there."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True


def second_name(path: str, other: str) -> None:
    """Another name for a file of fsbus's own, in a folder that is made if missing; once."""
    folder(os.path.dirname(other))
    try:
        os.link(path, other)
    except FileExistsError:
        pass


def pipe(path: str) -> None:
    """A named pipe, for a bell."""
    try:
        os.mkfifo(path, FILE_MODE)
    except OSError as error:
        raise _at(path, error) from None


def sync_folder(path: str, flush: bool = True) -> None:
    """Make the names in a folder durable, or the content of a file; without `flush` a Mac's drive may still hold it."""
    if not durable():
        return
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _sync(fd, flush)
    finally:
        os.close(fd)


def sync_disk(temps: list[str]) -> None:
    """Make many staged files durable at once: one sync of the disk where that waits for it (Linux), else one flush of it."""
    if len(temps) > 1 and _FULLFSYNC is None and durable():
        os.sync()
    else:
        for temp in temps:
            sync_folder(temp, flush=temp is temps[-1])


def _sync(fd: int, flush: bool = True) -> None:
    # A failed fsync is never retried on the same file: the kernel has dropped the pages, and the second one lies.
    if durable() and _FULLFSYNC is not None and flush:
        fcntl.fcntl(fd, _FULLFSYNC)
    elif durable():
        os.fsync(fd)


def _at(path: str, error: OSError) -> OSError:
    return OSError(error.errno, error.strerror, path)  # a failed write does not know where


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:  # a nearly full disk takes a part first and says so only at the next call
        view = view[os.write(fd, view) :]
