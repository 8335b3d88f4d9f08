"""The raw limit: what the file system alone takes for the same steps, with no parsing, no checks and no result format.

Per task 2 creates, 5 renames, 1 unlink: publish (create, rename), ack, run, result (create, rename), unlink the task, collect
(rename). Two processes, listing and walking in name order. Setting P: no fsync. D2: rename, then one fsync of the file, for
task and result (2 barriers). D4: fsync of file and directory for both (4 barriers), which is what fsbus promises.
"""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from life import Entrant
from procs import PYTHON, PeerError, running

ENTRANTS = [
    Entrant("raw files", "P", "P", role="raw", bar=0.3),
    Entrant("raw files, fsync file+dir: 4 barriers", "D", "D4", role="raw", bar=0.4),
    Entrant("raw files, rename then fsync: 2 barriers", "D", "D2", role="info"),
]
NAP = 0.0005  # seconds between two looks at an empty directory


def publish(top: str, tmp: str, final: str, data: bytes, setting: str) -> None:
    """Create, rename, and the barriers of the setting."""
    fd = os.open(tmp, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
    os.write(fd, data)
    if setting == "D4":
        os.fsync(fd)
    os.rename(tmp, final)
    if setting == "D2":
        os.fsync(fd)
    os.close(fd)
    if setting == "D4":
        fd = os.open(top, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)


def visible(path: str) -> list[str]:
    """The names in service order."""
    return sorted(n for n in os.listdir(path) if n[0] != ".")


def work(place: str, setting: str) -> None:
    """The worker: each task through acked, running, done."""
    inbox, outbox = f"{place}/inbox", f"{place}/outbox"
    while True:
        names = visible(inbox)
        for name in names:
            one(inbox, outbox, name, setting)
        if not names:
            time.sleep(NAP)


def one(inbox: str, outbox: str, name: str, setting: str) -> None:
    """One task; dot-names keep what is in hand out of the next listing, as states do."""
    os.rename(f"{inbox}/{name}", f"{inbox}/.{name}.acked")
    os.rename(f"{inbox}/.{name}.acked", f"{inbox}/.{name}.running")
    with open(f"{inbox}/.{name}.running", "rb", buffering=0) as file:
        text = file.read()
    publish(outbox, f"{outbox}/.{name}", f"{outbox}/{name}", text, setting)
    os.unlink(f"{inbox}/.{name}.running")


class Client:
    """The producer's side."""

    def __init__(self, place: Path, setting: str) -> None:
        self.place, self.setting, self.count = str(place), setting, 0

    def submit(self, text: str) -> str:
        """Returns the name."""
        self.count += 1
        name = f"5-{self.count:09}-task"
        publish(f"{self.place}/inbox", f"{self.place}/inbox/.{name}", f"{self.place}/inbox/{name}", text.encode(), self.setting)
        return name

    def collect(self, handles: list[str]) -> list[str]:
        """Read each result and rename it to collected/."""
        results, end = [], time.monotonic() + 120
        while len(results) < len(handles):
            names = visible(f"{self.place}/outbox")
            for name in names:
                with open(f"{self.place}/outbox/{name}", "rb", buffering=0) as file:
                    results.append(file.read().decode())
                os.rename(f"{self.place}/outbox/{name}", f"{self.place}/collected/{name}")
            if not names:
                time.sleep(NAP)
            if time.monotonic() > end:
                raise PeerError("raw files: results missing")
        return results


def connect(place: Path, setting: str) -> Client:
    """See life/__init__.py."""
    return Client(place, setting)


@contextlib.contextmanager
def serve(place: Path, setting: str) -> Iterator[dict[str, str]]:
    """One worker process."""
    for name in ("inbox", "outbox", "collected"):
        (place / name).mkdir()
    with running([PYTHON, "-m", "life.raw", str(place), setting], place / "worker.log"):
        yield {}


if __name__ == "__main__":
    work(sys.argv[1], sys.argv[2])
