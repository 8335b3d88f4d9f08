"""NATS core by nats-py on a real nats-server, TCP on 127.0.0.1; the sender flushes after each message.

It loses what nobody listens for. The time is taken before the flush is answered.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from procs import free_port, listening, running, wait_for
from urgent import Entrant

ENTRANTS = [Entrant("NATS core, nats-py", "M", "M", ("nats", "nats-server"))]


@contextlib.contextmanager
def serve(place: Path, _setting: str) -> Iterator[dict[str, str]]:
    """One nats-server."""
    port = free_port()
    with running(["nats-server", "-a", "127.0.0.1", "-p", str(port)], place / "nats.log") as process:
        wait_for(lambda: listening(port), process, place / "nats.log")
        yield {"BENCH_PORT": str(port)}


async def connect():
    """A client."""
    import nats

    return await nats.connect(f"nats://127.0.0.1:{os.environ['BENCH_PORT']}")


def send(_place: Path, _setting: str, texts: Iterator[str]) -> None:
    """See urgent/__init__.py."""

    async def all_of_them() -> None:
        client = await connect()
        for text in texts:
            await client.publish("bench", text.encode())
            await client.flush()

    asyncio.run(all_of_them())


def receive(_place: Path, _setting: str, ready: Callable, seen: Callable) -> None:
    """See urgent/__init__.py."""

    async def all_of_them() -> None:
        client = await connect()
        subscription = await client.subscribe("bench")
        await client.flush()
        ready()
        async for message in subscription.messages:
            if not seen(message.data.decode()):
                return

    asyncio.run(all_of_them())
