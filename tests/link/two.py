"""Two machines as far as `ssh` can tell: a bus on this one, and a home without anything but fsbus behind a real sshd."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.kit import FSBUS, Done, clean_env
from tests.link.sshd import Sshd

REPO = Path(__file__).parent.parent.parent


class Two:
    """A bus on this side, a machine without one on the other."""

    def __init__(self, tmp_path: Path) -> None:
        self.near, self.far_home = tmp_path / "mac", tmp_path / "vps-home"
        bin_ = self.far_home / "bin"
        bin_.mkdir(parents=True)
        self.program = bin_ / "fsbus"
        self.program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m fsbus "$@"\n')
        self.program.chmod(0o755)
        self.sshd = Sshd(tmp_path, HOME=str(self.far_home), PATH=f"{bin_}:/usr/bin:/bin", PYTHONPATH=str(REPO))
        self.fsbus("init", str(self.near), "--skel", "mac-vps")
        self.edit("ssh_config: null", f"ssh_config: {self.sshd.ssh_config}")
        self.root = self.far_home / "fsbus"

    def edit(self, old: str, new: str) -> None:
        file = self.near / "bus.yaml"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))

    def fsbus(self, *words: str, code: int = 0, root: Path | None = None) -> Done:
        done = subprocess.run(
            [*FSBUS, "--root", str(root or self.near), *words], env=clean_env(FSBUS_DURABILITY="kill"), capture_output=True,
            text=True, timeout=90, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def pair(self, *words: str, code: int = 0) -> Done:
        return self.fsbus("pair", self.sshd.alias, "--host", "vps", *words, code=code)
