"""How long anything on a link may take, in seconds; each with its reason. Tests hand in shorter ones."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The time limits of one link."""

    connect: float = 10.0  # for a TCP connection: three lost SYNs of a bad mobile link (1 + 2 + 4 s) still fit
    handshake: float = 15.0  # for the far sshd's banner and key exchange, on a loaded small VPS
    login: float = 20.0  # for all keys that are tried; a PAM module that asks LDAP takes seconds
    channel: float = 10.0  # to open one and to start the command
    start: float = 30.0  # until the far fsbus says hello: a login shell's files, and a cold Python on a slow disk
    beat: float = 10.0  # between pings; a NAT forgets an idle connection after 30 s at the worst
    misses: int = 2  # pings without any word in return: dead. paramiko's own keep-alive notices nothing (2.7)
    answer: float = 60.0  # for one request: the far disk may take long for one sync of a thousand files
    write: float = 20.0  # until some bytes can be written; a window that stays shut that long is a dead peer
    resolve: float = 10.0  # for `ssh -G`, which may run the user's own `Match exec` lines


USUAL = Limits()
