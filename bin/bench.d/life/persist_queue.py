"""persist-queue's SQLiteAckQueue, one database each for tasks and results: put, get, ack.

Level D: WAL with synchronous FULL, as it comes. Its queue in plain files is for one process and cannot take part.
"""

from collections.abc import Iterator
from pathlib import Path

import pair
from life import Entrant

ENTRANTS = [Entrant("persist-queue SQLiteAckQueue", "D", "D", ("persistqueue",), bar=1)]


class Acked:
    """One queue."""

    def __init__(self, place: Path, name: str) -> None:
        from persistqueue import SQLiteAckQueue

        self.queue = SQLiteAckQueue(str(place / name), auto_commit=True, timeout=30)

    def put(self, text: str) -> None:
        """One item."""
        self.queue.put(text)

    def taken(self) -> Iterator[str]:
        """Get, hand over, ack."""
        from persistqueue import Empty

        while True:
            try:
                found = self.queue.get(block=False, raw=True)
            except Empty:
                return
            yield found["data"]
            self.queue.ack(id=found["pqid"])


def queues(place: Path, _setting: str) -> tuple[Acked, Acked]:
    """See pair.py."""
    return Acked(place, "tasks"), Acked(place, "results")


def connect(place: Path, setting: str) -> pair.Client:
    """See life/__init__.py."""
    return pair.Client(*queues(place, setting))


def serve(place: Path, setting: str):
    """One worker process."""
    return pair.served("persist_queue", place, setting)
