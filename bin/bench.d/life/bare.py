"""The floor under fsbus: every file, folder, link and rename that DESIGN asks of one task, made by a script that asks nothing.

It parses no name, reads no YAML, looks for no other end of the task, decides nothing, and would do the wrong thing after a kill.
What fsbus takes beyond it is all that fsbus could still save. Two processes, as with fsbus: the producer publishes by link; the
node acks all it sees, then marks, runs and ends one after the other, then collects them; a line of the journal for each step.
"""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from life import Entrant
from procs import PYTHON, PeerError, running

ENTRANTS = [Entrant("bare: the files and renames of fsbus", "P", "P", role="info")]
NAP = 0.0005  # seconds between two looks at a folder in which nothing is new
FOLDERS = ("inbox", "outbox", "runs", "collected", "marks")
LINE = b"." * 180 + b"\n"  # of the journal


def publish(folder: str, name: str, data: bytes) -> None:
    """A whole file under a name that nothing had."""
    temp = f"{folder}/.new-{name}"
    fd = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.write(fd, data)
    os.close(fd)
    os.link(temp, f"{folder}/{name}")
    os.unlink(temp)


def visible(folder: str, word: str) -> list[str]:
    """The stems of what is in this state, in service order."""
    return sorted(name[: -len(word)] for name in os.listdir(folder) if name.endswith(word) and name[0] != ".")


def work(place: str) -> None:
    """The node."""
    os.chdir(place)
    journal = os.open("journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    while True:
        stems = visible("inbox", ".queued")
        for stem in stems:
            os.rename(f"inbox/{stem}.queued", f"inbox/{stem}.acked")
        for stem in stems:
            run(stem)
        for stem in stems:
            collect(stem)
        os.write(journal, 4 * len(stems) * LINE)
        if not stems:
            time.sleep(NAP)


def run(stem: str) -> None:
    """Mark, start, publish, end."""
    with open(f"inbox/{stem}.acked", "rb", buffering=0) as file:
        data = file.read()
    os.mkdir(f"runs/{stem}", 0o700)
    os.rename(f"inbox/{stem}.acked", f"inbox/{stem}.running")
    publish("outbox", f"{stem}.result", data)
    os.rename(f"inbox/{stem}.running", f"outbox/{stem}.done")


def collect(stem: str) -> None:
    """Mark, then the result, then the name."""
    os.symlink("a1.done", f"marks/{stem}")
    os.rename(f"outbox/{stem}.result", f"collected/{stem}.result")
    os.rename(f"outbox/{stem}.done", f"collected/{stem}.done")


class Client:
    """The producer's side."""

    def __init__(self, place: Path) -> None:
        self.place, self.count = str(place), 0

    def submit(self, text: str) -> str:
        """Returns the stem."""
        self.count += 1
        stem = f"5-20261122-{self.count:09}-m2x9rt-bump-the-dependencies.a1"
        publish(f"{self.place}/inbox", f"{stem}.queued", text.encode())
        return stem

    def collect(self, handles: list[str]) -> list[str]:
        """Wait for the names, read each result."""
        folder, end = f"{self.place}/collected", time.monotonic() + 120
        while not set(handles) <= set(visible(folder, ".done")):
            if time.monotonic() > end:
                raise PeerError("bare: results missing")
            time.sleep(NAP)
        return [Path(f"{folder}/{stem}.result").read_text() for stem in handles]


def connect(place: Path, _setting: str) -> Client:
    """See life/__init__.py."""
    return Client(place)


@contextlib.contextmanager
def serve(place: Path, _setting: str) -> Iterator[dict[str, str]]:
    """One worker process."""
    for name in FOLDERS:
        (place / name).mkdir()
    with running([PYTHON, "-m", "life.bare", str(place)], place / "worker.log"):
        yield {}


if __name__ == "__main__":
    work(sys.argv[1])
