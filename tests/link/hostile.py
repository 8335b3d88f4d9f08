"""An SSH server whose SFTP says whatever it likes: names that lead out, files without an end, listings without an end."""
from __future__ import annotations

import os
import socket
import stat
import threading
from pathlib import Path
from typing import Any

import paramiko

NAMES = ["../x", "/etc/absolute", "a\nb", "a\0b", "\x1b[2J", "..", ".", "x" * 4000, "drop.md", ""]


class HostileFiles(paramiko.SFTPServerInterface):
    """Says that every folder holds these names; every file is as long as one asks."""

    names: list[str] = NAMES
    kind = stat.S_IFREG

    def list_folder(self, path: str) -> Any:
        return [self._facts(name) for name in self.names]

    def stat(self, path: str) -> Any:
        return self._facts(os.path.basename(path))

    def lstat(self, path: str) -> Any:
        return self._facts(os.path.basename(path))

    def open(self, path: str, flags: int, attr: Any) -> Any:
        return HostileFile(flags)

    def _facts(self, name: str) -> Any:
        facts = paramiko.SFTPAttributes()
        facts.filename, facts.st_mode, facts.st_size, facts.st_mtime = name, self.kind | 0o600, 12, 1
        return facts


class HostileFile(paramiko.SFTPHandle):
    """A file without an end."""

    def read(self, offset: int, length: int) -> bytes:
        return b"x" * length

    def write(self, offset: int, data: bytes) -> int:
        return int(paramiko.SFTP_OK)

    def stat(self) -> Any:
        facts = paramiko.SFTPAttributes()
        facts.st_size = 1 << 50
        return facts

    def chattr(self, attr: Any) -> int:
        return int(paramiko.SFTP_OK)


class HostileDoor(paramiko.ServerInterface):
    """Lets everybody in."""

    def check_auth_publickey(self, username: str, key: Any) -> int:
        return int(paramiko.AUTH_SUCCESSFUL)

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return int(paramiko.OPEN_SUCCEEDED)


class HostileServer:
    """It, on a loopback port, behind the host key of an `Sshd`'s folder."""

    def __init__(self, port: int, host_key: Path, names: list[str], kind: int = stat.S_IFREG) -> None:
        self._files = type("TheseFiles", (HostileFiles,), {"names": names, "kind": kind})
        self._key = paramiko.Ed25519Key(filename=str(host_key))
        self._sock = socket.create_server(("127.0.0.1", port))
        self._open: list[paramiko.Transport] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                client, _ = self._sock.accept()
            except OSError:
                return
            transport = paramiko.Transport(client)
            transport.add_server_key(self._key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, self._files)
            self._open.append(transport)
            transport.start_server(server=HostileDoor())

    def close(self) -> None:
        self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()
        self._thread.join(5)
        for transport in self._open:
            transport.close()
