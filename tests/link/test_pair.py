"""`fsbus pair` over a real sshd: every step that can go wrong is said with what to type, and a second time changes nothing."""
from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsbus.spool.tree import Tree
from tests.kit import FSBUS, Done, clean_env, until
from tests.link.sshd import free_port
from tests.link.two import Two

STEPS = ["way", "host key", "login", "fsbus", "clock", "bus.yaml", "root", "mover", "sync", "trip"]


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    made = Two(tmp_path)
    with made.sshd:
        yield made


def steps(done: Done) -> list[str]:
    """The names of the steps that were taken."""
    return [line[6:14].strip() for line in done.stdout.splitlines()]


def test_from_nothing_to_a_working_link_and_again(two: Two) -> None:
    before = (two.near / "bus.yaml").read_text()
    done = two.pair()
    assert steps(done) == STEPS
    assert all(line.startswith("ok ") for line in done.stdout.splitlines()), done.stdout
    after = (two.near / "bus.yaml").read_text()
    changed = [(a, b) for a, b in zip(before.splitlines(), after.splitlines(), strict=True) if a != b]
    assert [b for _, b in changed] == [f"  vps: {{ssh: far, root: {two.root}, command: fsbus}}"]
    assert (two.root / "host").read_text() == "vps\n"
    assert (two.root / "agents/code/agent.yaml").read_text() == (two.near / "agents/code/agent.yaml").read_text()
    again = two.pair()
    assert steps(again) == STEPS
    assert "has vps already" in again.stdout
    assert "is there, of this bus" in again.stdout
    assert (two.near / "bus.yaml").read_text() == after


def test_a_task_goes_there_and_comes_back(two: Two) -> None:
    two.pair()
    key = two.fsbus("submit", "--to", "code", "which tests are slow?").stdout.strip()
    two.fsbus("sync")
    two.fsbus("tick", root=two.root)
    two.fsbus("tick")
    two.fsbus("tick")
    assert "which tests are slow?" in two.fsbus("result", key).stdout


def test_an_unknown_host_key_is_shown_and_never_taken_silently(two: Two) -> None:
    two.sshd.known_hosts.unlink()
    stopped = two.pair(code=5)
    assert steps(stopped) == ["way"]
    fingerprint = subprocess.run(
        ["ssh-keygen", "-lf", str(two.sshd.folder / "host_key.pub")], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    assert f"fsbus pair far --accept {fingerprint}" in stopped.stderr
    assert "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub" in stopped.stderr
    assert not two.sshd.known_hosts.exists()
    assert not two.root.exists()
    wrong = two.pair("--accept", "SHA256:" + "A" * 43, code=5)
    assert "another key than the one you checked" in wrong.stderr
    assert not two.sshd.known_hosts.exists()
    assert "pinned in" in two.pair("--accept", fingerprint).stdout
    assert two.sshd.known_hosts.read_text().startswith(f"[127.0.0.1]:{two.sshd.port} ssh-ed25519 ")
    assert two.sshd.known_hosts.stat().st_mode & 0o777 == 0o600


def test_a_key_that_changed_is_refused_even_if_it_is_accepted(two: Two) -> None:
    two.sshd.rekey()
    fingerprint = subprocess.run(
        ["ssh-keygen", "-lf", str(two.sshd.folder / "host_key.pub")], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    pinned = two.sshd.known_hosts.read_text()
    assert "somebody may be in between" in two.pair("--accept", fingerprint, code=5).stderr
    assert two.sshd.known_hosts.read_text() == pinned


def test_a_machine_that_is_off_is_unreachable(two: Two) -> None:
    two.sshd.stop()
    assert "cannot be reached: Connection refused" in two.pair(code=6).stderr
    two.sshd.known_hosts.unlink()
    assert "cannot be reached: Connection refused" in two.pair(code=6).stderr


def test_keys_that_are_not_welcome_are_said(two: Two) -> None:
    (two.sshd.folder / "authorized_keys").write_text("")
    assert steps(stopped := two.pair(code=6)) == ["way", "host key"]
    assert "ssh" in stopped.stderr.partition(";")[2]


def test_no_fsbus_there_says_what_to_type_there(two: Two) -> None:
    two.program.unlink()
    stopped = two.pair(code=3)
    assert steps(stopped) == ["way", "host key", "login"]
    assert "there is no fsbus on vps" in stopped.stderr
    assert "pipx install" in stopped.stderr
    assert "--command" in stopped.stderr


def test_one_that_is_not_on_the_path_of_ssh_is_found(two: Two) -> None:
    local = two.far_home / ".local/bin"
    local.mkdir(parents=True)
    two.program.rename(local / "fsbus")
    assert f"command: {local}/fsbus}}" in two.pair().stdout


def test_another_bus_over_there_is_left_alone(two: Two) -> None:
    two.fsbus("init", str(two.root), root=two.root)
    before = (two.near / "bus.yaml").read_text()
    assert "has another bus" in two.pair(code=5).stderr
    assert (two.near / "bus.yaml").read_text() == before


def test_the_root_of_another_host_is_not_taken_over(two: Two) -> None:
    two.pair()
    (two.root / "host").write_text("box\n")
    assert "the root of host box, not of vps" in two.pair(code=5).stderr


def test_a_root_that_cannot_be_made_says_why(two: Two) -> None:
    two.root.write_text("in the way")
    stopped = two.pair(code=5)
    assert "vps cannot make a root at" in stopped.stderr
    assert "--root DIR" in stopped.stderr


def test_a_new_host_gets_a_line_of_its_own(two: Two) -> None:
    assert "added: far: {ssh: far," in two.fsbus("pair", "far").stdout
    hosts = Tree(str(two.near)).bus().hosts
    assert list(hosts) == ["mac", "vps", "far"]
    assert hosts["far"] == {"ssh": "far", "root": str(two.root), "command": "fsbus"}


def test_a_root_is_below_the_home_there_unless_it_is_whole(two: Two) -> None:
    assert f"root: {two.far_home}/a/bus," in two.pair("--root", "a/bus").stdout
    assert (two.far_home / "a/bus/bus.yaml").exists()


def test_only_the_config_host_changes_the_file(two: Two) -> None:
    two.edit("config_host: mac", "config_host: vps")
    two.edit("  vps: {ssh: me@vps, root: ~/fsbus, command: fsbus}", "  vps: {}\n  box: {ssh: old, via: mac}")
    before = (two.near / "bus.yaml").read_text()
    stopped = two.fsbus("pair", "far", "--host", "box", code=5)
    assert f"only vps changes bus.yaml ({two.near}/bus.yaml); there, under hosts, put: box: {{ssh: far," in stopped.stderr
    assert "via: mac}" in stopped.stderr
    assert "is dialled by vps, not by mac" in two.fsbus("pair", "far", "--host", "new", code=5).stderr
    assert (two.near / "bus.yaml").read_text() == before
    assert not two.root.exists()


NO_HOST = [["mac"], ["me@127.0.0.1"], ["--host", "vps", "--", "-oProxyCommand=x"], ["far", "--host", "My VPS"]]


@pytest.mark.parametrize("words", NO_HOST)
def test_what_names_no_other_host_is_usage(two: Two, words: list[str]) -> None:
    two.fsbus("pair", *words, code=2)


def test_a_way_that_only_the_ssh_program_knows(two: Two) -> None:
    """ProxyJump over the same sshd: paramiko cannot, so `ssh` carries, and judges the host key."""
    same = [line for line in two.sshd.ssh_config.read_text().splitlines() if not line.startswith("Host ")]
    two.sshd.config("ProxyJump jump", "Host jump", *same)
    done = two.pair()
    assert "by the ssh program (proxyjump)" in done.stdout
    assert "left to the ssh program" in done.stdout or "pinned for" in done.stdout
    assert steps(done) == STEPS
    two.sshd.known_hosts.write_text("")
    stopped = two.pair(code=5)
    assert "is not known here, or another one" in stopped.stderr
    assert two.sshd.known_hosts.read_text() == ""


# --- a key that is bound to one command

FORCED = 'restrict,command="fsbus sync --serve --peer mac --root {root}"'


def ssh(two: Two, *words: str) -> Done:
    """What the program `ssh`, or one like it, gets from that machine."""
    return subprocess.run(
        [words[0], "-F", str(two.sshd.ssh_config), "-oBatchMode=yes", *words[1:]], capture_output=True, text=True,
        errors="replace", timeout=30, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.fixture
def forced(two: Two) -> Two:
    two.pair()
    two.sshd.authorize(FORCED.format(root=two.root))
    return two


def test_a_forced_command_lets_sync_through(forced: Two) -> None:
    key = forced.fsbus("submit", "--to", "code", "hello").stdout.strip()
    assert "1 sent" in forced.fsbus("sync").stderr
    assert [name for name in os.listdir(forced.root / "agents/code/inbox") if key in name]


def test_messages_cross_at_once_through_it(forced: Two) -> None:
    env = clean_env(FSBUS_ROOT=str(forced.near), FSBUS_DURABILITY="kill")
    up = subprocess.Popen([*FSBUS, "up"], env=env, stderr=subprocess.PIPE, text=True)
    try:
        key = forced.fsbus("send", "code", "note", "hello").stdout.strip()
        until(lambda: [name for name in os.listdir(forced.root / "agents/code/urgent") if key in name], "the message over there")
    finally:
        up.terminate()
        up.communicate(timeout=30)


def test_files_of_a_result_come_through_it(forced: Two) -> None:
    """rsync cannot be started by it: they go over the link itself."""
    run = "run: sh -c 'head -c 3000000 /dev/zero > $FSBUS_FILES/big.bin; echo made'"
    file = forced.near / "agents/code/agent.yaml"
    file.write_text(re.sub("^run: .*", lambda _: run, file.read_text(), flags=re.M))
    forced.fsbus("submit", "--to", "code", "make it")
    forced.fsbus("sync")
    forced.fsbus("tick", root=forced.root)
    forced.fsbus("sync")
    forced.fsbus("tick")
    found = list((forced.near / "agents/dispatch/outbox").glob("*.files/big.bin"))
    assert [path.stat().st_size for path in found] == [3_000_000]


def test_its_own_alias_changes_only_what_ssh_takes(forced: Two) -> None:
    same = [line for line in forced.sshd.ssh_config.read_text().splitlines() if not line.startswith("Host ")]
    forced.sshd.config("Host far-bus", *same)
    before = Tree(str(forced.near)).bus().hosts["vps"]
    forced.fsbus("pair", "far-bus", "--host", "vps")
    assert Tree(str(forced.near)).bus().hosts["vps"] == before | {"ssh": "far-bus"}


def test_and_nothing_else(forced: Two, tmp_path: Path) -> None:
    planted = tmp_path / "planted"
    assert ssh(forced, "ssh", "far", f"touch {planted}").stdout.startswith("FSBUS1 ")
    assert ssh(forced, "ssh", "-tt", "far").stdout.count("$") == 0
    (tmp_path / "x").write_text("x")
    assert ssh(forced, "scp", str(tmp_path / "x"), f"far:{planted}").returncode != 0
    assert ssh(forced, "sftp", "-b", "/dev/null", "far").returncode != 0
    assert not planted.exists()
    port = free_port()
    tunnel = ssh(forced, "ssh", "-oExitOnForwardFailure=yes", "-R", f"{port}:127.0.0.1:22", "-N", "far")
    assert tunnel.returncode != 0
    assert "forwarding failed" in tunnel.stderr


def test_without_it_all_of_that_works(two: Two, tmp_path: Path) -> None:
    """The counter-check: it is the forced command that forbids, not this sshd."""
    planted = tmp_path / "planted"
    assert ssh(two, "ssh", "far", f"touch {planted}").returncode == 0
    assert planted.exists()
    assert ssh(two, "sftp", "-b", "/dev/null", "far").returncode == 0


def test_pairing_again_works_and_says_what_cannot_be_asked(forced: Two) -> None:
    done = forced.pair()
    assert steps(done) == ["way", "host key", "login", "bus.yaml", "mover", "sync", "trip"]
    assert "may only start `fsbus sync --serve`" in done.stdout


def test_a_forced_command_for_another_peer_or_without_a_root_says_so(forced: Two) -> None:
    forced.sshd.authorize(FORCED.format(root=forced.root).replace("--peer mac", "--peer box"))
    assert "for host box, not mac" in forced.pair(code=5).stderr
    forced.sshd.authorize(FORCED.format(root=forced.far_home / "nowhere"))
    stopped = forced.pair(code=5)
    assert "forced command there, which says: there is no bus here" in stopped.stderr
