"""What people get wrong in bus.yaml, agent.yaml and `host`: refused with the line and the fix, and no task is lost over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsbus.core import config, gate, surely
from fsbus.core.refusal import Refusal
from fsbus.duties.command import Command
from tests.kit import TestBus


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('env: {"A=B": x}', "env: no process can be given 'A=B'"), ('env: {"": x}', "env: no process can be given ''"),
        ('env: {A: "x\\0y"}', "env: no process can be given 'A'"), ('run: "cat \\0"', "run: this is no command line"),
        ("run: {cat: x}", "run: this is no command line"), ("run: [sh, [-c, x]]", "run: this is no command line"),
        ("checks: {tests: {make: x}}", "checks: this is no command line"), ('cwd: "/\\0"', "cwd: one line"),
    ],
)  # fmt: skip
def test_what_no_process_can_be_given_is_refused(line: str, says: str) -> None:
    tree = gate.strings(f"role: worker\nhome: here\n{line}\n")
    found = config.read_agent("code", tree)
    assert isinstance(found, Refusal)
    assert says in found.sentence()
    assert not surely.agent(tree)


@pytest.mark.parametrize("word", ["", "null", "~"])
def test_what_yaml_calls_null_is_not_given(word: str) -> None:
    head = "role: worker\nhome: here\n"
    plain = config.read_agent("code", gate.strings(head))
    for key in (*config._AGENT.keys() - {"role", "home"}, "checks: {tests"):
        line = f"{key}: {word}" + ("}" if "{" in key else "")
        assert config.read_agent("code", gate.strings(f"{head}{line}\n")) == plain, line
    tree = gate.strings(f"role: worker\nhome: {word}\n")
    assert "`home` is missing" in str(config.read_agent("code", tree))
    assert not surely.agent(tree)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("hosts: {here: {}, vps: me@vps}", "hosts: vps: 'me@vps' is no block; write it like `vps: {ssh: user@host}`"),
        ("hosts: {here: {}, vps: {ssh: [me, vps]}}", "hosts: vps: "), ("notify: [ring, me]", "notify: one line of text"),
    ],
)  # fmt: skip
def test_what_would_be_silently_dropped_is_refused(line: str, says: str) -> None:
    tree = gate.strings(f"{line}\n")
    found = config.read_bus(tree)
    assert isinstance(found, Refusal)
    assert says in found.sentence()
    assert not surely.bus(tree)


def test_what_no_process_can_be_given_counts_as_not_started(tmp_path: Path) -> None:
    out, err = str(tmp_path / "out"), str(tmp_path / "err")
    for argv, env in ((("true", "\0"), {}), (("true",), {"A=B": "x"}), (("true",), {"A": "\0"})):
        with pytest.raises(OSError, match=r"null|illegal"):
            Command(argv, "/dev/null", out, err, str(tmp_path), env)


def test_a_mistake_in_bus_yaml_names_its_line(bus: TestBus) -> None:
    path = bus.root / "bus.yaml"
    path.write_text(f"{path.read_text()}later:\n\tttl: 5m\n")
    line = path.read_text().count("\n")
    for verb in ("status", "doctor"):
        done = bus.run(verb)
        assert f"bus.yaml cannot be used: line {line}: " in done.stdout + done.stderr


@pytest.mark.parametrize("name", ["here\n".encode("utf-16"), b"he\0re\n", b"<<<<<<< HEAD\nhere\n", b"../here\n"])
def test_a_host_file_that_names_nobody_is_said_by_the_doctor(bus: TestBus, name: bytes) -> None:
    (bus.root / "host").write_bytes(name)
    done = bus.run("doctor")
    assert (done.returncode, done.stderr) == (1, "")
    assert "the file `host` does not name this host; echo NAME > " in done.stdout
