"""The journal: who moved what, when and why; one append-only file per host and day, `log/<host>/<date>.jsonl`.

It explains and never decides: no state is ever concluded from it, and a torn last line is passed over. Whole records
go into one `write`, so that several processes may share the file. A node that stays up gathers those of one pass and
writes them at its end; a kill in between loses a few milliseconds of the story and nothing of the state. A day is kept
until age has removed all that it tells of.
"""
from __future__ import annotations

import os
import time
from collections import deque

from fsbus.core import jsonline
from fsbus.core.moment import iso
from fsbus.core.names import born, is_day
from fsbus.spool import atomic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from fsbus.core.config import BusConfig

OFTEN = 1.0  # seconds
SKEW = 86400.0  # seconds that the clock of a host may be behind that of the one that made a key
stamp = iso  # a time as fsbus writes it everywhere: UTC, ISO 8601, milliseconds


class Journal:
    """This process's pen: `by` says on whose behalf it writes (a duty, or `submit by human`)."""

    def __init__(self, root: str, host: str) -> None:
        self._folder = f"{root}/log/{host}"
        self._host = host
        self._day = -1  # whose file is open, in days since 1970
        self._fd = -1
        self._path = ""  # of that file
        self._checked = 0.0  # when it was last looked whether that is still the file of this name, on the monotonic clock
        self.gather = False  # records wait for the next `flush`; else each is written at once
        self._records: deque[tuple[float, str, str, str, str, dict[str, object]]] = deque()  # not written yet; of all threads
        self.written = 0  # records so far: whether anything moved

    def record(self, by: str, key: str, event: str, why: str, **more: object) -> None:
        """Append one record; `event` is a move such as `queued > acked`, `why` the rule or the person behind it.

        A journal that cannot be written does not stop the work: the names are the truth, this is the story.
        """
        self.written += 1
        self._records.append((time.time(), by, key, event, why, more))
        if not self.gather:
            self.flush()

    def flush(self) -> None:
        """Write what was recorded."""
        lines = "".join([self._line(*self._records.popleft()) for _ in range(len(self._records))])
        if not lines:
            return
        try:
            atomic.append(self._open(time.time()), lines.encode())
        except OSError:
            self._day = -1

    def _line(self, now: float, by: str, key: str, event: str, why: str, more: dict[str, object]) -> str:
        """One record; many in a row cost half of what they do one by one between other work."""
        return jsonline.line({"at": stamp(now), "host": self._host, "by": by, "key": key, "event": event, "why": why, **more})

    def _open(self, now: float) -> int:
        day = int(now // 86400)
        if day != self._day or not self._is_there():
            self._let_go()
            atomic.folder(self._folder)
            self._path = f"{self._folder}/{_day(now)}.jsonl"
            self._fd, self._day = atomic.open_log(self._path), day
        return self._fd

    def _is_there(self) -> bool:
        """Whether the open file is the one that has its name: somebody may have removed or replaced it.

        Asked for each flush of a node; who writes each record at once asks once in `OFTEN`.
        """
        if not self.gather and time.monotonic() - self._checked < OFTEN:
            return True
        self._checked = time.monotonic()
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(self._fd))
        except OSError:
            return False

    def close(self) -> None:
        """Write the last records and let go of the file."""
        self.flush()
        self._let_go()

    def _let_go(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._day = -1, -1


def story(root: str, key: str) -> Iterator[dict[str, object]]:
    """Every record about one key, of all hosts, oldest first; the day of a key that is of the future says nothing."""
    made = born(key)
    found = recent(root, made - SKEW if made <= time.time() else 0.0, f'"{key}"')
    return iter(sorted(found, key=lambda record: str(record.get("at", ""))))


def recent(root: str, since: float, having: str = "") -> Iterator[dict[str, object]]:
    """The records of all hosts of the days from `since` (seconds since 1970) on, in no order between hosts.

    With `having`, those whose line holds these letters: looking for them is ten times as fast as reading all.
    """
    first = _day(since)
    for path in files(root):
        if os.path.basename(path) >= first:
            yield from _records(path, having)


def first_kept(bus: BusConfig, now: float) -> str:
    """The oldest day that is kept: age has removed what was made before it, and the archive and the case folder of that."""
    return _day(now - bus.keep_results - bus.keep_archive - SKEW)


def files(root: str) -> Iterator[str]:
    """The path of every host's every day."""
    for host in sorted(os.listdir(f"{root}/log")) if os.path.isdir(f"{root}/log") else []:
        folder = f"{root}/log/{host}"
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            if is_day(name.removesuffix(".jsonl")) and name.endswith(".jsonl"):
                yield f"{folder}/{name}"


def _day(moment: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(moment))


def _records(path: str, having: str) -> Iterator[dict[str, object]]:
    import json

    needle = having.encode()
    with open(path, "rb") as lines:
        for raw in lines:
            if needle not in raw:
                continue
            try:
                record = json.loads(raw)
            except (ValueError, RecursionError):
                continue  # torn by a power cut, or written by nobody: another host's journal is a stranger's
            if isinstance(record, dict) and isinstance(record.get("at"), str) and isinstance(record.get("key"), str):
                yield record
