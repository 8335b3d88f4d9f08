"""The journal: who moved what, when and why; one append-only file per host and day, `log/<host>/<date>.jsonl`.

It explains and never decides: no state is ever concluded from it, and a torn last line is passed over. One record
is one `write`, so that several processes may share the file.
"""
from __future__ import annotations

import os
import time

from fsbus.core import jsonline
from fsbus.core.moment import iso as stamp  # a time as fsbus writes it everywhere: UTC, ISO 8601, milliseconds
from fsbus.spool import atomic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class Journal:
    """This process's pen: `by` says on whose behalf it writes (a duty, or `submit by human`)."""

    def __init__(self, root: str, host: str) -> None:
        self._folder = f"{root}/log/{host}"
        self._host = host
        self._day = -1  # whose file is open, in days since 1970
        self._fd = -1
        self.written = 0  # records so far: whether anything moved

    def record(self, by: str, key: str, event: str, why: str, **more: object) -> None:
        """Append one record; `event` is a move such as `queued > acked`, `why` the rule or the person behind it.

        A journal that cannot be written does not stop the work: the names are the truth, this is the story.
        """
        now = time.time()
        self.written += 1
        record = {"at": stamp(now), "host": self._host, "by": by, "key": key, "event": event, "why": why, **more}
        try:
            atomic.append(self._open(now), jsonline.line(record).encode())
        except OSError:
            self._day = -1

    def _open(self, now: float) -> int:
        day = int(now // 86400)
        if day != self._day:
            self.close()
            atomic.folder(self._folder)
            name = time.strftime("%Y-%m-%d", time.gmtime(now))
            self._fd, self._day = atomic.open_log(f"{self._folder}/{name}.jsonl"), day
        return self._fd

    def close(self) -> None:
        """Let go of the file."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._day = -1, -1


def story(root: str, key: str) -> Iterator[dict[str, object]]:
    """Every record about one key, of all hosts, oldest first."""
    found = [record for path in _files(root) for record in _records(path, f'"{key}"')]
    return iter(sorted(found, key=lambda record: str(record.get("at", ""))))


def recent(root: str, since: float, having: str = "") -> Iterator[dict[str, object]]:
    """The records of all hosts of the days from `since` (seconds since 1970) on, in no order between hosts.

    With `having`, those whose line holds these letters: looking for them is ten times as fast as reading all.
    """
    first = time.strftime("%Y-%m-%d", time.gmtime(since))
    for path in _files(root):
        if os.path.basename(path)[:10] >= first:
            yield from _records(path, having)


def _files(root: str) -> Iterator[str]:
    for host in sorted(os.listdir(f"{root}/log")) if os.path.isdir(f"{root}/log") else []:
        folder = f"{root}/log/{host}"
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            if name.endswith(".jsonl"):
                yield f"{folder}/{name}"


def _records(path: str, having: str) -> Iterator[dict[str, object]]:
    import json

    needle = having.encode()
    with open(path, "rb") as lines:
        for raw in lines:
            if needle not in raw:
                continue
            try:
                record = json.loads(raw)
            except ValueError:
                continue  # torn by a power cut
            if isinstance(record, dict):
                yield record
