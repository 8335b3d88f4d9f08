"""What is printed acts on no terminal: names, texts and output with escape sequences and bidirectional overrides."""
from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.kit import TestBus

# Control characters but newline and tab, and what reorders or hides text in a line.
ACTS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")
EVIL = r"\033]0;title\007\033[2J\033[1;31mred\033[0m\rover\010\010\302\233"
EVIL += r"\342\200\256flip\342\200\254\342\201\246x\302\205y\357\273\277"
NAMES = (b"\x1b]0;evil\x07.md", "\u202egpj.exe.md".encode(), b"new\nline\r.md", b"\xff\xfe.md", "\u2066x\u2069\u0085.md".encode())


@pytest.fixture
def shown(bus: TestBus, tmp_path: Path) -> TestBus:
    """A bus with agents that print, fail with and leave evil, and evil names and texts in the inbox."""
    script = tmp_path / "evil.sh"
    made = 'printf "$EVIL"; printf "$EVIL" >&2; printf "result: %s" "$(printf "$EVIL")" > "$FSBUS_FILES/$(printf "a\\033b")"'
    script.write_text(f"EVIL='{EVIL}'\n{made}\nexit ${{1:-0}}\n")
    bus.agent("loud", f"sh {script}")
    bus.agent("sour", f"sh {script} 3")
    bus.agent("filed", f"sh -c 'sh {script} > \"$FSBUS_RESULT_FILE\"'")
    for agent in ("loud", "sour", "filed"):
        bus.drop(agent, "x.md", "a \u202etxt.exe\u202c \u2066b\u2069 text\n")
    inbox = bus.root / "agents/echo/inbox"
    for name in NAMES:
        with open(bytes(inbox) + b"/" + name, "wb") as file:
            file.write(b"an honest text\n" if name != NAMES[0] else b"\xff\xfe")
    bus.fsbus("tick")
    return bus


def keys(bus: TestBus) -> list[str]:
    """The keys of all ended tasks."""
    return sorted({name[2:27] for name in bus.ls("dispatch", "outbox")})


def test_no_verb_prints_what_acts_on_a_terminal(shown: TestBus) -> None:
    assert len(keys(shown)) == 3 + len(NAMES) - 1
    lines = [["status"], ["status", "loud"], ["agent", "list"]]
    lines += [["status", "\x1b[2J\u202e"], ["\x1b[2J"], ["submit", "--\u202e", "x"]]
    lines += [[verb, key] for key in keys(shown) for verb in ("status", "show", "result", "log", "trace", "wait")]
    for line in lines:
        ended = shown.run(*line)
        for said in (ended.stdout, ended.stderr):
            assert not ACTS.search(said), (line, said)
            assert "Traceback" not in said


def test_what_was_printed_is_kept_as_it_was(shown: TestBus) -> None:
    [found] = [shown.result(key) for key in keys(shown) if shown.task(key)["agent"] == "loud"]
    assert "\x1b]0;title\x07" in found["result"]
    assert "\u202eflip" in found["result"]


def test_json_is_plain_ascii(shown: TestBus) -> None:
    for key in keys(shown):
        for verb in ("status", "show", "result", "trace", "log"):
            said = shown.fsbus(verb, key, "--json", code=None)
            assert said.isascii()
            assert not ACTS.search(said)
            json.loads(said)


def test_the_notes_and_the_journal_act_on_no_terminal_either(shown: TestBus) -> None:
    notes = [path for path in (shown.root / "agents/echo/inbox/rejected").iterdir() if path.name.endswith(".why")]
    assert len(notes) == 1
    for path in (*notes, *(shown.root / "log/here").iterdir(), *shown.root.glob("agents/*/alive.yaml")):
        assert not ACTS.search(path.read_text(encoding="utf-8", errors="strict")), path


def test_check_shows_a_file_without_letting_it_act(bus: TestBus, tmp_path: Path) -> None:
    odd = tmp_path / "\x1b[2J\u202e.yaml"
    odd.write_text("title: a \u202e b\nwierd\u00e9: \u2066\ninput: {k: \u202e}\ntask: do \u2028 it\n")
    for line in (["check", str(odd)], ["check", str(odd), "--json"], ["check", f"{odd}.missing"]):
        ended = bus.run(*line)
        assert not ACTS.search(ended.stdout + ended.stderr), line


def test_a_task_with_escapes_is_refused_at_submit(bus: TestBus) -> None:
    for text in ("a\x1b[2Jb", "a\x07", "a\x9bb"):
        ended = bus.run("submit", "--to", "echo", text)
        assert ended.returncode == 2
        assert "control character" in ended.stderr
        assert not ACTS.search(ended.stderr)
    assert bus.ls("echo", "inbox") == []
