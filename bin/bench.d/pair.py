"""A worker and a producer over two plain queues, tasks and results, for peers that are queues and have no worker of their own.

Such a peer is a module with `queues(place, setting) -> (tasks, results)`; a queue has put(text) and taken(), which yields what is
there now and ends each when the next is asked for. Nobody tells a reader that something came: both sides look again after a nap.
"""

import contextlib
import importlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from procs import PYTHON, PeerError, running

NAP = 0.0005  # seconds between two looks at an empty queue: in their favour, few users would burn so much
PATIENCE = 120.0  # seconds for all results


def work(module: str, place: str, setting: str) -> None:
    """The worker: text back as the result, for ever."""
    tasks, results = importlib.import_module(f"life.{module}").queues(Path(place), setting)
    (Path(place) / "ready").touch()
    while True:
        count = 0
        for text in tasks.taken():
            results.put(text)
            count += 1
        if not count:
            time.sleep(NAP)


class Client:
    """The producer's side."""

    def __init__(self, tasks, results) -> None:
        self.tasks, self.results = tasks, results

    def submit(self, text: str) -> str:
        """A queue's own name for it is not needed: results are counted."""
        self.tasks.put(text)
        return text

    def collect(self, handles: list[str]) -> list[str]:
        """Take results until there are as many as tasks."""
        got, end = [], time.monotonic() + PATIENCE
        while len(got) < len(handles):
            before = len(got)
            got += self.results.taken()
            if len(got) == before:
                time.sleep(NAP)
            if time.monotonic() > end:
                raise PeerError(f"{len(handles) - len(got)} results missing")
        return got


@contextlib.contextmanager
def served(module: str, place: Path, setting: str, **more: str) -> Iterator[dict[str, str]]:
    """One worker process, once it is there."""
    with running([PYTHON, __file__, module, str(place), setting], place / "worker.log", **more):
        end = time.monotonic() + 20
        while not (place / "ready").exists() and time.monotonic() < end:
            time.sleep(0.01)
        yield more


if __name__ == "__main__":
    work(*sys.argv[1:])
