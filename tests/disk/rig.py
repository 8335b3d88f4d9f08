"""Small disks: a tmpfs or an ext4 image with a bus on it, filled to the last block or inode, or made read-only."""
from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.kit import TestBus

# `fsbus: what (where); what next`
SENTENCE = re.compile(r"fsbus: [^\n]+ \([^\n]+\); [^\n]+\n")
KB = 1024


class SmallDisk:
    """A mounted small file system with a bus on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bus = TestBus(folder / "bus")
        self._ballast = folder / "ballast"
        (folder / "many").mkdir()

    def left(self) -> int:
        """Bytes that are free."""
        disk = os.statvfs(self.folder)
        return disk.f_bavail * disk.f_frsize

    def fill(self, leave: int = 0) -> None:
        """Take all room but this many bytes."""
        with open(self._ballast, "ab", buffering=0) as file:
            while (over := self.left() - leave) > 0:
                try:
                    file.write(b"B" * min(over, 64 * KB))
                except OSError:
                    break

    def use_up_inodes(self, leave: int = 0) -> None:
        """Take all inodes but so many."""
        files = self.folder / "many"
        for number in range(max(0, os.statvfs(self.folder).f_favail - leave)):
            try:
                (files / str(number)).touch()
            except OSError:
                break

    def free(self) -> None:
        """Give it all back."""
        self._ballast.unlink(missing_ok=True)
        for path in (self.folder / "many").iterdir():
            path.unlink()

    def remount(self, how: str) -> None:
        """`ro` or `rw`."""
        subprocess.run(["mount", "-o", f"remount,{how}", str(self.folder)], check=True)


def mount(folder: Path, kind: str, size: int, inodes: int) -> None:
    """Mount a new small disk; skips the test where that is not possible."""
    folder.mkdir()
    if kind == "tmpfs":
        words = ["mount", "-t", "tmpfs", "-o", f"size={size},nr_inodes={inodes},mode=0755", "tmpfs", str(folder)]
    else:
        image = folder.with_suffix(".img")
        with open(image, "wb") as file:
            file.truncate(size)
        make_ext4(image, inodes)
        words = ["mount", "-o", "loop", str(image), str(folder)]
    try:
        mounted = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if mounted.returncode:
        pytest.skip(f"a {kind} cannot be mounted here (not root?): {mounted.stderr.strip()}")


def make_ext4(image: Path, inodes: int) -> None:
    """An ext4 file system with blocks of 1 KB in a file."""
    words = ["mkfs.ext4", "-q", "-b", "1024", "-m", "0", "-N", str(inodes), str(image)]
    try:
        made = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mkfs.ext4 here")
    if made.returncode:
        pytest.skip(f"mkfs.ext4 failed: {made.stderr.strip()}")


def unmount(folder: Path) -> None:
    """Take it away, whoever still looks at it."""
    subprocess.run(["umount", "-l", str(folder)], check=True)


def unprivileged() -> list[str]:
    """Words before a command that take root's power over permissions away."""
    if os.geteuid() != 0:
        return []
    words = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    try:
        able = subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        able = False
    if not able:
        pytest.skip("root cannot give its power over permissions away here (setpriv)")
    return words


def visible(folder: Path) -> list[str]:
    """All names in a folder, hidden ones included, READMEs left out."""
    return sorted(name for name in os.listdir(folder) if name not in ("README.md", "rejected", "late"))
