"""`fsbus sync --serve` on a host that was taken over: it lists, names and sends what no honest one does.

Started in place of fsbus over there; it speaks the protocol, and serves the tree that it finds, with lies on top.
"""
from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from fsbus.__main__ import main
from fsbus.core.gathered import Listing
from fsbus.link import doors
from fsbus.link.local import Local

CLIMBS = [("../../../../climbed", 7), ("a/../../../climbed", 7), ("/tmp/fsbus-climbed", 7), ("fine.txt", 7), ("big.bin", 1 << 62)]


class Liar(Local):
    """A tree with more in it than there is."""


    def listing(self, folders: Iterable[str] | None = None) -> Listing:
        """The names as they are, unread, and nonsense."""
        found = super().listing(folders)
        day = time.strftime("%Y%m%d", time.gmtime(time.time() - 86400))  # what is as old as the retention crosses to nobody
        inbox = found.setdefault("agents/code/outbox", {})
        for number in range(50_000):
            inbox[f"5-{day}-000000000-{number:06d}-many.a1.done.md"] = (1 << 40, "")
        for name in ("..", "climb", f"5-{day}-000000000-aaaaaa-x.a1.done.md.exe"):
            inbox[name.replace("..", "0..")] = (7, "")
        return found

    def files(self, path: str) -> list[tuple[str, int]]:
        """A result's folder that leads elsewhere."""
        return CLIMBS if doors.is_results(path) else super().files(path)

    def piece(self, path: str, offset: int, limit: int) -> bytes:
        """Something."""
        return b"climbed"[offset:] if ".files/" in path else super().piece(path, offset, limit)


if __name__ == "__main__":
    from fsbus.link import serve

    serve.Local = Liar  # type: ignore[misc]
    sys.exit(main())
