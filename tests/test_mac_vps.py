"""The README's section "Mac and VPS", typed from beginning to end: two roots, two homes, and a real sshd between them."""
from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.link.sshd import Sshd
from tests.test_readme import README, REPO, Reader, blocks, steps

SECTION = README.partition("\n## Mac and VPS\n")[2].partition("\n## ")[0]
ALIAS = "vps"


class Traveller(Reader):
    """Somebody with a Mac, whose `ssh vps` gets to another home on this machine."""

    def __init__(self, home: Path, away: Path, sshd: Sshd) -> None:
        super().__init__(home)
        self.away = away
        bin_ = home / "bin"  # ssh itself finds its configuration by passwd, whatever HOME says
        (bin_ / "ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F "{sshd.ssh_config}" "$@"\n')
        (bin_ / "ssh").chmod(0o755)
        self.patience()

    def patience(self) -> None:
        """What a reader waits a minute for is a second here: in the ready-made bus that this fsbus makes."""
        real = self.home / "bin/fsbus"
        shebang, command = real.read_text().splitlines()
        hurry = 'sed -i.was "s/every: 60s/every: 1s/" "$2/bus.yaml" && rm "$2/bus.yaml.was"'
        init = f"{command.removeprefix('exec ')} && {hurry}"
        real.write_text(f'{shebang}\n[ "$1" = init ] || {command}\n{init}\n')  # exec, or a signal ends the shell alone

    def step(self, command: str, expected: list[str]) -> None:
        """`ssh vps fsbus recv` shows what is there: it only looks, until there is something."""
        if command.startswith("ssh vps fsbus recv"):
            command = command.replace("recv code", "recv code --wait 20s")
        super().step(command, expected)

    def _plain(self, line: str) -> str:
        line = line.replace(str(self.away), "/home/me")
        line = re.sub(r"^(ok +mover ).*", r"\1", line)  # which rsync there is differs
        line = re.sub(r"\b\d+\.\d+ ms\b", "TRIP", line)
        line = re.sub(r"\b\d+\.\d\d s apart\b", "APART", line)
        return super()._plain(line)


@pytest.fixture
def traveller(tmp_path: Path) -> Iterator[Traveller]:
    away = tmp_path / "away"
    (away / "bin").mkdir(parents=True)
    (away / "bin/fsbus").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m fsbus "$@"\n')
    (away / "bin/fsbus").chmod(0o755)
    with Sshd(tmp_path, ALIAS, HOME=str(away), PATH=f"{away}/bin:/usr/bin:/bin", PYTHONPATH=str(REPO)) as sshd:
        made = Traveller(tmp_path / "me", away, sshd)
        yield made
        sshd.stop()  # first: what it started is only found while its sessions are there
        made.close()


def test_the_section_does_what_it_says(traveller: Traveller) -> None:
    count = 0
    for language, block in blocks(SECTION):
        for command, expected in steps(block) if language == "console" else ():
            traveller.step(command, expected)
            count += 1
    assert count >= 8


def test_the_forced_command_is_the_one_that_is_tested() -> None:
    from tests.link.test_pair import FORCED

    line = FORCED.format(root="/home/me/fsbus")
    assert line in SECTION
    assert line in (REPO / "skel/mac-vps/SETUP.md").read_text()
