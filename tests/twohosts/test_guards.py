"""What stops a pass for a human: another host key, another bus, a tree that became empty; a disk that is full over there."""
from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.disk.rig import KB, SmallDisk
from tests.kit import until
from tests.twohosts.rig import Host, Two

MB = KB * KB


def test_another_host_key(two: Two) -> None:
    two.mac.submit("--to", "code", "secret")
    two.sshd.rekey()
    said = two.sync(code=5)
    assert "the host key of 127.0.0.1 is not the one that is pinned" in said
    assert "ssh-keygen -R" in said
    assert two.vps.names() == {}
    assert "host key" in two.mac.link("vps")["trouble"]
    two.sshd.pin()
    two.agree()
    assert len(two.vps.tasks()) == 1


def test_another_bus(two: Two) -> None:
    two.mac.submit("--to", "code", "secret")
    path = two.vps.root / "bus.yaml"
    ours = path.read_text()
    path.write_text("".join(line if not line.startswith("id:") else "id: another\n" for line in ours.splitlines(keepends=True)))
    assert "another bus" in two.sync(code=5)
    assert two.vps.names() == {}
    assert "id: another" in path.read_text()
    path.write_text(ours)
    two.agree()


def test_a_peer_that_says_it_is_this_host_says_which_file_to_mend(two: Two) -> None:
    (two.vps.root / "host").write_text("mac\n")
    assert f"({two.vps.root}/host)" in two.sync(code=5)


def test_a_peer_whose_bus_yaml_is_broken_says_where_and_what_mends_it(two: Two) -> None:
    path = two.vps.root / "bus.yaml"
    ours = path.read_text()
    path.write_text("}{")
    said = two.sync(code=5)
    assert "vps refuses: bus.yaml cannot be used" in said
    assert f"mend it there, or copy the config host's over it, from its root: scp bus.yaml vps:{path}" in said
    path.write_text(ours)
    two.agree()


def test_a_peer_that_empties_its_tree(two: Two) -> None:
    ended = [two.mac.submit("--to", "code", f"one {turn}") for turn in range(10)]
    two.sync()
    two.vps.fsbus("tick")
    two.sync()
    two.mac.fsbus("tick")
    waiting = [two.mac.submit("--to", "code", f"two {turn}") for turn in range(15)]
    two.sync()
    two.sync()
    before = two.mac.names()
    shutil.rmtree(two.vps.root)
    two.vps = Host(two.vps.root, "--host", "vps", "--join", "-", stdin=(two.mac.root / "bus.yaml").read_text())
    said = two.sync(code=5)
    assert "has no names any more and had" in said
    assert "fsbus sync vps --force" in said
    assert two.mac.names() == before
    assert two.vps.names() == {}
    two.sync("vps", "--force")
    assert two.mac.names() == before
    assert sorted(path for path in two.vps.tasks()) == sorted(path for path in before if ".queued." in path)
    two.vps.fsbus("tick")
    two.sync()
    two.mac.fsbus("tick")
    two.agree()
    assert [two.mac.final(key) for key in ended + waiting] == ["done"] * 25


def test_without_rsync(two: Two) -> None:
    tools = two.folder / "tools"
    tools.mkdir()
    for tool in ("sh", "ssh", "cat", "mkdir", "env", "head"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    two.configure(two.vps.root, vps={"command": f"env PATH={tools} {two.mac.command[0]} -m fsbus"})
    two.agent("research", 'cat; head -c 300000 /dev/zero > "$FSBUS_FILES/zero.bin"')
    key = two.mac.submit("--to", "research", "look it up")
    bare = {"PATH": str(tools)}
    two.mac.fsbus("sync", env=bare)
    two.vps.fsbus("tick", env=bare)
    two.mac.fsbus("sync", env=bare)
    two.mac.fsbus("tick", env=bare)
    two.agree()
    assert two.mac.final(key) == "done"
    (file,) = [path for path in two.vps.paths() if path.endswith(".files/zero.bin")]
    assert (two.mac.root / file).stat().st_size == 300_000


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Two]:
    """mac, and a vps whose disk has 100 MB."""
    place = tmp_path / "vps"
    place.mkdir()
    mounted = os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m", "none", str(place)], check=False)
    if not mounted or mounted.returncode:
        pytest.skip("a small disk needs root and a mount")
    try:
        with Two(tmp_path, under="bus") as made:
            yield made
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_over_there(small: Two) -> None:
    two = small
    disk = SmallDisk.__new__(SmallDisk)
    disk.folder, disk._ballast = two.vps.root.parent, two.vps.root.parent / "ballast"
    done = two.mac.submit("--to", "code", "before")
    two.sync()
    two.vps.fsbus("tick")
    disk.fill(leave=50 * MB)
    waiting = [two.mac.submit("--to", "code", "x" * 100_000) for _ in range(3)]
    said = two.sync(code=75)
    assert "No space left on device on vps" in said
    assert [path for path in two.mac.tasks() if done in path and "/outbox/" in path], "its work comes home all the same"
    two.vps.fsbus("send", "dispatch", "note", "I am nearly full", env={"FSBUS_AGENT": "code"})
    urgent = two.mac.fsbus("send", "code", "note", "tidy up").strip()
    two.up()
    until(lambda: any(urgent in path for path in two.vps.paths()), "what is urgent to cross")
    two.down()
    disk.fill()
    two.sync(code=75)
    disk._ballast.unlink()
    two.up()
    two.ended([done, *waiting])
    two.down()
    two.agree()


@pytest.mark.parametrize("channel", ["urgent", "inbox", "outbox"])
@pytest.mark.parametrize("side", ["mac", "vps"])
def test_one_agents_folder_that_is_none(two: Two, side: str, channel: str) -> None:
    """It is named, and what others have crosses both ways."""
    lame = two.vps.fsbus("send", "dispatch", "note", "of a lame one", env={"FSBUS_AGENT": "research"}).strip()
    there = two.mac.fsbus("send", "code", "note", "hello").strip()
    back = two.vps.fsbus("send", "dispatch", "note", "here", env={"FSBUS_AGENT": "code"}).strip()
    host: Host = getattr(two, side)
    folder = host.root / "agents/research" / channel
    folder.rename(folder.with_name("away"))
    folder.touch()
    said = two.sync()
    assert f"refused: agents/research/{channel} of {side}: this is no folder" in said
    ours, theirs = two.mac.root / "agents/dispatch/urgent", two.vps.root / "agents/code/urgent"
    assert all(list(urgent.glob(f"{key}-*")) for urgent, key in ((theirs, there), (ours, back), (ours, lame)))
    looked = host.run("doctor", "--no-links")
    assert re.search(rf"research.*{channel}/ is no folder.*mv \S+/agents/research/{channel} ", looked.stdout), looked.stdout
    folder.unlink()
    folder.with_name("away").rename(folder)
    two.agree()
