"""A real sshd on a loopback port and two roots of one bus behind it, for bench_link.

Its own configuration and keys; Debian's openssh-server. The far side is this checkout's fsbus, started by sshd as over any link.
"""

import contextlib
import getpass
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from procs import PYTHON, free_port, listening, running, wait_for

ALIAS = "far"
SBIN = "/usr/sbin:/usr/local/sbin"
FSBUS = str(Path(PYTHON).parent / "fsbus")


def program() -> str | None:
    """sshd's path, None if there is none."""
    return shutil.which("sshd", path=f"{os.environ['PATH']}:{SBIN}")


@contextlib.contextmanager
def sshd(place: Path) -> Iterator[tuple[Path, int]]:
    """One sshd; yields the ssh config with which `far` is it, and its pid."""
    port, config = free_port(), place / "ssh_config"
    for key in ("host_key", "user_key"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(place / key)]
        subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
    shutil.copy(place / "user_key.pub", place / "authorized_keys")
    (place / "known_hosts").write_text(f"[127.0.0.1]:{port} {(place / 'host_key.pub').read_text()}")
    (place / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {place}/host_key\nAuthorizedKeysFile {place}/authorized_keys\n"
        f"StrictModes no\nUsePAM no\nPasswordAuthentication no\nPidFile {place}/pid\nPermitRootLogin prohibit-password\n"
        "Subsystem sftp internal-sftp\n"
    )
    config.write_text(
        f"Host {ALIAS}\nHostName 127.0.0.1\nPort {port}\nUser {getpass.getuser()}\nIdentityFile {place}/user_key\n"
        f"IdentitiesOnly yes\nIdentityAgent none\nUserKnownHostsFile {place}/known_hosts\nGlobalKnownHostsFile /dev/null\n"
    )
    if os.geteuid() == 0:
        os.makedirs("/run/sshd", 0o755, exist_ok=True)
    log = place / "sshd.log"
    with running([program(), "-D", "-e", "-f", str(place / "sshd_config")], log) as process:
        wait_for(lambda: listening(port), process, log)
        yield config, process.pid


def two_roots(place: Path, config: Path) -> tuple[Path, Path]:
    """`mac`, who dials, and `vps`, with the five agents of skel/mac-vps."""
    mac, vps = place / "mac", place / "vps"
    subprocess.run([FSBUS, "init", str(mac), "--skel", "mac-vps"], check=True, capture_output=True)
    text = (mac / "bus.yaml").read_text()
    text = re.sub(r"  vps: .*", f"  vps: {{ssh: {ALIAS}, root: {vps}, command: {FSBUS}}}", text)
    text = text.replace("ssh_config: null", f"ssh_config: {config}")
    (mac / "bus.yaml").write_text(text)
    join = [FSBUS, "init", str(vps), "--host", "vps", "--join", str(mac / "bus.yaml")]
    subprocess.run(join, check=True, capture_output=True)
    subprocess.run([FSBUS, "--root", str(mac), "sync"], check=True, capture_output=True)
    return mac, vps


def until(found, seconds: float) -> None:
    """Look every few milliseconds. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not found():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:.0f} s")
        time.sleep(0.005)
