"""A real network between two hosts on one machine: vps's sshd lives in a network namespace, a veth pair leads there.

with Space() as space:
    Sshd(tmp_path, address=space.address, prefix=space.prefix)

Every rule is made inside of the namespace: nothing of the machine's own tables is touched, and the rules go with it.
It needs root, and a kernel and a container that let root do it.
"""
from __future__ import annotations

import ipaddress
import os
import shutil
import subprocess

import pytest

from tests.link.sshd import SBIN
from tests.twohosts.wire import OUT

NETS = 1 << 15  # networks of four addresses in 198.18.0.0/15, which RFC 2544 keeps free for such tests
CHAINS = ("INPUT", "OUTPUT")  # of the namespace, by direction: OUT comes in there


class NoSpace(Exception):
    """It cannot be had here, and why."""


class Space:
    """The namespace and the way there; one at a time in a test process, whose number is in all its names."""

    def __init__(self) -> None:
        """Make it. Raises NoSpace."""
        if os.geteuid() != 0:
            raise NoSpace("a network namespace needs root")
        self._ip, self._iptables = _program("ip"), _program("iptables")
        self.name = f"fsbus{os.getpid()}"
        self._near, self._far = (f"fsb{os.getpid()}{end}" for end in "nf")  # at most 15 letters
        first = int(ipaddress.ip_address("198.18.0.0")) + 4 * (os.getpid() % NETS)
        self._own, self.address = (str(ipaddress.ip_address(first + number)) for number in (1, 2))
        self.prefix = [self._ip, "netns", "exec", self.name]
        self._remove()  # of a killed process that had our number
        try:
            self._make()
        except subprocess.CalledProcessError as error:
            self._remove()
            raise NoSpace(f"no network namespace can be made here: {error.stderr.strip()}") from None

    def __enter__(self) -> Space:
        return self

    def __exit__(self, *error: object) -> None:
        self._remove()

    def _remove(self) -> None:
        for words in (["link", "del", self._near], ["netns", "del", self.name]):  # a pair goes as one
            subprocess.run([self._ip, *words], check=False, capture_output=True)

    def lose(self, *ways: int) -> None:
        """No packet goes these ways any more, and nobody is told; with both ways the interface over there is down."""
        if len(ways) == 2:
            self._inside("ip", "link", "set", self._far, "down")
        for way in ways if len(ways) < 2 else ():
            self._inside("iptables", "-w", "-A", CHAINS[way], "-i" if way == OUT else "-o", self._far, "-j", "DROP")

    def reset_after(self, count: int) -> None:
        """Both ends of a connection get a TCP reset when it has carried so many bytes, until `heal`.

        Only connections that begin after this are counted.
        """
        data = ["-p", "tcp", "!", "--tcp-flags", "RST", "RST"]  # the resets themselves get through
        carried = ["-m", "connbytes", "--connbytes", f"{count}:", "--connbytes-dir", "both", "--connbytes-mode", "bytes"]
        try:
            for chain in CHAINS:
                self._inside("iptables", "-w", "-A", chain, *data, *carried, "-j", "REJECT", "--reject-with", "tcp-reset")
        except subprocess.CalledProcessError as error:
            pytest.skip(f"this kernel does not count a connection's bytes: {error.stderr.strip()}")

    def heal(self) -> None:
        """As it should be."""
        self._inside("iptables", "-w", "-F")
        self._inside("ip", "link", "set", self._far, "up")

    def _make(self) -> None:
        self._run("netns", "add", self.name)
        self._run("link", "add", self._near, "type", "veth", "peer", "name", self._far, "netns", self.name)
        self._run("addr", "add", f"{self._own}/30", "dev", self._near)
        self._run("link", "set", self._near, "up")
        self._inside("ip", "addr", "add", f"{self.address}/30", "dev", self._far)
        self.heal()

    def _run(self, *words: str) -> None:
        subprocess.run([self._ip, *words], check=True, capture_output=True, text=True)

    def _inside(self, tool: str, *words: str) -> None:
        self._run("netns", "exec", self.name, self._iptables if tool == "iptables" else self._ip, *words)


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}:{SBIN}")
    if found is None:
        raise NoSpace(f"there is no {name} here: apt-get install iproute2 iptables")
    return found
