"""The command line as agents and people type it: exit codes, one-line errors, keys, `--root`, help, and what it imports."""
from __future__ import annotations

import functools
import inspect
import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fsbus.core.names import new_key
from fsbus.faces.cli import edge, fast, full, verbs
from fsbus.faces.cli.log import CHUNK
from tests.kit import FSBUS, TestBus, clean_env, until

BOXES = re.compile("[\u2500-\u257f]")
HEAVY = {"typer", "click", "yaml", "paramiko", "filelock", "watchfiles", "jsonschema"}
EVERY_VERB = [verb for verb in verbs.VERBS if verb not in verbs.GROUPS]
EVERY_VERB += [f"{group} {inner}" for group, inners in verbs.GROUPS.items() for inner in inners]
FISH = {"_TYPER_COMPLETE_ARGS": "fsbus tra"}
# `fsbus: what (where); what next`: one line, and always something to do.
SENTENCE = re.compile(r"fsbus: [^\n]+; [^\n]+\n")


class Told(TestBus):
    """A bus that only gets looked at: `well` was done, `ill` failed, `fresh` waits, `rejected` lies beside its reason."""

    well = ill = fresh = ""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """One bus for all tests that change nothing."""
    bus = Told(tmp_path_factory.mktemp("told") / "bus")
    bus.agent("sour", "sh -c 'echo out; echo err >&2; exit 3'")
    bus.agent("hand")
    bus.well = bus.fsbus("submit", "--to", "echo", "hello there").strip()
    bus.ill = bus.fsbus("submit", "--to", "sour", "try it").strip()
    bus.drop("echo", "bad.md", b"\xff\xfe")
    bus.fsbus("tick")
    bus.fresh = bus.fsbus("submit", "--to", "echo", "still waiting").strip()
    yield bus
    bus.close()


def words(line: str, told: Told) -> list[str]:
    """A command line with the keys of the told bus filled in."""
    return shlex.split(line.format(well=told.well, ill=told.ill, fresh=told.fresh, root=told.root))


def alone(line: list[str], home: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    """A command without $FSBUS_ROOT."""
    env = clean_env(HOME=str(home))
    return subprocess.run([*FSBUS, *line], capture_output=True, text=True, env=env, check=False, **more)


def tree(root: Path) -> list[str]:
    """Every path below a folder, bells and locks left out."""
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if ".node" not in p.parts and "log" not in p.parts)


# --- exit codes


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("", 0), ("--version", 0), ("-h", 0), ("--help", 0), ("status", 0), ("status echo", 0), ("status {well}", 0),
        ("show {well}", 0), ("result {well}", 0), ("result {ill}", 1), ("result {fresh}", 5), ("wait {well}", 0),
        ("wait {well} {ill}", 1), ("wait {fresh} --timeout 0.1s", 4), ("log {well}", 0), ("log {fresh}", 0),
        ("trace {well}", 0), ("agent list", 0), ("agent test echo", 0), ("agent test sour", 1), ("task next hand", 4),
        ("doctor", 1), ("service show", 0), ("service show --for cron", 0),
        ("completion bash", 0), ("completion zsh", 0), ("completion fish", 0),
    ],
)  # fmt: skip
def test_each_verb_ends_with_its_documented_code(told: Told, line: str, code: int) -> None:
    before = tree(told.root)
    ended = told.run(*words(line, told))
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr
    assert tree(told.root) == before


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("sumbit x", 2, "did you mean 'submit'"),
        ("agent lst", 2, "did you mean 'list'"),
        ("frobnicate", 2, "fsbus --help"),
        ("submit --too echo x", 2, "--to"),
        ("submit --to echo", 2, "nothing to do"),
        ("submit --to echo ' '", 2, "nothing to do"),
        ("submit --priority 12 --to echo x", 2, "0 \\(first\\) to 9"),
        ("submit --priority high --to echo x", 2, "--priority"),
        ("submit --timeout soon --to echo x", 2, "30s"),
        ("submit --timeout 0 --to echo x", 2, "5m"),
        ("submit --not-before later --to echo x", 2, "2026-11-22"),
        ("submit --after ??? --to echo x", 2, "not a key"),
        ("submit --type 'Big Job' x", 2, "did you mean 'big-job'"),
        ("submit --key nonsense --to echo x", 2, "20261122-021455123-m2x9rt"),
        ("submit --to echo --file /no/such/file", 3, "/no/such/file"),
        ("submit --to echo --file {root}", 2, "directory"),
        ("submit --to echo --file /etc/hosts x", 2, "not both"),
        ("submit --to nobody x", 3, "there are: dispatch, echo"),
        ("submit --from nobody x", 3, "there are: dispatch, echo"),
        ("submit --to echo --reply-to nobody x", 3, "there are: dispatch, echo"),
        ("submit --to echo --verify tests x", 5, "no check 'tests'"),
        ("submit --to echo --cwd .. x", 5, "cwd"),
        ("status nobody", 3, "fsbus status"),
        ("status ../../etc", 3, "fsbus status"),
        ("show zzzzzz", 3, "fsbus status"),
        ("show", 2, "fsbus show --help"),
        ("result zzzzzz", 3, "fsbus status"),
        ("result {fresh}", 5, "fsbus wait"),
        ("wait", 2, "fsbus wait KEY"),
        ("wait zzzzzz", 3, "fsbus status"),
        ("wait {fresh} --timeout never", 2, "30s"),
        ("wait {fresh} --timeout", 2, "fsbus wait --help"),
        ("wait {fresh} --timeout 0.1s", 4, "is queued"),
        ("log zzzzzz", 3, "fsbus status"),
        ("trace zzzzzz", 3, "fsbus status"),
        ("cancel zzzzzz", 3, "fsbus status"),
        ("cancel {well}", 5, "fsbus result"),
        ("cancel {well} {ill}", 2, "fsbus cancel --help"),
        ("check /no/such/file", 3, "/no/such/file"),
        ("check {root}", 2, "a folder"),
        ("agent add 'Big Name'", 2, "a-z"),
        ("agent add all", 2, "everybody"),
        ("agent add echo", 5, "edit that file"),
        ("agent add other --home mars", 3, "there are: here"),
        ("agent add other --role boss", 2, "dispatch"),
        ("agent add other --timeout soon", 2, "30s"),
        ("agent add other --slots 0", 2, "from 1 to 1000"),
        ("agent add other --role dispatch", 5, "there is one dispatch .dispatch.; edit "),
        ("send echo note hi --wait=soon", 2, "30s"),
        ("agent test nobody", 3, "there are"),
        ("agent test hand", 5, "nothing to test"),
        ("agent test echo ' '", 2, "nothing to do"),
        ("task next nobody", 3, "there are: dispatch, echo"),
        ("task next echo", 5, "run"),
        ("task next hand", 4, "fsbus task next hand --wait"),
        ("task done {well} x", 5, "fsbus trace"),
        ("task fail zzzzzz x", 3, "fsbus status"),
        ("task fail {fresh} x --kind nonsense", 2, "one of: exit"),
        ("task progress {fresh} x", 5, "not running"),
        ("service show --for upstart", 2, "launchd, launchd-tick, systemd, cron"),
        ("init {root}/new --host moon --join {root}/bus.yaml", 3, "there are: here"),
        ("init {root}/new --host here --join /no/such/file", 3, "/no/such/file"),
        ("init {root}/new --host here --join {root}", 2, "directory"),
        ("completion tcsh", 2, "bash, zsh, fish"),
        ("init {root}/bus.yaml", 5, "bus.yaml"),
        ("init {root}/new --skel nope", 2, "solo"),
        ("init {root}/new --host 'My Mac'", 2, "a-z"),
        ("up --only worker:nobody", 3, "it has: "),
        ("--root /no/such/bus status", 3, "fsbus init /no/such/bus"),
        ("status --root", 2, "--root"),
    ],
)
def test_an_error_is_one_line_with_what_and_what_next(told: Told, line: str, code: int, says: str) -> None:
    before = tree(told.root)
    ended = told.run(*words(line, told))
    assert ended.returncode == code, ended.stderr
    assert SENTENCE.fullmatch(ended.stderr), ended.stderr
    assert re.search(says, ended.stderr), ended.stderr
    assert ended.stdout == ""
    assert tree(told.root) == before


@pytest.mark.parametrize("group", sorted(verbs.GROUPS))
def test_a_group_alone_shows_its_words_and_says_that_one_is_missing(told: Told, group: str) -> None:
    ended = told.run(group)
    assert (ended.returncode, ended.stdout) == (2, "")
    usage, _, last = ended.stderr.rstrip("\n").rpartition("\n")
    assert f"fsbus {group}" in usage
    assert SENTENCE.fullmatch(last + "\n")
    assert all(inner in last for inner in verbs.GROUPS[group])


def test_init_may_be_repeated_and_repairs(bus: TestBus) -> None:
    (bus.root / "agents/echo/inbox/README.md").unlink()
    before = (bus.root / "bus.yaml").read_bytes()
    for gone in ("agents/echo/runs", "log", "agents/echo/outbox/late"):
        if (bus.root / gone).is_dir():
            (bus.root / gone).rmdir() if not any((bus.root / gone).iterdir()) else None
    bus.fsbus("init", str(bus.root))
    assert (bus.root / "agents/echo/runs").is_dir()
    assert (bus.root / "agents/echo/inbox/README.md").exists()
    assert (bus.root / "bus.yaml").read_bytes() == before


def test_init_takes_the_host_that_was_lost_from_bus_yaml(bus: TestBus) -> None:
    host, settings = bus.root / "host", bus.root / "bus.yaml"
    host.unlink()
    lost = bus.run("tick")
    assert (lost.returncode, lost.stderr.rstrip().endswith(f"; echo NAME > {host}")) == (3, True)
    bus.fsbus("init", str(bus.root))
    assert host.read_text() == "here\n"
    bus.fsbus("tick")
    settings.write_text(settings.read_text().replace("hosts:\n", "hosts:\n  there: {}\n"))
    host.unlink()
    asked = bus.run("init", str(bus.root))
    assert (asked.returncode, "bus.yaml knows there, here; say which one this is: fsbus init " in asked.stderr) == (2, True)
    bus.fsbus("init", str(bus.root), "--host", "there")
    assert host.read_text() == "there\n"


def test_up_ends_well_on_a_signal_and_is_alone(bus: TestBus) -> None:
    up = bus.up()
    second, tick = bus.run("up"), bus.run("tick")
    assert (second.returncode, tick.returncode) == (5, 75)
    for refused in (second, tick):
        assert SENTENCE.fullmatch(refused.stderr), refused.stderr
        assert f"pid {up.pid}" in refused.stderr
    assert bus.stop(up, signal.SIGINT) == 0
    bus.fsbus("tick")


def test_a_single_duty_may_run_alone(bus: TestBus) -> None:
    bus.up("--only", "worker:echo")
    bus.up("--only", "dispatch", "--only", "sweep")
    assert bus.run("up", "--only", "worker:echo").returncode == 5
    assert bus.fsbus("submit", "--to", "echo", "--wait", "hello").count("\n") == 1


def test_submit_wait_and_log_follow_go_to_the_end(bus: TestBus) -> None:
    bus.agent("sour", "sh -c 'echo out; exit 3'")
    bus.up()
    assert bus.run("submit", "--to", "sour", "--wait", "x").returncode == 1
    key = bus.fsbus("submit", "--to", "echo", "hello").strip()
    assert bus.fsbus("log", "-f", key).endswith("hello")
    assert bus.run("wait", key).stderr.startswith(f"{key} done after ")


def test_log_follow_goes_on_with_the_next_attempt(bus: TestBus) -> None:
    settings = bus.root / "bus.yaml"
    settings.write_text(settings.read_text().replace("backoff: 30s", "backoff: 0.5s"))
    bus.agent("sour", "sh -c 'echo attempt $FSBUS_ATTEMPT; test $FSBUS_ATTEMPT = 2 || exit 75'")
    key = bus.fsbus("submit", "--to", "sour", "x").strip()
    follow = bus.start("log", "-f", key)
    assert follow.stderr is not None
    follow.stderr.readline()
    bus.up()
    assert follow.communicate(timeout=30)[0] == "attempt 1\nattempt 2\n"
    assert bus.task(key)["final"] is True


@pytest.mark.parametrize("words", ["submit --to nobody-runs x --wait", "wait {key}"])
def test_who_breaks_off_a_wait_is_told_that_the_task_goes_on(bus: TestBus, words: str) -> None:
    bus.agent("nobody-runs", "cat")
    first = bus.fsbus("submit", "--to", "nobody-runs", "x").strip()
    waiting = bus.start(*words.format(key=first).split())
    bells = bus.root / ".node/bells"
    until(lambda: bells.exists() and list(bells.iterdir()), "the wait")
    waiting.send_signal(signal.SIGINT)
    stdout, said = waiting.communicate(timeout=30)
    key = stdout.strip() or first
    assert (waiting.returncode, f"the work goes on; fsbus wait {key}\n" in said) == (130, True)


def test_log_follow_says_once_that_nothing_is_there_yet(bus: TestBus) -> None:
    bus.agent("slow", "sh -c 'sleep 1; echo out'")
    key = bus.fsbus("submit", "--to", "slow", "x").strip()
    follow = bus.start("log", "-f", key)
    assert follow.stderr is not None
    assert follow.stderr.readline() == "it has printed nothing yet\n"
    bus.up()
    assert follow.communicate(timeout=30) == ("out\n", "")


def test_log_keeps_a_letter_that_two_reads_cut_apart(bus: TestBus) -> None:
    bus.agent("wide", f"sh -c 'head -c {CHUNK - 1} /dev/zero | tr \\\\0 a; echo ü'")
    key = bus.fsbus("submit", "--to", "wide", "x").strip()
    bus.fsbus("tick")
    assert bus.fsbus("log", key) == "a" * (CHUNK - 1) + "ü\n"


@pytest.mark.parametrize("line", ["agent test odd", "task next odd"])
def test_an_agent_yaml_that_cannot_be_used_is_refused(bus: TestBus, line: str) -> None:
    bus.agent("odd", rnu="cat")
    ended = bus.run(*line.split())
    said = "fsbus: agent.yaml is refused: unknown key 'rnu' (agents/odd/agent.yaml); did you mean 'run'?\n"
    assert (ended.returncode, ended.stderr) == (5, said)


# --- what is said where


def test_bare_fsbus_is_a_first_page_and_exits_0(told: Told, tmp_path: Path) -> None:
    ended = alone([], tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert all(verb in ended.stdout for verb in verbs.VERBS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("verb", EVERY_VERB)
def test_every_help_has_an_example_and_no_boxes(told: Told, verb: str, flag: str) -> None:
    said = told.fsbus(*verb.split(), flag)
    assert re.search(rf"^  (\S.* )?\S*fsbus {verb}( |$)", said, re.MULTILINE), said
    assert not BOXES.search(said)
    assert "\x1b" not in said


def test_the_whole_help_lists_every_verb(told: Told) -> None:
    said = told.fsbus("--help")
    assert not BOXES.search(said)
    assert all(re.search(rf"^  {verb} ", said, re.MULTILINE) for verb in verbs.VERBS)


@pytest.mark.parametrize(
    "line",
    [
        "status", "status echo", "status {well}", "status {ill}", "status {fresh}", "show {well}",
        "result {well}", "result {ill}", "trace {well}", "wait {well}", "wait {ill}", "log {well}", "log {fresh}", "agent list",
        "doctor", "service show --for launchd",
        "check {root}/README.md", "check {root}/agents/echo/inbox/rejected/bad.md",
    ],
)  # fmt: skip
def test_json_is_json_on_every_reading_verb(told: Told, line: str) -> None:
    plain, ended = told.run(*words(line, told)), told.run(*words(line, told), "--json")
    assert isinstance(json.loads(ended.stdout), (dict, list))
    assert ended.returncode == plain.returncode
    assert ended.stdout.isascii()


def test_json_of_a_task_has_the_promised_keys(told: Told) -> None:
    found = told.task(told.well)
    assert {"key", "agent", "attempt", "state", "health", "as_of"} <= found.keys()
    assert (found["key"], found["agent"], found["attempt"], found["state"]) == (told.well, "echo", 1, "done")
    result = told.result(told.ill)
    promised = {"key", "agent", "host", "attempt", "state", "started", "ended", "took", "tries", "error"}
    assert promised <= result.keys()
    assert {"what", "kind", "retryable", "tried", "exit_code", "stderr_tail"} <= result["error"].keys()


def test_numbers_in_the_json_of_status_are_numbers(bus: TestBus) -> None:
    up = bus.up()
    assert until(lambda: json.loads(bus.fsbus("status", "echo", "--json"))["pid"]) == up.pid
    (bus.root / ".node/links").mkdir(exist_ok=True)
    said = "as_of: '2026-11-22T02:14:56.001Z'\nround_trip: '0.0013'\noffset: '-0.25'\nbacklog: '0'\nnames: '4'\nrefused: some\n"
    (bus.root / ".node/links/vps.yaml").write_text(said)
    link = json.loads(bus.fsbus("status", "--json"))["links"]["vps"]
    assert [link[n] for n in ("round_trip", "offset", "backlog", "names", "refused")] == [0.0013, -0.25, 0, 4, None]
    assert "round trip 1.3 ms, clock -0.2 s" in bus.fsbus("status")


def test_check_says_what_was_understood_and_refuses_with_2(bus: TestBus, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.md", tmp_path / "bad.yaml"
    good.write_text("---\npriority: 2\nverfy: tests\n---\nDo it\n")
    bad.write_text("task: x\ntask: y\n")
    ended = bus.run("check", str(good))
    assert (ended.returncode, ended.stdout) == (0, "task: Do it\npriority: 2\nextra:\n  verfy: tests\n")
    assert "did you mean 'verify'" in ended.stderr
    refused = bus.run("check", str(bad))
    assert refused.returncode == 2
    assert "line 2" in refused.stderr
    assert SENTENCE.fullmatch(refused.stderr)
    assert json.loads(bus.fsbus("check", str(bad), "--json", code=2))["line"] == 2


def test_the_key_is_all_that_submit_prints(bus: TestBus) -> None:
    ended = bus.run("submit", "--to", "echo", "several", "words", "are", "joined")
    assert re.fullmatch(r"\d{8}-\d{9}-[0-9a-hj-km-np-tv-z]{6}\n", ended.stdout)
    assert ended.stderr == ""
    assert "several words are joined" in bus.fsbus("show", ended.stdout.strip())


def test_text_comes_from_words_a_file_or_stdin(bus: TestBus, tmp_path: Path) -> None:
    text = "First line: with # marks\n\n\tand a tab, Grüße, 'quotes' \"more\"\n"
    (tmp_path / "t.md").write_text(text)
    ways = (["-"], ["--file", str(tmp_path / "t.md")], ["--file", "-"], [text], ["--", "--not", "an", "option"])
    made = [bus.fsbus("submit", "--to", "echo", *way, stdin=text) for way in ways]
    bus.fsbus("tick")
    assert [bus.fsbus("result", key.strip()) for key in made] == [text] * 4 + ["--not an option\n"]


SLIPPED = "---\nto: echo\npriority: 0\ntimeout: 90s\ntitle: From a file\nverfy: tests\n---\nDo it\n"


def test_a_file_is_read_as_a_drop_of_its_name_and_options_count_more(bus: TestBus, tmp_path: Path) -> None:
    bus.agent("code", "cat")
    path = tmp_path / "t.md"
    path.write_text(SLIPPED)
    ended = bus.run("submit", "--file", str(path))
    assert "did you mean 'verify'" in ended.stderr
    assert bus.ls("echo", "inbox") == [f"0-{ended.stdout.strip()}-from-a-file.a1.queued.yaml"]
    shown = bus.fsbus("show", ended.stdout.strip())
    assert ("task: Do it\n" in shown, "timeout: 90s\n" in shown, "---" in shown) == (True, True, False)
    more = ("--to", "code", "--priority", "7", "--title", "another one", "--timeout", "5m")
    key = bus.fsbus("submit", "--file", str(path), *more).strip()
    assert bus.ls("code", "inbox") == [f"7-{key}-another-one.a1.queued.yaml"]
    assert "timeout: 300s\n" in bus.fsbus("show", key)
    link = tmp_path / "link.md"
    link.symlink_to(path)
    bus.fsbus("submit", "--file", str(link))
    assert "---" in bus.fsbus("show", bus.fsbus("submit", "--to", "echo", "-", stdin=SLIPPED).strip())


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("t.md", "---\nto: echo\npriority: high\n---\nx\n", r"t\.md, line 3\); write one digit"),
        ("t.yaml", "task: x\ntask: y\n", r"t\.yaml, line 2\); "),
        ("t.md", "---\nto: echo\n---\n", r"nothing to do in this file"),
    ],
)
def test_a_file_that_would_be_rejected_is_refused_with_line_and_fix(
    bus: TestBus, tmp_path: Path, name: str, text: str, says: str
) -> None:
    (tmp_path / name).write_text(text)
    ended = bus.run("submit", "--to", "echo", "--file", str(tmp_path / name))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert SENTENCE.fullmatch(ended.stderr), ended.stderr
    assert re.search(says, ended.stderr), ended.stderr
    assert bus.ls("echo", "inbox") == []


def test_expect_takes_a_json_schema(bus: TestBus) -> None:
    bus.agent("list", "echo '[1, 2]'")
    schema = '{"type": "object", "properties": {"n": {"type": "integer"}}}'
    key = bus.fsbus("submit", "--to", "list", "--expect", schema, "x").strip()
    bus.fsbus("tick")
    assert "does not fit `expect`" in bus.result(key)["error"]["what"]
    ended = bus.run("submit", "--to", "echo", "--expect", '{"type": ', "x")
    assert ended.returncode == 2
    assert SENTENCE.fullmatch(ended.stderr), ended.stderr


def test_after_names_a_task_that_is_here_or_says_that_it_is_not(bus: TestBus) -> None:
    first = bus.fsbus("submit", "--to", "echo", "one").strip()
    second = bus.run("submit", "--to", "echo", "--after", first[-6:], "two")
    assert second.stderr == ""
    assert first in bus.fsbus("show", second.stdout.strip())
    foreign = "20261122-021455123-m2x9rt"
    third = bus.run("submit", "--to", "echo", "--after", foreign, "three")
    assert third.returncode == 0
    assert f"{foreign} is not here yet" in third.stderr
    before = bus.ls("dispatch", "inbox")
    wrong = bus.run("submit", "--to", "echo", "--after", "zzzzzz", "x")
    assert wrong.returncode == 3
    assert SENTENCE.fullmatch(wrong.stderr), wrong.stderr
    assert bus.ls("dispatch", "inbox") == before


def test_what_only_dispatch_can_hold_back_is_refused_where_there_is_none(bus: TestBus) -> None:
    shutil.rmtree(bus.root / "agents/dispatch")
    for words, then in ((("--to", "echo", "--not-before", "2h"), "fsbus agent add dispatch --role dispatch"), ((), "--to AGENT")):
        said = bus.run("submit", *words, "hello")
        assert (said.returncode, said.stderr.strip().endswith(then)) == (3, True), said.stderr


def test_the_key_of_a_message_leads_to_its_trace(bus: TestBus) -> None:
    key = bus.fsbus("send", "echo", "note", "hi").strip()
    for verb in ("status", "show", "result", "log", "wait"):
        ended = bus.run(verb, key[-6:])
        assert ended.returncode == 3
        assert ended.stderr == f"fsbus: {key} is a message, not a task; fsbus trace {key}\n"
    assert "stored" in bus.fsbus("trace", key[-6:])


def test_sync_of_a_host_that_dials_nobody_says_so(told: Told) -> None:
    ended = told.run("sync", "--json")
    assert (ended.returncode, json.loads(ended.stdout)) == (0, [])
    assert "dials no other" in ended.stderr


def test_wait_tells_what_has_ended_when_its_time_is_over(told: Told) -> None:
    ended = told.run("wait", told.well, told.fresh, "--timeout", "0.1s", "--json")
    assert (ended.returncode, json.loads(ended.stdout)) == (4, {told.well: "done"})
    assert SENTENCE.fullmatch(ended.stderr.splitlines(keepends=True)[-1])


# --- keys, root, sender


def test_a_key_may_be_shortened_to_any_unique_part(told: Told) -> None:
    for part in (told.well, told.well[-6:], told.well.upper(), told.well[9:]):
        assert told.task(part)["key"] == told.well
    ambiguous = told.run("status", told.well[:4])
    assert ambiguous.returncode == 2
    assert SENTENCE.fullmatch(ambiguous.stderr)
    assert "use more of the key" in ambiguous.stderr


def test_root_may_stand_before_and_behind_the_verb(bus: TestBus, told: Told, tmp_path: Path) -> None:
    root = str(bus.root)
    for line in ("--root R status", "status --root R", "--root=R status", "status --root=R"):
        assert told.fsbus(*line.replace("R", root).split()).startswith(root), line
    assert alone(["status"], tmp_path, cwd=bus.root / "agents/echo").stdout.startswith(root)
    key = alone(["submit", "--to", "echo", "--", "--root", "/nowhere"], tmp_path, cwd=bus.root).stdout.strip()
    assert "--root /nowhere" in bus.fsbus("show", key)


def test_what_to_type_next_can_be_typed_wherever_the_bus_is_to_lie(tmp_path: Path) -> None:
    place = tmp_path / "my bus, it's"
    done = alone(["--root", str(place), "status"], tmp_path)
    assert done.returncode == 3
    next_words = shlex.split(done.stderr.partition("make one with: ")[2])
    assert next_words == ["fsbus", "init", str(place)]
    assert alone(next_words[1:], tmp_path).returncode == 0
    inbox = place / "agents/echo/inbox"
    (inbox / "empty.md").write_text("")
    until(lambda: not alone(["--root", str(place), "tick"], tmp_path).returncode and (inbox / "rejected/empty.md.why").exists())
    why = (inbox / "rejected/empty.md.why").read_text()
    assert shlex.split(why.splitlines()[-1])[-3:] == ["mv", "FILE", f"{inbox}/"]
    place.chmod(0o770)
    refused = alone(["--root", str(place), "status"], tmp_path)
    assert shlex.split(refused.stderr.rpartition("; ")[2]) == ["chmod", "go-w", str(place)]


TOLD = re.compile(r"; (fsbus .*?)(?: tells.*| shows.*|, or.*|)$", re.MULTILINE)


def test_what_to_type_next_is_about_the_bus_that_was_named(tmp_path: Path) -> None:
    place = str(tmp_path / "my bus")
    alone(["init", place, "--host", "here"], tmp_path)
    key = alone(["--root", place, "submit", "--to", "echo", "x"], tmp_path).stdout.strip()
    lines = {f"cancel {key}": 0, "result nope": 3, "doctor": 1}
    done = {words: alone([f"--root={place}", *words.split()], tmp_path) for words in lines}
    assert {words: one.returncode for words, one in done.items()} == lines
    told = [shlex.split(next(iter(TOLD.findall(one.stderr + one.stdout)))) for one in done.values()]
    assert [words[:3] for words in told] == [["fsbus", "--root", place]] * len(lines)
    assert alone([*told[0][1:], "--timeout", "0"], tmp_path).returncode == 4


def test_a_bus_that_others_may_write_into_is_refused(bus: TestBus) -> None:
    bus.root.chmod(0o770)
    ended = bus.run("status")
    assert ended.returncode == 5
    assert "chmod go-w" in ended.stderr
    assert SENTENCE.fullmatch(ended.stderr)


def test_a_worker_reaches_dispatch_and_no_other_worker(bus: TestBus) -> None:
    bus.agent("code", "true")
    me = {"FSBUS_AGENT": "echo"}
    bus.fsbus("submit", "--to", "code", "x", env=me, code=5)
    bus.fsbus("submit", "--to", "echo", "x", env=me, code=5)
    bus.fsbus("submit", "--to", "human", "x", env=me, code=5)
    bus.fsbus("submit", "--to", "dispatch", "x", env=me)
    bus.fsbus("submit", "x", env=me)
    assert len(bus.ls("dispatch", "inbox")) == 2
    assert bus.ls("code", "inbox") == bus.ls("echo", "inbox") == bus.ls("human", "inbox") == []


def test_nobody_speaks_for_another(bus: TestBus) -> None:
    for name in ("human", "dispatch", "nobody"):
        ended = bus.run("submit", "--from", name, "--to", "echo", "x", env={"FSBUS_AGENT": "echo"})
        assert ended.returncode == 5
        assert "cannot speak as" in ended.stderr
    key = bus.fsbus("submit", "--from", "dispatch", "--to", "echo", "x").strip()
    assert "submit by dispatch" in bus.fsbus("trace", key)
    bus.fsbus("submit", "--from", "echo", "--to", "echo", "x", code=5)


def test_a_call_with_a_key_may_be_repeated(bus: TestBus) -> None:
    key = new_key(int(time.time() * 1000), 1)
    again = ("submit", "--to", "echo", "--key", key)
    assert bus.fsbus(*again, "same text") == bus.fsbus(*again, "same text") == f"{key}\n"
    assert len(bus.ls("echo", "inbox")) == 1
    refused = bus.run(*again, "other text")
    assert refused.returncode == 5
    assert SENTENCE.fullmatch(refused.stderr)
    bus.fsbus("tick")
    assert bus.fsbus(*again, "same text") == f"{key}\n"
    bus.fsbus(*again, "other text", code=5)
    assert bus.ls("echo", "inbox") == []
    assert bus.fsbus("result", key) == "same text\n"


def test_agent_add_makes_one_that_works(bus: TestBus) -> None:
    settings = "--run 'tr a-z A-Z' --accepts shout --accepts cry --slots 2 --about 'loud: #1'"
    bus.fsbus("agent", "add", "upper", *shlex.split(settings))
    assert bus.run("agent", "test", "upper", "hello", "you").stdout.endswith("it said: HELLO YOU\n")
    listed = {agent["name"]: agent for agent in json.loads(bus.fsbus("agent", "list", "--json"))}
    assert (listed["upper"]["accepts"], listed["upper"]["about"]) == (["shout", "cry"], "loud: #1")
    key = bus.fsbus("submit", "--type", "cry", "hello").strip()
    bus.fsbus("tick")
    assert bus.fsbus("result", key) == "HELLO\n"
    (bus.root / "agents/upper/agent.yaml").write_text("role: worker\nhome: here\nslotz: 2\n")
    assert "did you mean 'slots'" in bus.fsbus("agent", "list")
    listed = {agent["name"]: agent for agent in json.loads(bus.fsbus("agent", "list", "--json"))}
    assert "did you mean 'slots'" in listed["upper"]["refused"]


def test_closed_stdout_is_no_trouble(told: Told) -> None:
    env = clean_env(FSBUS_ROOT=str(told.root))
    line = f"{shlex.quote(sys.executable)} -m fsbus status | true; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=env, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_who_asks_for_a_task_that_is_not_there_is_told_what_lists_them(told: Told) -> None:
    key = told.fsbus("submit", "--to", "human", "to be listed").strip()
    typed = told.run("result", "nonesuch").stderr.strip().rpartition(" or ")[2]
    assert key in subprocess.run(["sh", "-c", typed], capture_output=True, text=True, check=True).stdout


# --- completion


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_scripts_that_ask_fsbus(told: Told, shell: str) -> None:
    script = told.fsbus("completion", shell)
    assert f"_FSBUS_COMPLETE=complete_{shell}" in script
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


@pytest.mark.parametrize(
    ("env", "offers"),
    [
        ({"COMP_WORDS": "fsbus sub", "COMP_CWORD": "1"}, "submit"),
        ({"COMP_WORDS": "fsbus submit --not", "COMP_CWORD": "2"}, "--not-before"),
        ({"COMP_WORDS": "fsbus agent ", "COMP_CWORD": "2"}, "list"),
        ({"_FSBUS_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "fsbus tra"}, "trace"),
        ({"_FSBUS_COMPLETE": "complete_fish", "_TYPER_COMPLETE_FISH_ACTION": "get-args"} | FISH, "trace"),
    ],
)
def test_completion_offers_verbs_and_options(told: Told, env: dict[str, str], offers: str) -> None:
    assert offers in told.fsbus(env={"_FSBUS_COMPLETE": "complete_bash"} | env)


@pytest.mark.parametrize("line", ["submit --to ", "send ", "recv e", "agent test ", "status e", "--root {root} send e"])
def test_completion_offers_the_agents_of_this_bus(told: Told, line: str) -> None:
    assert "echo" in offered(told, line)


def test_completion_offers_tasks_by_key_and_id_and_is_never_an_error(told: Told, tmp_path: Path) -> None:
    key = told.fsbus("submit", "--to", "human", "to be offered").strip()
    for verb in ("result", "wait", "status", "send echo cancel --task", "task done", "submit --after"):
        assert key in offered(told, f"{verb} "), verb
        assert key in offered(told, f"{verb} {key[:-2]}"), verb
        assert offered(told, f"{verb} {key[-6:-1]}") == [key[-6:]], verb
    assert offered(told, "submit --key ") == offered(told, "ack ") == offered(told, f"--root {tmp_path} result ") == []


def offered(told: Told, line: str) -> list[str]:
    """What bash offers at the end of a line."""
    words = "fsbus " + line.format(root=told.root)
    asked = {"_FSBUS_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    return told.fsbus(env=asked).split()


# --- the two parsers, and what a call costs


def recorded(line: list[str], monkeypatch: pytest.MonkeyPatch, alone: Callable[[Any], Any]) -> tuple[str, dict[str, Any]] | None:
    """With which arguments a command line calls which command, through the edge; None if it does not get so far."""
    calls: list[tuple[str, dict[str, Any]]] = []
    real = verbs.command

    def command(verb: str, inner: str = "") -> Callable[..., int]:
        function = real(verb, inner)

        def record(*args: Any, **options: Any) -> int:
            bound = inspect.signature(function).bind(*args, **options)
            bound.apply_defaults()
            given = {name: list(v) if isinstance(v, tuple) else v for name, v in bound.arguments.items()}
            calls.append((f"{verb} {inner}".strip(), given))
            return 0

        return functools.update_wrapper(record, function)

    with monkeypatch.context() as patch:
        patch.setattr(verbs, "command", command)
        patch.setattr(fast, "parse", alone(fast.parse))
        edge._run(line)
    return calls[0] if calls else None


def by_the_fast_one(parse: Callable[..., Any]) -> Callable[..., Any]:
    """The fast parser as it is, fed with the real command (a recorder has no names in its code)."""

    def strict(function: Callable[..., int], words: list[str]) -> Any:
        parsed = parse(function.__dict__["__wrapped__"], words)
        assert parsed is not None, "left to typer"
        return parsed

    return strict


def by_typer(parse: Callable[..., Any]) -> Callable[..., Any]:
    """A fast parser that leaves everything to typer."""
    return lambda function, words: None


LINES = """
submit x
submit several words --to echo and more
submit --to echo --type t --priority 3 --urgent --timeout 5m --title T --reply-to a --from b x
submit --wait --key k --verify v --cwd c --expect e x
submit --priority=0 --to=echo x=y --after a --after b
submit --after=a x --after=b
submit --not-before "2026-11-22 09:30" x
submit --title --to x
submit --to echo -
submit --file f
submit --to echo -- --not an --option -x
submit -- x
submit --title "" x
submit --title= x
status
status echo
status --json
status --json k
status k --json
show k
result k --json
wait a b c --timeout 5m
wait --json a
wait
log k
log k --follow
log --follow k --json
trace k
cancel k --from me
check f --json
init
init d --skel solo --host h
up
up --only dispatch --only worker:code
tick
agent add code --run "claude -p" --role worker --home h --accepts a --accepts b --cwd ~ --about x --timeout 5m --slots 3
agent list --json
agent test code
agent test code say hello
task next code
task next code --wait 10m --json
task next --wait 90s code
task next code --json --wait
task next code --wait
send code note words --wait
send code note words --ack --wait 10m
task progress k half of it
task progress k
task done k - --summary s
task fail k no access --kind denied --retryable
service install
service install --for systemd
service show --cron --json
service remove --for launchd
doctor --json
init d --host h --join -
completion bash
"""


@pytest.mark.parametrize("line", LINES.strip().splitlines())
def test_both_parsers_understand_the_same(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = recorded(shlex.split(line), monkeypatch, by_the_fast_one)
    assert quick is not None
    assert quick == recorded(shlex.split(line), monkeypatch, by_typer)


@pytest.mark.parametrize(
    "line",
    [
        "submit --nope x", "submit --priority x y", "submit --to", "submit -x y", "show", "show a b", "status --json=1",
        "log -f k", "submit --to a --to b x", "submit --pri 3 x", "wait --help", "submit -h", "agent", "agent nope", "nope",
    ],
)  # fmt: skip
def test_what_is_not_plainly_right_is_left_to_typer(line: str) -> None:
    verb, *rest = shlex.split(line)
    if verb in verbs.VERBS and verb not in verbs.GROUPS:
        assert fast.parse(verbs.command(verb), rest) is None
    else:
        assert not (verb in verbs.GROUPS and rest and rest[0] in verbs.GROUPS[verb])


def test_every_command_can_be_told_to_typer() -> None:
    assert {command.name for command in full.app().registered_commands} | verbs.GROUPS.keys() == verbs.VERBS.keys()


@pytest.mark.parametrize(
    "line",
    [
        "", "submit --to echo hi", "submit --to echo --priority 0 --title t -", "status", "status --json", "status echo",
        "status {fresh}", "show {fresh}", "show {well}", "log {well}", "cancel {fresh}", "task next hand", "trace {well}",
    ],
)  # fmt: skip
def test_hot_verbs_import_nothing_heavy(told: Told, line: str, tmp_path: Path) -> None:
    copy = tmp_path / "bus"
    subprocess.run(["cp", "-R", str(told.root), str(copy)], check=True)
    env = clean_env(FSBUS_ROOT=str(copy))
    command = [sys.executable, "-X", "importtime", "-m", "fsbus", *words(line, told)]
    ended = subprocess.run(command, input="text", capture_output=True, text=True, env=env, check=False)
    loaded = {row.rsplit("|", 1)[1].strip().split(".")[0] for row in ended.stderr.splitlines() if row.startswith("import time:")}
    assert ended.returncode in (0, 4), ended.stderr[-300:]
    assert "fsbus" in loaded
    assert loaded & HEAVY == set()


def test_a_bug_is_one_line_and_exit_70(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(verb: str, inner: str = "") -> Callable[..., int]:
        raise ValueError("surprise\x1b[2J")

    monkeypatch.setattr(verbs, "command", broken)
    monkeypatch.delenv("FSBUS_DEBUG", raising=False)
    assert edge.run(["status"]) == 70
    said = capsys.readouterr().err
    assert SENTENCE.fullmatch(said)
    assert "\x1b" not in said


@pytest.mark.parametrize("where", ["done", "failed"])
def test_an_ended_task_without_its_result_file_says_so(bus: TestBus, where: str) -> None:
    key = "20261125-125559993-jjjjj0"
    folder = bus.root / "agents/dispatch/outbox"
    (folder / f"5-{key}-x.a1.{where}.md").write_text("x")
    assert bus.run("wait", key).returncode == (0 if where == "done" else 1)
    ended = bus.run("result", key)
    assert ended.returncode == 3
    assert f"{key} is {where}, and there is no result file" in ended.stderr
    assert f"{folder}/5-{key}-x.a1.result.yaml" in ended.stderr
