"""How `ssh` itself would go to a destination: what `ssh -G` says of it, as a frozen value.

So aliases, Include, Match, User, ports and identities of the user's own ssh_config count, which paramiko alone would
read in part. Where no `ssh` is installed, `user@host:port` and the usual files have to do.
"""

from __future__ import annotations

import errno
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from urllib.parse import urlsplit

from fsbus.core.errors import BadUsage, Unreachable
from fsbus.link.limits import Limits

USUAL_KEYS = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")
USUAL_HOSTS = ("~/.ssh/known_hosts",)
# macOS 15 and later say "No route to host" of their own network to what launchd started, and nothing of that to Terminal.
PRIVACY = "; if that gets there, allow Python in System Settings, Privacy & Security, Local Network"


@dataclass(frozen=True, slots=True)
class Route:
    """The way to one host."""

    destination: str  # as bus.yaml has it, and as `ssh` takes it
    config: str  # a file for `ssh -F`, '' for the user's own
    host: str  # the name or address to connect to
    port: int
    user: str
    alias: str  # the name under which its key is known, '' = host and port
    keys: tuple[str, ...]  # files of private keys that are there
    known_hosts: tuple[str, ...]  # files of host keys that are there
    agent: bool  # whether an ssh-agent may be asked for keys
    ssh_only: str  # why only the `ssh` program can go this way, '' if paramiko can


def resolve(destination: str, config: str, limits: Limits) -> Route:
    """Ask `ssh -G`. Raises BadUsage, Unreachable."""
    if not destination or destination[0] == "-" or not destination.isprintable() or " " in destination:
        raise BadUsage(
            f"{destination!r} is no destination for ssh",
            where="bus.yaml",
            then="write `ssh: user@host`, or an alias of ~/.ssh/config",
        )
    if shutil.which("ssh") is None:
        return without_ssh(destination)
    words = ["ssh", *(("-F", os.path.expanduser(config)) if config else ()), "-G", "--", destination]
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=limits.resolve, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        raise Unreachable(
            f"`ssh -G` took more than {limits.resolve:g} s", where=destination, then="look at `Match exec` in your ssh_config"
        ) from None
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it gave no reason"])[-1]
        raise Unreachable(
            f"ssh cannot read its configuration: {said[:200]}", where=destination, then=f"try: ssh -G {destination}"
        )
    return parse(done.stdout, destination, config)


def parse(said: str, destination: str, config: str) -> Route:
    """What `ssh -G` printed, as a route."""
    found: dict[str, list[str]] = {}
    for line in said.splitlines():
        word, _, value = line.partition(" ")
        found.setdefault(word.lower(), []).append(value.strip())
    one = {word: values[0] for word, values in found.items()}
    known = _there([name for word in ("userknownhostsfile", "globalknownhostsfile") for name in one.get(word, "").split()])
    agent = one.get("identitiesonly") != "yes" and _given(one, "identityagent") != "none"
    return Route(
        destination, config, one.get("hostname", destination), int(one.get("port", "22")), one.get("user", ""),
        one.get("hostkeyalias", ""), _there(found.get("identityfile", [])), known, agent, _ssh_only(one, known),
    )  # fmt: skip


def knock(route: Route, limits: Limits) -> socket.socket:
    """A TCP connection to where the way ends. Raises Unreachable."""
    try:
        return socket.create_connection((route.host, route.port), limits.connect)
    except OSError as error:
        why, then = error.strerror or str(error) or type(error).__name__, f"try: ssh {route.destination}"
        if sys.platform == "darwin" and error.errno == errno.EHOSTUNREACH:
            then += PRIVACY
        raise Unreachable(f"{route.host} port {route.port} cannot be reached: {why}", then=then) from None


def without_ssh(destination: str) -> Route:
    """The route where there is no `ssh` to ask."""
    url = urlsplit(destination if destination.startswith("ssh://") else f"ssh://{destination}")
    user = url.username or os.environ.get("USER", "")
    return Route(
        destination,
        "",
        url.hostname or "",
        url.port or 22,
        user,
        "",
        _there(list(USUAL_KEYS)),
        _there(list(USUAL_HOSTS)),
        True,
        "",
    )


def _given(one: dict[str, str], word: str) -> str:
    value = one.get(word, "")
    return "none" if value.lower() == "none" else value


def _ssh_only(one: dict[str, str], known_hosts: tuple[str, ...]) -> str:
    """What in this configuration paramiko does not know how to do."""
    for word in ("proxyjump", "proxycommand", "knownhostscommand", "certificatefile", "pkcs11provider"):
        if _given(one, word) not in ("", "none"):
            return word
    agent = _given(one, "identityagent")
    if agent not in ("", "none", "SSH_AUTH_SOCK", os.environ.get("SSH_AUTH_SOCK", "")):
        return "identityagent"
    marked = next((name for name in known_hosts if _has_marks(name)), "")
    return f"{marked} has @cert-authority or @revoked lines" if marked else ""


def _has_marks(name: str) -> bool:
    try:
        with open(name, errors="replace") as file:
            return any(line.startswith("@") for line in file)
    except OSError:
        return False


def _there(names: list[str]) -> tuple[str, ...]:
    full = [os.path.expanduser(name) for name in names]
    return tuple(name for name in full if os.path.isfile(name))
