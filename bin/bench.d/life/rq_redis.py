"""RQ with a real Redis on a unix socket; one worker.

In its favour: unix socket, quiet log, SimpleWorker (no fork) for the figure that is compared; the default worker, which forks
per job, for information. Results are awaited with its blocking `latest_result`. Level M: Redis without AOF. Level D: AOF
always.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from life import Entrant, same
from procs import PYTHON, redis_server, running

NEEDS = ("rq", "redis", "redis-server")
ENTRANTS = [
    Entrant("RQ SimpleWorker on Redis", "M", "M-simple", NEEDS, bar=5),
    Entrant("RQ on Redis, fork per job", "M", "M-fork", NEEDS, share=0.2, role="info"),
    Entrant("RQ SimpleWorker on Redis AOF always", "D", "D-simple", NEEDS, bar=5),
]


class Client:
    """The producer's side."""

    def __init__(self) -> None:
        from redis import Redis
        from rq import Queue

        self.queue = Queue("bench", connection=Redis(unix_socket_path=os.environ["BENCH_SOCKET"]))

    def submit(self, text: str):
        """Returns a Job."""
        return self.queue.enqueue(same, text)

    def collect(self, handles: list) -> list[str]:
        """Wait for each."""
        return [job.latest_result(timeout=120).return_value for job in handles]


def connect(_place: Path, _setting: str) -> Client:
    """See life/__init__.py."""
    return Client()


@contextlib.contextmanager
def serve(place: Path, setting: str) -> Iterator[dict[str, str]]:
    """Redis and one RQ worker."""
    level, _, kind = setting.partition("-")
    with redis_server(place, durable=level == "D") as socket:
        more = {"BENCH_SOCKET": socket}
        worker = {"simple": "rq.SimpleWorker", "fork": "rq.Worker"}[kind]
        rq = str(Path(PYTHON).parent / "rq")
        with running([rq, "worker", "-q", "-w", worker, "-u", f"unix://{socket}", "bench"], place / "worker.log", **more):
            yield more
