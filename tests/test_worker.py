"""The worker from outside: what it does with a command, a function, a pulled task, under every way of ending.

Agents run small shell scripts; the tree, read with PyYAML, says what came of them. Tests wait for conditions. A script
that must go on until the test has looked waits for the file `go`.
"""
from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from fsbus.core.names import TaskName, new_key
from fsbus.duties import begun
from fsbus.duties.case import Case
from fsbus.spool import keys
from tests.crash.rig import running_with
from tests.kit import TestBus, alive, clean_env, until

GO = 'while [ ! -e "$GO" ]; do sleep 0.02; done'
# The same program with an impatient ladder, so that a command that ignores INT does not cost the test 15 seconds.
SHORT_LADDER = """
import sys
from fsbus.core import ladder
ladder.INT_GRACE = 0.3
ladder.TERM_GRACE = float(sys.argv.pop())
from fsbus.__main__ import main
main()
"""


class Shop:
    """A bus whose attempts are not repeated by dispatch, agents made of scripts, and what came of their tasks."""

    def __init__(self, bus: TestBus, folder: Path) -> None:
        self.bus, self.folder = bus, folder
        self.go = folder / "go"
        settings = bus.root / "bus.yaml"
        settings.write_text(settings.read_text().replace("attempts: 3", "attempts: 1"))

    def agent(self, name: str, script: str, **settings: Any) -> None:
        """A worker that runs this shell script."""
        path = self.folder / f"{name}.sh"
        path.write_text(f"GO={self.go}; HERE={self.folder}\n{script}\n")
        self.bus.agent(name, f"sh {path}", **settings)

    def submit(self, agent: str, text: str = "do it", *more: str) -> str:
        """The key of a new task for an agent."""
        return self.bus.fsbus("submit", "--to", agent, *more, text).strip()

    def drop(self, agent: str, name: str, text: str | bytes) -> str:
        """The key that a dropped file got from a tick."""
        self.bus.drop(agent, name, text)
        self.bus.fsbus("tick")
        return max(found.name[2:27] for found in self.outbox.glob("*.a1.*"))

    def named(self, agent: str, text: str) -> str:
        """The key of a task that was put there by hand under its full name."""
        key: str = keys.make()
        self.bus.drop(agent, f"5-{key}-by-hand.a1.queued.yaml", text)
        return key

    @property
    def outbox(self) -> Path:
        """Where final results lie."""
        return self.bus.root / "agents/dispatch/outbox"

    def state(self, agent: str, key: str) -> str:
        """The state that the name of a task shows in an agent's inbox, '' if it is not there."""
        return next((name.split(".")[2] for name in self.bus.ls(agent, "inbox") if key in name), "")

    def states(self, agent: str) -> list[str]:
        """The states of all tasks in an agent's inbox, in the order of their names."""
        return [name.split(".")[2] for name in self.bus.ls(agent, "inbox")]

    def case(self, agent: str, key: str) -> Path | None:
        """The case folder of a task's first attempt, once it is there."""
        return next((self.bus.root / f"agents/{agent}/runs").glob(f"?-{key}-*.a1"), None)

    def begun(self, agent: str, key: str) -> Path:
        """The case folder of a task, once its command has a place to print to."""
        until(lambda: (case := self.case(agent, key)) and (case / "stderr.1.txt").exists(), f"the start of {key}")
        case = self.case(agent, key)
        assert case is not None
        return case

    def end(self, key: str) -> dict[str, Any]:
        """The result of a task, once dispatch has it."""
        until(lambda: any(self.outbox.glob(f"?-{key}-*.a1.done.*")) or any(self.outbox.glob(f"?-{key}-*.a1.failed.*")), key)
        [path] = self.outbox.glob(f"?-{key}-*.result.yaml")
        found: dict[str, Any] = yaml.safe_load(path.read_text())
        state = "done" if any(self.outbox.glob(f"?-{key}-*.a1.done.*")) else "failed"
        assert found["state"] == state
        return found

    def ran(self, agent: str, text: str = "do it", *more: str) -> dict[str, Any]:
        """Submit, tick, and the result."""
        key = self.submit(agent, text, *more)
        self.bus.fsbus("tick")
        return self.end(key)

    def short_up(self, term: float) -> subprocess.Popen[str]:
        """`fsbus up` with a short ladder; `term`: the seconds between TERM and KILL."""
        env, words = clean_env(FSBUS_ROOT=str(self.bus.root)), [sys.executable, "-c", SHORT_LADDER, "up", str(term)]
        process = subprocess.Popen(words, env=env, stderr=subprocess.DEVNULL, text=True)
        self.bus._running.append(process)
        return process


@pytest.fixture
def shop(bus: TestBus, tmp_path: Path) -> Shop:
    """A bus to make script agents in."""
    return Shop(bus, tmp_path)


# --- order and slots


def test_everything_is_acked_on_sight_also_while_all_slots_are_busy(shop: Shop) -> None:
    shop.agent("code", GO)
    shop.bus.up()
    keys = [shop.submit("code", f"t{number}") for number in range(3)]
    until(lambda: shop.states("code") == ["running", "acked", "acked"])
    late = shop.submit("code", "urgent", "--priority", "0")
    until(lambda: shop.state("code", late) == "acked")
    assert Counter(shop.states("code")) == {"running": 1, "acked": 3}
    shop.go.touch()
    assert [shop.end(key)["state"] for key in [*keys, late]] == ["done"] * 4


def test_tasks_run_in_the_order_of_their_names(shop: Shop) -> None:
    shop.agent("code", 'cat >> "$HERE/order"; echo >> "$HERE/order"')
    for text, priority in (("c", "5"), ("e", "9"), ("a", "0"), ("d", "5"), ("b", "1")):
        shop.submit("code", text, "--priority", priority)
    shop.bus.fsbus("tick")
    assert (shop.folder / "order").read_text().split() == ["a", "b", "c", "d", "e"]


def test_a_renamed_first_digit_changes_the_order(shop: Shop) -> None:
    shop.agent("code", 'cat >> "$HERE/order"; echo >> "$HERE/order"')
    shop.submit("code", "first")
    second = shop.submit("code", "second")
    inbox = shop.bus.root / "agents/code/inbox"
    [path] = inbox.glob(f"5-{second}-*")
    path.rename(inbox / f"3{path.name[1:]}")
    shop.bus.fsbus("tick")
    assert (shop.folder / "order").read_text().split() == ["second", "first"]


def test_slots_bound_how_many_run_at_the_same_time(shop: Shop) -> None:
    shop.agent("code", f'echo + >> "$HERE/log"; {GO}; echo - >> "$HERE/log"', slots=2)
    shop.bus.up()
    keys = [shop.submit("code", f"t{number}") for number in range(4)]
    until(lambda: shop.states("code") == ["running", "running", "acked", "acked"])
    until(lambda: (shop.folder / "log").exists() and (shop.folder / "log").read_text() == "+\n+\n")
    shop.go.touch()
    for key in keys:
        assert shop.end(key)["state"] == "done"
    marks, level, highest = (shop.folder / "log").read_text().split(), 0, 0
    for mark in marks:
        level += 1 if mark == "+" else -1
        highest = max(highest, level)
    assert (len(marks), highest) == (8, 2)


def test_pause_starts_nothing_new_and_lets_go_on_what_runs(shop: Shop) -> None:
    shop.agent("code", GO)
    shop.bus.up()
    first = shop.submit("code", "first")
    until(lambda: shop.state("code", first) == "running")
    pause = shop.bus.root / "agents/code/PAUSE"
    pause.touch()
    second = shop.submit("code", "second")
    until(lambda: shop.state("code", second) == "acked")
    status = '"health": "paused"'
    assert status in shop.bus.fsbus("status", "code", "--json")
    until(lambda: "running: []" not in (shop.bus.root / "agents/code/alive.yaml").read_text())
    shop.go.touch()
    assert shop.end(first)["state"] == "done"
    assert shop.state("code", second) == "acked"
    assert shop.case("code", second) is None
    pause.unlink()
    assert shop.end(second)["state"] == "done"


def test_a_paused_agent_does_not_keep_a_tick_from_ending(shop: Shop) -> None:
    shop.agent("code", "true")
    (shop.bus.root / "agents/code/PAUSE").touch()
    key = shop.submit("code")
    shop.bus.fsbus("tick")
    assert shop.state("code", key) == "acked"


# --- what the command gets


def test_the_command_gets_the_text_on_stdin_and_the_file_as_it_was_dropped(shop: Shop) -> None:
    shop.agent("code", 'cat > "$HERE/stdin"; cp "$FSBUS_TASK_FILE" "$HERE/file"; echo "$FSBUS_TASK_FILE"')
    dropped = "---\ntitle: A title\npriority: 3\n---\n\nGrüße, $(touch $HERE/evil) `id`\n  second line\n"
    key = shop.drop("code", "x.md", dropped)
    assert shop.end(key)["result"].endswith("/task.md\n")
    assert (shop.folder / "stdin").read_text().rstrip("\n") == "Grüße, $(touch $HERE/evil) `id`\n  second line"
    assert (shop.folder / "file").read_text() == dropped
    assert not (shop.folder / "evil").exists()


def test_the_command_gets_every_variable_and_the_agents_own(shop: Shop) -> None:
    shop.agent("code", 'env > "$HERE/env"', env="{COLOUR: blue, FSBUS_KEY: forged}")
    key = shop.submit("code")
    shop.bus.fsbus("tick")
    shop.end(key)
    env = dict(line.split("=", 1) for line in (shop.folder / "env").read_text().splitlines() if "=" in line)
    case = shop.case("code", key)
    assert case is not None
    expected = {
        "FSBUS_KEY": key, "FSBUS_ATTEMPT": "1", "FSBUS_TRY": "1", "FSBUS_TASK_FILE": f"{case}/task.yaml",
        "FSBUS_RESULT_FILE": f"{case}/result.1.yaml", "FSBUS_FILES": f"{case}/files", "FSBUS_AGENT": "code",
        "FSBUS_ROOT": str(shop.bus.root), "COLOUR": "blue",
    }  # fmt: skip
    assert {name: env.get(name) for name in expected} == expected
    assert env["FSBUS_DEADLINE"].endswith("Z")


def test_output_is_in_the_case_folder_while_the_command_runs(shop: Shop) -> None:
    shop.agent("code", f"echo one; echo two >&2; {GO}; echo three")
    shop.bus.up()
    key = shop.submit("code")
    case = shop.begun("code", key)
    until(lambda: (case / "stdout.1.txt").read_text() == "one\n")
    until(lambda: (case / "stderr.1.txt").read_text() == "two\n")
    assert shop.bus.fsbus("log", key) == "one\ntwo\n"
    shop.go.touch()
    assert shop.end(key)["result"] == "one\nthree\n"
    assert shop.bus.fsbus("log", key) == "one\nthree\ntwo\n"


# --- how it may end


def test_exit_75_asks_for_another_attempt_and_exit_3_does_not(shop: Shop) -> None:
    shop.agent("code", 'echo "no luck" >&2; exit $(cat)')
    for code, retryable in (("75", True), ("3", False)):
        error = shop.ran("code", code)["error"]
        assert (error["kind"], error["exit_code"], error["retryable"]) == ("exit", int(code), retryable)
        assert "no luck" in error["what"]
        assert error["stderr_tail"] == "no luck\n"


def test_a_command_that_dies_of_a_signal_has_crashed(shop: Shop) -> None:
    shop.agent("code", "kill -SEGV $$")
    error = shop.ran("code")["error"]
    assert (error["kind"], error["exit_code"], error["retryable"]) == ("crashed", -signal.SIGSEGV, True)


def test_a_timeout_ends_the_command_and_all_it_started(shop: Shop) -> None:
    shop.agent("code", "sleep 300 & setsid sleep 300 & wait", timeout="0.5s")
    found = shop.ran("code")
    assert (found["error"]["kind"], found["error"]["retryable"]) == ("timeout", True)
    until(lambda: running_with(found["key"]) == [], "the end of all that it started")


def test_a_tasks_own_timeout_counts_and_is_capped_by_the_agents(shop: Shop) -> None:
    shop.agent("patient", "sleep 300", timeout="1h")
    shop.agent("strict", "sleep 300", timeout="0.5s")
    assert shop.ran("patient", "x", "--timeout", "0.5s")["error"]["kind"] == "timeout"
    assert shop.ran("strict", "x", "--timeout", "1h")["error"]["kind"] == "timeout"


def test_silence_ends_a_command_that_says_and_touches_nothing(shop: Shop) -> None:
    shop.agent("code", "echo hello; sleep 300", silence="0.5s")
    found = shop.ran("code")
    assert found["error"]["kind"] == "silent"


def test_output_and_touched_files_are_signs_of_progress(shop: Shop) -> None:
    work = """
    for n in 1 2 3 4 5; do echo $n; sleep 0.3; done
    for n in 1 2 3 4 5 6 7 8 9 10 11 12; do echo $n >> "$FSBUS_FILES/notes"; sleep 0.3; done
    """
    shop.agent("code", work, silence="2s")
    assert shop.ran("code")["state"] == "done"


def test_tries_are_repeated_with_a_pause_until_one_succeeds(shop: Shop) -> None:
    shop.agent("code", 'echo "try $FSBUS_TRY"; [ "$FSBUS_TRY" = 3 ] || exit 75', tries=5, backoff="0.1s")
    key = shop.submit("code")
    shop.bus.fsbus("tick")
    found = shop.end(key)
    assert (found["state"], found["tries"], found["result"]) == ("done", 3, "try 3\n")
    case = shop.case("code", key)
    assert case is not None
    assert sorted(path.name for path in case.glob("stdout.*")) == ["stdout.1.txt", "stdout.2.txt", "stdout.3.txt"]


def test_tries_are_bounded_by_agent_and_task_and_all_are_told(shop: Shop) -> None:
    shop.agent("code", "echo x >> $HERE/runs; exit 75", tries=3, backoff="0.05s")
    found = shop.ran("code")
    assert found["tries"] == 3
    assert [line.split(":")[0] for line in found["error"]["tried"]] == ["try 1", "try 2", "try 3"]
    greedy = shop.end(shop.drop("code", "x.yaml", "task: x\ntries: 50\n"))
    modest = shop.end(shop.drop("code", "y.yaml", "task: x\ntries: 1\n"))
    assert (greedy["tries"], modest["tries"]) == (3, 1)
    assert (shop.folder / "runs").read_text().split() == ["x"] * 7


def test_a_try_after_a_timeout_is_judged_by_itself_and_alone(shop: Shop) -> None:
    first = 'setsid sh -c "sleep 300" & wait'
    shop.agent("code", f'[ "$FSBUS_TRY" = 2 ] || {{ {first}; }}; echo fine', tries=2, backoff="0.1s", timeout="3s")
    found = shop.ran("code")
    assert (found["state"], found["tries"], found["result"]) == ("done", 2, "fine\n")
    until(lambda: running_with(found["key"]) == [], "the end of the first try")


def test_what_trying_again_cannot_mend_is_tried_once(shop: Shop) -> None:
    shop.agent("code", 'echo "error: {what: not logged in, kind: auth}" > "$FSBUS_RESULT_FILE"', tries=3, backoff="0.05s")
    found = shop.ran("code")
    assert (found["tries"], found["error"]["kind"]) == (1, "auth")


def test_a_command_that_cannot_be_started_is_a_spawn_failure(shop: Shop) -> None:
    shop.bus.agent("code", "/no/such/program --flag")
    error = shop.ran("code")["error"]
    assert (error["kind"], error["retryable"]) == ("spawn", False)
    assert "/no/such/program" in error["what"]


def test_an_agent_whose_own_folder_is_missing_has_its_trouble_and_not_the_task(shop: Shop) -> None:
    shop.agent("code", "true", cwd="nowhere")
    error = shop.ran("code")["error"]
    assert (error["kind"], "agents/code/agent.yaml" in error["what"]) == ("spawn", True)


def test_a_task_that_an_editor_broke_after_adoption_is_bad_input(shop: Shop) -> None:
    shop.agent("code", 'touch "$HERE/ran"')
    key = shop.submit("code")
    [path] = (shop.bus.root / "agents/code/inbox").glob(f"5-{key}-*")
    path.write_bytes(b"task: \xff\xfe\n")
    shop.bus.fsbus("tick")
    assert shop.end(key)["error"]["kind"] == "bad-input"
    assert not (shop.folder / "ran").exists()


def test_children_left_in_the_background_are_ended(shop: Shop) -> None:
    shop.agent("code", 'sleep 300 & echo $! > "$HERE/pid"; echo done')
    assert shop.ran("code")["state"] == "done"
    until(lambda: not alive(int((shop.folder / "pid").read_text())))


# --- what it leaves


def test_the_result_is_stdout_or_the_result_file(shop: Shop) -> None:
    shop.agent("plain", "echo printed")
    shop.agent("words", 'echo printed; echo "the words" > "$FSBUS_RESULT_FILE"')
    said = '{"result": {"n": 3, "ok": true}, "summary": "three", "cost": "2 USD"}'
    shop.agent("data", f"echo printed; echo '{said}' > \"$FSBUS_RESULT_FILE\"")
    shop.agent("more", "printf 'a: 1\\nb: [x, y]\\n' > \"$FSBUS_RESULT_FILE\"")
    assert shop.ran("plain")["result"] == "printed\n"
    assert shop.ran("words")["result"].strip() == "the words"
    found = shop.ran("data")
    assert (found["result"], found["summary"], found["cost"]) == ({"n": 3, "ok": True}, "three", "2 USD")
    assert shop.ran("more")["result"] == {"a": 1, "b": ["x", "y"]}


@pytest.mark.parametrize("script", ["true", "exit 3", "exit 75", "kill -9 $$", "sleep 9"])
def test_every_field_of_a_result_is_there_whatever_came_of_it(shop: Shop, script: str) -> None:
    """Who scripts against a result reads its fields by name: those without a value are null or empty."""
    shop.agent("code", script, timeout="1s")
    found = shop.ran("code")
    promised = "key agent host attempt state started ended took summary result files cost session verify tries"
    assert set(promised.split()) <= found.keys()
    assert (found["files"], found["cost"], found["session"], found["verify"]) == ([], None, None, None)
    if found["state"] == "failed":
        assert found["error"].keys() == {"what", "kind", "retryable", "tried", "exit_code", "stderr_tail"}
        assert found["error"]["stderr_tail"] == ""


@pytest.mark.parametrize("cost", [0.25, 3, "2 USD", None])
def test_a_cost_stays_the_number_or_the_words_that_it_is(shop: Shop, cost: object) -> None:
    shop.agent("code", f"echo '{json.dumps({'summary': 's', 'cost': cost})}' > \"$FSBUS_RESULT_FILE\"")
    assert shop.ran("code")["cost"] == cost


@pytest.mark.parametrize(
    ("said", "result", "summary"),
    [
        ("Fixed #42 today", "Fixed #42 today", "Fixed #42 today"),
        ("# Report\n\nIt works\nas it should\n", "# Report\n\nIt works\nas it should\n", "# Report"),
        ("summary: fixed #42\nresult: see #43 and #44\n", "see #43 and #44", "fixed #42"),
        ("result:\n  count: 3 # of them\n", {"count": 3}, ""),
        ('"one\\ntwo"', "one\ntwo", "one"),
        ("3", 3, ""),
    ],
)
def test_no_word_of_a_result_file_is_lost(shop: Shop, said: str, result: object, summary: str) -> None:
    (shop.folder / "said").write_text(said)
    shop.agent("code", 'cat "$HERE/said" > "$FSBUS_RESULT_FILE"')
    found = shop.ran("code")
    assert (found["result"], found.get("summary", "")) == (result, summary)


def test_no_word_of_a_failure_is_lost(shop: Shop) -> None:
    (shop.folder / "said").write_text("error:\n  what: issue #42 is closed\n  kind: denied # by them\n")
    shop.agent("code", 'cat "$HERE/said" > "$FSBUS_RESULT_FILE"')
    error = shop.ran("code")["error"]
    assert (error["what"], error["kind"]) == ("issue #42 is closed", "denied")


@pytest.mark.parametrize(
    "said",
    [
        "error:\n  what: it failed: no space\n  kind: exit\n", "error: it failed: no space",
        "summary: well: no\nerror: it failed: no space\n",
        json.dumps({"error": {"what": "it failed: no space"}, "summary": "\N{PARTY POPPER}"}),
    ],
)  # fmt: skip
def test_a_failure_does_not_pass_for_a_result_because_it_is_no_yaml(shop: Shop, said: str) -> None:
    (shop.folder / "said").write_text(said)
    shop.agent("code", 'cat "$HERE/said" > "$FSBUS_RESULT_FILE"')
    found = shop.ran("code")
    assert (found["state"], found["error"]["what"]) == ("failed", "it failed: no space")


@pytest.mark.parametrize("made", ["ln -s task.yaml", "mkdir", "head -c 1048577 /dev/zero >"])
def test_a_result_file_that_cannot_be_read_is_no_success(shop: Shop, made: str) -> None:
    shop.agent("code", f'echo printed; {made} "$FSBUS_RESULT_FILE"')
    error = shop.ran("code")["error"]
    assert (error["kind"], error["what"].startswith("its result file cannot be read: ")) == ("exit", True)


def test_json_in_a_result_file_is_what_json_says(shop: Shop) -> None:
    data = {"result": {"price": "2.50", "who": "\N{PARTY POPPER}", "none": None}, "summary": "\N{PARTY POPPER} done"}
    (shop.folder / "said").write_text(json.dumps(data).replace('"2.50"', "2.50"))
    shop.agent("code", 'cat "$HERE/said" > "$FSBUS_RESULT_FILE"')
    found = shop.ran("code")
    assert (found["result"], found["summary"]) == (data["result"] | {"price": 2.5}, data["summary"])


def test_a_failure_in_the_programs_own_words_keeps_what_is_known_of_its_end(shop: Shop) -> None:
    script = 'echo "error: {what: no, kind: exit}" > "$FSBUS_RESULT_FILE"; echo last words >&2; exit 3'
    shop.agent("code", script, tries=3, backoff="0s")
    found = shop.ran("code")
    assert (found["error"]["exit_code"], found["error"]["stderr_tail"], found["tries"]) == (3, "last words\n", 1)


def test_the_deepest_data_of_a_result_file_can_be_read_again(shop: Shop) -> None:
    data = "[" * 16 + "]" * 16
    shop.agent("deep", f"echo '{data}' > \"$FSBUS_RESULT_FILE\"")
    key = shop.ran("deep")["key"]
    assert shop.bus.result(key)["result"] == json.loads(data)


def test_files_travel_with_the_result(shop: Shop) -> None:
    shop.agent("code", 'echo body > "$FSBUS_FILES/a.txt"; mkdir "$FSBUS_FILES/sub"; echo b > "$FSBUS_FILES/sub/b.txt"')
    key = shop.submit("code")
    shop.bus.fsbus("tick")
    assert shop.end(key)["files"] == ["a.txt", "sub/b.txt"]
    [folder] = shop.outbox.glob(f"5-{key}-*.a1.files")
    assert (folder / "a.txt").read_text() == "body\n"
    assert (folder / "sub/b.txt").read_text() == "b\n"


def test_a_structured_failure_comes_through_as_it_was_written(shop: Shop) -> None:
    said = "error:\n  what: the registry said no\n  kind: denied\n  tried:\n    - npm login\n"
    shop.agent("code", f"printf '{said}' > \"$FSBUS_RESULT_FILE\"; exit 0".replace("\n", "\\n"))
    found = shop.ran("code")
    error = found["error"]
    assert (error["what"], error["kind"], error["retryable"]) == ("the registry said no", "denied", False)
    assert found["state"] == "failed"
    assert error["tried"][0] == "npm login"


def test_a_chatty_command_keeps_all_it_said_in_a_file(shop: Shop) -> None:
    size = 700_000
    shop.agent("code", f"head -c {size} /dev/zero | tr '\\0' x")
    key = shop.submit("code")
    shop.bus.fsbus("tick")
    found = shop.end(key)
    assert found["files"] == ["stdout.txt"]
    assert 100_000 < len(found["result"]) < 300_000
    assert f"{size} bytes in all" in found["result"]
    [path] = shop.outbox.glob(f"5-{key}-*.a1.files/stdout.txt")
    assert path.stat().st_size == size
    assert len(shop.bus.fsbus("log", key)) == size


# --- expect and verify


@pytest.mark.parametrize(("made", "state"), [("report.pdf", "done"), ("report.txt", "failed")])
def test_an_expected_file_must_be_there(shop: Shop, made: str, state: str) -> None:
    shop.agent("code", f'touch "$FSBUS_FILES/{made}"')
    found = shop.ran("code", "x", "--expect", "report.pdf")
    assert found["state"] == state
    if state == "failed":
        assert found["error"]["kind"] == "verify"
        assert "report.pdf" in found["error"]["what"]


@pytest.mark.parametrize(
    ("made", "is_a"),
    [
        ("ln -s /nonexistent x.md", "a symbolic link"), ("ln -s /etc/passwd x.md", "a symbolic link"),
        ("ln -s /etc x.md", "a symbolic link"), ("mkfifo x.md", "a named pipe"),
    ],
)  # fmt: skip
def test_what_is_no_file_does_not_meet_an_expectation(shop: Shop, made: str, is_a: str) -> None:
    shop.agent("code", f'cd "$FSBUS_FILES"; {made}')
    found = shop.ran("code", "x", "--expect", "x.md")
    assert (found["state"], found["error"]["kind"]) == ("failed", "verify")
    assert f"'x.md' is {is_a}" in found["error"]["what"]
    assert found["files"] == []
    assert found["left_out"] == [f"x.md: {is_a}"]


def test_only_regular_files_travel_and_the_rest_is_kept(shop: Shop) -> None:
    made = "mkdir sub; echo body > sub/a.txt; ln -s /etc/passwd sub/p; ln -s /etc etc; mkfifo ff; ln -s sub/a.txt b.txt"
    shop.agent("code", f'cd "$FSBUS_FILES"; {made}')
    key = shop.submit("code", "x", "--expect", "sub/a.txt")
    shop.bus.fsbus("tick")
    found = shop.end(key)
    assert (found["state"], found["files"]) == ("done", ["sub/a.txt"])
    link = "a symbolic link"
    assert found["left_out"] == [f"b.txt: {link}", f"etc: {link}", "ff: a named pipe", f"sub/p: {link}"]
    [folder] = shop.outbox.glob(f"5-{key}-*.a1.files")
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) == ["sub", "sub/a.txt"]
    kept = shop.begun("code", key) / "left-out"
    assert (os.readlink(kept / "sub/p"), os.readlink(kept / "etc")) == ("/etc/passwd", "/etc")
    assert (kept / "ff").is_fifo()


def test_a_file_that_cannot_go_to_another_host_is_kept_and_named(shop: Shop) -> None:
    odd, deep = (r"bytes\377", r"two\nlines", r"back\\slash"), "/".join("abcdefghijklmnopqrs")
    made = [f"mkdir -p {os.path.dirname(deep)}", f"touch fine {deep}", *(f"touch \"$(printf '{name}')\"" for name in odd)]
    shop.agent("code", "; ".join(["cd $FSBUS_FILES", *made]))
    key = shop.submit("code", "x", "--expect", "fine")
    shop.bus.fsbus("tick")
    found = shop.end(key)
    assert (found["state"], found["files"]) == ("done", ["fine"])
    assert len(found["left_out"]) == len(odd) + 1
    assert {said.rpartition(": ")[2] for said in found["left_out"]} == {"a file whose name cannot go to another host"}
    kept = os.listdir(os.fsencode(shop.begun("code", key) / "left-out"))
    assert sorted(kept) == [b"a", b"back\\slash", b"bytes\xff", b"two\nlines"]


def test_more_files_than_travel_are_kept_and_named(shop: Shop) -> None:
    shop.agent("code", "cd $FSBUS_FILES; seq -f f%05g 1 10150 | xargs touch; mkdir a; ln -s f00001 a/link")
    key = shop.submit("code", "x", "--expect", "f10000")
    assert shop.ran("code", "x", "--expect", "f10001")["error"]["kind"] == "verify"
    found = shop.end(key)
    assert (found["state"], len(found["files"]), found["files"][-1]) == ("done", 10_000, "f10000")
    said = found["left_out"]
    assert (said[:2], len(said)) == (["a/link: a symbolic link", "f10001: a file more than the 10000 that travel"], 101)
    assert said[-1] == "51 more: see the case folder"
    assert len(list((shop.begun("code", key) / "left-out").glob("f*"))) == 150
    assert f"left out of its files: a/link: a symbolic link, ...; fsbus result {key}" in shop.bus.run("result", key).stderr


def test_a_link_in_the_place_of_the_folder_for_files_is_not_followed(shop: Shop) -> None:
    (shop.folder / "secret").mkdir()
    (shop.folder / "secret/x.md").touch()
    shop.agent("code", 'rmdir "$FSBUS_FILES"; ln -s "$HERE/secret" "$FSBUS_FILES"')
    found = shop.ran("code", "x", "--expect", "x.md")
    assert (found["state"], found["files"]) == ("failed", [])
    assert not list(shop.outbox.glob("*.files"))


@pytest.mark.parametrize(("said", "state"), [("n: 3", "done"), ("n: three", "failed"), ("", "failed")])
def test_expected_data_must_fit_the_schema(shop: Shop, said: str, state: str) -> None:
    shop.agent("code", f'echo "{said}" > "$FSBUS_RESULT_FILE"')
    schema = "expect:\n  type: object\n  required: [n]\n  properties:\n    n: {type: integer}\n"
    found = shop.end(shop.drop("code", "x.yaml", f"task: count\n{schema}"))
    assert found["state"] == state
    assert found.get("error", {}).get("kind") == (None if state == "done" else "verify")


BROKEN = "expect:\n  type: objekt\n"


def test_a_broken_schema_is_said_before_any_work(shop: Shop, tmp_path: Path) -> None:
    shop.agent("code", 'echo >> "$HERE/ran"', tries=3)
    file = tmp_path / "x.yaml"
    file.write_text(f"task: count\n{BROKEN}")
    for words in (("check", str(file)), ("submit", "--to", "code", "--file", str(file))):
        refused = shop.bus.run(*words)
        assert refused.returncode == 2
        assert "expect: this is no JSON schema: $.type: 'objekt' is not valid" in refused.stderr
    shop.bus.drop("code", "x.yaml", file.read_text())
    shop.bus.fsbus("tick")
    assert "$.type: 'objekt'" in (shop.bus.root / "agents/code/inbox/rejected/x.yaml.why").read_text()
    key = shop.named("code", file.read_text())
    shop.bus.fsbus("tick")
    error = shop.end(key)["error"]
    assert (error["kind"], error["retryable"]) == ("bad-input", False)
    assert not (tmp_path / "ran").exists()


def test_a_schema_that_is_found_broken_after_the_work_is_not_tried_again(shop: Shop, tmp_path: Path) -> None:
    shop.agent("code", 'echo >> "$HERE/ran"', tries=3, backoff="0s")
    found = shop.end(shop.drop("code", "x.yaml", 'task: count\nexpect:\n  $ref: "#/nowhere"\n'))
    assert (found["error"]["kind"], found["error"]["retryable"], found["tries"]) == ("bad-input", False, 1)


def test_a_schema_that_would_hold_up_the_node_is_refused(shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("task: count\nexpect:\n  allOf: [" + "{}, " * 4000 + "{}]\n")
    assert "expect: this schema has more than" in shop.bus.run("check", str(file)).stderr


def test_check_knows_the_checks_of_the_agent_that_a_file_names(shop: Shop, tmp_path: Path) -> None:
    shop.agent("code", "cat", checks="{fine: 'true'}")
    file = tmp_path / "x.md"
    for verify, code in (("fine", 0), ("fien", 2)):
        file.write_text(f"---\nto: code\nverify: {verify}\n---\nhello\n")
        assert shop.bus.run("check", str(file)).returncode == code
    assert "code has no check 'fien'; its checks: fine" in shop.bus.run("check", str(file)).stderr
    assert shop.bus.run("check", str(file), env={"FSBUS_ROOT": str(tmp_path / "no-bus")}).returncode == 0


def test_a_program_and_a_check_may_lie_in_the_home_of_who_runs_them(shop: Shop) -> None:
    for name, script in (("mine", "cat; echo ~/x"), ("sees", "true")):
        (shop.folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (shop.folder / name).chmod(0o700)
    shop.bus.agent("code", "~/mine ~/it", checks="{it: ~/sees}", verify="it")
    key = shop.submit("code", "x")
    shop.bus.fsbus("tick", env={"HOME": str(shop.folder)})
    found = shop.end(key)
    assert (found["state"], found["result"], found["verify"]) == ("done", f"x{shop.folder}/x\n", "it: passed")


def test_a_check_decides_and_what_it_said_is_kept(shop: Shop) -> None:
    checks = "{fine: sh -c 'test -e \"$FSBUS_FILES/made\"', sour: sh -c 'echo two tests fail; exit 2', gone: /no/such/check}"
    shop.agent("code", 'touch "$FSBUS_FILES/made"', checks=checks)
    passed, failed = shop.ran("code", "x", "--verify", "fine"), shop.ran("code", "x", "--verify", "sour")
    missing = shop.ran("code", "x", "--verify", "gone")
    assert (passed["state"], passed["verify"]) == ("done", "fine: passed")
    assert (failed["state"], failed["error"]["kind"], failed["error"]["exit_code"]) == ("failed", "verify", 2)
    assert "two tests fail" in failed["error"]["what"]
    assert failed["files"] == ["made"]
    assert (missing["state"], missing["error"]["kind"], missing["error"]["retryable"]) == ("failed", "verify", False)


def test_the_agents_own_check_runs_by_default(shop: Shop) -> None:
    shop.agent("code", "true", checks='{sour: "false"}', verify="sour")
    assert shop.ran("code")["error"]["kind"] == "verify"


def test_a_check_that_hangs_is_ended_by_the_timeout(shop: Shop) -> None:
    shop.agent("code", "true", checks="{slow: sleep 300}", verify="slow", timeout="0.5s")
    assert shop.ran("code")["error"]["kind"] == "timeout"


def test_a_check_that_the_agent_does_not_have_is_refused_in_both_ways(shop: Shop) -> None:
    shop.agent("code", "true", checks="{tests: 'true'}")
    assert "its checks: tests" in shop.bus.run("submit", "--to", "code", "--verify", "other", "x").stderr
    shop.bus.fsbus("submit", "--to", "code", "--verify", "other", "x", code=5)
    shop.bus.fsbus("submit", "--to", "code", "--verify", "rm -rf /", "x", code=2)
    assert shop.bus.ls("code", "inbox") == []
    shop.bus.drop("code", "x.yaml", "task: x\nverify: other\n")
    shop.bus.fsbus("tick")
    why = (shop.bus.root / "agents/code/inbox/rejected/x.yaml.why").read_text()
    assert "no check 'other'" in why
    assert "tests" in why


# --- where it runs


def test_a_task_may_choose_a_folder_below_the_agents_and_no_other(shop: Shop) -> None:
    base = shop.folder / "src"
    (base / "shop").mkdir(parents=True)
    (base / "out").symlink_to(shop.folder)
    shop.agent("code", "pwd", cwd=base)
    assert shop.ran("code")["result"] == f"{base}\n"
    assert shop.ran("code", "x", "--cwd", "shop")["result"] == f"{base}/shop\n"
    for outside in ("..", "/etc", "shop/../..", "../src-old"):
        shop.bus.fsbus("submit", "--to", "code", "--cwd", outside, "x", code=5)
    for unusable in ("out", "missing"):
        found = shop.ran("code", "x", "--cwd", unusable)
        assert (found["state"], found["error"]["kind"]) == ("failed", "bad-input"), unusable
    shop.bus.drop("code", "x.yaml", "task: x\ncwd: ../..\n")
    shop.bus.fsbus("tick")
    assert "is not below" in (shop.bus.root / "agents/code/inbox/rejected/x.yaml.why").read_text()


def test_without_a_folder_of_its_own_it_runs_in_the_case_folder(shop: Shop) -> None:
    shop.agent("code", "pwd")
    key = shop.submit("code")
    shop.bus.fsbus("tick")
    assert shop.end(key)["result"] == f"{shop.case('code', key)}\n"


# --- cancel and the ladder


def test_a_queued_task_is_cancelled_before_it_starts(shop: Shop) -> None:
    shop.agent("code", 'touch "$HERE/ran"')
    key = shop.submit("code")
    shop.bus.fsbus("cancel", key)
    shop.bus.fsbus("tick")
    assert shop.end(key)["error"]["kind"] == "cancelled"
    assert not (shop.folder / "ran").exists()
    assert shop.bus.ls("code", "urgent") == []


def test_a_task_behind_a_busy_slot_is_cancelled_at_once(shop: Shop) -> None:
    shop.agent("code", GO)
    shop.bus.up()
    first, second = shop.submit("code", "first"), shop.submit("code", "second")
    until(lambda: shop.states("code") == ["running", "acked"])
    shop.bus.fsbus("cancel", second)
    assert shop.end(second)["error"]["kind"] == "cancelled"
    assert shop.state("code", first) == "running"
    shop.go.touch()
    assert shop.end(first)["state"] == "done"


def test_a_cancelled_command_may_end_its_turn_on_int(shop: Shop) -> None:
    shop.agent("code", 'trap "echo saved; exit 0" INT; echo up; while :; do sleep 0.05; done', tries=3)
    shop.bus.up()
    key = shop.submit("code")
    case = shop.begun("code", key)
    until(lambda: (case / "stdout.1.txt").read_text())
    shop.bus.fsbus("cancel", key)
    found = shop.end(key)
    assert (found["error"]["kind"], found["error"]["exit_code"], found["tries"]) == ("cancelled", 0, 1)
    assert (case / "stdout.1.txt").read_text() == "up\nsaved\n"
    shop.bus.fsbus("cancel", key, code=5)
    until(lambda: shop.bus.ls("code", "urgent") == [])


@pytest.mark.parametrize(
    ("traps", "said", "code", "term"),
    [('trap "" INT; trap "echo term; exit 9" TERM', "up\nterm\n", 9, 30), ('trap "" INT TERM', "up\n", -signal.SIGKILL, 0.3)],
)
def test_a_command_that_does_not_listen_is_told_more_firmly(shop: Shop, traps: str, said: str, code: int, term: float) -> None:
    shop.agent("code", f"{traps}; echo up; while :; do sleep 0.05; done")
    shop.short_up(term)
    key = shop.submit("code")
    case = shop.begun("code", key)
    until(lambda: (case / "stdout.1.txt").read_text())
    shop.bus.fsbus("cancel", key)
    found = shop.end(key)
    assert (found["error"]["kind"], found["error"]["exit_code"]) == ("cancelled", code)
    assert (case / "stdout.1.txt").read_text() == said


def test_a_cancel_while_a_try_waits_ends_the_attempt(shop: Shop) -> None:
    shop.agent("code", "exit 75", tries=3, backoff="1h")
    shop.bus.up()
    key = shop.submit("code")
    shop.begun("code", key)
    shop.bus.fsbus("cancel", key)
    assert shop.end(key)["error"]["kind"] == "cancelled"


def test_a_task_held_by_dispatch_is_cancelled_there(shop: Shop) -> None:
    shop.agent("code", 'touch "$HERE/ran"')
    key = shop.submit("code", "x", "--not-before", "1h")
    shop.bus.fsbus("tick")
    assert shop.state("dispatch", key) == "queued"
    shop.bus.fsbus("cancel", key)
    shop.bus.fsbus("tick")
    assert shop.end(key)["error"]["kind"] == "cancelled"
    assert not (shop.folder / "ran").exists()


def test_an_ended_task_is_not_cancelled_any_more(shop: Shop) -> None:
    shop.agent("code", "true")
    key = shop.submit("code")
    shop.bus.fsbus("tick")
    said = shop.bus.run("cancel", key)
    assert said.returncode == 5
    assert said.stderr == f"fsbus: {key} has ended: done; fsbus result {key}\n"


def test_a_stopped_worker_ends_its_command_and_says_so(shop: Shop) -> None:
    shop.agent("code", 'echo $$ > "$HERE/pid"; exec sleep 300')
    up = shop.bus.up()
    key = shop.submit("code")
    until(lambda: (shop.folder / "pid").exists() and (shop.folder / "pid").read_text())
    assert shop.bus.stop(up) == 0
    assert not alive(int((shop.folder / "pid").read_text()))
    shop.bus.fsbus("tick")
    error = shop.end(key)["error"]
    assert (error["kind"], error["retryable"]) == ("crashed", True)
    assert "stopped: " in (shop.bus.root / "agents/code/alive.yaml").read_text()


# --- functions and pulled tasks

FUNCTION = """
import sys
from fsbus import Bus

def work(job):
    if job.text == "bad":
        raise ValueError("cannot do that")
    if job.text == "data":
        return {"n": job.input, "attempt": job.attempt}
    if job.text in ODD:
        return ODD[job.text]()
    return job.text.upper()

class Mute:
    def __str__(self):
        raise OSError("mute")

def broken():
    class Broken(Exception):
        def __str__(self):
            raise TypeError
    raise Broken

def circle():
    made = []
    made.append(made)
    return made

def deep():
    made = "x"
    for _ in range(5000):
        made = [made]
    return made

ODD = {"exit": sys.exit, "mute": Mute, "broken": broken, "circle": circle, "deep": deep}

Bus(sys.argv[1]).work("shout", work, dispatch=True)
"""


def test_a_python_function_is_a_worker(shop: Shop) -> None:
    shop.bus.agent("shout")
    env = clean_env()
    process = subprocess.Popen([sys.executable, "-c", FUNCTION, str(shop.bus.root)], env=env, text=True)
    shop.bus._running.append(process)
    well, bad = shop.submit("shout", "hello"), shop.submit("shout", "bad")
    shop.bus.drop("shout", "d.yaml", "task: data\ninput: 7\n")
    assert shop.end(well)["result"] == "HELLO"
    error = shop.end(bad)["error"]
    assert (error["kind"], error["what"]) == ("exit", "ValueError: cannot do that")
    assert "in work" in error["stderr_tail"]
    [path] = until(lambda: list(shop.outbox.glob("[0-9]-*-data.a1.result.yaml")))
    assert yaml.safe_load(path.read_text())["result"] == {"n": 7, "attempt": 1}
    assert shop.bus.stop(process) == 0


@pytest.mark.parametrize(("check", "state"), [("test -s", "done"), ("test ! -s", "failed")])
def test_what_a_function_made_is_checked_as_what_a_command_made(shop: Shop, check: str, state: str) -> None:
    shop.bus.agent("shout", checks=f"{{it: sh -c '{check} \"$FSBUS_TASK_FILE\"'}}", verify="it")
    shop.bus._running.append(subprocess.Popen([sys.executable, "-c", FUNCTION, str(shop.bus.root)], env=clean_env(), text=True))
    found = shop.end(shop.submit("shout", "hello"))
    assert (found["state"], found["result"]) == (state, "HELLO")
    assert found.get("error", {}).get("kind") == (None if state == "done" else "verify")


def test_no_function_takes_its_slot_or_the_press_along(shop: Shop) -> None:
    shop.bus.agent("shout")
    process = subprocess.Popen([sys.executable, "-c", FUNCTION, str(shop.bus.root)], env=clean_env(), text=True)
    shop.bus._running.append(process)
    odd = [shop.submit("shout", words) for words in ("exit", "mute", "broken", "circle", "deep")]
    well = shop.submit("shout", "hello")
    assert shop.end(well)["result"] == "HELLO"
    assert [shop.end(key)["error"]["kind"] for key in odd] == ["exit"] * len(odd)
    assert shop.bus.stop(process) == 0


LONG = """
import sys, time
from fsbus import Bus

def work(job):
    with open(sys.argv[2], "a") as log:
        log.write(job.key + "\\n")
    time.sleep(0 if job.text == "short" else 600)

Bus(sys.argv[1]).work("shout", work)
"""


@pytest.mark.parametrize("attended", [True, False], ids=["fsbus up runs", "it starts again"])
def test_what_a_killed_function_had_in_hand_has_crashed(shop: Shop, attended: bool) -> None:
    shop.bus.agent("shout")
    log = shop.folder / "log"
    words = [sys.executable, "-c", LONG, str(shop.bus.root), str(log)]
    process = subprocess.Popen(words, env=clean_env(), text=True)
    shop.bus._running.append(process)
    key = shop.submit("shout", "long")
    until(lambda: log.exists() and key in log.read_text())
    assert "kill" in shop.bus.run("task", "next", "shout").stderr
    shop.bus.fsbus("task", "next", "shout", code=5)
    if attended:
        shop.bus.up()
    process.kill()
    process.wait()
    if not attended:
        assert shop.bus.run("task", "next", "shout").returncode == 4
        shop.bus._running.append(subprocess.Popen(words, env=clean_env(), text=True))
        until(lambda: shop.state("shout", key) == "", "the end of what was in hand")
        shop.bus.fsbus("tick")
    assert shop.end(key)["error"]["kind"] == "crashed"
    assert log.read_text().split() == [key]


def test_a_second_signal_waits_for_no_function(shop: Shop) -> None:
    shop.bus.agent("shout", slots=2)
    log = shop.folder / "log"
    words = [sys.executable, "-c", LONG, str(shop.bus.root), str(log)]
    process = subprocess.Popen(words, env=clean_env(), text=True)
    shop.bus._running.append(process)
    keys = [shop.submit("shout", "long") for _ in range(2)]
    until(lambda: log.exists() and len(log.read_text().split()) == 2)
    process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    assert shop.bus.stop(process) == 0
    assert shop.states("shout") == ["running", "running"]
    shop.bus.fsbus("tick")
    assert [shop.end(key)["error"]["kind"] for key in keys] == ["crashed", "crashed"]


@pytest.fixture
def pulling(shop: Shop) -> Shop:
    """A running bus with the agent `hand`, which fetches its own work."""
    shop.bus.agent("hand")
    shop.bus.up()
    return shop


def test_a_pulled_task_is_taken_reported_and_done(pulling: Shop) -> None:
    bus = pulling.bus
    bus.fsbus("task", "next", "hand", code=4)
    key = pulling.submit("hand", "paint it")
    until(lambda: pulling.state("hand", key) == "acked")
    assert bus.fsbus("task", "next", "hand") == f"{key}\npaint it\n"
    assert pulling.state("hand", key) == "running"
    bus.fsbus("task", "next", "hand", code=4)
    bus.fsbus("task", "progress", key, "half", "of it")
    case = pulling.case("hand", key)
    assert case is not None
    assert (case / "progress.txt").read_text() == "half of it\n"
    bus.fsbus("task", "done", key, "-", stdin="\npainted\nblue\n")
    found = pulling.end(key)
    assert (found["state"], found["result"], found["summary"]) == ("done", "\npainted\nblue\n", "painted")
    for late in ("done", "progress", "fail"):
        refused = bus.run("task", late, key, "again")
        assert (refused.returncode, f"{key} is done, not running" in refused.stderr) == (5, True)


def test_a_pulled_task_may_fail_with_a_kind(pulling: Shop) -> None:
    key = pulling.submit("hand", "paint it")
    pulling.bus.fsbus("task", "next", "hand", "--wait", "20s")
    pulling.bus.fsbus("task", "fail", key, "no paint", "--kind", "nonsense", code=2)
    pulling.bus.fsbus("task", "fail", key, "no paint", "--kind", "denied")
    error = pulling.end(key)["error"]
    assert (error["what"], error["kind"], error["retryable"]) == ("no paint", "denied", False)


def test_a_pulled_task_can_be_cancelled_and_its_agent_is_told(pulling: Shop) -> None:
    key = pulling.submit("hand", "paint it")
    pulling.bus.fsbus("task", "next", "hand", "--wait", "20s")
    pulling.bus.fsbus("cancel", key)
    assert pulling.end(key)["error"]["kind"] == "cancelled"
    for late in ("progress", "done"):
        refused = pulling.bus.run("task", late, key, "half")
        assert (refused.returncode, f"{key} is failed, not running" in refused.stderr) == (5, True)


def test_a_pulled_task_has_the_time_that_it_says(shop: Shop) -> None:
    shop.bus.agent("hand", timeout="0")
    shop.bus.up()
    deadlines = []
    for words in ("--timeout=1s", "--timeout=2h", "--priority=5"):
        key = shop.submit("hand", "x", words)
        taken = json.loads(shop.bus.fsbus("task", "next", "hand", "--wait", "20s", "--json"))
        began = datetime.strptime(taken["key"][:18] + "+0000", "%Y%m%d-%H%M%S%f%z")
        deadlines.append((datetime.fromisoformat(taken["deadline"]) - began).total_seconds())
        if "1s" in words:
            assert shop.end(key)["error"]["what"] == "it was not ended within 1.0 s"
        else:
            shop.bus.fsbus("task", "done", key, "in time")
    assert deadlines[0] < 3600 < deadlines[1] < 86400 < deadlines[2]


def test_a_pulled_task_outlives_the_worker(pulling: Shop) -> None:
    key = pulling.submit("hand", "paint it")
    pulling.bus.fsbus("task", "next", "hand", "--wait", "20s")
    [up] = pulling.bus._running
    pulling.bus.stop(up, signal.SIGKILL)
    pulling.bus.fsbus("tick")
    assert pulling.state("hand", key) == "running"
    pulling.bus.fsbus("task", "done", key, "painted")
    pulling.bus.fsbus("tick")
    assert pulling.end(key)["result"] == "painted"


@pytest.mark.parametrize("fields", ["verify: there", "expect: report.md"])
def test_a_pulled_task_is_done_only_if_it_passes(shop: Shop, fields: str) -> None:
    shop.bus.agent("hand", checks="{there: 'test -e files/report.md'}")
    shop.bus.up()
    key = shop.named("hand", f"task: write it\n{fields}\n")
    taken = json.loads(shop.bus.fsbus("task", "next", "hand", "--wait", "20s", "--json"))
    refused = shop.bus.run("task", "done", key, "written")
    assert (refused.returncode, f"{key} is not done: the " in refused.stderr) == (5, True)
    assert shop.state("hand", key) == "running"
    Path(taken["files"], "report.md").write_text("fine")
    shop.bus.fsbus("task", "done", key, "written")
    found = shop.end(key)
    assert (found["state"], found["files"], found["result"]) == ("done", ["report.md"], "written")
    assert found["verify"] == ("there: passed" if "verify" in fields else None)


def test_who_says_done_second_hears_that_it_has_ended(shop: Shop) -> None:
    script, asked = shop.folder / "check.sh", shop.folder / "asked"
    gate = f"while [ ! -e {shop.go}$n ]; do sleep 0.02; done"
    script.write_text(f"echo >> {asked}; n=$(wc -l < {asked}); {gate}; test -e files/made")
    shop.bus.agent("hand", checks=f"{{it: sh {script}}}", verify="it")
    shop.bus.up()
    key = shop.submit("hand", "x")
    taken = json.loads(shop.bus.fsbus("task", "next", "hand", "--wait", "20s", "--json"))
    Path(taken["files"], "made").touch()
    first = shop.bus.start("task", "done", key, "first")
    until(lambda: asked.exists() and asked.read_text() == "\n", "the first check")
    second = shop.bus.start("task", "done", key, "second")
    until(lambda: asked.read_text() == "\n\n", "the second check")
    for number, process in enumerate((first, second), 1):
        Path(f"{shop.go}{number}").touch()
        process.wait(30)
    assert f"{key} was taken away meanwhile" in second.communicate()[1]
    assert (first.returncode, second.returncode, shop.end(key)["result"]) == (0, 5, "first")


def test_a_pulled_task_may_hand_over_the_data_that_it_should(pulling: Shop) -> None:
    key = pulling.named("hand", 'task: count\nexpect: {"properties": {"n": {"type": "number"}}, "type": "object"}\n')
    pulling.bus.fsbus("task", "next", "hand", "--wait", "20s")
    for wrong in ("three", '{"n": "three"}'):
        pulling.bus.fsbus("task", "done", key, wrong, code=5)
    pulling.bus.fsbus("task", "done", key, '{"n": 3}')
    assert pulling.end(key)["result"] == {"n": 3}


def test_a_check_that_its_agent_does_not_have_ends_a_pulled_task(pulling: Shop) -> None:
    key = pulling.named("hand", "task: x\nverify: nowhere\n")
    until(lambda: pulling.state("hand", key) == "acked")
    pulling.bus.fsbus("task", "next", "hand", code=4)
    assert pulling.end(key)["error"]["kind"] == "bad-input"


@pytest.mark.parametrize("words", ["done", "fail"])
def test_nobody_says_for_a_command_that_it_has_ended(shop: Shop, words: str) -> None:
    shop.bus.agent("slow", "sleep 60")
    shop.bus.up()
    key = shop.submit("slow", "x")
    until(lambda: shop.state("slow", key) == "running")
    refused = shop.bus.run("task", words, key, "by hand")
    assert (refused.returncode, f"{key} is run by the worker of slow" in refused.stderr) == (5, True)
    shop.bus.fsbus("cancel", key)
    assert shop.end(key)["error"]["kind"] == "cancelled"


@pytest.mark.parametrize(("check", "state"), [("true", "done"), ("false", "failed")])
def test_a_command_that_says_itself_that_it_is_done_is_checked(shop: Shop, check: str, state: str) -> None:
    done = f"{sys.executable} -m fsbus task done $FSBUS_KEY said"
    shop.bus.agent("own", json.dumps(f"sh -c '{done}; exit 3'"), checks=f"{{it: '{check}'}}", verify="it")
    assert shop.ran("own")["state"] == state


def test_two_who_pull_never_get_the_same_task(pulling: Shop) -> None:
    keys = {pulling.submit("hand", f"t{number}") for number in range(3)}
    env = clean_env(FSBUS_ROOT=str(pulling.bus.root))
    words = [sys.executable, "-m", "fsbus", "task", "next", "hand", "--wait", "20s"]
    takers = [subprocess.Popen(words, env=env, stdout=subprocess.PIPE, text=True) for _ in keys]
    taken = [taker.communicate(timeout=60)[0].split()[0] for taker in takers]
    assert sorted(taken) == sorted(keys)
    assert os.listdir(pulling.bus.root / ".node/bells")  # theirs are gone, the node's is there
    assert len(os.listdir(pulling.bus.root / ".node/bells")) == 1


@pytest.mark.parametrize(("words", "retryable"), [("", True), ("--retryable", True), ("--final", False)])
def test_a_kind_says_whether_another_attempt_may_help(pulling: Shop, words: str, retryable: bool) -> None:
    key = pulling.submit("hand", "x")
    pulling.bus.fsbus("task", "next", "hand", "--wait", "20s")
    pulling.bus.fsbus("task", "fail", key, "too slow", "--kind", "timeout", *words.split())
    assert pulling.end(key)["error"]["retryable"] is retryable


def test_what_is_known_of_case_folders_is_bounded_and_none_begins_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(begun, "MOST", 10)
    names = [TaskName(5, new_key(1_700_000_000_000 + number, number), "x", 1, "acked", "md") for number in range(40)]
    known = begun.Begun(str(tmp_path))
    for name in (*names[20:], *names[:20]):  # among them some that waited for long
        assert not Case(str(tmp_path), name, known).started()
        assert Case(str(tmp_path), name, known).open()
        assert len(known) <= 10
    for again in (known, begun.Begun(str(tmp_path))):
        for name in names:
            case = Case(str(tmp_path), name._replace(priority=1), again)
            assert (case.started(), case.open(), case.path) == (True, False, str(tmp_path / name.run))
    Case(str(tmp_path), names[-1], known).take_back()
    assert not Case(str(tmp_path), names[-1], known).started()


FAULTY = """
from fsbus.duties import trial
told = trial.told
def faulty(shop, case, name, task):  # this fake stands for a fault of ours that no test has found
    return told(shop, case, name, task) if task.text != "boom" else {}["boom"]
trial.told = faulty
"""


def test_a_fault_of_ours_ends_the_attempt_and_not_the_slot(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "fake").mkdir()
    (tmp_path / "fake/sitecustomize.py").write_text(FAULTY)
    shop.agent("code", "cat", slots=1)
    keys = [shop.submit("code", text) for text in ("boom", "hello")]
    shop.bus.fsbus("tick", env={"PYTHONPATH": f"{tmp_path / 'fake'}:{os.environ.get('PYTHONPATH', '')}"})
    error = shop.end(keys[0])["error"]
    assert (error["kind"], error["what"][:37]) == ("crashed", "a bug in fsbus: KeyError: 'boom'; ple")
    assert shop.end(keys[1])["result"] == "hello"
