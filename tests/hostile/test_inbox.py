"""All hostile entries at once, among three honest drops: each gets its fate, nothing else happens."""
from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.hostile.planter import LEFT, REJECTED, TASK, Outside, Plant, plants, text
from tests.kit import TestBus, clean_env, until

HONEST = {"one.md": "Count to one\n", "two.txt": "Count to two\n", "three.yaml": "task: Count to three\n"}
LARGEST = 200_000  # KB that a tick over all this may hold at once; an empty one holds 40,000
# VmHWM and not ru_maxrss: that one begins with the size of whoever forked us, here a grown pytest worker.
MEASURED = """
import os, sys
from fsbus.faces.cli.edge import run
code = run(sys.argv[1:])
with open("/proc/self/status" if os.path.exists("/proc/self/status") else os.devnull) as status:
    sys.stderr.write("peak " + next((line.split()[1] for line in status if line.startswith("VmHWM")), "0"))
sys.exit(code)
"""


@dataclass(frozen=True)
class Facts:
    """What an entry was when it was planted."""

    inode: int
    kind: int
    size: int
    modified: int
    content: bytes | str

    @classmethod
    def of(cls, path: bytes) -> Facts:
        """Look at an entry without following, blocking on or filling the memory with it."""
        facts = os.lstat(path)
        content: bytes | str = b""
        if stat.S_ISLNK(facts.st_mode):
            content = os.fsdecode(os.readlink(path))
        elif stat.S_ISREG(facts.st_mode) and facts.st_size <= 2 << 20:
            with open(path, "rb") as file:
                content = file.read()
        elif stat.S_ISDIR(facts.st_mode):
            content = " ".join(sorted(map(os.fsdecode, os.listdir(path))))
        return cls(facts.st_ino, facts.st_mode, facts.st_size, facts.st_mtime_ns, content)


class Field:
    """A bus with everything planted in the inbox of its worker."""

    def __init__(self, bus: TestBus, folder: Path) -> None:
        self.bus, self.inbox = bus, bus.root / "agents/echo/inbox"
        self.outside = Outside(folder / "outside")
        self.outside.make()
        self.planted: dict[Plant, Facts] = {}
        for plant in plants(self.outside):
            self.planted[plant] = self.plant(plant)
        for name, content in HONEST.items():
            bus.drop("echo", name, content)

    def path(self, plant: Plant) -> bytes:
        """Where a plant was put."""
        return os.fsencode(self.inbox) + b"/" + plant.name

    def plant(self, plant: Plant) -> Facts:
        """Put one there."""
        path = self.path(plant)
        plant.make(path)
        return Facts.of(path)

    def found(self, folder: Path) -> dict[int, bytes]:
        """The entries of a folder by their inodes."""
        found: dict[int, bytes] = {}
        for name in os.listdir(os.fsencode(folder)):
            path = os.fsencode(folder) + b"/" + name
            with suppress(FileNotFoundError):  # half-written, or in hand, and under its own name by now
                found[os.lstat(path).st_ino] = path
        return found

    def fates(self) -> dict[str, list[str]]:
        """Which plants did not get their fate, by what is wrong; {} when all is well."""
        ended, rejected = self.found(self.bus.root / "agents/dispatch/outbox"), self.found(self.inbox / "rejected")
        wrong: dict[str, list[str]] = {}
        for plant, before in self.planted.items():
            place = {TASK: ended, REJECTED: rejected}.get(plant.fate, {before.inode: self.path(plant)})
            said = self.flaw(plant, before, place.get(before.inode))
            if said:
                wrong.setdefault(f"{plant.fate}: {said}", []).append(str(plant))
        return wrong

    def flaw(self, plant: Plant, before: Facts, now: bytes | None) -> str:
        """What is wrong with one plant; '' if nothing is."""
        try:
            facts = Facts.of(now) if now is not None else None
        except FileNotFoundError:  # it moves
            facts = None
        if now is None or facts is None:
            return "is not where it belongs"
        if facts != before:
            return "was changed"
        if plant.fate == TASK and b".a1.done." not in now:
            return "was not done"
        if plant.fate == REJECTED:
            return self.explained(plant, now)
        return ""

    def explained(self, plant: Plant, now: bytes) -> str:
        """Whether the note beside a rejected entry says why."""
        if os.path.basename(now)[:200] != plant.name[:200]:
            return "lies under another name"
        try:
            with open(now + b".why", encoding="utf-8") as file:
                why = file.read()
        except OSError:
            return "has no .why"
        return "" if re.search(plant.says, why, re.DOTALL) and "fsbus check" in why else f"is explained by: {why}"

    def honest(self) -> bool:
        """Whether the three honest drops were done."""
        done = [p.read_bytes() for p in (self.bus.root / "agents/dispatch/outbox").glob("5-*-count-to-*.a1.done.*")]
        return sorted(done) == sorted(content.encode() for content in HONEST.values())

    def check_outside(self) -> None:
        """Nothing outside was written, run, or read into the tree."""
        assert sorted(p.name for p in self.outside.folder.iterdir()) == ["linked.txt", "secret.txt"]
        assert self.outside.secret.read_text() == self.outside.linked.read_text() == f"{self.outside.words}\n"
        evil = self.outside.evil.name
        assert not [folder for folder, *names in os.walk(self.bus.root) if any(evil in some for some in names)]
        assert spilled(self.bus.root, self.outside) == []


def spilled(root: Path, outside: Outside) -> list[str]:
    """Files of the tree that hold the secret words, the hard link itself left out."""
    linked, words, found = os.stat(outside.linked).st_ino, outside.words.encode(), []
    for folder, _, names in os.walk(os.fsencode(root)):
        for path in (folder + b"/" + name for name in names):
            with suppress(FileNotFoundError):  # a node runs: what it moves or lets go of meanwhile
                facts = os.lstat(path)
                if stat.S_ISREG(facts.st_mode) and facts.st_ino != linked and facts.st_size < 8 << 20:
                    with open(path, "rb") as file:
                        if words in file.read():
                            found.append(os.fsdecode(path))
    return found


def snapshot(root: Path) -> list[tuple[bytes, int, int, int]]:
    """Every name in the tree with inode, size and time; what a node writes about itself left out."""
    found = []
    for folder, folders, names in os.walk(os.fsencode(root)):
        folders[:] = [name for name in folders if name not in (b".node", b"log")]
        for name in (*folders, *names):
            facts = os.lstat(folder + b"/" + name)
            changes = stat.S_ISDIR(facts.st_mode) or name == b"alive.yaml"
            stamp = (0, 0, 0) if changes else (facts.st_ino, facts.st_size, facts.st_mtime_ns)
            found.append((folder + b"/" + name, *stamp))
    return sorted(found)


@pytest.fixture
def field(bus: TestBus, tmp_path: Path) -> Field:
    """A bus full of hostile entries."""
    return Field(bus, tmp_path)


def test_a_tick_gives_each_entry_its_fate_and_a_second_one_changes_nothing(field: Field, tmp_path: Path) -> None:
    env = clean_env(FSBUS_ROOT=str(field.bus.root), HOME=str(tmp_path))
    tick = [sys.executable, "-c", MEASURED, "tick"]
    ended = subprocess.run(tick, env=env, cwd=field.outside.folder, capture_output=True, text=True, timeout=90, check=False)
    assert ended.returncode == 0, ended.stderr
    assert field.fates() == {}
    assert field.honest()
    field.check_outside()
    assert int(ended.stderr.rsplit(" ", 1)[1]) < LARGEST
    before = snapshot(field.bus.root)
    field.bus.fsbus("tick")
    assert snapshot(field.bus.root) == before
    count = sum(plant.fate == REJECTED for plant in field.planted)
    assert re.search(rf"(?<!\d){count} in inbox/rejected", field.bus.fsbus("status"))


def test_a_running_node_gives_each_entry_its_fate(field: Field) -> None:
    node = field.bus.up(cwd=field.outside.folder)
    until(field.honest, "the honest drops")
    until(lambda: field.fates() == {}, "every fate to be met")
    field.check_outside()
    assert node.poll() is None
    assert field.bus.stop(node) == 0


def test_the_same_name_rejected_twice_is_kept_twice(bus: TestBus) -> None:
    inbox = bus.root / "agents/echo/inbox"
    for content in (b"\xff\xfe1", b"\xff\xfe2", b"\xff\xfe3"):
        bus.drop("echo", "x.md", content)
        bus.fsbus("tick")
    kept = {path.name: path.read_bytes() for path in (inbox / "rejected").iterdir()}
    assert {name: data for name, data in kept.items() if not name.endswith(".why")} == {
        "x.md": b"\xff\xfe1", "x.md.2": b"\xff\xfe2", "x.md.3": b"\xff\xfe3",
    }  # fmt: skip
    assert sorted(name for name in kept if name.endswith(".why")) == ["x.md.2.why", "x.md.3.why", "x.md.why"]


def test_what_is_rejected_keeps_a_name_as_long_as_a_disk_takes(bus: TestBus) -> None:
    """The reason beside it had no room for its name while it was half-written: neither was kept, and it was tried again."""
    name = "x" * 250 + ".yaml"
    bus.drop("echo", name, "task: x\ntimeout: 9:30\n")
    assert "too long" not in bus.run("tick").stderr
    [why, kept] = sorted(bus.ls("echo", "inbox/rejected"), key=len)
    assert kept == name
    assert why.endswith(".why")
    assert "write 9m30s" in (bus.root / "agents/echo/inbox/rejected" / why).read_text()


def test_what_others_put_into_rejected_is_not_overwritten(bus: TestBus) -> None:
    rejected = bus.root / "agents/echo/inbox/rejected"
    (rejected / "x.md").write_text("mine")
    (rejected / "y.md.why").write_text("mine, too")
    for name in ("x.md", "y.md"):
        bus.drop("echo", name, b"\xff\xfe")
    bus.fsbus("tick")
    assert (rejected / "x.md").read_text() == "mine"
    assert (rejected / "y.md.why").read_text() == "mine, too"
    assert sorted(p.name for p in rejected.iterdir()) == ["x.md", "x.md.2", "x.md.2.why", "y.md.2", "y.md.2.why", "y.md.why"]


def test_a_dot_file_that_borrows_the_key_of_a_task_is_kept_and_explained(bus: TestBus) -> None:
    key = bus.fsbus("submit", "--to", "echo", "--not-before", "1h", "later").strip()
    inbox = bus.root / "agents/echo/inbox"
    (inbox / f".adopt-{key}-x.md").write_text("mine\n")
    bus.fsbus("tick")
    assert (inbox / "rejected/x.md").read_text() == "mine\n"
    assert "another file" in (inbox / "rejected/x.md.why").read_text()
    assert len(bus.ls("dispatch", "inbox")) == 1


def test_a_mended_file_moved_back_is_a_task(bus: TestBus) -> None:
    bus.drop("echo", "x.yaml", "task: hello\ntask: again\n")
    bus.fsbus("tick")
    kept = bus.root / "agents/echo/inbox/rejected/x.yaml"
    kept.write_text("task: hello\n")
    bus.fsbus("check", str(kept))
    kept.rename(bus.root / "agents/echo/inbox/x.yaml")
    bus.fsbus("tick")
    assert len([name for name in bus.ls("dispatch", "outbox") if name.endswith("-hello.a1.done.yaml")]) == 1


def test_dispatch_and_human_are_as_careful(bus: TestBus, tmp_path: Path) -> None:
    outside = Outside(tmp_path / "outside")
    outside.make()
    names = (b"link.md", b"pipe.md", b"hard.md", b"merge-bomb.yaml", b"64mb.txt", b".adopt-")
    chosen = [plant for plant in plants(outside) if plant.name in names]
    for agent in ("dispatch", "human"):
        for plant in chosen:
            plant.make(os.fsencode(bus.root / "agents" / agent / "inbox") + b"/" + plant.name)
        text("an honest text\n")(os.fsencode(bus.root / "agents" / agent / "inbox/x.md"))
    bus.fsbus("tick")
    for agent in ("dispatch", "human"):
        kept = {name.removesuffix(".why") for name in os.listdir(bus.root / "agents" / agent / "inbox/rejected")}
        assert kept == {str(p) for p in chosen if p.fate == REJECTED}
        assert all((bus.root / "agents" / agent / "inbox" / str(p)).exists() for p in chosen if p.fate == LEFT)
    assert [name.split(".", 1)[1] for name in bus.ls("human", "inbox")] == ["a1.queued.md"]
    assert spilled(bus.root, outside) == []
