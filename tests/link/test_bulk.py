"""Whole folders: by a real rsync over a real sshd, and without it; the same end either way."""
from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import yaml

from fsbus.core.errors import Refused
from fsbus.link import bulk, rsync
from fsbus.link.bulk import Way
from fsbus.link.dial import dial, dial_sftp
from fsbus.link.local import Local
from tests.link.pair import Pair, task
from tests.link.sshd import Sshd

INNER = {"report.md": b"# yes", "deep/er/big.bin": os.urandom(3 << 20), "empty": b"", "with blank and \u00e9.txt": b"x"}


def lay_files(root: str, path: str) -> None:
    for inner, body in INNER.items():
        place = Path(root, path, inner)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(body)
    Path(root, path, "link").symlink_to("/etc/passwd")
    os.mkfifo(Path(root, path, "pipe"))


def laid(root: str, path: str) -> dict[str, bytes]:
    top = Path(root, path)
    assert not [found for found in top.rglob("*") if found.is_symlink() or not (found.is_file() or found.is_dir())]
    return {str(found.relative_to(top)): found.read_bytes() for found in top.rglob("*") if found.is_file()}


def way_of(pair: Pair, sshd: Sshd) -> Way:
    return Way(sshd.alias, str(sshd.ssh_config), pair.far.root)


@pytest.mark.parametrize("by", ["rsync", "pieces", "sftp"])
def test_files_cross_both_ways(pair: Pair, shared_sshd: Sshd, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if by == "rsync" and shutil.which("rsync") is None:
        pytest.skip("rsync is not installed: apt-get install rsync")
    ran: list[bool] = []
    monkeypatch.setattr(rsync, "OLDEST", (3, 0, 0))  # whichever this machine has: its holes are not what is tested
    real = rsync._run
    monkeypatch.setattr(rsync, "_run", lambda *args: ran.append(real(*args)) or ran[-1])
    near, far = Local(pair.near), dial_sftp(pair.near, "vps") if by == "sftp" else dial(pair.near, "vps")
    way = way_of(pair, shared_sshd) if by == "rsync" else None
    theirs, ours = (f"{task(agent, 'done').rsplit('.', 2)[0]}.files" for agent in ("code", "dispatch"))
    lay_files(pair.far.root, theirs)
    lay_files(pair.near.root, ours)
    assert bulk.pull_files(near, far, theirs, theirs, way)
    assert laid(pair.near.root, theirs) == INNER
    assert bulk.push_files(near, far, ours, ours, way)
    assert laid(pair.far.root, ours) == INNER
    assert not bulk.push_files(near, far, ours, ours, way)
    assert ran == ([True] * 3 if by == "rsync" else [])
    for root in (pair.near.root, pair.far.root):
        assert not [path for path in Path(root).rglob(".in-*") if path.name != ".in-clock"]
    far.close()


@pytest.mark.parametrize("program", ["false", "rsync-that-was-there-a-moment-ago"])
def test_without_a_fit_rsync_the_pieces_do_it(
    pair: Pair, shared_sshd: Sshd, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr(bulk, "_by_rsync", lambda far, files: True)
    monkeypatch.setattr(rsync, "command", lambda *args: [program])
    near, far = Local(pair.near), dial(pair.near, "vps")
    theirs = f"{task(state='done').rsplit('.', 2)[0]}.files"
    lay_files(pair.far.root, theirs)
    assert bulk.pull_files(near, far, theirs, theirs, way_of(pair, shared_sshd))
    assert laid(pair.near.root, theirs) == INNER
    far.close()


def test_a_link_in_the_staging_folder_gets_no_name(pair: Pair) -> None:
    local, path = Local(pair.near), f"{task(state='done').rsplit('.', 2)[0]}.files"
    local.stow(path, "a", 0, b"x")
    Path(pair.near.root, "agents/code/outbox", f".in-{path.rsplit('/', 1)[1]}", "b").symlink_to("/etc/passwd")
    with pytest.raises(Refused):
        local.settle(path, [("a", 1)])


def test_a_journal_grows(pair: Pair) -> None:
    near, far, path = Local(pair.near), Local(pair.far), "log/vps/2026-11-22.jsonl"
    pair.lay(path, b"x" * 100_000)
    assert bulk.grow(far, near, path, 0, 100_000) == 100_000
    assert bulk.grow(far, near, path, 100_000, 100_000) == 100_000
    assert bulk.grow(far, near, path, 50_000, 100_000) == 100_000
    assert Path(pair.near.root, path).read_bytes() == b"x" * 100_000


@pytest.mark.parametrize(
    ("said", "fit"),
    [
        ("rsync  version 3.5.0  protocol version 32", True), ("rsync  version 3.4.1  protocol version 32", False),
        ("rsync  version 2.6.9  protocol version 29", False), ("openrsync: protocol version 29", True),
        ("", False), ("busybox", False),
    ],
)  # fmt: skip
def test_which_rsync_is_fit(said: str, fit: bool) -> None:
    assert (rsync.unfit(said) == "") is fit


def test_no_option_that_copies_more_than_files() -> None:
    words = rsync.command("", "a:/b/", "c/")
    letters = {letter for word in words if word[0] == "-" and word[1:2] not in ("-", "") for letter in word[1:]}
    assert letters == {"r", "t", "e"}
    assert {word for word in words if word.startswith("--")} == {"--files-from=-", "--from0", "--timeout=60", "--"}


def test_no_file_is_cut_off_for_the_folders_around_it(pair: Pair) -> None:
    near = Local(pair.near)
    path = f"{task('code', 'done').rsplit('.', 2)[0]}.files"
    for number in range(6_000):
        folder = Path(pair.near.root, path, str(number))
        folder.mkdir(parents=True)
        (folder / "x").touch()
    assert len(near.files(path)) == 6_000
    for number in range(4_001):
        Path(pair.near.root, path, f"{number}.txt").touch()
    with pytest.raises(Refused, match="10000 files"):
        bulk.push_files(near, dial(pair.near, "vps"), path, path)


def test_plain_sftp_reads_a_bus_yaml_as_people_write_it(pair: Pair) -> None:
    """One that fsbus itself would not write so was taken for that of another bus."""
    path = pair.far_path("bus.yaml")
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()), default_flow_style=True, width=20))
    dial_sftp(pair.near, "vps").close()
