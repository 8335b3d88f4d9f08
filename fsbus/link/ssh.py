"""A connection to another host, as the user's own `ssh` would make it, carried by paramiko or, where it must be, by `ssh`.

Host keys are pinned: a key that is not in the user's known_hosts, or another one than there, is refused and said; it is
never added here. paramiko is given what it lacks (facts/sync.md 2.5, 2.7, 8): our own socket with TCP_NODELAY, a limit
on everything, channels that are closed. Its own keep-alive notices no dead peer, the ping of `line` does.
"""

from __future__ import annotations

import os
import shlex
import socket
import time

from fsbus.core.errors import FsbusError, Refused, Unreachable
from fsbus.core.probe import program
from fsbus.link.carrier import TAIL, Carrier, Child
from fsbus.link.hostkey import USUAL_PORT, known_as
from fsbus.link.limits import USUAL, Limits
from fsbus.link.route import Route, knock, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SSH_OPTIONS = (
    "BatchMode=yes", "StrictHostKeyChecking=yes", "ControlMaster=no", "ControlPath=none", "ServerAliveInterval=10",
    "ServerAliveCountMax=2", "ClearAllForwardings=yes", "ForwardAgent=no", "ForwardX11=no", "PermitLocalCommand=no",
)  # fmt: skip
LOOK = 2.0  # seconds between paramiko's looks whether it shall end; its own 0.1 is 0.2 % of a core for each idle link


class Connection:
    """One SSH connection over which commands are started; use `connect`."""

    def __init__(self, client: Any, limits: Limits) -> None:
        self._client, self._limits = client, limits

    def run(self, command: str) -> Carrier:
        """Start a command of the far login shell. Raises Unreachable."""
        from paramiko import SSHException

        try:
            channel = self._client.get_transport().open_session(timeout=self._limits.channel)
            channel.settimeout(self._limits.channel)
            channel.exec_command(command)
        except (SSHException, OSError, EOFError) as error:
            raise Unreachable(
                f"a command cannot be started over there: {error or 'it closed'}", then="the next pass tries again"
            ) from None
        return _Channel(channel, self._client)

    def sftp(self) -> Any:
        """paramiko's SFTP client on a channel of its own. Raises Unreachable."""
        from paramiko import SFTPClient, SSHException

        try:
            channel = self._client.get_transport().open_session(timeout=self._limits.channel)
            channel.settimeout(self._limits.answer)
            channel.invoke_subsystem("sftp")
            return SFTPClient(channel)
        except (SSHException, OSError, EOFError) as error:
            raise Unreachable(f"there is no SFTP over there: {error or 'it closed'}", then="fsbus pair") from None

    def close(self) -> None:
        """Let go. Never raises."""
        _hang_up(self._client)


class _Channel(Carrier):
    """One command's stdin and stdout on a connection that is its own."""

    def __init__(self, channel: Any, client: Any) -> None:
        self._channel, self._client = channel, client
        self._said = b""

    def read(self, seconds: float) -> bytes:
        """Some bytes."""
        self._channel.settimeout(seconds)
        data: bytes = self._channel.recv(1 << 16)  # socket.timeout is TimeoutError
        self._keep_stderr()
        return data

    def write(self, raw: bytes, seconds: float) -> None:
        """All of these bytes."""
        end = time.monotonic() + seconds
        view = memoryview(raw)
        while view:
            while not self._channel.send_ready():
                if self._channel.closed or time.monotonic() > end:
                    raise TimeoutError("nothing can be sent any more")
                time.sleep(0.001)
            try:
                view = view[self._channel.send(bytes(view)) :]
            except EOFError:  # what paramiko makes of a reset
                raise ConnectionResetError("the connection was reset") from None

    def said(self) -> str:
        """The last of its stderr."""
        self._keep_stderr()
        return self._said.decode("utf-8", "replace").strip()

    def close(self) -> None:
        """Let go of the command and of its connection."""
        try:
            self._channel.close()
        except Exception:
            pass
        _hang_up(self._client)

    def _keep_stderr(self) -> None:
        while self._channel.recv_stderr_ready():
            more = self._channel.recv_stderr(1 << 16)
            if not more:
                return
            self._said = (self._said + more)[-TAIL:]


def serve_command(command: str, root: str) -> str:
    """The line for the far login shell that starts the far end there; every word quoted, `~/` left to that shell."""
    words = ("sync", "--serve", *(("--root", root) if root else ()))
    return f"{program(command)} {shlex.join(words)}"


def carry(destination: str, command: str, *, config: str = "", limits: Limits = USUAL) -> Carrier:
    """Start a command on another host over a connection of its own. Raises Unreachable, Refused, BadUsage."""
    route = resolve(destination, config, limits)
    if route.ssh_only:
        return Child(ssh_words(route, command))
    try:
        connection = connect(route, limits)
    except _NoKey:
        return Child(ssh_words(route, command))  # a key with a passphrase, a security key, Kerberos: ssh may know
    try:
        return connection.run(command)
    except FsbusError:
        connection.close()
        raise


def login(destination: str, *, config: str = "", limits: Limits = USUAL) -> Connection:
    """A connection for SFTP, by paramiko alone. Raises Unreachable, Refused, BadUsage."""
    route = resolve(destination, config, limits)
    if route.ssh_only:
        raise Refused(f"plain SFTP does not go that way: {route.ssh_only}", where=destination, then="install fsbus over there")
    return connect(route, limits)


def ssh_words(route: Route, command: str) -> list[str]:
    """The `ssh` program as carrier."""
    options = [word for option in SSH_OPTIONS for word in ("-o", option)]
    config = ("-F", os.path.expanduser(route.config)) if route.config else ()
    return ["ssh", "-T", *config, *options, "--", route.destination, command]


class _NoKey(Unreachable):
    """None of the keys that paramiko can use is welcome there."""


def connect(route: Route, limits: Limits) -> Connection:
    """Log in by paramiko. Raises Unreachable, Refused for a host key that is not the pinned one."""
    import paramiko  # 190 ms: only for those who dial

    _quiet()
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    for name in route.known_hosts:
        _load_known(client, name)
    sock = knock(route, limits)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        client.connect(route.alias or route.host, USUAL_PORT if route.alias else route.port, sock=sock, **_how(route, limits))
    except Exception as error:
        client.close()
        sock.close()
        raise _sentence(error, route) from None
    sock.settimeout(LOOK)
    return Connection(client, limits)


def _quiet() -> None:
    """What paramiko's thread met is raised by the call that waits; where nobody logs, Python prints it, too, with its stack."""
    import logging

    log = logging.getLogger("paramiko")
    if not log.handlers:
        log.addHandler(logging.NullHandler())


def _hang_up(client: Any) -> None:
    """End a connection now: its thread sees the socket end, where it would see our wish to end only at its next look."""
    try:
        client.get_transport().sock.shutdown(socket.SHUT_RDWR)
    except (OSError, AttributeError):
        pass  # it has ended already, and then there may be no transport
    client.close()


def _how(route: Route, limits: Limits) -> dict[str, Any]:
    return {
        "username": route.user or None, "key_filename": list(route.keys), "allow_agent": route.agent, "look_for_keys": False,
        "timeout": limits.connect, "banner_timeout": limits.handshake, "auth_timeout": limits.login,
        "channel_timeout": limits.channel,
    }  # fmt: skip


def _load_known(client: Any, name: str) -> None:
    try:
        client.load_system_host_keys(name)
    except Exception:  # a line that paramiko cannot read must not open the door: what is not loaded is not known
        pass


def _sentence(error: Exception, route: Route) -> FsbusError:
    """What went wrong, for a person."""
    import paramiko

    if isinstance(error, paramiko.BadHostKeyException):
        return Refused(
            f"the host key of {route.host} is not the one that is pinned: somebody may be in between, or it was installed anew",
            where=", ".join(route.known_hosts),
            then=f"ask its owner; if that is right: ssh-keygen -R {shlex.quote(known_as(route))} and ssh {route.destination}",
        )  # fmt: skip
    if isinstance(error, paramiko.AuthenticationException):
        return _NoKey(
            f"{route.user}@{route.host} takes none of your keys", then=f"try: ssh -o BatchMode=yes {route.destination} true"
        )
    if "not found in known_hosts" in str(error):
        return Refused(
            f"the host key of {route.host} is not known here", where=", ".join(route.known_hosts) or "known_hosts",
            then=f"log in once and compare it: ssh {route.destination}",
        )  # fmt: skip
    return Unreachable(
        f"{route.host} does not complete a login: {error or type(error).__name__}", then=f"try: ssh {route.destination}"
    )
