"""`fsbus-drop`, in every POSIX shell of this machine: whole or not there, durable in the right order, clear errors."""
from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.disk.rig import unprivileged
from tests.kit import TestBus, clean_env, until

REPO = Path(__file__).parent.parent
DROP = REPO / "bin/fsbus-drop"
SHELLS = [shell for shell in ("dash", "bash", "busybox", "zsh", "mksh") if shutil.which(shell)]
COMMANDS = {
    "dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "sh"],
    "zsh": ["zsh", "--emulate", "sh"], "mksh": ["mksh"],
}  # fmt: skip

syncs = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="sync of a Mac takes no FILE")


class Dropper:
    """The script under one shell, on one bus."""

    def __init__(self, bus: TestBus, shell: str) -> None:
        self.bus, self.argv = bus, [*COMMANDS[shell], str(DROP)]
        self.inbox = bus.root / "agents/echo/inbox"

    def run(
        self, *words: str, stdin: str | None = None, env: dict[str, str] | None = None, **more: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run it; with no `stdin`, stdin is empty."""
        full = clean_env(FSBUS_ROOT=str(self.bus.root)) | (env or {})
        return subprocess.run(
            [*self.argv, *words], input=stdin or "", capture_output=True, text=True, env=full, timeout=60, check=False, **more
        )

    def dropped(self, *words: str, **more: Any) -> Path:
        """Run it; the path of what it dropped."""
        done = self.run(*words, **more)
        assert (done.returncode, done.stderr) == (0, "")
        path = Path(done.stdout.removesuffix("\n"))
        assert path.parent == self.inbox
        return path

    def names(self) -> list[str]:
        """Everything in the inbox but what init put there."""
        return sorted(name for name in os.listdir(self.inbox) if name not in ("README.md", "rejected"))


@pytest.fixture(params=SHELLS)
def drop(request: pytest.FixtureRequest, bus: TestBus) -> Dropper:
    return Dropper(bus, request.param)


def test_words_are_the_text_and_stdin_may_be_anything(drop: Dropper) -> None:
    words = drop.dropped("echo", "Bump the deps,", "  run the tests")
    assert words.suffix == ".md"
    assert words.read_text() == "Bump the deps,   run the tests\n"
    assert drop.dropped("echo", stdin="task: a\ntype: b\n").suffix == ""
    assert drop.dropped("echo", "-", stdin="\\n %s $HOME `id` \\\n").read_text() == "\\n %s $HOME `id` \\\n"
    assert drop.dropped("echo", "\\n %s $HOME `id` \\").read_text() == "\\n %s $HOME `id` \\\n"
    assert drop.dropped("--", "echo", "--root is a word").read_text() == "--root is a word\n"
    assert drop.dropped("echo", "--", "--root", "is a word").read_text() == "--root is a word\n"
    assert drop.dropped("echo", "für 5 €").read_text() == "für 5 €\n"


def test_a_drop_becomes_a_task_with_a_key_and_a_result(drop: Dropper) -> None:
    drop.dropped("echo", "hello there")
    drop.bus.fsbus("tick")
    done, _ = drop.bus.ls("dispatch", "outbox")
    assert done.endswith("-hello-there.a1.done.md")
    assert drop.names() == []


def test_the_file_is_private_and_has_one_name(drop: Dropper) -> None:
    facts = drop.dropped("echo", "x", umask=0).stat()
    assert (facts.st_mode & 0o777, facts.st_nlink) == (0o600, 1)


@pytest.mark.parametrize("how", ["flag", "flag=", "environment", "parent", "home", "relative", "tilde"])
def test_the_bus_is_found_as_the_command_finds_it(drop: Dropper, how: str, tmp_path: Path) -> None:
    root = tmp_path / "fsbus"
    drop.bus.root.rename(root)
    drop.inbox = root / "agents/echo/inbox"
    below = root / "agents/echo"
    words, env, cwd = {
        "flag": (["--root", str(root)], {"FSBUS_ROOT": "/nowhere"}, tmp_path),
        "flag=": ([f"--root={root}"], {"FSBUS_ROOT": "/nowhere"}, tmp_path),
        "environment": ([], {"FSBUS_ROOT": str(root)}, Path("/")),
        "parent": ([], {"FSBUS_ROOT": ""}, below),
        "home": ([], {"FSBUS_ROOT": "", "HOME": str(tmp_path)}, Path("/")),
        "relative": (["--root", "fsbus"], {"FSBUS_ROOT": ""}, tmp_path),
        "tilde": (["--root=~/fsbus"], {"FSBUS_ROOT": "", "HOME": str(tmp_path)}, Path("/")),
    }[how]
    assert drop.dropped(*words, "echo", "x", env=env, cwd=cwd).read_text() == "x\n"


@pytest.mark.parametrize(
    ("words", "stdin", "code", "says"),
    [
        ([], "", 2, "no agent is named"),
        (["echo"], " \n\t\n", 2, "nothing to do"),
        (["echo", "  "], "", 2, "nothing to do"),
        (["--bla", "echo", "x"], "", 2, "no option --bla"),
        (["--root"], "", 2, "--root needs a folder"),
        (["echo"], "x" * (1 << 20) + "\n", 2, "1048576 bytes"),
        (["nobody", "x"], "", 3, "there is no agent 'nobody'"),
        (["../agents/echo", "x"], "", 3, "there are: dispatch, echo, human"),
        (["\x1b[31m", "x"], "", 3, "there is no agent of that name"),
        (["--root", "/nowhere", "echo", "x"], "", 3, "make one with: fsbus init /nowhere"),
    ],
)
def test_an_error_is_one_line_and_leaves_nothing(drop: Dropper, words: list[str], stdin: str, code: int, says: str) -> None:
    done = drop.run(*words, stdin=stdin)
    assert (done.returncode, done.stdout) == (code, "")
    assert says in done.stderr
    assert done.stderr.startswith("fsbus-drop: ")
    assert done.stderr.count("\n") == 1
    assert drop.names() == []


def test_one_mebibyte_is_not_too_much(drop: Dropper) -> None:
    assert drop.dropped("echo", stdin="x" * ((1 << 20) - 1) + "\n").stat().st_size == 1 << 20


def test_a_worker_may_drop_on_dispatch_only(drop: Dropper) -> None:
    assert drop.run("dispatch", "x", env={"FSBUS_AGENT": "echo"}).returncode == 0
    for agent in ("echo", "human"):
        done = drop.run(agent, "x", env={"FSBUS_AGENT": "echo"})
        assert (done.returncode, done.stdout) == (5, "")
    assert drop.run("echo", "x", env={"FSBUS_AGENT": "stranger"}).returncode == 3
    assert drop.run("echo", "x", env={"FSBUS_AGENT": "human"}).returncode == 0
    (drop.bus.root / "agents/human/agent.yaml").write_text('{"role": human, home: here}\n')
    assert drop.run("echo", "x", env={"FSBUS_AGENT": "human"}).returncode == 5, "a role that cannot be read is no permission"


def test_a_bus_that_others_could_write_into_is_refused(drop: Dropper) -> None:
    drop.bus.root.chmod(0o770)
    done = drop.run("echo", "x")
    assert done.returncode == 5
    assert "chmod go-w" in done.stderr


def test_a_bus_that_may_not_be_looked_at_is_there(drop: Dropper) -> None:
    if drop.argv[0] == "zsh" and os.geteuid() == 0:
        pytest.skip("zsh takes root's word for it that it may look")
    drop.argv = [*unprivileged(), *drop.argv]
    drop.bus.root.chmod(0)
    done = drop.run("echo", "x")
    drop.bus.root.chmod(0o700)
    assert (done.returncode, done.stdout) == (5, "")
    assert f"belongs to somebody else ({drop.bus.root}); look at it with: ls -ld {drop.bus.root}" in done.stderr


def test_nothing_is_overwritten(drop: Dropper) -> None:
    """Whatever names the script would take are there already, as files, folders and dangling links."""
    script = f"""
        for n in 1 3 5; do echo mine > {drop.inbox}/drop-$$-$n.md; done
        mkdir {drop.inbox}/drop-$$-2.md; ln -s /nowhere {drop.inbox}/.new-$$-drop-4
        echo mine > {drop.inbox}/.new-$$-drop-6
        . {DROP}
    """
    env = clean_env(FSBUS_ROOT=str(drop.bus.root))
    words = [*drop.argv[:-1], "-c", script, "sh", "echo", "new"]
    done = subprocess.run(words, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).name.endswith("-7.md")
    assert Path(done.stdout.strip()).read_text() == "new\n"
    assert sum(path.read_text() == "mine\n" for path in drop.inbox.iterdir() if path.is_file() and path.name != "README.md") == 4


def test_a_hundred_at_once_are_a_hundred_tasks(drop: Dropper) -> None:
    env = clean_env(FSBUS_ROOT=str(drop.bus.root))
    started = [
        subprocess.Popen([*drop.argv, "echo", f"number {n}"], stdout=subprocess.PIPE, text=True, env=env) for n in range(100)
    ]
    paths = {process.communicate(timeout=60)[0] for process in started}
    assert [process.returncode for process in started] == [0] * 100
    assert len(paths) == 100
    assert sorted(path.read_text() for path in drop.inbox.glob("drop-*")) == sorted(f"number {n}\n" for n in range(100))
    assert not [name for name in drop.names() if name[0] == "."]


def shims(folder: Path, **scripts: str) -> str:
    """A PATH on which these commands are scripts that may call the real ones as $REAL/NAME."""
    folder.mkdir()
    for name, script in scripts.items():
        real = shutil.which(name)
        (folder / name).write_text(f"#!/bin/sh\nreal={real}\n{script}\n")
        (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@syncs
def test_the_bytes_are_on_the_disk_before_the_name_and_the_name_before_the_answer(drop: Dropper, tmp_path: Path) -> None:
    log = tmp_path / "log"
    note = f'{{ echo "{{}} $*"; ls -A {drop.inbox} | grep drop; [ ! -f "$1" ] || cat "$1"; }} >> {log}; exec $real "$@"'
    path = shims(tmp_path / "bin", sync=note.replace("{}", "sync"), mv=note.replace("{}", "mv"))
    dropped = drop.dropped("echo", "the text", env={"PATH": path})
    hidden = f".new-{dropped.name.removesuffix('.md').removeprefix('drop-').replace('-', '-drop-')}"
    assert log.read_text().splitlines() == [
        f"sync {drop.inbox}/{hidden}", hidden, "the text",
        f"mv -n -- {drop.inbox}/{hidden} {dropped}", hidden,
        f"sync {drop.inbox}", dropped.name,
    ]  # fmt: skip


def test_the_syncs_can_be_left_out(drop: Dropper, tmp_path: Path) -> None:
    path = shims(tmp_path / "bin", sync="exit 1")
    drop.dropped("echo", "x", env={"PATH": path, "FSBUS_DURABILITY": "kill"})


@syncs
def test_a_disk_that_refuses_to_sync_is_an_error_and_leaves_nothing(drop: Dropper, tmp_path: Path) -> None:
    path = shims(tmp_path / "bin", sync='echo "sync: error syncing $1: Input/output error" >&2; exit 1')
    done = drop.run("echo", "x", env={"PATH": path})
    assert (done.returncode, done.stdout, drop.names()) == (75, "", [])
    assert done.stderr.startswith("fsbus-drop: Input/output error")


@pytest.mark.parametrize("stdin", [None, "x\n"])
def test_a_file_that_may_not_grow_is_try_again_later(drop: Dropper, stdin: str | None) -> None:
    limited = ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *drop.argv, "echo", *([] if stdin else ["x"])]
    env = clean_env(FSBUS_ROOT=str(drop.bus.root))
    done = subprocess.run(limited, input=stdin or "", capture_output=True, text=True, env=env, check=False)
    assert (done.returncode, done.stdout, drop.names()) == (75, "", [])
    assert "File too large" in done.stderr
    assert "nothing was lost" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0 or not Path("/proc/mounts").exists(), reason="mounting needs root on Linux")
def test_a_full_and_a_read_only_disk_are_try_again_later(drop: Dropper, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True, check=False).returncode:
        pytest.skip("this container may not mount")
    try:
        root = disk / "bus"
        drop.bus.fsbus("init", str(root), "--host", "here")
        drop.inbox = root / "agents/echo/inbox"
        filler = open(disk / "filler", "wb", buffering=0)  # noqa: SIM115
        with filler:
            _fill(lambda: filler.write(b"x" * 4096))
        for words, stdin in ((["text " * 2000], None), ([], "text " * 20_000)):
            full = drop.run("--root", str(root), "echo", *words, stdin=stdin)
            assert (full.returncode, full.stdout, drop.names()) == (75, "", [])
            assert full.stderr.startswith("fsbus-drop: No space left on device")
        (disk / "filler").unlink()
        assert drop.dropped("--root", str(root), "echo", "fits again").exists()
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        locked = drop.run("--root", str(root), "echo", "x")
        assert locked.returncode == 75
        assert "ead-only file system" in locked.stderr
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_inbox_that_may_not_be_written_is_refused(drop: Dropper) -> None:
    drop.inbox.chmod(0o500)
    assert drop.run("echo", "x").returncode == 5


def test_a_missing_inbox_is_made_again(drop: Dropper) -> None:
    shutil.rmtree(drop.inbox)
    assert drop.dropped("echo", "x").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_a_killed_drop_is_not_there(drop: Dropper, number: signal.Signals) -> None:
    """It is killed while it still reads: whoever comes later finds no half of a task, and `tick` leaves the rest alone."""
    env = clean_env(FSBUS_ROOT=str(drop.bus.root))
    pipe = subprocess.PIPE
    process = subprocess.Popen([*drop.argv, "echo"], stdin=pipe, stdout=pipe, env=env, start_new_session=True)
    assert process.stdin is not None
    process.stdin.write(b"half of a ta")
    process.stdin.flush()
    until(lambda: [name for name in drop.names() if name.startswith(".new-")], "the dot-file")
    os.killpg(process.pid, number)
    assert process.communicate(timeout=30)[0] == b""
    assert process.returncode != 0
    assert drop.names() == [] or number == signal.SIGKILL
    drop.bus.fsbus("tick")
    assert drop.bus.ls("dispatch", "outbox") == []


def test_the_bells_are_rung_and_a_deaf_one_stops_nobody(drop: Dropper) -> None:
    bells = drop.bus.root / ".node/bells"
    for name in ("1-1", "2-1"):
        os.mkfifo(bells / name)
    heard = os.open(bells / "1-1", os.O_RDWR | os.O_NONBLOCK)
    deaf = os.open(bells / "2-1", os.O_RDWR | os.O_NONBLOCK)
    _fill(lambda: os.write(deaf, b"x" * 4096))
    try:
        drop.dropped("echo", "x")
        assert until(lambda: _read(heard)) == b"."
    finally:
        os.read(deaf, 1 << 20)  # whoever waits to ring it may go
        for fd in (heard, deaf):
            os.close(fd)


def _fill(write: Callable[[], object]) -> None:
    try:
        while True:
            write()
    except OSError:  # no space left, or a full pipe
        pass


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 10)
    except BlockingIOError:
        return b""


def test_help_is_help(drop: Dropper) -> None:
    done = drop.run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "usage: fsbus-drop" in done.stdout


def test_it_starts_no_python(drop: Dropper, tmp_path: Path) -> None:
    path = shims(tmp_path / "bin", python="exit 9", python3="exit 9", env="exit 9")
    assert drop.dropped("echo", "x", env={"PATH": path})


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
@pytest.mark.parametrize("script", ["bin/fsbus-drop", "bin/demo", "bin/test", "bin/venv", ".ci/run"])
def test_shellcheck_is_content(script: str) -> None:
    done = subprocess.run(["shellcheck", REPO / script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
