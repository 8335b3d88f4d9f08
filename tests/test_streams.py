"""Where answers go: a stdout that is closed, full or cannot say a letter, and a current directory that is gone."""
from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit import TestBus, clean_env

# `fsbus: what (where); what next`: one line, and always something to do.
SENTENCE = re.compile(r"fsbus: [^\n]+; [^\n]+\n")
KEY = re.compile(r"\d{8}-\d{9}-[0-9a-z]{6}")


def shell(bus: TestBus, line: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A line as a shell runs it; `F` is fsbus on this bus."""
    start = f'F() {{ {shlex.quote(sys.executable)} -m fsbus "$@"; }}\n'
    full = clean_env(FSBUS_ROOT=str(bus.root)) | env
    return subprocess.run(["bash", "-c", start + line], capture_output=True, text=True, env=full, check=False, errors="replace")


@pytest.mark.parametrize("where", [">&-", ">/dev/full"])
@pytest.mark.parametrize("how", ["", "--json", "--wait 5s"])
def test_a_message_that_cannot_be_printed_is_not_read(bus: TestBus, how: str, where: str) -> None:
    bus.fsbus("send", "echo", "note", "keep me")
    ended = shell(bus, f"F recv echo {how} {where}")
    assert ended.returncode == 75, ended.stderr
    assert SENTENCE.fullmatch(ended.stderr), ended.stderr
    assert "cannot be printed" in ended.stderr
    assert bus.ls("echo", "urgent/read") == []
    assert "keep me" in bus.fsbus("recv", "echo")


@pytest.mark.parametrize("where", [">&-", ">/dev/full"])
@pytest.mark.parametrize(
    "line", ["submit --to echo x", "send echo note x", "submit --to echo --wait x", "send echo note x --wait 0.1s"]
)
def test_what_was_done_and_cannot_be_printed_says_so_with_its_key(bus: TestBus, line: str, where: str) -> None:
    ended = shell(bus, f"F {line} {where}")
    stored = bus.ls("echo", "inbox") + bus.ls("echo", "urgent")
    assert len(stored) == 1
    assert ended.returncode == 75
    assert SENTENCE.fullmatch(ended.stderr), ended.stderr
    assert "type it again" not in ended.stderr
    found = KEY.search(ended.stderr)
    assert found, ended.stderr
    assert found[0] in stored[0]


def test_a_pulled_task_that_cannot_be_printed_is_named(bus: TestBus) -> None:
    bus.agent("hand")
    key = bus.fsbus("submit", "--to", "hand", "x" * 20_000).strip()
    ended = shell(bus, "F task next hand >/dev/full")
    assert ended.returncode == 75
    assert SENTENCE.fullmatch(ended.stderr), ended.stderr
    assert key in ended.stderr
    assert "type it again" not in ended.stderr


@pytest.mark.parametrize("line", ["agent add new", "init {root}/new"])
def test_other_things_that_were_done_say_so(bus: TestBus, line: str) -> None:
    ended = shell(bus, f"F {line.format(root=bus.root)} >/dev/full")
    assert ended.returncode == 75
    assert SENTENCE.fullmatch(ended.stderr), ended.stderr
    assert "type it again" not in ended.stderr
    assert "cannot be printed" in ended.stderr


@pytest.mark.parametrize("where", [">&-", ">/dev/full"])
@pytest.mark.parametrize("line", ["status", "show KEY", ""])
def test_looking_without_a_place_for_the_answer_is_an_error(bus: TestBus, line: str, where: str) -> None:
    key = bus.fsbus("submit", "--to", "echo", "x" * 20_000).strip()
    ended = shell(bus, f"F {line.replace('KEY', key)} {where}")
    assert ended.returncode == 75
    assert SENTENCE.fullmatch(ended.stderr), ended.stderr
    assert "cannot be printed" in ended.stderr


@pytest.mark.parametrize(
    "line", ["cancel KEY", "cancel KEY >&-", "cancel KEY >&- 2>&-", "cancel KEY 2>/dev/full", "check README 2>/dev/full"]
)
def test_who_has_nothing_to_print_needs_no_place_for_it(bus: TestBus, line: str) -> None:
    key = bus.fsbus("submit", "--to", "echo", "x").strip()
    ended = shell(bus, "F " + line.replace("KEY", key).replace("README", str(bus.root / "README.md")))
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("env", [{"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"PYTHONIOENCODING": "ascii"}])
def test_an_answer_never_fails_for_its_letters(bus: TestBus, env: dict[str, str]) -> None:
    key = bus.fsbus("submit", "--to", "echo", "Grüße aus 東京").strip()
    bus.fsbus("tick")
    ended = shell(bus, f"F result {key}", **env)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "Gr\\xfc\\xdfe aus \\u6771\\u4eac\n"
    wrong = shell(bus, "F status nö", **env)
    assert wrong.returncode == 3, wrong.stderr
    assert SENTENCE.fullmatch(wrong.stderr)


def test_a_current_directory_that_is_gone_matters_only_where_it_is_asked(bus: TestBus, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    for line in ("submit --to echo x", "status", "doctor --no-links --json", "service show --for cron"):
        gone.mkdir()
        ended = shell(bus, f"cd {gone}; rmdir {gone}; F {line}")
        assert "getcwd" not in ended.stderr.replace("shell-init", "")
        assert ended.returncode in (0, 1), ended.stderr
        assert ended.stdout
    gone.mkdir()
    ended = shell(bus, f"cd {gone}; rmdir {gone}; unset FSBUS_ROOT; F status", HOME=str(tmp_path))
    assert ended.returncode == 3, ended.stderr
    assert "current directory" in ended.stderr
    assert "--root" in ended.stderr


def test_a_relative_root_below_a_directory_that_is_gone_says_so(bus: TestBus, tmp_path: Path) -> None:
    ended = shell(bus, f"mkdir {tmp_path}/gone; cd {tmp_path}/gone; rmdir {tmp_path}/gone; F --root . status")
    assert ended.returncode == 3, ended.stderr
    assert "current directory" in ended.stderr


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
@pytest.mark.parametrize("line", ["submit --to echo -", "submit --to echo --file -", "send echo note -"])
def test_what_is_no_utf8_on_stdin_is_refused_as_in_a_file(bus: TestBus, line: str, errors: str) -> None:
    env = {"PYTHONIOENCODING": f"utf-8:{errors}"}
    done = bus.run(*line.split(), stdin="caf\xe9", env=env, encoding="latin-1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "fsbus: text: this is not UTF-8; save it as plain UTF-8 text\n"
    assert bus.ls("echo", "inbox") + bus.ls("echo", "urgent") == []


def test_a_result_that_is_no_utf8_is_refused_and_the_task_still_there(bus: TestBus) -> None:
    bus.agent("hand")
    key = bus.fsbus("submit", "--to", "hand", "write it").strip()
    bus.fsbus("task", "next", "hand")
    done = bus.run("task", "done", key, "-", stdin="caf\xe9", encoding="latin-1")
    assert (done.returncode, "result: this is not UTF-8" in done.stderr) == (2, True)
    bus.fsbus("task", "done", key, "caf\xe9")
