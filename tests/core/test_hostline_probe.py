"""One line of bus.yaml changed and nothing else; and what a strange host's answer may and may not say."""
from __future__ import annotations

import subprocess

import pytest

from fsbus.core import gate
from fsbus.core.hostline import entry_line, host_name, with_host
from fsbus.core.probe import END, MARK, Found, parse, program, script
from fsbus.core.refusal import Refusal

ENTRY = {"ssh": "me@vps", "root": "/home/me/fsbus", "command": "fsbus"}
LINE = "vps: {ssh: me@vps, root: /home/me/fsbus, command: fsbus}"
HEAD = "id: \"abc\"  # mine\nconfig_host: mac\n"
TAIL = "sync:\n  every: 60s  # often\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("hosts:\n  mac: {}\n", f"hosts:\n  mac: {{}}\n  {LINE}\n"),
        ("hosts:   # all\n    mac: {}   # here\n\n# next\n", f"hosts:   # all\n    mac: {{}}   # here\n    {LINE}\n\n# next\n"),
        ("hosts:\n  mac: {}\n  # there:\n  vps: {ssh: x}  # old\n", f"hosts:\n  mac: {{}}\n  # there:\n  {LINE}  # old\n"),
        ("hosts:\n  vps: {}\n  mac: {}\n", f"hosts:\n  {LINE}\n  mac: {{}}\n"),
        ("hosts:\n  'vps': {}\n  mac: {}\n", f"hosts:\n  {LINE}\n  mac: {{}}\n"),
    ],
)
def test_the_entry_is_put_in_and_the_rest_is_left(before: str, after: str) -> None:
    assert with_host(HEAD + before + TAIL, "vps", ENTRY) == HEAD + after + TAIL


def test_a_last_line_without_its_end_gets_one() -> None:
    assert with_host("hosts:\n  mac: {}", "vps", ENTRY) == f"hosts:\n  mac: {{}}\n  {LINE}\n"


@pytest.mark.parametrize(
    "hosts",
    ["hosts: {mac: {}}\n", "hosts:\n  mac: {}\n  vps:\n    ssh: x\n", "", "hosts:\n", "hosts:\n  mac: &x {}\n", "hosts:\n- a\n"],
)
def test_what_one_line_cannot_do_is_for_a_person(hosts: str) -> None:
    found = with_host(HEAD + hosts + TAIL, "vps", ENTRY)
    assert isinstance(found, Refusal)
    assert LINE in found.sentence()


@pytest.mark.parametrize("value", ["a b, c", "no", "~", "x: y", "#1", "12:30", '"', "{}", "env A=b python3", "é", "a\\b"])
def test_a_value_is_what_every_reader_takes_it_for(value: str) -> None:
    text = with_host("hosts:\n  mac: {}\n", "vps", {"ssh": "me@vps", "command": value})
    assert isinstance(text, str)
    assert gate.strings(text) == {"hosts": {"mac": {}, "vps": {"ssh": "me@vps", "command": value}}}


@pytest.mark.parametrize(
    ("destination", "name"),
    [
        ("me@vps", "vps"), ("vps", "vps"), ("me@box.example.org", "box"), ("ssh://me@Big.example:2222", "big"), ("me@far", "old"),
        ("me@127.0.0.1", ""), ("me@", ""), ("me@[::1]", ""),
    ],
)  # fmt: skip
def test_a_host_has_a_name(destination: str, name: str) -> None:
    assert host_name(destination, {"mac": {}, "old": {"ssh": "me@far"}}) == name


def test_other_keys_of_an_entry_stay() -> None:
    assert entry_line("vps", {"via": "box", "colour": "red"} | ENTRY).endswith("command: fsbus, via: box, colour: red}")


def test_a_home_is_left_to_the_far_shell_and_all_else_is_quoted() -> None:
    assert program("~/bin/fsbus --x 'a b' $HOME") == "\"$HOME\"/bin/fsbus --x 'a b' '$HOME'"
    assert program("") == "fsbus"


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_script_tells_what_is_there_and_runs_nothing_of_a_path(shell: str, tmp_path: object) -> None:
    root = f"{tmp_path}/it's $(touch {tmp_path}/planted)"
    said = subprocess.run([shell, "-c", script("no-such-fsbus", root)], capture_output=True, text=True, check=True, timeout=30)
    found = parse(said.stdout)
    assert found is not None
    assert (found.fsbus, found.there, found.bus, found.forced) == ("", False, "", False)
    assert found.now > 1e9
    assert subprocess.run(["ls", str(tmp_path)], capture_output=True, text=True, check=True).stdout == ""


def answer(*lines: str) -> str:
    return "\n".join(["Welcome!", MARK, *lines, END, ""])


def test_what_a_host_says_is_bounded_and_believed_only_where_it_can_do_no_harm() -> None:
    there = "/home/me/.local/bin/fsbus"
    found = parse(answer("home=/home/me", "now=1700000000", "fsbus=0.1.0", f"command={there}", 'bus="abc"', "host=vps"))
    assert found == Found(home="/home/me", now=1.7e9, fsbus="0.1.0", command=there, bus="abc", host="vps")
    evil = answer("home=relative", "now=99999999999999999999", "command=/bin/rm -rf /", "fsbus=" + "x" * 999, "nonsense", "=")
    assert parse(evil) == Found(fsbus="x" * 40)


@pytest.mark.parametrize("said", ["", "Welcome!\n", f"{MARK}\nhome=/x\n", f"{END}\n"])
def test_half_an_answer_is_none(said: str) -> None:
    assert parse(said) is None


@pytest.mark.parametrize("said", ["FSBUS1 1\n", "Welcome!\nFSBUS1 1\n"])
def test_a_greeting_means_a_forced_command(said: str) -> None:
    assert parse(said) == Found(forced=True)


@pytest.mark.parametrize(
    ("checks", "count"), [("", 0), ("{}", 0), ("[1, 2]", 0), ('[{"check": "disk", "verdict": "ok"}]', 1), ("[" * 99999, 0)]
)
def test_the_far_doctor_is_read_if_it_spoke(checks: str, count: int) -> None:
    found = parse(answer("home=/x", "doctor=", checks))
    assert found is not None
    assert len(found.doctor) == count
