"""The ready-made buses run as they are shipped, by the lines that they print, and without any AI."""
from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from fsbus.core.config import AgentConfig
from fsbus.core.errors import BadUsage, NotFound, Refused
from fsbus.core.refusal import Refusal
from fsbus.spool import found
from fsbus.spool.tree import Tree
from tests.kit import FSBUS, TestBus, clean_env, until

REPO = Path(__file__).parent.parent
ENV = clean_env(PYTHONPATH=str(REPO), FSBUS_DURABILITY="kill")


def fsbus(*words: str, code: int = 0, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Type a command, with no bus in the environment."""
    done = subprocess.run([*FSBUS, *words], env=ENV, input=stdin, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def agents(tree: Tree) -> dict[str, AgentConfig]:
    """All agents, each of them one that can be used."""
    read = {name: tree.agent(name) for name in tree.agents()}
    assert not [a for a in read.values() if isinstance(a, Refusal)]
    return {name: agent for name, agent in read.items() if isinstance(agent, AgentConfig)}


@pytest.mark.parametrize("skel", found.ready_made())
def test_every_skeleton_makes_a_bus_that_can_be_used(skel: str, tmp_path: Path) -> None:
    root = tmp_path / "it's"
    fsbus("init", str(root), "--skel", skel)
    tree = Tree(str(root))
    bus = tree.bus()
    assert bus.notes == () or all(note.startswith("sync.") for note in bus.notes)
    assert len(bus.id) == found.ID_LENGTH
    assert bus.config_host == tree.host
    assert {agent.home for agent in agents(tree).values()} == set(bus.hosts)
    roles = [agent.role for agent in agents(tree).values()]
    assert roles.count("dispatch") == roles.count("human") == 1
    left = [path for path in root.rglob("*") if path.is_file() and re.search(r"@[A-Z]+@", path.read_text())]
    assert left == []


@pytest.mark.parametrize("folder", ["bus", "agents/bus", "my agents/bus"])
def test_it_says_what_it_made_wherever_that_lies(folder: str, tmp_path: Path) -> None:
    root = tmp_path / folder
    assert "made a bus with the agents dispatch, echo, human" in (said := fsbus("init", str(root)).stderr)
    assert shlex.split(said.splitlines()[1])[:4] == ["next:", "fsbus", "--root", str(root)]
    assert "nothing was missing" in (again := fsbus("init", str(root)).stderr)
    assert "--skel" not in again
    assert "it stays what it is: --skel cron is for a new folder" in fsbus("init", str(root), "--skel", "cron").stderr
    (root / "agents/echo/inbox/README.md").unlink()
    (root / "README.md").unlink()
    assert "this is a bus already; added README.md, agents/echo/inbox/README.md" in fsbus("init", str(root)).stderr


@pytest.mark.parametrize("skel", found.ready_made())
def test_nobody_else_can_look_into_it(skel: str, tmp_path: Path) -> None:
    root = tmp_path / "bus"
    fsbus("init", str(root), "--skel", skel)
    modes = {path: path.stat().st_mode & 0o777 for path in (root, *root.rglob("*"))}
    assert {path: mode for path, mode in modes.items() if mode & 0o077} == {}


def test_cron_runs_by_its_own_printed_line(tmp_path: Path) -> None:
    """The line of SETUP.md, as cron gives it to sh: with nothing in the environment but a home."""
    root = tmp_path / "my bus"
    fsbus("init", str(root), "--skel", "cron")
    setup = (root / "SETUP.md").read_text()
    line = next(line.strip() for line in setup.splitlines() if line.strip().startswith("*/5 "))
    assert line == fsbus("--root", str(root), "service", "show", "--cron").stdout.rstrip("\n")
    inbox = root / "agents/echo/inbox/x.md"
    inbox.write_text("no daemon\n")

    def ticked() -> bool:
        command = line.split(None, 5)[5].replace("\\%", "%")
        subprocess.run(["env", "-i", f"HOME={tmp_path}", "/bin/sh", "-c", command], check=True, timeout=60)
        return not inbox.exists()

    until(ticked)
    assert [p.read_text() for p in (root / "agents/dispatch/outbox").glob("*.done.md")] == ["no daemon\n"]
    assert (root / ".node/cron.log").read_text() == ""


def test_a_task_that_waits_for_one_tick_is_no_alarm(tmp_path: Path) -> None:
    fsbus("init", str(tmp_path / "bus"), "--skel", "cron")
    assert Tree(str(tmp_path / "bus")).bus().ack >= 3 * 300


def test_mac_vps_has_the_five_agents_where_they_belong(tmp_path: Path) -> None:
    root = tmp_path / "bus"
    fsbus("init", str(root), "--skel", "mac-vps")
    tree = Tree(str(root))
    bus, all_ = tree.bus(), agents(tree)
    assert (tree.host, bus.config_host, set(bus.hosts)) == ("mac", "mac", {"mac", "vps"})
    assert set(bus.hosts["vps"]) == {"ssh", "root", "command"}
    workers = ("code", "content", "infra", "research")
    homes = {name: agent.home for name, agent in all_.items()}
    assert homes == {"dispatch": "mac", "human": "mac"} | dict.fromkeys(workers, "vps")
    assert {name: all_[name].accepts for name in workers} == {name: (name,) for name in workers}
    assert "ssh me@vps fsbus init /home/me/fsbus --host vps --join -" in (root / "SETUP.md").read_text()


@pytest.mark.parametrize("worker", ["code", "research", "infra", "content"])
def test_its_workers_work_without_ai_and_say_what_is_missing(worker: str, tmp_path: Path) -> None:
    """Half of it on one machine: the other host's root, with the agents as sync brings them."""
    fsbus("init", str(tmp_path / "mac"), "--skel", "mac-vps")
    far = tmp_path / "vps"
    fsbus("init", str(far), "--host", "vps", "--join", str(tmp_path / "mac/bus.yaml"))
    folder = far / "agents" / worker
    folder.mkdir()
    (folder / "agent.yaml").write_bytes((tmp_path / "mac/agents" / worker / "agent.yaml").read_bytes())
    fsbus("--root", str(far), "submit", "--to", worker, "count the stars")
    fsbus("--root", str(far), "tick")
    said = next((folder / "outbox").glob("*.result.yaml")).read_text()
    assert f"put one into agents/{worker}/agent.yaml" in said
    assert "count the stars" in said
    assert all(f"# {line}" in (folder / "agent.yaml").read_text() for line in ("run: claude -p", "cwd: "))


def test_two_roots_of_one_bus_have_one_id_and_each_its_own_host(tmp_path: Path) -> None:
    near, far = str(tmp_path / "mac"), str(tmp_path / "vps")
    fsbus("init", near, "--skel", "mac-vps")
    text = (tmp_path / "mac/bus.yaml").read_text()
    assert fsbus("init", far, "--host", "vps", "--join", "-", stdin=text).stdout == f"{far}\n"
    assert (tmp_path / "vps/bus.yaml").read_text() == text
    assert (Tree(near).host, Tree(far).host) == ("mac", "vps")
    assert Tree(far).agents() == []
    assert "joined already" in fsbus("init", far, "--host", "vps", "--join", "-", stdin=text).stderr
    fsbus("init", far)  # mends what is missing, and makes it no other bus
    assert (tmp_path / "vps/bus.yaml").read_text() == text
    assert Tree(far).agents() == []
    ended = subprocess.run([*FSBUS, "--root", far, "tick"], env=ENV, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr


def test_the_line_of_setup_makes_the_other_half(tmp_path: Path) -> None:
    """As it stands there, but for `ssh` and the place, which are the reader's to put in."""
    fsbus("init", str(tmp_path / "it's mac"), "--skel", "mac-vps")
    setup = (tmp_path / "it's mac/SETUP.md").read_text()
    line = next(line for line in setup.splitlines() if "--join" in line)
    assert line.count("ssh me@vps fsbus ") == line.count(" /home/me/fsbus ") == 1
    typed = line.replace("ssh me@vps fsbus ", f"{' '.join(FSBUS)} ").replace(" /home/me/fsbus ", f" {tmp_path}/vps ")
    subprocess.run(["/bin/sh", "-c", typed], env=ENV, check=True, timeout=60)
    assert Tree(f"{tmp_path}/vps").bus().id == Tree(f"{tmp_path}/it's mac").bus().id
    assert Tree(f"{tmp_path}/vps").host == "vps"


def files(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(os.listdir(folder)) if folder.exists() else []


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--skel", "mac-vps", "--host", "vps"], 2, "--host vps --join BUS.YAML"),
        (["--skel", "mac-vps", "--host", "moon"], 2, "--join"),
        (["--join", "-"], 2, "--host"),
        (["--host", "moon", "--join", "-"], 3, "there are: mac, vps"),
        (["--host", "vps", "--join", "/no/such/file"], 3, "/no/such/file"),
    ],
)
def test_what_cannot_be_founded_leaves_nothing(words: list[str], code: int, says: str, tmp_path: Path) -> None:
    text = (REPO / "skel/mac-vps/bus.yaml").read_text().replace("@ID@", "abcdefghjkmn")
    ended = fsbus("init", str(tmp_path / "bus"), *words, code=code, stdin=text)
    assert says in ended.stderr
    assert files(tmp_path / "bus") == []


def test_what_is_no_bus_is_not_joined(tmp_path: Path) -> None:
    for text in ("", "just words", "hosts:\n  vps: {}\n", "id: x\nhosts: 3\n", "a: [\n"):
        with pytest.raises(BadUsage):
            found.join(str(tmp_path / "bus"), "vps", text)
        assert files(tmp_path / "bus") == []


def test_another_bus_and_another_hosts_root_are_not_joined_over(bus: TestBus) -> None:
    before = (bus.root / "bus.yaml").read_text()
    with pytest.raises(Refused, match="another bus"):
        found.join(str(bus.root), "vps", "id: other\nhosts:\n  vps: {}\n")
    with pytest.raises(Refused, match="that of here"):
        found.join(str(bus.root), "vps", before.replace("hosts:\n", "hosts:\n  vps: {}\n"))
    with pytest.raises(NotFound):
        found.join(str(bus.root), "vps", before)
    assert (bus.root / "bus.yaml").read_text() == before
    assert (bus.root / "host").read_text() == "here\n"
