"""litequeue, two queues in one SQLite file: put, pop, done. Level P: it sets WAL and synchronous NORMAL by itself."""

from collections.abc import Iterator
from pathlib import Path

import pair
from life import Entrant

ENTRANTS = [Entrant("litequeue", "P", "P", ("litequeue",))]


class Lite:
    """One queue."""

    def __init__(self, place: Path, name: str) -> None:
        from litequeue import LiteQueue

        self.queue = LiteQueue(str(place / "lite.db"), queue_name=name, timeout=30)
        self.take = getattr(self.queue, "pop", None) or self.queue.get  # its name changed with 0.9

    def put(self, text: str) -> None:
        """One message."""
        self.queue.put(text)

    def taken(self) -> Iterator[str]:
        """Lock, hand over, done."""
        while (found := self.take()) is not None:
            yield found.data
            self.queue.done(found.message_id)


def queues(place: Path, _setting: str) -> tuple[Lite, Lite]:
    """See pair.py."""
    return Lite(place, "Tasks"), Lite(place, "Results")


def connect(place: Path, setting: str) -> pair.Client:
    """See life/__init__.py."""
    return pair.Client(*queues(place, setting))


def serve(place: Path, setting: str):
    """One worker process."""
    return pair.served("lite_queue", place, setting)
