"""dirq QueueSimple, two queues (tasks, results): directories without states, so fewer renames than fsbus, and no fsync.

It has no worker of its own; the loop here is its documented consumer loop. For information: it keeps no record of a running task.
"""

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from life import Entrant
from procs import PYTHON, PeerError, running

ENTRANTS = [Entrant("dirq QueueSimple, two queues", "P", "P", needs=("dirq",), role="info")]
NAP = 0.0005  # seconds between two looks at an empty queue


def queues(place: str):
    """(tasks, results)"""
    from dirq.QueueSimple import QueueSimple

    return QueueSimple(f"{place}/tasks"), QueueSimple(f"{place}/results")


def taken(queue) -> Iterator[bytes]:
    """Everything that is there now, locked, read and removed after use."""
    for name in queue:
        if queue.lock(name):
            yield queue.get(name)
            queue.remove(name)


def work(place: str) -> None:
    """The worker: text back as the result."""
    tasks, results = queues(place)
    while True:
        if not sum(1 for text in taken(tasks) if results.add(text)):
            time.sleep(NAP)


class Client:
    """The producer's side."""

    def __init__(self, place: Path) -> None:
        self.tasks, self.results = queues(str(place))

    def submit(self, text: str) -> str:
        """Returns dirq's name."""
        return self.tasks.add(text)

    def collect(self, handles: list[str]) -> list[str]:
        """Take results until there are as many as tasks."""
        got, end = [], time.monotonic() + 120
        while len(got) < len(handles):
            before = len(got)
            got += [data.decode() if isinstance(data, bytes) else data for data in taken(self.results)]
            if len(got) == before:
                time.sleep(NAP)
            if time.monotonic() > end:
                raise PeerError("dirq: results missing")
        return got


def connect(place: Path, _setting: str) -> Client:
    """See life/__init__.py."""
    return Client(place)


@contextlib.contextmanager
def serve(place: Path, _setting: str) -> Iterator[dict[str, str]]:
    """One worker process."""
    with running([PYTHON, "-m", "life.dirq_simple", str(place)], place / "worker.log"):
        yield {}


if __name__ == "__main__":
    work(sys.argv[1])
