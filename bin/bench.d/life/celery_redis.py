"""Celery with a real Redis as broker and result backend, on a unix socket; one worker.

In its favour: unix socket rather than TCP, log level ERROR, the solo pool (one process, no pipe to a child) for the figure
that is compared; prefork with one child, its default, for information. Level M: Redis without AOF. Level D: AOF, appendfsync
always.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from life import Entrant, same
from procs import PYTHON, redis_server, running

NEEDS = ("celery", "redis", "redis-server")
ENTRANTS = [
    Entrant("Celery on Redis (solo pool)", "M", "M-solo", NEEDS, bar=5),
    Entrant("Celery on Redis (prefork, 1 child)", "M", "M-prefork", NEEDS, role="info"),
    Entrant("Celery on Redis AOF always (solo pool)", "D", "D-solo", NEEDS, bar=5),
]


def application():
    """The Celery app and its one task; the worker finds it as life.celery_redis:app."""
    from celery import Celery

    url = f"redis+socket://{os.environ['BENCH_SOCKET']}"
    made = Celery("bench", broker=url, backend=url)
    return made, made.task(name="same")(same)


if "BENCH_SOCKET" in os.environ:
    app, same_task = application()


class Client:
    """The producer's side."""

    def submit(self, text: str):
        """Returns an AsyncResult."""
        return same_task.delay(text)

    def collect(self, handles: list) -> list[str]:
        """Wait for each."""
        return [handle.get(timeout=120) for handle in handles]


def connect(_place: Path, _setting: str) -> Client:
    """See life/__init__.py."""
    return Client()


@contextlib.contextmanager
def serve(place: Path, setting: str) -> Iterator[dict[str, str]]:
    """Redis and one Celery worker."""
    level, _, pool = setting.partition("-")
    with redis_server(place, durable=level == "D") as socket:
        more = {"BENCH_SOCKET": socket, "C_FORCE_ROOT": "1"}
        command = [PYTHON, "-m", "celery", "-A", "life.celery_redis", "worker", "--pool", pool, "-c", "1", "--loglevel", "ERROR"]
        with running(command, place / "worker.log", **more):
            yield more
