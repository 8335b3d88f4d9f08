"""A TCP proxy of the tests that stands for the network between two hosts: it resets, and loses what goes one way.

A direction that is shut keeps its bytes until it is open again, as TCP does when packets are lost and sent anew.
"""
from __future__ import annotations

import selectors
import socket
import struct
import threading

OUT, BACK = 0, 1  # from who dials, and to it
CHUNK = 4096
NEVER = 1 << 60


class Wire:
    """One port here for one port there; `out` and `back` count the bytes that went each way."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        self.went = [0, 0]  # bytes so far, by direction
        self.until = [NEVER, NEVER]  # both ends get a reset when so many bytes went that way
        self.open = [True, True]
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._over = False
        threading.Thread(target=self._listen, name="wire", daemon=True).start()

    def close(self) -> None:
        """No more connections."""
        self._over = True
        self._door.close()
        self.reset()

    def lose(self, *ways: int) -> None:
        """Nothing goes these ways any more, and nobody is told."""
        for way in ways:
            self.open[way] = False

    def cut_after(self, way: int, count: int) -> None:
        """Reset whatever is connected once so many more bytes went this way."""
        self.until[way] = self.went[way] + count

    def heal(self) -> None:
        """As it should be."""
        self.until = [NEVER, NEVER]
        self.open = [True, True]

    def reset(self) -> None:
        """Both ends of every connection get a TCP reset."""
        pairs, self._pairs = self._pairs, []
        for sock in (one for pair in pairs for one in pair):
            try:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.shutdown(socket.SHUT_RD)  # whoever reads here stops; the close that follows is the reset
            except OSError:
                pass
            sock.close()

    def _listen(self) -> None:
        while not self._over:
            try:
                near, _ = self._door.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                continue
            for sock in (near, far):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._pairs.append((near, far))
            threading.Thread(target=self._carry, args=(near, far), daemon=True).start()

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        with selectors.DefaultSelector() as ready:
            ready.register(near, selectors.EVENT_READ, (far, OUT))
            ready.register(far, selectors.EVENT_READ, (near, BACK))
            try:
                while all(self._some(key.fileobj, *key.data) for key, _ in ready.select(0.05)):
                    pass
            except (OSError, ValueError):
                pass
        near.close()
        far.close()

    def _some(self, source: socket.socket, target: socket.socket, way: int) -> bool:
        if not self.open[way]:
            threading.Event().wait(0.01)
            return True
        chunk = source.recv(max(1, min(CHUNK, self.until[way] - self.went[way])))
        target.sendall(chunk)
        self.went[way] += len(chunk)
        if self.went[way] >= self.until[way]:
            self.reset()
        return bool(chunk)
