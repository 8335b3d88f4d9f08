"""`fsbus doctor` on a real bus: what it finds is what is there, and looking changes nothing."""
from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from fsbus.duties.doctor import gather, mount_kind
from fsbus.duties.node import Node
from fsbus.spool.tree import Tree
from tests.disk.rig import unprivileged
from tests.kit import TestBus, clean_env, until


def examined(bus: TestBus, code: int) -> dict[str, dict[str, str]]:
    """The lines of `fsbus doctor --json` by what they are about."""
    env = {"HOME": str(bus.root.parent), "XDG_CONFIG_HOME": str(bus.root.parent)}
    return {line["check"]: line for line in json.loads(bus.fsbus("doctor", "--json", code=code, env=env))}


def everything(root: Path) -> list[tuple[str, int]]:
    """Every path of a bus and when it changed."""
    return sorted((str(path), path.stat().st_mtime_ns) for path in (root, *root.rglob("*")))


def test_a_bus_that_nobody_runs_fails_and_a_running_one_does_not(bus: TestBus) -> None:
    before = everything(bus.root)
    assert examined(bus, 1)["node"]["fix"].startswith("fsbus up")
    assert everything(bus.root) == before
    node = bus.up()
    until(lambda: bus.run("doctor").returncode == 0, "its duties")
    found = examined(bus, 0)
    assert f"pid {node.pid}" in found["node"]["says"]
    assert not [line for line in found.values() if line["verdict"] == "fail"]
    bus.stop(node)
    assert examined(bus, 1)["node"]["verdict"] == "fail"


@pytest.mark.parametrize("name", ["Code", "my agent"])
def test_it_says_which_folder_cannot_be_an_agent(bus: TestBus, name: str) -> None:
    """The Finder's New Folder, with an agent.yaml in it: nobody looks there, and nothing said so."""
    (bus.root / "agents/human").joinpath("about").mkdir()  # what is no agent's is nobody's business
    (bus.root / "agents/Notes").mkdir()
    bus.agent(name, "cat")
    found = examined(bus, 1)
    assert "cannot name an agent" in found[name]["says"]
    assert found[name]["fix"].startswith("mv ")
    assert "Notes" not in found


def test_it_says_which_agent_cannot_work(bus: TestBus) -> None:
    bus.agent("typo", "cat", slotz=3)
    bus.agent("far", "cat", home="moon")
    bus.agent("robot", "robot-that-is-not-installed --now")
    bus.agent("lost", "cat", cwd="~/nowhere")
    bus.agent("other", "cat", adapter="codex")
    found = examined(bus, 1)
    assert "slots" in found["typo"]["says"]
    assert "moon" in found["far"]["says"]
    assert "robot-that-is-not-installed" in found["robot"]["says"]
    assert f"{bus.root.parent}/nowhere" in found["lost"]["says"]
    assert "no adapter 'codex'" in found["other"]["says"]
    assert all(f"agents/{name}/agent.yaml" in found[name]["fix"] for name in ("typo", "far", "robot", "lost", "other"))


def test_a_program_is_looked_for_where_its_worker_looks(bus: TestBus, tmp_path: Path) -> None:
    program = tmp_path / "work.sh"
    program.write_text("#!/bin/sh\necho fine\n")
    program.chmod(0o755)
    bus.agent("beside", "./work.sh", cwd=tmp_path)
    bus.agent("home", f"~/{program.name}")
    bus.agent("nobody", f"~/no-{program.name}")
    for name, state in (("beside", "done"), ("home", "done"), ("nobody", "failed")):
        key = bus.fsbus("submit", "--to", name, "hello").strip()
        bus.fsbus("tick", env={"HOME": str(tmp_path)})
        assert bus.task(key)["state"] == state
    found = json.loads(bus.fsbus("doctor", "--json", env={"HOME": str(tmp_path)}, code=1))
    assert [one["check"] for one in found if one["check"] in ("beside", "home", "nobody")] == ["nobody"]


def test_what_another_host_does_is_not_judged_here(bus: TestBus) -> None:
    text = (bus.root / "bus.yaml").read_text()
    (bus.root / "bus.yaml").write_text(text.replace("hosts:\n", "hosts:\n  vps: {}\n"))
    bus.agent("robot", "robot-that-is-there --now", home="vps")
    bus.up()
    until(lambda: bus.run("doctor").returncode == 0, "its duties")


def test_it_says_what_is_wrong_with_the_root(bus: TestBus, tmp_path: Path) -> None:
    os.chmod(bus.root, 0o777)
    assert "chmod go-w" in examined(bus, 1)["root"]["fix"]
    os.chmod(bus.root, 0o700)
    (bus.root / "host").write_text("elsewhere\n")
    assert examined(bus, 1)["host"]["verdict"] == "fail"
    (bus.root / "bus.yaml").write_text("hosts: 3\n")
    assert examined(bus, 1)["bus.yaml"]["verdict"] == "fail"
    (bus.root / "bus.yaml").unlink()
    assert examined(bus, 1)["root"]["fix"] == f"fsbus init {bus.root}"


def test_a_bus_that_may_not_be_looked_at_is_there(bus: TestBus) -> None:
    bus.command = [*unprivileged(), *bus.command]
    os.chmod(bus.root, 0)
    try:
        found = examined(bus, 1)["root"]
    finally:
        os.chmod(bus.root, 0o700)
    assert (found["says"], found["fix"]) == (f"{bus.root} belongs to somebody else", f"ls -ld {bus.root}")


def test_a_user_of_whom_the_system_has_no_name_is_told_by_number(bus: TestBus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_001)  # as in a container that is started with `--user`
    assert gather(str(bus.root), 0.0).user == "4000000001"


def test_a_clock_behind_the_journal_is_seen(bus: TestBus) -> None:
    bus.fsbus("submit", "--to", "echo", "x")
    newest = max(path.stat().st_mtime for path in (bus.root / "log/here").iterdir())
    assert gather(str(bus.root), newest - 1000).ahead == pytest.approx(1000)
    assert gather(str(bus.root), newest + 5).ahead == pytest.approx(-5)


def test_lines_are_for_people_too(bus: TestBus) -> None:
    ended = bus.run("doctor", env=clean_env(HOME=str(bus.root.parent), FSBUS_ROOT=str(bus.root)))
    words = [line.split()[0] for line in ended.stdout.splitlines()]
    assert set(words) <= {"ok", "warn", "fail"}
    assert words.index("fail") < len(words) - 1
    assert ended.returncode == 1


MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 0:35 / /home/me/far rw shared:2 - fuse.sshfs me@far: rw
41 22 0:36 / /home/my\\040disk rw - nfs4 box:/x rw
42 22 0:37 / /home/me/far/near rw - tmpfs tmpfs rw
nonsense
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/me/fsbus", "ext4"), ("/home/me/far/bus", "fuse.sshfs"), ("/home/me/far", "fuse.sshfs"), ("/home/me/farm", "ext4"),
        ("/home/my disk/bus", "nfs4"), ("/home/me/far/near/bus", "tmpfs"),
    ],
)  # fmt: skip
def test_the_kind_of_disk_is_that_of_the_nearest_mount(path: str, kind: str) -> None:
    assert mount_kind(MOUNTS, path) == kind
    assert mount_kind("", path) == ""


def test_it_asks_for_every_duty_that_a_node_has(bus: TestBus) -> None:
    bus.agent("hand")
    bus.agent("far", "cat", home="moon")
    tree = Tree(str(bus.root))
    assert set(gather(str(bus.root), 0.0).owners) == set(Node(tree).posts.all())


# --- settings that cannot be used, as every command that looks or runs says it


@pytest.mark.parametrize("text", ["", "}{", "attempts: x\n", "id: a\nid: b\n", "\tid: [\n"])
def test_status_works_without_bus_yaml_and_says_so(bus: TestBus, text: str) -> None:
    bus.agent("far", "true", home="elsewhere")
    (bus.root / "bus.yaml").write_text(text)
    done = bus.run("status")
    assert (done.returncode, "echo" in done.stdout) == (0, True), done.stderr
    assert re.fullmatch(r"fsbus: bus\.yaml cannot be used: [^\n]+; [^\n]+\n", done.stderr), done.stderr
    assert bus.run("status", "echo").returncode == 0
    json.loads(bus.fsbus("status", "--json"))


def test_a_host_that_bus_yaml_does_not_know_is_told_everywhere(bus: TestBus) -> None:
    (bus.root / "host").write_text("elsewhere\n")
    for words in (("status",), ("tick",)):
        done = bus.run(*words)
        assert (done.returncode, "this host is 'elsewhere', and bus.yaml knows here" in done.stderr) == (0, True), words
    assert "elsewhere" in bus.fsbus("doctor", code=1)
    up = bus.start("up")
    assert up.stderr is not None
    assert any("this host is 'elsewhere'" in line for line in iter(up.stderr.readline, "") if "stop with" not in line)
    assert bus.stop(up) == 0


def test_of_two_dispatches_the_first_by_name_counts(bus: TestBus) -> None:
    bus.agent("a-second", role="dispatch")
    said = "a-second and dispatch have the role dispatch, and there is one: a-second counts"
    assert said in bus.fsbus("doctor", code=1)
    assert said in bus.run("tick").stderr
    bus.fsbus("submit", "x")
    bus.fsbus("tick")
    assert any("done" in name for name in bus.ls("a-second", "outbox"))


def test_an_agent_whose_home_is_nowhere_is_told(bus: TestBus) -> None:
    bus.agent("lost", "true", home="nowhere")
    assert "lost: its home nowhere is no host of bus.yaml (here)" in bus.run("tick").stderr


def test_a_refused_agent_yaml_is_told_with_the_reason(bus: TestBus) -> None:
    bus.agent("bad", rnu="true")
    found = json.loads(bus.fsbus("status", "bad", "--json"))
    assert "agent.yaml is refused: unknown key 'rnu'; did you mean 'run'?" in found["cause"]
    assert "unknown key 'rnu'" in found["refused"]
    assert "did you mean 'run'?" in bus.fsbus("status")
    done = bus.run("submit", "--to", "bad", "x")
    assert (done.returncode, "unknown key 'rnu'; did you mean 'run'?" in done.stderr) == (0, True)
    bus.agent("bad", "true")
    assert bus.run("submit", "--to", "bad", "y").stderr == ""
    bus.fsbus("tick")
    assert len([n for n in bus.ls("dispatch", "outbox") if ".done." in n]) == 2
