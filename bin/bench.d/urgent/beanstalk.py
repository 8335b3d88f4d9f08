"""beanstalkd with greenstalk: put, reserve; the delete that ends a job comes after its time was taken.

Level M as it comes; level D with its binlog and an fsync for each write.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from procs import free_port, listening, running, wait_for
from urgent import Entrant

NEEDS = ("greenstalk", "beanstalkd")
ENTRANTS = [
    Entrant("beanstalkd, greenstalk", "M", "M", NEEDS),
    Entrant("beanstalkd -b -f0, greenstalk", "D", "D", NEEDS),
]


@contextlib.contextmanager
def serve(place: Path, setting: str) -> Iterator[dict[str, str]]:
    """One beanstalkd."""
    port = free_port()
    (place / "binlog").mkdir()
    keep = ["-b", str(place / "binlog"), "-f", "0"] if setting == "D" else []
    with running(["beanstalkd", "-l", "127.0.0.1", "-p", str(port), *keep], place / "beanstalkd.log") as process:
        wait_for(lambda: listening(port), process, place / "beanstalkd.log")
        yield {"BENCH_PORT": str(port)}


def connect():
    """A client."""
    import greenstalk

    return greenstalk.Client(("127.0.0.1", int(os.environ["BENCH_PORT"])))


def send(_place: Path, _setting: str, texts: Iterator[str]) -> None:
    """See urgent/__init__.py."""
    client = connect()
    for text in texts:
        client.put(text)


def receive(_place: Path, _setting: str, ready: Callable, seen: Callable) -> None:
    """See urgent/__init__.py."""
    client = connect()
    ready()
    more = True
    while more:
        job = client.reserve()
        more = seen(job.body)
        client.delete(job)
