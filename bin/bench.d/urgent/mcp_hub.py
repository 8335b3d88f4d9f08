"""A hub that agents reach over MCP: the MCP SDK's own server (streamable HTTP, 127.0.0.1), tools `send` and `recv`.

`recv` is a long poll: it returns when a message is there. What is in the queue is lost with the server. In its favour: no log,
and one session for all calls.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from procs import PYTHON, free_port, listening, running, wait_for
from urgent import Entrant

ENTRANTS = [Entrant("MCP hub, streamable HTTP, long poll", "M", "M", ("mcp",), bar=20)]


def hub(port: int) -> None:
    """The server's process."""
    from mcp.server.mcpserver import MCPServer

    server, queue = MCPServer("bench", log_level="ERROR"), asyncio.Queue()

    @server.tool()
    async def send(text: str) -> str:
        """Send a message."""
        queue.put_nowait(text)
        return "sent"

    @server.tool()
    async def recv() -> str:
        """The next message; waits for it."""
        return await queue.get()

    server.run("streamable-http", port=port)


@contextlib.contextmanager
def serve(place: Path, _setting: str) -> Iterator[dict[str, str]]:
    """One hub."""
    port = free_port()
    with running([PYTHON, "-m", "urgent.mcp_hub", str(port)], place / "hub.log") as process:
        wait_for(lambda: listening(port), process, place / "hub.log")
        yield {"BENCH_PORT": str(port)}


@contextlib.asynccontextmanager
async def connect():
    """A client in a session."""
    from mcp.client import Client

    async with Client(f"http://127.0.0.1:{os.environ['BENCH_PORT']}/mcp") as client:
        yield client


def send(_place: Path, _setting: str, texts: Iterator[str]) -> None:
    """See urgent/__init__.py."""

    async def all_of_them() -> None:
        async with connect() as client:
            for text in texts:
                await client.call_tool("send", {"text": text})

    asyncio.run(all_of_them())


def receive(_place: Path, _setting: str, ready: Callable, seen: Callable) -> None:
    """See urgent/__init__.py."""

    async def all_of_them() -> None:
        async with connect() as client:
            ready()
            while seen((await client.call_tool("recv", {})).content[0].text):
                pass

    asyncio.run(all_of_them())


if __name__ == "__main__":
    hub(int(sys.argv[1]))
