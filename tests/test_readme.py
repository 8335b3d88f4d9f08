"""The README's commands, run in order as a reader would, and the format specification held against the code.

Keys, times, pids and paths differ from run to run; everything else that a `console` block shows must come out as it
stands there. A key in the README stands for the one that came out in its place, in later commands, too.
"""
from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsbus.core import config, fields, result, states
from fsbus.duties import trial
from fsbus.spool import tree
from tests.kit import clean_env, until

REPO = Path(__file__).parent.parent
README = (REPO / "README.md").read_text()
FORMAT = (REPO / "skel/README.md").read_text()
KEY = re.compile(r"\d{8}-\d{9}-[0-9a-hjkmnp-tv-z]{6}")
HOST = socket.gethostname().split(".")[0].lower()
PATIENCE = 20.0  # seconds until the output of a command that only looks must be as the README says
LOOKS = ("ls ", "cat ", "fsbus status", "fsbus trace", "fsbus task next")


def blocks(text: str) -> list[tuple[str, str]]:
    """The fenced blocks of a text: language and content."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)


def steps(block: str) -> Iterator[tuple[str, list[str]]]:
    """The commands of a console block, each with the lines it prints."""
    for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
        command, *output = part.splitlines()
        yield command, output


def here(text: str) -> str:
    """What can be typed without another machine; the rest is for tests/test_mac_vps.py."""
    before, _, rest = text.partition("\n## Mac and VPS\n")
    return before + "\n## " + rest.partition("\n## ")[2]


class Reader:
    """Somebody who types what the README says."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.cwd = home
        bin_ = home / "bin"
        bin_.mkdir(parents=True)
        (bin_ / "fsbus").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m fsbus "$@"\n')
        (bin_ / "fsbus-drop").symlink_to(REPO / "bin/fsbus-drop")
        (bin_ / "python3").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        for name in ("fsbus", "python3"):
            (bin_ / name).chmod(0o755)
        self.env = clean_env(HOME=str(home), PATH=f"{bin_}:{os.environ['PATH']}", PYTHONPATH=str(REPO))
        self.keys: dict[str, str] = {}
        self.stays: list[subprocess.Popen[bytes]] = []

    def step(self, command: str, expected: list[str]) -> None:
        """Type one command and compare."""
        for theirs, ours in self.keys.items():
            command = command.replace(theirs, ours).replace(theirs[-6:], ours[-6:])
        end = time.monotonic() + PATIENCE
        printed = self._stay(command) if command == "fsbus up" or command.endswith("&") else self._type(command)
        while not self._fits(printed, expected) and command.startswith(LOOKS) and time.monotonic() < end:
            time.sleep(0.1)
            printed = self._type(command)
        shown = ["$ " + command, *printed, "--- the README says:", *expected, "--- what stays said:", *self._talk()]
        assert self._fits(printed, expected), "\n".join(shown)
        for line, real in zip(expected, printed, strict=True):
            self.keys.update(zip(KEY.findall(line), KEY.findall(real), strict=True))

    def close(self) -> None:
        """End what was left running."""
        for process in self.stays:
            process.terminate()
            process.wait(timeout=30)

    def _talk(self) -> list[str]:
        ended = [f"{process.args!r} ended with {process.poll()}" for process in self.stays if process.poll() is not None]
        return [path.read_text() for path in sorted(self.home.glob(".talk*"))] + ended

    def _type(self, command: str) -> list[str]:
        script = f"{command}\ncode=$?; pwd > {self.home}/.cwd; exit $code"
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.cwd, env=self.env, text=True, timeout=60, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.cwd = Path((self.home / ".cwd").read_text().strip())
        return done.stdout.splitlines()

    def _stay(self, command: str) -> list[str]:
        """Start what stays; its first line of talk, unless it was sent to the background."""
        talk = self.home / f".talk{len(self.stays)}"
        with talk.open("w") as file:
            self.stays.append(subprocess.Popen(command.removesuffix("&").split(), cwd=self.cwd, env=self.env, stderr=file))
        return [] if command.endswith("&") else [until(lambda: talk.read_text().partition("\n")[0], command)]

    def _fits(self, printed: list[str], expected: list[str]) -> bool:
        if len(printed) != len(expected):
            return False
        return all(self._plain(real) == self._plain(line) for line, real in zip(expected, printed, strict=True))

    def _plain(self, line: str) -> str:
        """A line without what differs from run to run."""
        line = KEY.sub("KEY", line.replace(str(self.home), "/home/me"))
        line = re.sub(rf"\b{re.escape(HOST)}\b", "mac", line)
        for theirs, ours in self.keys.items():
            line = line.replace(theirs[-6:], "ID").replace(ours[-6:], "ID")
        line = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", line)
        line = re.sub(r"\b\d+\.\d s\b", "DURATION", line)
        line = re.sub(r"drop-\d+-\d+", "drop-PID-N", line)
        return re.sub(r" +", " ", line)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    made = Reader(tmp_path / "me")
    yield made
    made.close()


def test_every_command_of_the_readme_prints_what_it_says(reader: Reader) -> None:
    count = 0
    for language, block in blocks(here(README)):
        if language == "python":
            name = block.split("\n", 1)[0].removeprefix("# ")
            (reader.home / name).write_text(block)
        for command, expected in steps(block) if language == "console" else ():
            reader.step(command, expected)
            count += 1
    assert count > 25


def test_only_the_installation_is_not_run_here() -> None:
    """`tests/test_wheel.py` installs it."""
    assert {language for language, _ in blocks(README)} == {"", "sh", "console", "python"}
    assert [block.split()[:3] for language, block in blocks(README) if language == "sh"] == [["pipx", "install", "."]]


def test_the_readme_is_short_and_plain() -> None:
    for text in (README, FORMAT, (REPO / "CHANGELOG.md").read_text()):
        assert len(text.splitlines()) < 480
        assert not re.search("[\N{EM DASH}\N{EN DASH}\U0001f000-\U0001ffff]", text)


# --- the format specification


def section(number: int) -> str:
    """One numbered section of the specification."""
    return FORMAT.split(f"\n## {number}. ")[1].split("\n## ")[0]


def rows(text: str) -> dict[str, list[str]]:
    """The rows of the tables in a text: every `word` of the first cell -> the other cells."""
    found = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells and not cells[0].startswith("---"):
            found |= dict.fromkeys(re.findall(r"`([\w.]+)`", cells[0]) or [cells[0]], cells[1:])
    return found


def test_sections_are_numbered_in_order_and_point_to_each_other() -> None:
    numbers = [int(number) for number in re.findall(r"^## (\d+)\. ", FORMAT, re.M)]
    assert numbers == [*range(1, len(numbers) + 1)]
    assert "The names are the merge" in section(15)
    assert set(map(int, re.findall(r"section (\d+)", FORMAT))) <= {*numbers}


def test_every_field_of_a_task_is_explained() -> None:
    assert set(rows(section(5))) >= set(fields.FIELDS)
    named = {word for word in rows(section(5)) if word not in ("extension", "field", "yaml", "yml", "md", "txt")}
    assert {word for word in named if not word.startswith(".")} == set(fields.FIELDS)


def test_every_failure_kind_is_explained_with_whether_another_attempt_may_help() -> None:
    table = rows(section(6))
    assert list(table)[1:] == list(result.KINDS)
    for kind, (means, retryable) in list(table.items())[1:]:
        assert means.startswith(result.KINDS[kind])
        assert (retryable == "yes") == (kind in result.RETRYABLE)


def test_every_field_of_a_result_is_in_the_example() -> None:
    ending = result.Ending("k", "a", "h", 1, "s", "e", 1.0, files=("f",), left_out=("l",))
    failed = result.failure("exit", "w", tried=("t",), exit_code=1, stderr_tail="x")
    data = ending.data(result.Outcome(failed, "r", "s", "c", "s", "v"))
    example = next(block for language, block in blocks(section(6)) if language == "yaml")
    assert re.findall(r"^(\w+):", example, re.M) == list(data)
    assert re.findall(r"^  (\w+):", example, re.M) == list(data["error"])


def test_every_variable_of_a_command_is_explained() -> None:
    source = Path(trial.__file__).read_text()
    assert set(rows(section(7))) - {"variable"} == set(re.findall(r'"(FSBUS_\w+)":', source))


def test_every_key_of_the_settings_is_explained_with_its_default() -> None:
    agent, bus = rows(section(8)), rows(section(9))
    assert set(agent) - {"key"} == set(config._AGENT)
    assert set(config._BUS) <= set(bus)
    found = config.AgentConfig("a", "worker", "h")
    assert agent["timeout"][1] == "1h"
    assert found.timeout == 3600.0
    assert (agent["slots"][1], agent["tries"][1]) == (str(found.slots), str(found.tries))
    skel = (REPO / "skel/solo/bus.yaml").read_text()
    for key in ("ack", "beat", "lease", "results", "archive", "ttl", "attempts", "backoff", "every"):
        value = re.search(rf"^ *{key}: (\w+)", skel, re.M)
        assert value is not None
        assert next(cells[0] for word, cells in bus.items() if word.split(".")[-1] == key).split(",")[0] == value[1], key


def test_every_folder_and_state_is_explained() -> None:
    for name in (*tree.FOLDERS, "archive", "log", ".node", "PAUSE", "alive.yaml"):
        assert name in section(1), name
    assert list(rows(section(3)))[1:] == [*states.INBOX_STATES, "done", "failed"]
    for word in (*states.MESSAGE_TYPES, *states.MESSAGE_STATES):
        assert word in section(2)


def test_the_channels_own_readmes_are_known_from_drops_and_short() -> None:
    for name in ("inbox", "outbox", "urgent"):
        text = (REPO / f"skel/channels/{name}.md").read_text()
        assert text.startswith("<!-- fsbus")
        assert 3 <= len(text.splitlines()) <= 8
