"""What cannot be taken in is kept unchanged in `inbox/rejected/`, beside NAME.why, under a name that nothing had."""
from __future__ import annotations

import errno
import os
import stat

from fsbus.spool import atomic, careful

NAME_MAX = 255  # bytes, on every file system that matters
NOTE_MAX = NAME_MAX - 20  # of a note: while it is half-written it has `.new-` and a process number before its name
KEPT_MAX = NOTE_MAX - len(".why")  # of a name with a number, so that its note has one, too
WHY_LIMIT = 1 << 20  # bytes of a note that are compared

WHY = """\
{name} was not taken in as a {what}.

{why}

The file lies unchanged beside this note. {then}
"""


def keep(folder: str, path: str, name: str, why: str) -> None:
    """Move what lies at `path` into `folder` as `name`, or nearly so, with the reason beside it; may be repeated."""
    atomic.folder(folder)
    text = why.encode()
    kept = _free(folder, name, text)
    atomic.note(_note(folder, kept), text)
    if stat.S_ISREG(os.lstat(path).st_mode):
        atomic.publish_staged(path, f"{folder}/{kept}")
    else:  # a folder, or what not every disk gives a second name: HFS+ none to a symbolic link
        atomic.advance(path, f"{folder}/{kept}")


def _free(folder: str, name: str, why: bytes) -> str:
    """A name under which nothing lies in `rejected/`: what was kept there is never overwritten.

    A `.why` without its file is only reused if it says the same: then a kill came between the two.
    """
    for number in range(1, 100_000):
        candidate = fitting(name, f".{number}", KEPT_MAX) if number > 1 else name
        note = _note(folder, candidate)
        if not os.path.lexists(f"{folder}/{candidate}") and (not os.path.lexists(note) or _says(note, why)):
            return candidate
    raise FileExistsError(errno.EEXIST, "rejected/ is full of this name", f"{folder}/{name}")


def _note(folder: str, kept: str) -> str:
    return f"{folder}/{fitting(kept, '.why', NOTE_MAX)}"


def _says(note: str, why: bytes) -> bool:
    try:
        return careful.read(note, WHY_LIMIT) == why
    except OSError:
        return False


def fitting(name: str, suffix: str, most: int = NAME_MAX) -> str:
    """The name with its suffix, cut to so many bytes: what a file system takes."""
    raw, room = os.fsencode(name), most - len(suffix)
    return (name if len(raw) <= room else raw[:room].decode("utf-8", "ignore")) + suffix
