"""Promise 8: a disk in trouble is a clear error with an exit code; nothing is lost; it goes on when the cause is gone."""
from __future__ import annotations

import errno
import json
import os
import re
import resource
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fsbus.core.names import new_key
from fsbus.duties.node import Node
from fsbus.spool import careful
from fsbus.spool.adopt import Adopter
from fsbus.spool.journal import Journal
from fsbus.spool.tree import Tree
from tests.disk.rig import KB, SENTENCE, SmallDisk, mount, unmount, unprivileged, visible
from tests.kit import FSBUS, TestBus, clean_env, until

KEY = new_key(int(time.time() * 1000), 1)
TEXT = "A task of some length, so that it needs some blocks of its own.\n" * 100
GO = 'while [ ! -e "{go}" ]; do sleep 0.02; done'


@pytest.fixture(params=["tmpfs", "ext4"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallDisk]:
    """A bus on a disk of 4 MB."""
    folder = tmp_path / "disk"
    mount(folder, request.param, 4 << 20, 400)
    try:
        small = SmallDisk(folder)
        yield small
        small.bus.close()
    finally:
        unmount(folder)


def refused(ended: subprocess.CompletedProcess[str], *says: str) -> None:
    """The end of a command that the disk did not let do its work."""
    assert ended.returncode == 75, ended.stderr
    assert SENTENCE.fullmatch(ended.stderr), ended.stderr
    assert all(word in ended.stderr for word in says), ended.stderr
    assert ended.stdout == ""


def done(bus: TestBus, key: str) -> dict[str, Any]:
    """The result of a task, once dispatch has it, whatever state it has."""
    outbox = bus.root / "agents/dispatch/outbox"
    until(lambda: any(outbox.glob(f"?-{key}-*.done.*")) or any(outbox.glob(f"?-{key}-*.failed.*")), f"the end of {key}")
    [path] = outbox.glob(f"?-{key}-*.result.yaml")
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


def state(bus: TestBus, agent: str, key: str) -> str:
    """The state in the name of a task in an agent's inbox, '' if it is not there."""
    return next((name.split(".")[2] for name in bus.ls(agent, "inbox") if key in name), "")


def no_leftovers(bus: TestBus) -> None:
    """No half-written or forgotten file lies anywhere; what a running node is about to write goes by itself."""
    def hidden() -> list[str]:
        return [name for _, _, names in os.walk(bus.root) for name in names if name.startswith((".new-", ".adopt-"))]

    until(lambda: hidden() == [], f"the end of {hidden()}")


# --- full


@pytest.mark.parametrize("left", [0, 1 * KB, 4 * KB, 8 * KB, 64 * KB])
def test_a_submit_on_a_nearly_full_disk_is_whole_or_refused(disk: SmallDisk, left: int) -> None:
    bus, inbox = disk.bus, disk.bus.root / "agents/echo/inbox"
    again = ("submit", "--to", "echo", "--key", KEY, "-")
    disk.fill(left)
    ended = bus.run(*again, stdin=TEXT)
    if ended.returncode == 0:
        assert left > 0
        [name] = visible(inbox)
        assert yaml.safe_load((inbox / name).read_text())["task"] == TEXT
    else:
        assert left < 64 * KB
        refused(ended, "No space left on device", str(inbox))
        assert visible(inbox) == []
    assert bus.run("status").returncode == 0
    disk.free()
    bus.fsbus(*again, stdin=TEXT)
    assert len(visible(inbox)) == 1
    bus.fsbus("tick")
    assert bus.fsbus("result", KEY) == TEXT


def test_commands_on_a_full_disk_say_so_and_looking_works(disk: SmallDisk) -> None:
    bus = disk.bus
    key = bus.fsbus("submit", "--to", "echo", "hello").strip()
    bus.fsbus("tick")
    waiting = bus.fsbus("submit", "--to", "echo", "later").strip()
    disk.fill()
    disk.use_up_inodes()
    for line in (["status"], ["status", key], ["show", key], ["result", key], ["log", key], ["trace", key], ["wait", key]):
        assert bus.run(*line).returncode == 0, line
    for line in (["submit", "--to", "echo", "x"], ["cancel", waiting], ["tick"], ["up"], ["agent", "add", "code"]):
        refused(bus.run(*line), "No space left on device")
    disk.free()
    no_leftovers(bus)
    bus.fsbus("agent", "add", "code", "--run", "true")
    bus.fsbus("tick")
    assert done(bus, waiting)["state"] == "done"


def test_a_further_attempt_that_the_disk_has_no_room_for_leaves_the_result_the_one_that_counts(
    disk: SmallDisk, tmp_path: Path
) -> None:
    """Its marker is all that keeps another end of that task, from a backup say, from being collected beside it."""
    bus = disk.bus
    key = bus.fsbus("submit", "--to", "echo", "hello").strip()
    bus.fsbus("tick")
    bus.fsbus("retry", key)
    (asked,) = (bus.root / "agents/dispatch/urgent").glob("*-assign.*")
    asked.rename(disk.folder / asked.name)
    log = tmp_path / "log"
    with log.open("w") as file:
        bus.start("up", stderr=file)
    until(lambda: "stop with Ctrl-C" in log.read_text(), "the node")
    disk.fill()
    (disk.folder / asked.name).rename(asked)
    until(lambda: f"{key} cannot be tried again: No space left" in log.read_text(), "its trouble")
    assert os.path.lexists(bus.root / ".node/collected" / key)
    disk.free()
    until(lambda: [name for name in bus.ls("dispatch", "outbox") if key in name and ".a2.done." in name], "the further attempt")


def test_a_command_that_met_a_full_disk_may_be_tried_again(disk: SmallDisk, tmp_path: Path) -> None:
    ballast, flag = disk.folder / "of-the-command", tmp_path / "again"
    fill = f"[ -e {flag} ] && exit 0; touch {flag}; cat /dev/zero > {ballast}; exit 1"
    (tmp_path / "fill.sh").write_text(fill)
    disk.bus.agent("fills", f"sh {tmp_path / 'fill.sh'}")
    settings = disk.bus.root / "bus.yaml"
    settings.write_text(settings.read_text().replace("backoff: 30s", "backoff: 0.1s"))
    key = disk.bus.fsbus("submit", "--to", "fills", "x").strip()
    log, agents = tmp_path / "log", disk.bus.root / "agents"
    with log.open("w") as file:
        disk.bus.start("up", stderr=file)
    waits = "the result waits for the disk"
    until(lambda: waits in log.read_text() or list(agents.glob("*/outbox/**/*.result.yaml")), "the command's end")
    ballast.unlink()
    disk.bus.fsbus("wait", key, "--timeout", "30s")
    (failed,) = (disk.bus.root / "agents/dispatch/outbox/late").glob("*.result.yaml")
    error = yaml.safe_load(failed.read_text())["error"]
    assert (error["kind"], error["retryable"], error["exit_code"]) == ("exit", True, 1)
    assert "the disk has no room" in error["what"]


@pytest.mark.parametrize("left", [0, 2, 6, 10, 14, 18])
def test_an_agent_that_has_no_room_is_not_there_at_all(disk: SmallDisk, left: int) -> None:
    """Whatever the disk was too full for; with room for all of it, it is whole."""
    disk.use_up_inodes(left)
    done = disk.bus.run("agent", "add", "nn", "--run", "true")
    assert done.returncode in (0, 75), done.stderr
    there = [path.name for path in (disk.bus.root / "agents").iterdir() if "nn" in path.name]
    assert there == ([] if done.returncode else ["nn"])
    assert ("nn" in disk.bus.fsbus("status")) == (not done.returncode)
    disk.free()
    disk.bus.fsbus("agent", "add", "nn", "--run", "true", code=5 if not done.returncode else 0)
    assert disk.bus.fsbus("submit", "--to", "nn", "x")
    disk.bus.fsbus("tick")
    assert any("done" in name for name in disk.bus.ls("dispatch", "outbox"))


def test_without_inodes_nothing_is_lost_and_all_goes_on_by_itself(disk: SmallDisk) -> None:
    bus = disk.bus
    bus.up()
    hidden = disk.folder / "hidden"
    hidden.write_text("a drop\n")
    disk.use_up_inodes()
    refused(bus.run("submit", "--to", "echo", "x"), "No space left on device")
    hidden.rename(bus.root / "agents/echo/inbox/x.md")
    until(lambda: bus.ls("echo", "inbox") != ["x.md"], "somebody to take the drop in hand")
    assert bus.run("status").returncode == 0
    disk.free()
    outbox = bus.root / "agents/dispatch/outbox"
    until(lambda: any(outbox.glob("5-*-a-drop.a1.done.md")), "the drop to be done")
    until(lambda: not any(name.startswith(".") for name in visible(bus.root / "agents/echo/inbox")))
    no_leftovers(bus)


def test_a_full_disk_starts_nothing_and_costs_no_attempt(disk: SmallDisk) -> None:
    bus = disk.bus
    up = bus.up()
    pause = bus.root / "agents/echo/PAUSE"
    pause.touch()
    keys = [bus.fsbus("submit", "--to", "echo", f"t{number}").strip() for number in range(3)]
    until(lambda: [state(bus, "echo", key) for key in keys] == ["acked"] * 3)
    disk.fill()
    pause.unlink()
    assert up.stderr is not None
    until(lambda: "cannot be started: No space left on device" in up.stderr.readline(), "the worker to say so")  # type: ignore[union-attr]
    assert [state(bus, "echo", key) for key in keys] == ["acked"] * 3
    assert list((bus.root / "agents/echo/runs").iterdir()) == []
    disk.free()
    results = [done(bus, key) for key in keys]
    assert [(found["state"], found["attempt"], found["tries"]) for found in results] == [("done", 1, 1)] * 3


@pytest.mark.parametrize("left", [0, 2 * KB, 8 * KB])
def test_a_result_waits_for_room_and_is_whole(disk: SmallDisk, tmp_path: Path, left: int) -> None:
    bus, go = disk.bus, tmp_path / "go"
    script = tmp_path / "work.sh"
    script.write_text(f"cat; {GO.format(go=go)}; exit 0\n")
    bus.agent("code", f"sh {script}")
    up = bus.up()
    key = bus.fsbus("submit", "--to", "code", "-", stdin=TEXT).strip()
    until(lambda: [p for p in (bus.root / "agents/code/runs").glob("*/stdout.1.txt") if p.read_text() == TEXT])
    disk.fill(left)
    go.touch()
    until(lambda: said(up, "waits for the disk"), "the worker to say that it cannot publish") if left == 0 else None
    disk.free()
    found = done(bus, key)
    assert (found["state"], found["result"], found["attempt"]) == ("done", TEXT, 1)
    assert bus.ls("code", "inbox") == bus.ls("code", "outbox") == []
    no_leftovers(bus)


def said(process: subprocess.Popen[str], words: str) -> bool:
    """Whether the next line of a process says this."""
    assert process.stderr is not None
    return words in process.stderr.readline()


def test_a_file_size_limit_is_told_like_a_full_disk(bus: TestBus) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 * KB, 2 * KB))

    again = ("submit", "--to", "echo", "--key", KEY, "-")
    refused(bus.run(*again, stdin=TEXT, preexec_fn=limit), "File too large", "agents/echo/inbox")
    assert visible(bus.root / "agents/echo/inbox") == []
    bus.fsbus(*again, stdin=TEXT)
    bus.fsbus("tick")
    assert bus.fsbus("result", KEY) == TEXT


# --- read-only


def test_a_read_only_disk_can_be_looked_at_and_says_what_cannot_be_done(disk: SmallDisk) -> None:
    bus = disk.bus
    key = bus.fsbus("submit", "--to", "echo", "hello").strip()
    bus.fsbus("tick")
    waiting = bus.fsbus("submit", "--to", "echo", "later").strip()
    disk.remount("ro")
    for line in (["status"], ["status", "--json"], ["status", waiting], ["agent", "list"]):
        assert bus.run(*line).returncode == 0, line
    for verb in ("status", "show", "result", "log", "trace", "wait"):
        assert bus.run(verb, key).returncode == 0, verb
    assert bus.fsbus("log", key, "-f").endswith("hello")
    for line in (["submit", "--to", "echo", "x"], ["cancel", waiting], ["tick"], ["up"], ["init", str(bus.root / "new")]):
        refused(bus.run(*line), "Read-only file system")
    assert re.search(r"^fail  disk +it is read-only", bus.fsbus("doctor", code=1), re.M)
    disk.remount("rw")
    bus.fsbus("submit", "--to", "echo", "x")
    bus.fsbus("tick")
    assert done(bus, waiting)["state"] == "done"
    no_leftovers(bus)


# --- missing


@pytest.mark.parametrize("gone", ["inbox", "outbox", "runs", "urgent"])
def test_a_missing_folder_is_made_again(bus: TestBus, gone: str) -> None:
    shutil.rmtree(bus.root / "agents/echo" / gone)
    key = bus.fsbus("submit", "--to", "echo", "hello").strip()
    assert bus.run("status", key).returncode == 0
    bus.fsbus("tick")
    assert done(bus, key)["result"] == "hello"


def test_folders_that_vanish_under_a_running_node_come_back(bus: TestBus, tmp_path: Path) -> None:
    go = tmp_path / "go"
    (tmp_path / "work.sh").write_text(f"{GO.format(go=go)}; echo fine\n")
    bus.agent("code", f"sh {tmp_path / 'work.sh'}")
    up = bus.up()
    first = bus.fsbus("submit", "--to", "code", "first").strip()
    until(lambda: state(bus, "code", first) == "running")
    shutil.rmtree(bus.root / "agents/code/outbox")
    go.touch()
    assert done(bus, first)["result"] == "fine\n"
    for gone in ("code/inbox", "code/outbox", "code/runs", "code/urgent", "dispatch/inbox"):
        shutil.rmtree(bus.root / "agents" / gone)
    assert done(bus, bus.fsbus("submit", "--to", "code", "second").strip())["result"] == "fine\n"
    assert up.poll() is None


def test_a_journal_that_was_removed_is_begun_again(bus: TestBus, tmp_path: Path) -> None:
    """A record in a file that nobody can open any more is lost, and the next ones would be until midnight."""
    def record(key: str) -> list[str]:
        files = (bus.root / "log").glob("*/*.jsonl")
        return [line for path in files for line in path.read_text().splitlines() if key in line and "acked > running" in line]

    bus.up()
    first = bus.fsbus("submit", "--to", "echo", "--wait", "before").split()[0]
    assert until(lambda: record(first), "the journal")
    (bus.root / "log").rename(tmp_path / "removed")  # at once: the node would make it again while it is taken apart
    second = bus.fsbus("submit", "--to", "echo", "--wait", "after").split()[0]
    assert until(lambda: record(second), "the journal again")
    assert not record(first)
    for path in ("log", "log/here"):
        assert stat.S_IMODE((bus.root / path).stat().st_mode) == 0o700, path


def test_a_bus_without_agents_says_what_to_do(bus: TestBus) -> None:
    (bus.root / "agents").rename(bus.root / "gone")
    for line in (["status"], ["submit", "--to", "echo", "x"], ["tick"], ["show", "m2x9rt"]):
        ended = bus.run(*line)
        assert ended.returncode == 3, ended.stderr
        assert SENTENCE.fullmatch(ended.stderr), ended.stderr
        assert "agents/ is missing" in ended.stderr
    (bus.root / "gone").rename(bus.root / "agents")
    bus.fsbus("submit", "--to", "echo", "x")


def test_a_bus_without_its_host_file_says_what_to_do(bus: TestBus) -> None:
    (bus.root / "host").unlink()
    ended = bus.run("submit", "--to", "echo", "x")
    assert ended.returncode == 3
    assert f"echo NAME > {bus.root}/host" in ended.stderr
    assert SENTENCE.fullmatch(ended.stderr)


# --- not ours


def as_somebody(bus: TestBus, *words: str) -> subprocess.CompletedProcess[str]:
    """A command without root's power over permissions."""
    command = [*unprivileged(), *FSBUS, *words]
    env = clean_env(FSBUS_ROOT=str(bus.root))
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=60, check=False)


@pytest.mark.parametrize("where", ["agents/echo/inbox", ".", "agents"])
def test_what_permissions_forbid_is_refused_in_one_line(bus: TestBus, where: str) -> None:
    folder = bus.root / where
    folder.chmod(0)
    try:
        whole = as_somebody(bus, "status")
        for line in (["submit", "--to", "echo", "x"], *([] if "echo" in where else [["status"]])):
            ended = as_somebody(bus, *line)
            assert ended.returncode == 5, ended.stderr
            assert SENTENCE.fullmatch(ended.stderr), ended.stderr
            assert str(bus.root) in ended.stderr
    finally:
        folder.chmod(0o700)
    assert "echo" not in where or (whole.returncode == 0 and "Permission denied" in whole.stdout)  # the others are shown
    assert visible(bus.root / "agents/echo/inbox") == []
    assert as_somebody(bus, "submit", "--to", "echo", "x").returncode == 0


def test_one_agent_that_cannot_be_read_keeps_no_other_from_its_work(bus: TestBus) -> None:
    command = [*unprivileged(), *FSBUS, "up"]
    bus.agent("code", "cat")
    closed, open_ = (bus.fsbus("submit", "--to", agent, "x").strip() for agent in ("code", "echo"))
    inbox = bus.root / "agents/code/inbox"
    inbox.chmod(0)
    try:
        up = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=clean_env(FSBUS_ROOT=str(bus.root)))
        bus._running.append(up)
        assert done(bus, open_)["state"] == "done"
        until(lambda: said(up, "Permission denied"), "the node to say so")
        assert up.poll() is None
    finally:
        inbox.chmod(0o700)
    assert done(bus, closed)["state"] == "done"


def test_one_drop_that_cannot_be_taken_keeps_no_other_from_being_taken(bus: TestBus) -> None:
    inbox = bus.root / "agents/echo/inbox"
    stuck = bus.drop("echo", "a-stuck.md", "not today\n")
    chattr = shutil.which("chattr") or "false"
    if subprocess.run([chattr, "+i", str(stuck)], capture_output=True, check=False).returncode:
        pytest.skip("no file can be made immutable here (chattr +i)")
    try:
        up = bus.up()
        bus.drop("echo", "b.md", "hello\n")
        key = bus.fsbus("submit", "--to", "echo", "world").strip()
        assert done(bus, key)["state"] == "done"
        outbox = bus.root / "agents/dispatch/outbox"
        until(lambda: any(outbox.glob("5-*-hello.a1.done.md")), "the other drop")
        until(lambda: said(up, "a-stuck.md"), "the node to say so")
        assert os.listdir(inbox / "rejected") == []
    finally:
        subprocess.run(["chattr", "-i", str(stuck)], check=True)
    until(lambda: any(outbox.glob("5-*-not-today.a1.done.md")), "the stuck drop")


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE])
def test_a_drop_that_the_disk_cannot_read_now_is_read_later(bus: TestBus, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """It was rejected for good, with the advice to look at its permissions."""
    drop, real, refused = bus.drop("echo", "a.md", "hello\n"), careful.read, []

    def read(path: str, limit: int, links: int = 2) -> bytes:
        if ".adopt-" in path and len(refused) < 2:
            refused.append(path)
            raise OSError(number, os.strerror(number), path)
        return real(path, limit, links)

    monkeypatch.setattr(careful, "read", read)
    tree = Tree(str(bus.root))
    adopter = Adopter(tree, "echo", Journal(tree.root, tree.host))
    taken = bus.root / "agents/echo/inbox"
    until(lambda: adopter.step([drop.name] if drop.exists() else []) and list(taken.glob("5-*.a1.queued.md")), "it")
    assert len(refused) == 2
    assert len(bus.ls("echo", "inbox")) == 1
    assert os.listdir(taken / "rejected") == []


@pytest.mark.parametrize("how", ["renamed", errno.EIO, errno.EMFILE])
def test_what_dispatch_cannot_read_at_this_look_is_read_at_the_next(
    bus: TestBus, monkeypatch: pytest.MonkeyPatch, how: str | int
) -> None:
    """It ended as failed, kind bad-input: a person gave it another digit that moment, or the disk was in trouble."""
    key = bus.fsbus("submit", "--type", "nothing", "hello").strip()
    (path,) = (bus.root / "agents/dispatch/inbox").glob(f"5-{key}-*")
    real, met = careful.read, []

    def read(asked: str, limit: int, links: int = 2) -> bytes:
        if asked == str(path) and not met:
            met.append(asked)
            if isinstance(how, int):
                raise OSError(how, os.strerror(how), asked)
            path.rename(path.with_name(path.name.replace("5-", "1-", 1)))
        return real(asked, limit, links)

    monkeypatch.setattr(careful, "read", read)
    with Node(Tree(str(bus.root))) as node:
        node.take_on("dispatch", node.posts.all()["dispatch"])
        until(lambda: (node._step(), "held" in bus.fsbus("trace", key))[1], "it to be held")
    assert met
    assert bus.task(key)["state"] == "queued"
    assert json.loads(bus.fsbus("today", "--json"))["waits_for_you"] == []
