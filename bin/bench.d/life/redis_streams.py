"""redis-py, a stream with a consumer group for tasks, one for results: XADD, XREADGROUP, XACK; unix socket.

Level M: Redis without AOF. Level D: AOF, appendfsync always.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pair
from life import Entrant
from procs import redis_server

NEEDS = ("redis", "redis-server")
ENTRANTS = [
    Entrant("Redis streams, redis-py", "M", "M", NEEDS),
    Entrant("Redis streams, redis-py, AOF always", "D", "D", NEEDS, bar=1),
]
WAIT = 10  # ms that one look waits in the server for something to come
MOST = 64  # messages of one look


class Stream:
    """One stream with one group of one reader."""

    def __init__(self, client, name: str) -> None:
        from redis.exceptions import ResponseError

        self.client, self.name = client, name
        with contextlib.suppress(ResponseError):  # the other process made it
            client.xgroup_create(name, "bench", id="0", mkstream=True)

    def put(self, text: str) -> None:
        """One entry."""
        self.client.xadd(self.name, {"text": text})

    def taken(self) -> Iterator[str]:
        """Read, hand over, ack."""
        found = self.client.xreadgroup("bench", "one", {self.name: ">"}, count=MOST, block=WAIT) or []
        for _, entries in found.items() if isinstance(found, dict) else found:
            for entry in entries if isinstance(entries[0], tuple) else entries[0]:
                yield entry[1][b"text"].decode()
                self.client.xack(self.name, "bench", entry[0])


def queues(_place: Path, _setting: str) -> tuple[Stream, Stream]:
    """See pair.py."""
    from redis import Redis

    client = Redis(unix_socket_path=os.environ["BENCH_SOCKET"])
    return Stream(client, "tasks"), Stream(client, "results")


def connect(place: Path, setting: str) -> pair.Client:
    """See life/__init__.py."""
    return pair.Client(*queues(place, setting))


@contextlib.contextmanager
def serve(place: Path, setting: str) -> Iterator[dict[str, str]]:
    """Redis and one worker."""
    with contextlib.ExitStack() as stack:
        socket = stack.enter_context(redis_server(place, durable=setting == "D"))
        yield stack.enter_context(pair.served("redis_streams", place, setting, BENCH_SOCKET=socket))
