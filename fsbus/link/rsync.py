"""rsync as the carrier of bulk, where both ends have one that is fit; it may do little, and only what macOS's knows, too.

It fills a staging folder and nothing else: recursively, with times, without links, devices, owners or modes, only the files
that were listed, through the user's own `ssh` with our options, within a time. What arrived is checked and named by
`settle`, as if it had come piece by piece. Everything that goes wrong here means: take the pieces instead.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess

from fsbus.link import doors
from fsbus.link.ssh import SSH_OPTIONS
from fsbus.spool import owner

ASK = 5.0  # seconds for `rsync --version`
STALL = 60  # seconds without a byte; rsync's own limit, which does not always hold (RsyncProject/rsync#282)
SLOWEST = 100_000  # bytes a second below which the whole is given up
LEAST = 120.0  # seconds that even a small one may take
OLDEST = (3, 5, 0)  # of Samba's: older ones have holes for whoever pulls from a hostile peer (facts/faults.md row 7)

_said: dict[str, str] = {}
_PLAIN = re.compile(r"[A-Za-z0-9_./~-]+")  # a far path that no shell and no rsync reads as more than that
_SAMBA = re.compile(r"rsync\s+version\s+(\d+)\.(\d+)\.(\d+)")


def flavour() -> str:
    """The first line of `rsync --version` here, '' if there is none; asked once per process."""
    if "" not in _said:
        _said[""] = _ask()
    return _said[""]


def unfit(said: str) -> str:
    """Why the rsync that says this is not used, '' if it is."""
    if not said:
        return "there is none"
    if said.startswith("openrsync"):
        return ""
    found = _SAMBA.match(said)
    if found is None:
        return f"it is not known: {said[:40]}"
    version = tuple(map(int, found.groups()))
    return "" if version >= OLDEST else f"it is older than {'.'.join(map(str, OLDEST))}"


def fetch(destination: str, config: str, far_root: str, path: str, to: str, near_root: str, files: list[tuple[str, int]]) -> bool:
    """Bring these files of a far result's folder into the staging folder of `to`; False if that did not work."""
    if "://" in destination:  # rsync knows no ports in a name
        return False
    far = f"{destination}:{far_root}/{path}/"
    return _run(config, far_root, far, f"{near_root}/{doors.staging(to)}/", files)


def send(destination: str, config: str, far_root: str, path: str, to: str, near_root: str, files: list[tuple[str, int]]) -> bool:
    """Bring these files of a result's folder here into the far staging folder of `to`; False if that did not work."""
    if "://" in destination:
        return False
    far = f"{destination}:{far_root}/{doors.staging(to)}/"
    return _run(config, far_root, f"{near_root}/{path}/", far, files)


def command(config: str, source: str, target: str) -> list[str]:
    """The command line: only what Samba's and Apple's rsync both know."""
    options = [word for option in SSH_OPTIONS for word in ("-o", option)]
    shell = shlex.join(["ssh", *(("-F", os.path.expanduser(config)) if config else ()), *options])
    return ["rsync", "-rt", "--files-from=-", "--from0", f"--timeout={STALL}", "-e", shell, "--", source, target]


def _run(config: str, far_root: str, source: str, target: str, files: list[tuple[str, int]]) -> bool:
    if not _PLAIN.fullmatch(far_root):
        return False
    names = b"".join(inner.encode() + b"\0" for inner, _ in files)
    patience = LEAST + sum(size for _, size in files) / SLOWEST
    try:
        started = subprocess.Popen(
            command(config, source, target), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            umask=0o077, process_group=0,  # no session of its own, in which Apple's ends at once: it wants to make the group
        )  # fmt: skip
    except OSError:
        return False  # taken away since it was asked for its version
    with started as process:
        try:
            process.communicate(names, patience)
        except subprocess.TimeoutExpired:
            owner.signal_group(process.pid, signal.SIGKILL)  # its receiver and its ssh, too: killing one leaves them running
        return process.wait() == 0


def _ask() -> str:
    if shutil.which("rsync") is None:
        return ""
    try:
        done = subprocess.run(["rsync", "--version"], capture_output=True, text=True, timeout=ASK, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.partition("\n")[0].strip()[:100]
