"""A real sshd on a port of its own, with its own configuration and keys, as whoever runs the tests; needs no root.

with Sshd(tmp_path) as sshd:
    ssh -F sshd.ssh_config far true
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import pytest

SBIN = "/usr/sbin:/usr/local/sbin"
ALIAS = "far"
LOOPBACK = "127.0.0.1"
LOWEST, PLACES = 10_000, 20_000  # below those that Linux and macOS give to outgoing connections
PORTS = (LOWEST + (os.getpid() * 101 + number) % PLACES for number in count())  # each process of the tests begins elsewhere


def find_sshd() -> str:
    """sshd's path; skips the test where there is none."""
    found = shutil.which("sshd", path=f"{os.environ['PATH']}:{SBIN}")
    if found is None:
        pytest.skip("openssh-server is not installed: apt-get install openssh-server")
    return found


class Sshd:
    """One sshd: start, stop, another host key, a stop of everything that it started."""

    def __init__(
        self, tmp_path: Path, alias: str = ALIAS, address: str = LOOPBACK, prefix: Sequence[str] = (), **environment: str
    ) -> None:
        """`address`: where it listens; `prefix`: words before its command; `environment`: of the sessions, such as HOME."""
        self.alias, self.address, self._prefix = alias, address, prefix
        self.environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)} | environment
        self.program = find_sshd()
        self.folder = tmp_path / f"sshd-{alias}"
        self.folder.mkdir(mode=0o700)
        self.port = free_port()
        self.ssh_config = self.folder / "ssh_config"
        self.known_hosts = self.folder / "known_hosts"
        self.key = self.folder / "user_key"
        self.log = self.folder / "log"
        self.process: subprocess.Popen[bytes] | None = None
        _keygen(self.folder / "host_key")
        _keygen(self.key)
        self.authorize()
        self.pin()
        self._write()

    def __enter__(self) -> Sshd:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def authorize(self, options: str = "") -> None:
        """Let the user key in, with these options before it (`restrict,command="..."`)."""
        public = self.key.with_suffix(".pub").read_text()
        (self.folder / "authorized_keys").write_text(f"{options} {public}".lstrip())

    def pin(self) -> None:
        """Write the present host key into known_hosts."""
        public = (self.folder / "host_key.pub").read_text()
        self.known_hosts.write_text(f"[{self.address}]:{self.port} {public}")

    def rekey(self) -> None:
        """Another host key, as after a new installation, or with somebody in between."""
        self.stop()
        (self.folder / "host_key").unlink()
        (self.folder / "host_key.pub").unlink()
        _keygen(self.folder / "host_key")
        self.start()

    def config(self, *lines: str) -> None:
        """More lines for the client's ssh_config, for this host."""
        self._write_client(lines)

    def start(self) -> None:
        """Start it and wait until it listens."""
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", 0o755, exist_ok=True)  # Debian's privilege separation; its service file makes it
        words = [*self._prefix, self.program, "-D", "-e", "-f", str(self.folder / "sshd_config")]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=log, start_new_session=True)
        end = time.monotonic() + 20
        while not _listens(self.address, self.port):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, "sshd does not listen"
            time.sleep(0.01)

    def stop(self) -> None:
        """End it and all its sessions."""
        if self.process is None:
            return
        self._signal(signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        self.process = None

    def children(self) -> list[int]:
        """Every process below sshd: one or two per session, and what it started."""
        assert self.process is not None
        table = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
        parents = {int(pid): int(parent) for pid, parent in (line.split() for line in table.splitlines())}
        found = {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return sorted(found - {self.process.pid})

    def freeze(self) -> None:
        """The network goes silent: nothing of this sshd moves, no connection is closed."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """And speaks again."""
        assert self.process is not None
        for pid in [*self.children(), self.process.pid]:
            signal_pid(pid, signal.SIGCONT)

    def cut(self) -> None:
        """All sessions end; sshd stays."""
        for pid in self.children():
            signal_pid(pid, signal.SIGKILL)

    def _signal(self, number: int) -> None:
        """Stand still, and then all sessions get this signal; also those that began while somebody looked."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        met: set[int] = set()
        while more := set(self.children()) - met:
            for pid in more:
                signal_pid(pid, number)
            met |= more

    def _write(self) -> None:
        environment = " ".join(f"{name}={value}" for name, value in self.environment.items())
        here = self.folder
        lines = [
            f"ListenAddress {self.address}:{self.port}", f"HostKey {here}/host_key", f"AuthorizedKeysFile {here}/authorized_keys",
            "StrictModes no", "UsePAM no", "PasswordAuthentication no", "KbdInteractiveAuthentication no", f"PidFile {here}/pid",
            f"SetEnv {environment}", "Subsystem sftp internal-sftp", "PermitRootLogin prohibit-password",
            "LogLevel VERBOSE", "MaxStartups 100", "MaxSessions 100",
        ]  # fmt: skip
        (self.folder / "sshd_config").write_text("".join(f"{line}\n" for line in lines))
        self._write_client(())

    def _write_client(self, more: tuple[str, ...]) -> None:
        lines = [
            f"Host {self.alias}", f"HostName {self.address}", f"Port {self.port}", f"User {getpass.getuser()}",
            f"IdentityFile {self.key}", "IdentitiesOnly yes", "IdentityAgent none", f"UserKnownHostsFile {self.known_hosts}",
            "GlobalKnownHostsFile /dev/null", *more,
        ]  # fmt: skip
        self.ssh_config.write_text("".join(f"{line}\n" for line in lines))


def free_port() -> int:
    """A loopback port that nobody has at the moment, and that no outgoing connection is given before it is bound."""
    return next(port for port in PORTS if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as sock:
        try:
            sock.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def signal_pid(pid: int, number: int) -> None:
    """Signal a process that may be gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _keygen(path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True, stdin=subprocess.DEVNULL)


def _listens(address: str, port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex((address, port)) == 0
