"""The host key of another machine: whether it is known here, which one it presents, and pinning one that a person checked.

A key that is known is never replaced here: one that changed is a reinstallation or somebody in between, and who is to
say which is a person, with `ssh-keygen -R`.
"""
from __future__ import annotations

import base64
import hashlib
import os
import subprocess

from fsbus.core.errors import Refused, Unreachable
from fsbus.link.limits import Limits
from fsbus.link.route import Route, knock
from fsbus.spool import atomic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

USUAL_PORT = 22  # which known_hosts does not write down
PREFERRED = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa")  # which key of several is shown
WAIT = 10.0  # seconds for ssh-keygen, which only reads a file


def known_as(route: Route) -> str:
    """The name under which known_hosts has this host."""
    return route.alias or (route.host if route.port == USUAL_PORT else f"[{route.host}]:{route.port}")


def known(route: Route) -> bool:
    """Whether some key of this host is pinned; hashed names are found, too."""
    return any(_says(["ssh-keygen", "-F", known_as(route), "-f", name], WAIT) for name in route.known_hosts)


def presented(route: Route, limits: Limits) -> list[tuple[str, str]]:
    """The keys that the host shows now: kind and base64, the preferred one first. Raises Unreachable."""
    knock(route, limits).close()
    words = ["ssh-keyscan", "-T", f"{limits.connect:.0f}", "-p", str(route.port), route.host]
    rows = [line.split() for line in _says(words, 3 * limits.connect).splitlines() if not line.startswith("#")]
    keys = [(row[1], row[2]) for row in rows if len(row) == 3 and row[1] in PREFERRED]
    if not keys:
        raise Unreachable(f"{route.host} port {route.port} shows no host key", then=f"try: ssh {route.destination}")
    return sorted(keys, key=lambda key: PREFERRED.index(key[0]))


def fingerprint(key: str) -> str:
    """As `ssh-keygen -lf` prints it."""
    digest = hashlib.sha256(base64.b64decode(key + "==")).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def pin(route: Route, keys: Sequence[tuple[str, str]], accept: str, file: str) -> str:
    """Write down the key that has this fingerprint; its kind. Raises Refused if none of those has it."""
    shown = {fingerprint(key): (kind, key) for kind, key in keys}
    if accept not in shown:
        raise Refused(
            f"{route.host} presents {next(iter(shown))}, not {accept}: that is another key than the one you checked",
            then="somebody may be in between; ask its owner",
        )
    kind, key = shown[accept]
    atomic.folder(os.path.dirname(file))
    fd = atomic.open_log(file)
    try:
        atomic.append(fd, f"{_new_line(file)}{known_as(route)} {kind} {key}\n".encode())
    finally:
        os.close(fd)
    return kind


def own_file(route: Route, limits: Limits) -> str:
    """The file into which `ssh` itself would write this host's key, whether it is there or not."""
    config = ["-F", os.path.expanduser(route.config)] if route.config else []
    said = _says(["ssh", *config, "-G", "--", route.destination], limits.resolve)
    named = next((line.split()[1:] for line in said.splitlines() if line.lower().startswith("userknownhostsfile ")), [])
    return os.path.expanduser(named[0] if named and named[0] != "none" else "~/.ssh/known_hosts")


def _new_line(file: str) -> str:
    """A file that somebody ended without a newline gets one first."""
    with open(file, "rb") as there:
        body = there.read()
    return "" if not body or body.endswith(b"\n") else "\n"


def _says(words: list[str], seconds: float) -> str:
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, errors="replace", timeout=seconds, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 or words[0] == "ssh-keyscan" else ""
