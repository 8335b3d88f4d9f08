"""Requests: a planner takes them apart, the children run, and the request's result gathers theirs."""
from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.dispatch.rig import Rig
from tests.kit import FSBUS, alive, until

COUNT = 'echo "$FSBUS_AGENT $FSBUS_ATTEMPT $(cat)" >> $LOG'
AT_THE_GATE = f"{COUNT}; while [ ! -e $LOG.gate ]; do sleep 0.05; done"


def plan(rig: Rig, rows: list[Any]) -> str:
    """A planner's body that answers with this list."""
    path = rig.root.parent / "plan.json"
    path.write_text(json.dumps(rows))
    return f"cat {path}"


def children(rig: Rig) -> set[str]:
    """The keys of all tasks that have a parent."""
    found = set()
    for record in rig.journal():
        if record["event"] == "> queued" and record["by"] == "submit by dispatch":
            found.add(record["key"])
    return found


def open_gate(rig: Rig) -> None:
    """Let them finish."""
    Path(f"{rig.log}.gate").touch()


def test_fifty_children_with_three_failures(rig: Rig) -> None:
    rig.agent("one", f"{COUNT}; case $(cat $FSBUS_TASK_FILE) in *bad*) exit 3;; esac; echo ok", accepts="part", slots=4)
    rows = [{"task": f"bad part {n}" if n in (7, 20, 33) else f"part {n}", "type": "part"} for n in range(50)]
    rig.planner(plan(rig, rows))
    key = rig.submit("Make fifty parts")
    rig.up()
    result = rig.ended(key, "failed")
    assert result["summary"] == "47 of 50 children done"
    assert result["error"]["what"].startswith("3 of 50 children failed: ")
    assert all(f"bad-part-{n}" in result["error"]["what"] for n in (7, 20, 33))
    gathered = result["result"]["children"]
    assert [child["state"] for child in gathered].count("done") == 47
    assert gathered[0]["result"] == "ok\n"
    assert gathered[7]["error"]["exit_code"] == 3
    assert len(rig.lines()) == len(set(rig.lines())) == 50
    assert {child["key"] for child in gathered} == children(rig)
    assert len(rig.alerts()) == 3  # each child's failure is told, the sum of them is not told again
    parents = {yaml.safe_load(p.read_text())["parent"] for p in (rig.root / "agents/dispatch/outbox").glob("*-part-*.done.yaml")}
    assert parents == {key}
    assert json.loads(rig.bus.fsbus("today", "--json"))["done"] == 47


def test_a_request_whose_children_are_all_done_is_done(rig: Rig) -> None:
    rig.agent("one", "cat", accepts="part")
    rig.planner("echo 'The plan:'; echo '```yaml'; echo '- {task: a, type: part}'; echo '- {task: b, to: one}'; echo '```'")
    key = rig.submit("Do it")
    rig.up()
    assert rig.ended(key, "done")["summary"] == "2 of 2 children done"


def test_no_planner_is_started_while_dispatch_is_paused(rig: Rig) -> None:
    rig.planner("echo ran >> $LOG; echo '- {task: x, to: echo}'")
    pause = rig.root / "agents/dispatch/PAUSE"
    pause.touch()
    key, typed = rig.submit("a request"), rig.submit("--to", "echo", "--not-before", "1s", "a task")
    rig.up()
    rig.ended(typed, "done")  # what needs no command goes on
    assert rig.lines() == []
    assert rig.hops(key)[-1]["why"] == "dispatch is paused: no planner is started"
    pause.unlink()
    rig.ended(key, "done")


def test_after_between_siblings(rig: Rig) -> None:
    rig.agent("one", COUNT, accepts="part", slots=3)
    rows = [
        {"id": "roof", "task": "roof", "type": "part", "after": ["walls"]},
        {"id": "walls", "task": "walls", "type": "part", "after": "ground"},
        {"id": "ground", "task": "ground", "type": "part"},
    ]
    rig.planner(plan(rig, rows))
    key = rig.submit("Build a house")
    rig.up()
    rig.ended(key, "done")
    assert rig.lines() == ["one 1 ground", "one 1 walls", "one 1 roof"]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("echo I would rather not", "it is not a list of tasks"),
        ("echo '- {task: x}'", "neither `to` nor `type`"),
        ("echo '- {task: x, to: nobody}'", "there is no agent 'nobody'"),
        ("echo '- {task: x, to: dispatch}'", "there is no agent 'dispatch'"),
        ("echo '- {task: x, to: echo, colour: red}'", "unknown key 'colour'"),
        ("echo '- {task: x, to: echo, after: nothing}'", "'nothing' is neither"),
        ("echo '- {id: 1, task: x, to: echo, after: 2}'; echo '- {id: 2, task: x, to: echo, after: 1}'", "leads back to itself"),
        ("echo '- {id: 1, task: x, to: echo}'; echo '- {id: 1, task: y, to: echo}'", "is there twice"),
        ("echo nothing came to mind >&2; exit 4", "nothing came to mind"),
    ],
    ids=["prose", "to-nobody", "stranger", "itself", "unknown-key", "unknown-sibling", "circle", "twice", "exit"],
)
def test_a_planners_answer_that_cannot_be_used(rig: Rig, answer: str, why: str) -> None:
    rig.planner(answer)
    key = rig.submit("Do it")
    rig.up()
    assert why in rig.ended(key, "failed")["error"]["what"]
    (alert,) = until(rig.alerts)
    assert why in alert["text"]
    assert children(rig) == set()


def test_a_child_that_its_agent_does_not_allow_fails_alone(rig: Rig) -> None:
    rig.agent("one", COUNT)
    rig.planner(plan(rig, [{"task": "a", "to": "one", "verify": "nothing-like-it"}, {"task": "b", "to": "one"}]))
    key = rig.submit("Do it")
    rig.up()
    bad, good = rig.ended(key, "failed")["result"]["children"]
    assert "nothing-like-it" in bad["error"]["what"]
    assert good["state"] == "done"
    rig.ended(rig.submit("--to", "one", "dispatch is still there"), "done")


def test_cancel_of_a_request_goes_down_the_tree(rig: Rig) -> None:
    rig.agent("one", f"echo $$ >> $LOG; {AT_THE_GATE}", accepts="part")
    rows = [{"id": word, "task": word, "type": "part"} for word in ("a", "b")]
    rig.planner(plan(rig, [*rows, {"task": "c", "type": "part", "after": ["a"]}]))
    key = rig.submit("Do it")
    rig.up()
    until(lambda: len(rig.lines()) == 2 and len(children(rig)) == 3)
    rig.bus.fsbus("cancel", key)
    result = rig.ended(key, "failed")
    assert result["error"]["kind"] == "cancelled"
    assert [child["error"]["kind"] for child in result["result"]["children"]] == ["cancelled"] * 3
    assert len(rig.lines()) == 2
    assert not alive(int(rig.lines()[0]))
    until(lambda: not [n for n in rig.bus.ls("dispatch", "urgent") if "-cancel." in n], "all cancels are filed")
    assert rig.alerts() == []


def test_cancel_of_a_request_that_is_being_planned(rig: Rig) -> None:
    rig.planner("echo $$ >> $LOG; sleep 600")
    key = rig.submit("Do it")
    rig.up()
    (pid,) = until(rig.lines)
    rig.bus.fsbus("cancel", key)
    assert rig.ended(key, "failed")["error"]["kind"] == "cancelled"
    assert not alive(int(pid))


def test_a_request_may_change_its_priority_while_it_runs(rig: Rig) -> None:
    rig.agent("one", AT_THE_GATE, accepts="part")
    rig.planner(plan(rig, [{"task": "a", "type": "part"}]))
    key = rig.submit("Do it")
    up = rig.up()
    until(rig.lines)
    (name,) = (rig.root / "agents/dispatch/inbox").glob(f"5-{key}-*.running.*")
    name.rename(name.with_name(f"1{name.name[1:]}"))
    rig.kill(up)
    open_gate(rig)
    rig.up()
    assert rig.ended(key, "done")["attempt"] == 1
    assert len(children(rig)) == 1


def test_killed_between_the_marker_and_the_start_of_the_planner(rig: Rig) -> None:
    rig.planner("echo '- {task: x, to: echo}'")
    key = rig.submit("Do it")
    (name,) = (rig.root / "agents/dispatch/inbox").glob(f"5-{key}-*")
    (rig.root / "agents/dispatch/runs" / name.name.removesuffix(".queued.yaml")).mkdir()
    rig.up()
    assert rig.ended(key, "done")["attempt"] == 1


def test_a_planner_that_died_with_dispatch_is_started_again(rig: Rig) -> None:
    rig.planner(f"{COUNT}; [ $FSBUS_ATTEMPT = 1 ] && sleep 600; echo '- {{task: x, to: echo}}'")
    key = rig.submit("Do it")
    up = rig.up()
    until(rig.lines)
    rig.kill(up)
    rig.up()
    until(lambda: rig.late(key) == ["a1.failed"], "its end, which lies in the outbox for a moment")
    assert rig.ended(key, "done")["attempt"] == 2
    assert len(children(rig)) == 1


def test_a_request_whose_next_attempt_was_made_has_not_ended(rig: Rig) -> None:
    """Dispatch was killed a second time, after it had ended the one whose planner died with it, and before it put that aside."""
    rig.planner("echo '- {task: x, to: echo}'")
    key = rig.submit("Do it")
    (name,) = rig.bus.ls("dispatch", "inbox")
    folder = rig.root / "agents/dispatch"
    (folder / "inbox" / name).rename(folder / "inbox" / name.replace(".a1.", ".a2."))
    (folder / "outbox" / name.replace(".queued.", ".failed.")).write_text("task: Do it\n")
    result = f"key: {key}\nagent: dispatch\nattempt: 1\nstate: failed\n"
    (folder / "outbox" / name.replace(".queued.", ".result.")).write_text(result)
    assert rig.bus.run("wait", key, "--timeout", "0.1s").returncode == 4
    assert rig.bus.task(key)["attempt"] == 2
    rig.bus.fsbus("tick")
    assert rig.bus.run("wait", key, "--timeout", "0.1s").returncode == 0
    assert (rig.final(key), rig.late(key)) == ("done", ["a1.failed"])


def test_a_planner_that_kills_dispatch_is_started_a_bounded_number_of_times(rig: Rig) -> None:
    rig.planner(f"{COUNT}; kill -9 $PPID; sleep 600")
    key = rig.submit("Do it")
    for _ in range(4):
        up = rig.up()
        until(lambda up=up: up.poll() is not None or rig.final(key))
    assert rig.final(key) == "failed"
    assert len([line for line in rig.lines() if line.startswith("dispatch ")]) == 3
    assert len(rig.alerts()) == 1


def test_retry_of_a_request_tells_the_planner(rig: Rig) -> None:
    rig.planner("cat >> $LOG; [ $FSBUS_ATTEMPT = 1 ] && exit 3; echo '- {task: x, to: echo}'")
    key = rig.submit("Do it")
    rig.up()
    rig.ended(key, "failed")
    rig.bus.fsbus("retry", key, "--note", "in one step")
    until(lambda: rig.final(key) == "done")
    assert "A person adds to this task:" in rig.lines()
    assert "in one step" in rig.lines()


# The node dies at its Nth link or rename of a child's name, so in the middle of making children.
DIE = """
import os, sys
left = int(os.environ["DIE_AT"])
real = os.link
def link(source, target, **more):
    global left
    if "-part-" in os.path.basename(target):
        left -= 1
        if left == 0 and os.environ["DIE_WHEN"] == "before":
            os.kill(os.getpid(), 9)
        real(source, target, **more)
        if left == 0:
            os.kill(os.getpid(), 9)
        return
    real(source, target, **more)
os.link = link
from fsbus.__main__ import main
sys.argv = ["fsbus", *sys.argv[1:]]
sys.exit(main())
"""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", [1, 4, 8])
def test_dispatch_killed_while_it_makes_children_makes_each_once(
    rig: Rig, at: int, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.agent("one", COUNT, accepts="part")
    rig.planner(plan(rig, [{"task": f"part {n}", "to" if n % 2 else "type": "one" if n % 2 else "part"} for n in range(8)]))
    key = rig.submit("Do it")
    rig.up("worker:one")
    die = rig.root.parent / "die.py"
    die.write_text(DIE)
    with monkeypatch.context() as patched:
        patched.setattr(rig.bus, "command", [FSBUS[0], str(die)])
        dying = rig.up("dispatch", env={"DIE_AT": str(at), "DIE_WHEN": when})
        assert dying.wait(30) == -9
    rig.up("dispatch")
    result = rig.ended(key, "done")
    assert len(result["result"]["children"]) == 8
    assert sorted(rig.lines()) == [f"one 1 part {n}" for n in range(8)]
    names = [n for agent in ("one", "dispatch") for c in ("inbox", "outbox", "outbox/late") for n in rig.bus.ls(agent, c)]
    assert len([n for n in names if re.search(r"-part-\d\.a1\.done\.yaml$", n)]) == 8
    assert not [n for n in names if ".queued." in n or ".failed." in n]


def test_a_plan_that_cannot_be_read_for_a_while_is_read_later(rig: Rig) -> None:
    rig.agent("one", AT_THE_GATE, accepts="part")
    rig.planner(plan(rig, [{"task": "a", "type": "part"}]))
    key = rig.submit("Do it")
    up = rig.up()
    until(rig.lines)
    rig.bus.stop(up, signal.SIGKILL)
    path = rig.case("dispatch", key, 1) / "plan.yaml"
    path.rename(path.with_name("away"))
    path.write_text("children: [")
    node = rig.bus.start("up", stderr=subprocess.STDOUT)
    assert node.stdout is not None
    assert any(f"the plan cannot be read ({path})" in line for line in node.stdout)
    path.with_name("away").rename(path)
    open_gate(rig)
    rig.ended(key, "done")


CHILDREN = {"properties": {"children": {"minItems": 1}}, "required": ["children"]}


EXPECTED = [("made.md", "done"), ("other.md", "failed"), (CHILDREN, "done"), ({"type": "string"}, "failed")]


@pytest.mark.parametrize(("expect", "state"), EXPECTED)
def test_what_a_request_expects_is_asked_of_what_its_children_made(rig: Rig, expect: Any, state: str) -> None:
    rig.agent("one", "touch $FSBUS_FILES/made.md")
    rig.planner(plan(rig, [{"task": "make it", "to": "one"}]))
    key = rig.submit("--expect", expect if isinstance(expect, str) else json.dumps(expect), "Have it made")
    rig.up()
    result = rig.ended(key, state)
    assert result["result"]["children"][0]["files"] == ["made.md"]
    if state == "failed":
        assert (result["error"]["kind"], result["error"]["retryable"]) == ("verify", False)
        assert [alert["task"] for alert in until(rig.alerts)] == [key]


@pytest.mark.parametrize("words", ["--verify nothing-like-it", "--cwd elsewhere"])
def test_a_request_chooses_only_among_what_dispatch_has(rig: Rig, words: str) -> None:
    rig.planner(plan(rig, []))
    key = rig.submit(*words.split(), "x")
    rig.up()
    assert rig.ended(key, "failed")["error"]["kind"] == "bad-input"
