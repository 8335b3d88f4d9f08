"""The service files are code: each is read by what reads it in earnest, and its command is run in the environment it gets.

launchd, systemd and cron themselves cannot run here. Programs of their names that say that they are fakes stand in for
them: they note what they were asked and behave like the real ones where fsbus depends on it.
"""
from __future__ import annotations

import json
import os
import plistlib
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsbus.core import service
from fsbus.core.refusal import Refusal
from fsbus.core.service import Start
from tests.kit import TestBus, clean_env, until

REPO = Path(__file__).parent.parent
ODD = """my "bus's" 100% $HOME \\ x"""  # a folder that everything in between would like to interpret

FAKES = {
    "crontab": """
if [ "$1" = -l ]; then
    [ ! -e "$FAKE/forbidden" ] || { echo "You (me) are not allowed to use this program (crontab)" >&2; exit 1; }
    cat "$FAKE/table" 2>/dev/null || { echo "no crontab for me" >&2; exit 1; }
else
    cat >"$FAKE/table"
fi
""",
    "systemctl": """
[ ! -e "$FAKE/forbidden" ] || { echo "Failed to connect to bus: No medium found" >&2; exit 1; }
case "$2" in
    restart) echo 4711 >"$FAKE/pid" ;;
    disable) rm -f "$FAKE/pid" ;;
    show) echo "MainPID=$(cat "$FAKE/pid" 2>/dev/null || echo 0)" ;;
esac
""",
    "launchctl": """
case "$1" in
    bootstrap) [ ! -e "$FAKE/forbidden" ] ||
            { echo "Bootstrap failed: 125: Domain does not support specified action" >&2; exit 125; }
        echo >>"$FAKE/tries"; [ "$(wc -l <"$FAKE/tries")" -gt "$(cat "$FAKE/going" 2>/dev/null || echo 0)" ] ||
            { echo "Bootstrap failed: 5: Input/output error" >&2; exit 5; }
        [ ! -e "$FAKE/pid" ] || { echo "Bootstrap failed: 5: Input/output error" >&2; exit 5; }; echo 4711 >"$FAKE/pid" ;;
    bootout) [ -e "$FAKE/pid" ] || exit 3; rm "$FAKE/pid" ;;
    print) [ -e "$FAKE/pid" ] || exit 113; printf '\\tstate = running\\n\\tpid = %s\\n' "$(cat "$FAKE/pid")" ;;
esac
""",
}


class Machine:
    """A user's home with a bus in it, and fakes of what starts things."""

    def __init__(self, folder: Path, root: str) -> None:
        self.home, self.fake = folder / "home", folder / "fake"
        self.fake.mkdir(parents=True)
        self.home.mkdir()
        for name, text in FAKES.items():
            (self.fake / name).write_text(f'#!/bin/sh\n# a FAKE {name} for tests\necho "{name} $*" >>"$FAKE/calls"\n{text}')
            (self.fake / name).chmod(0o755)
        script = folder / "it's 100% my $HOME bin" / "fsbus"
        script.parent.mkdir()
        run = f"import sys; sys.path.insert(0, {str(REPO)!r}); from fsbus.__main__ import main; main()"
        script.write_text(f"#!{sys.executable}\n{run}\n")
        script.chmod(0o755)
        self.script = str(script)
        self.env = clean_env(HOME=str(self.home), FAKE=str(self.fake), PATH=f"{self.fake}:/usr/bin:/bin", FSBUS_DURABILITY="kill")
        self.env = {k: v for k, v in self.env.items() if k not in ("XDG_CONFIG_HOME", "PYTHONPATH")}
        self.bus = TestBus.__new__(TestBus)  # a bus made by this user's own program
        self.bus.root, self.bus._running = folder / root, []
        self.fsbus("init", str(self.bus.root), "--host", "here")
        self.env["FSBUS_ROOT"] = str(self.bus.root)

    def fsbus(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Type a command."""
        done = subprocess.run([self.script, *words], env=self.env, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == code, f"{done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def show(self, *words: str) -> dict[str, Any]:
        """`fsbus service show --json`."""
        found: dict[str, Any] = json.loads(self.fsbus("service", "show", *words, "--json").stdout)
        return found

    def doctor(self, about: str) -> str:
        """The line of `fsbus doctor` about something."""
        ended = subprocess.run([self.script, "doctor"], env=self.env, capture_output=True, text=True, timeout=60, check=False)
        return next(line for line in ended.stdout.splitlines() if line.split()[1] == about)

    def calls(self) -> list[str]:
        """What the fakes were asked so far."""
        path = self.fake / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def without(self, name: str) -> None:
        """Take a program away, as on a machine that does not have it."""
        empty = self.fake.parent / "bin"
        empty.mkdir()
        for tool in ("sh", "cat"):
            (empty / tool).symlink_to(shutil.which(tool) or "")
        (self.fake / name).unlink()
        self.env["PATH"] = f"{self.fake}:{empty}"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path, "home/fsbus")
    yield made
    made.bus.close()


@pytest.fixture
def odd(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path, ODD)
    yield made
    made.bus.close()


def bare(env: dict[str, str], *words: str) -> list[str]:
    """A command line with nothing in its environment but this."""
    return ["env", "-i", *(f"{name}={value}" for name, value in env.items()), *words]


def done(machine: Machine, text: str) -> list[Path]:
    """The results of tasks with this text."""
    found = (machine.bus.root / "agents/dispatch/outbox").glob("*.done.*")
    return [path for path in found if path.read_text().strip() == text]


# --- the texts


def test_the_plist_is_one_and_says_what_launchd_needs(odd: Machine) -> None:
    shown = odd.fsbus("service", "show", "--for", "launchd").stdout
    entry = plistlib.loads(shown.encode())
    assert entry["ProgramArguments"] == [odd.script, "up"]
    assert entry["KeepAlive"] is entry["RunAtLoad"] is True
    assert entry["ThrottleInterval"] >= 10
    assert entry["ProcessType"] != "Background"
    assert entry["EnvironmentVariables"]["FSBUS_ROOT"] == str(odd.bus.root)
    assert set(entry["EnvironmentVariables"]["PATH"].split(":")) >= {str(odd.fake), "/opt/homebrew/bin", "/usr/bin", "/bin"}
    assert entry["StandardErrorPath"].startswith(f"{odd.home}/Library/Logs/fsbus/")
    assert entry["Label"].startswith("dev.fsbus.")
    assert not any("~" in str(value) for value in entry.values())


def test_the_ticking_plist_does_not_stay(odd: Machine) -> None:
    entry = plistlib.loads(odd.fsbus("service", "show", "--for", "launchd-tick").stdout.encode())
    assert entry["ProgramArguments"] == [odd.script, "tick"]
    assert entry["StartInterval"] == 300
    assert "KeepAlive" not in entry


def test_a_plist_runs_a_node_in_its_bare_environment(odd: Machine) -> None:
    entry = plistlib.loads(odd.fsbus("service", "show", "--for", "launchd").stdout.encode())
    runs_a_task_and_stops(odd, entry["ProgramArguments"], entry["EnvironmentVariables"])


def unit(text: str) -> tuple[list[str], dict[str, str]]:
    """The command and environment of a unit, with systemd's quoting undone."""
    lines = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and line[0] not in "#[")
    command = [word.replace("%%", "%") for word in shlex.split(lines["ExecStart"])]
    assert "$" not in lines["ExecStart"].replace("$$", "")
    assert "%" not in (lines["ExecStart"] + lines["Environment"]).replace("%%", "")
    words = [word.replace("%%", "%") for word in shlex.split(lines["Environment"])]
    return [command[0], *(word.replace("$$", "$") for word in command[1:])], dict(word.split("=", 1) for word in words)


def test_the_unit_runs_a_node_in_its_bare_environment(odd: Machine) -> None:
    command, env = unit(odd.fsbus("service", "show", "--for", "systemd").stdout)
    assert command == ["/usr/bin/env", odd.script, "up"]  # systemd does not take a program with a quote in its name
    assert env["FSBUS_ROOT"] == str(odd.bus.root)
    runs_a_task_and_stops(odd, command, env)


def runs_a_task_and_stops(machine: Machine, command: list[str], env: dict[str, str]) -> None:
    """Run this command as a starter would: a dropped task gets done, and TERM ends it well and soon."""
    node = subprocess.Popen(bare(env, *command), stderr=subprocess.PIPE, text=True, cwd="/")
    try:
        machine.bus.drop("echo", "x.md", "from a service")
        until(lambda: done(machine, "from a service"), "the task")
        node.send_signal(signal.SIGTERM)
        assert node.wait(timeout=service.LAST_WORDS) == 0
    finally:
        node.kill()
        node.communicate()


def verified(path: Path, home: Path) -> str:
    """What systemd says about a user unit; '' if it takes it."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("there is no systemd-analyze here; install systemd")
    env = {"HOME": str(home), "XDG_RUNTIME_DIR": str(home), "PATH": "/usr/bin:/bin"}
    ended = subprocess.run(
        ["systemd-analyze", "--user", "--man=no", "verify", str(path)], env=env, capture_output=True, text=True, check=False
    )
    return ended.stdout + ended.stderr + ("" if ended.returncode == 0 else f"exit {ended.returncode}")


def test_systemd_takes_the_unit(odd: Machine, tmp_path: Path) -> None:
    path = tmp_path / "x.service"
    text = odd.fsbus("service", "show", "--for", "systemd").stdout
    path.write_text(text)
    assert verified(path, odd.home) == ""
    path.write_text(text.replace("Restart=always", "Restart=forever").replace("KillMode", "KillMood"))
    assert "KillMood" in verified(path, odd.home), "it would not have noticed"


def test_the_unit_comes_back_and_ends_in_good_order(machine: Machine) -> None:
    lines = machine.fsbus("service", "show", "--for", "systemd").stdout.splitlines()
    assert {"Restart=always", "KillMode=mixed", "StartLimitIntervalSec=0", "WantedBy=default.target"} <= set(lines)


def as_cron(line: str) -> tuple[str, str]:
    """What cron makes of a line: the command for sh, and its stdin; a bare % ends the command."""
    command = line.split(None, 5)[5]
    out, place = "", 0
    while place < len(command) and command[place] != "%":
        escaped = command.startswith("\\%", place)
        out, place = out + ("%" if escaped else command[place]), place + (2 if escaped else 1)
    return out, command[place + 1 :]


def test_the_cron_line_ticks(odd: Machine) -> None:
    line = odd.fsbus("service", "show", "--cron").stdout
    assert line.count("\n") == 1
    command, stdin = as_cron(line.rstrip("\n"))
    assert stdin == ""
    odd.bus.drop("echo", "x.md", "by the clock")
    waits = odd.bus.root / "agents/echo/inbox/x.md"

    def ticked() -> bool:  # a drop is taken half a second after it was last touched
        line = bare({"HOME": str(odd.home), "SHELL": "/bin/sh"}, "/bin/sh", "-c", command)
        subprocess.run(line, check=True, cwd="/", timeout=60)
        return not waits.exists()

    until(ticked)
    assert len(done(odd, "by the clock")) == 1
    assert (odd.bus.root / ".node/cron.log").exists()


def test_a_path_that_cron_would_cut_is_refused(machine: Machine) -> None:
    machine.env["PATH"] += "".join(f":/opt/number-{n}/bin" for n in range(80))
    ended = machine.fsbus("service", "install", "--cron", code=5)
    assert "PATH is too long" in ended.stderr
    assert not (machine.fake / "table").exists()


def test_a_root_with_a_newline_is_refused() -> None:
    for kind in service.KINDS:
        found = service.service(kind, Start(("/bin/fsbus",), {"PATH": "/bin"}, "/a\nb", "/home/me", "/home/me/.config"))
        assert isinstance(found, Refusal)


def test_every_bus_has_a_service_of_its_own() -> None:
    roots = ("/home/me/fsbus", "/home/me/words", "/home/you/words", "/home/me/Words", "/home/me/!")
    starts = [Start(("/bin/fsbus",), {}, root, "/home/me", "/home/me/.config") for root in roots]
    for kind in service.KINDS:
        names = [found.name for start in starts if not isinstance(found := service.service(kind, start), Refusal)]
        assert len(set(names)) == len(roots)
    assert names[0] == roots[0]


def test_what_starts_things_follows_from_the_system() -> None:
    assert [service.default_kind(name) for name in ("darwin", "linux")] == ["launchd", "systemd"]


# --- the crontab

LINE = "*/5 * * * * fsbus tick # fsbus service /a"
lines = st.lists(st.sampled_from(["# mine", "0 1 * * * x", "", LINE + "b", "#" + LINE, "MAILTO=me # fsbus service /b", "\x0c"]))


@given(lines, st.booleans())
def test_a_crontab_comes_back_as_it_was(before: list[str], ended: bool) -> None:
    text = "\n".join(before) + ("\n" if ended and before else "")
    with_it = service.with_line(text, LINE, "/a")
    assert service.with_line(with_it, LINE, "/a") == with_it
    assert with_it.splitlines().count(LINE) == 1
    assert service.in_crontab(with_it, "/a") == LINE
    assert service.in_crontab(text, "/a") == ""
    assert service.without_line(with_it, "/a").rstrip("\n") == text.rstrip("\n")


# --- install, show, remove


def test_a_crontab_keeps_its_carriage_returns(machine: Machine) -> None:
    before = b"# of a Windows editor\r\n# half\rof a line\n0 1 * * * backup\n"
    (machine.fake / "table").write_bytes(before)
    line = machine.fsbus("service", "install", "--cron").stdout
    assert (machine.fake / "table").read_bytes() == before + line.encode()
    machine.fsbus("service", "remove")
    assert (machine.fake / "table").read_bytes() == before


@pytest.mark.parametrize("kind", ["systemd", "launchd", "cron"])
def test_installed_twice_is_installed_once_and_removed_is_gone(machine: Machine, kind: str) -> None:
    (machine.fake / "table").write_text("# mine\n0 1 * * * backup\n")
    assert machine.show("--for", kind)["installed"] == "no"
    first = machine.fsbus("service", "install", "--for", kind).stdout
    asked = machine.calls()
    again = machine.fsbus("service", "install", "--for", kind)
    assert again.stdout == first
    assert "already" in again.stderr
    assert not [c for c in machine.calls()[len(asked) :] if c.split()[-1] == "-" or "restart" in c or "boot" in c]
    found = machine.show()
    assert (found["kind"], found["installed"]) == (kind, "yes")
    assert found["pid"] == (0 if kind == "cron" else 4711)
    if kind == "cron":
        assert (machine.fake / "table").read_text() == "# mine\n0 1 * * * backup\n" + first
    else:
        assert Path(first.strip()).read_text() == found["text"]
    assert machine.fsbus("service", "remove").stdout == first
    assert machine.show("--for", kind)["installed"] == "no"
    assert (machine.fake / "table").read_text() == "# mine\n0 1 * * * backup\n"
    assert not Path(first.strip()).exists()
    assert not (machine.fake / "pid").exists()
    assert "nothing" in machine.fsbus("service", "remove").stderr


def test_launchd_is_asked_in_the_order_that_works(machine: Machine) -> None:
    path = machine.fsbus("service", "install", "--for", "launchd").stdout.strip()
    assert path == f"{machine.home}/Library/LaunchAgents/dev.fsbus.node.plist"
    domain = f"gui/{os.getuid()}"
    assert [call for call in machine.calls() if " print " not in call] == [
        f"launchctl bootout {domain}/dev.fsbus.node", f"launchctl enable {domain}/dev.fsbus.node",
        f"launchctl bootstrap {domain} {path}",
    ]  # fmt: skip
    assert (machine.home / "Library/Logs/fsbus").is_dir(), "launchd does not make it"


def test_launchd_is_asked_again_while_the_old_one_goes(machine: Machine) -> None:
    """For five seconds at least, and as long as a node at work may take to end."""
    (machine.fake / "going").write_text("12")
    machine.fsbus("service", "install", "--for", "launchd")
    assert sum(call.startswith("launchctl bootstrap") for call in machine.calls()) == 13
    assert machine.show()["pid"] == 4711


def test_launchd_is_asked_once_where_nobody_is_at_the_screen(machine: Machine) -> None:
    (machine.fake / "forbidden").touch()
    said = machine.fsbus("service", "install", "--for", "launchd", code=75).stderr
    assert said.rstrip().endswith("log in at the screen of this Mac, then: fsbus service install; "
                                  "where it has none: fsbus service install --cron")  # fmt: skip
    assert sum(call.startswith("launchctl bootstrap") for call in machine.calls()) == 1


def test_systemd_is_asked_to_start_it_now_and_at_every_boot(machine: Machine) -> None:
    ended = machine.fsbus("service", "install", "--for", "systemd")
    assert ended.stdout.strip() == f"{machine.home}/.config/systemd/user/fsbus.service"
    assert [call.removeprefix("systemctl --user ") for call in machine.calls() if " show " not in call] == [
        "daemon-reload", "enable fsbus.service", "restart fsbus.service",
    ]  # fmt: skip
    assert "loginctl enable-linger" in ended.stderr


def test_a_changed_path_is_seen_and_written_anew(machine: Machine) -> None:
    machine.fsbus("service", "install", "--for", "systemd")
    machine.env["PATH"] += ":/opt/agents/bin"
    assert machine.show()["installed"] == "differs"
    machine.fsbus("service", "install", "--for", "systemd")
    assert machine.show()["installed"] == "yes"
    assert ":/opt/agents/bin" in machine.show()["text"]


def test_where_systemd_does_not_run_the_file_is_written_and_the_next_step_said(machine: Machine) -> None:
    (machine.fake / "forbidden").touch()
    ended = machine.fsbus("service", "install", "--for", "systemd", code=75)
    assert "No medium found" in ended.stderr
    assert "fsbus service install" in ended.stderr.rpartition("; ")[2]
    assert machine.show()["installed"] == "yes"
    path = Path(machine.show()["file"])
    machine.fsbus("service", "remove")
    assert not path.exists()


def test_of_two_entries_the_one_that_works_is_shown_first(machine: Machine) -> None:
    systemctl = machine.fake / "systemctl"
    systemctl.write_text("#!/bin/sh\necho 'Failed to connect to bus: No medium found' >&2\nexit 1\n")
    machine.fsbus("service", "install", "--for", "systemd", code=75)
    assert "; fsbus service install" in machine.doctor("service")
    machine.fsbus("service", "install", "--cron")
    shown = machine.fsbus("service", "show")
    assert " tick >>" in shown.stdout
    first, second = shown.stderr.splitlines()
    assert first.startswith("cron crontab: installed;")
    assert second.startswith("systemd ")
    assert "cannot be asked: Failed to connect" in second
    assert machine.doctor("service").split() == ["ok", "service", "cron"]
    assert machine.doctor("node").startswith("warn  node     it has not ticked yet; ")
    machine.fsbus("tick")
    assert machine.doctor("node").startswith("ok")


@pytest.mark.parametrize(("kind", "says"), [("systemd", "journalctl --user -u fsbus"), ("cron", "/.node/cron.log"),
                                            ("launchd", "/Library/Logs/fsbus/dev.fsbus.node.log")])  # fmt: skip
def test_it_says_where_the_node_says_what_it_says(machine: Machine, kind: str, says: str) -> None:
    assert says in machine.fsbus("service", "install", "--for", kind).stderr.splitlines()[-1]


def test_a_second_node_is_told_what_ends_the_first_one_for_good(machine: Machine) -> None:
    node = machine.bus.start("up", env=machine.env)
    until(lambda: any((machine.bus.root / ".node/locks").glob("*.owner")))
    assert f"kill {node.pid}" in machine.fsbus("up", code=5).stderr
    machine.fsbus("service", "install", "--for", "systemd")
    assert f"kill {node.pid}" in machine.fsbus("up", code=5).stderr, "that of the service is another one"
    (machine.fake / "pid").write_text(f"{node.pid}\n")
    assert machine.fsbus("up", code=5).stderr.endswith("; its service would start it again: fsbus service remove\n")


@pytest.mark.parametrize("kind", ["systemd", "launchd"])
def test_a_file_of_somebody_else_stays(machine: Machine, kind: str) -> None:
    path = Path(machine.show("--for", kind)["file"])
    path.parent.mkdir(parents=True)
    path.write_text("mine\n")
    for verb in ("install", "remove"):
        assert "not from fsbus" in machine.fsbus("service", verb, "--for", kind, code=5).stderr
    assert path.read_text() == "mine\n"


def test_a_crontab_that_cannot_be_read_is_not_written(machine: Machine) -> None:
    (machine.fake / "forbidden").touch()
    assert "not allowed" in machine.fsbus("service", "install", "--cron", code=5).stderr
    assert machine.calls().count("crontab -") == 0


@pytest.mark.parametrize(
    ("kind", "tool", "holds"), [("cron", "crontab", "# fsbus service"), ("launchd", "launchctl", "</plist>\n")]
)
def test_without_its_starter_what_prints_the_entry_is_said(machine: Machine, kind: str, tool: str, holds: str) -> None:
    machine.without(tool)
    ended = machine.fsbus("service", "install", "--for", kind, code=5)
    what, then = ended.stderr.split("; ")
    assert what == f"fsbus: there is no {tool} here"
    assert then == f"fsbus service show --for {kind} prints what to put where this machine's own starter looks\n"
    assert holds in machine.fsbus("service", "show", "--for", kind).stdout


def test_the_service_of_a_bus_that_is_gone_can_be_removed(machine: Machine) -> None:
    machine.fsbus("service", "install", "--cron")
    shutil.rmtree(machine.bus.root)
    assert machine.fsbus("service", "remove").stdout
    assert (machine.fake / "table").read_text() == ""


def test_an_unknown_kind_is_refused(machine: Machine) -> None:
    for verb in ("install", "show"):
        assert "launchd, launchd-tick, systemd, cron" in machine.fsbus("service", verb, "--for", "upstart", code=2).stderr
