"""huey without a server: FileHuey (files under one lock, never fsynced) and SqliteHuey (WAL, synchronous FULL by default).

In its favour: its consumer and its waiting producer look every 5 ms rather than 100 to 1,000 ms, and its log is quiet.
Level P: FileHuey, and SqliteHuey(fsync=False). Level D: SqliteHuey as it comes.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from life import Entrant, same
from procs import PYTHON, running

NEEDS = ("huey",)
ENTRANTS = [
    Entrant("huey FileHuey", "P", "file", NEEDS, bar=2),
    Entrant("huey SqliteHuey fsync=False", "P", "sqlite-fast", NEEDS, role="peer"),
    Entrant("huey SqliteHuey as it comes", "D", "sqlite", NEEDS, bar=1),
]
LOOK = 0.005  # seconds between two looks; huey's own defaults are 0.1 to 10 s


def application():
    """The huey instance and its one task; the consumer finds it as life.huey_files.app."""
    from huey import FileHuey, SqliteHuey

    place, setting = os.environ["BENCH_HUEY"].split("|")
    if setting == "file":
        made = FileHuey("bench", path=place)
    elif setting == "sqlite-fast":
        made = SqliteHuey("bench", filename=f"{place}/huey.db", fsync=False)
    else:
        made = SqliteHuey("bench", filename=f"{place}/huey.db")
    return made, made.task(name="same")(same)


if "BENCH_HUEY" in os.environ:
    app, same_task = application()


class Client:
    """The producer's side."""

    def submit(self, text: str):
        """Returns a Result."""
        return same_task(text)

    def collect(self, handles: list) -> list[str]:
        """Wait for each."""
        return [handle.get(blocking=True, timeout=120, max_delay=LOOK) for handle in handles]


def connect(_place: Path, _setting: str) -> Client:
    """See life/__init__.py."""
    return Client()


@contextlib.contextmanager
def serve(place: Path, setting: str) -> Iterator[dict[str, str]]:
    """One huey consumer with one worker thread, its default."""
    more = {"BENCH_HUEY": f"{place}|{setting}"}
    consumer = str(Path(PYTHON).parent / "huey_consumer")
    command = [consumer, "life.huey_files.app", "-w", "1", "-d", str(LOOK), "-m", str(LOOK), "-q", "-n"]
    with running(command, place / "worker.log", **more):
        yield more
