"""redis-py on a real redis-server, by unix socket: pub/sub, and a list with a blocking pop.

Pub/sub loses what nobody listens for. The list is kept while the server lives (M), or on the disk with AOF always (D).
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from procs import redis_server
from urgent import Entrant

NEEDS = ("redis", "redis-server")
ENTRANTS = [
    Entrant("redis-py pub/sub", "M", "pubsub", NEEDS, bar=1),
    Entrant("redis-py list, BLPOP", "M", "list", NEEDS),
    Entrant("redis-py list, BLPOP, AOF always", "D", "list-D", NEEDS),
]


@contextlib.contextmanager
def serve(place: Path, setting: str) -> Iterator[dict[str, str]]:
    """One redis-server."""
    with redis_server(place, durable=setting == "list-D") as socket:
        yield {"BENCH_SOCKET": socket}


def connect():
    """A client."""
    from redis import Redis

    return Redis(unix_socket_path=os.environ["BENCH_SOCKET"])


def send(_place: Path, setting: str, texts: Iterator[str]) -> None:
    """See urgent/__init__.py."""
    client = connect()
    put = client.publish if setting == "pubsub" else client.rpush
    for text in texts:
        put("bench", text)


def receive(_place: Path, setting: str, ready: Callable, seen: Callable) -> None:
    """See urgent/__init__.py."""
    client = connect()
    if setting != "pubsub":
        ready()
        while seen(client.blpop("bench")[1].decode()):
            pass
        return
    channel = client.pubsub(ignore_subscribe_messages=True)
    channel.subscribe("bench")
    ready()
    for message in channel.listen():
        if not seen(message["data"].decode()):
            return
