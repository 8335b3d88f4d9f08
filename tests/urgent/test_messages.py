"""Urgent messages through the command line and the tree: what is stored, shown, acked, expired, refused."""
from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fsbus.core.names import new_key
from fsbus.core.states import MESSAGE_TYPES
from fsbus.spool.journal import Journal
from fsbus.spool.reading import Reading
from fsbus.spool.tree import Tree
from tests.kit import TestBus, until

FROM_WORKER = {"FSBUS_AGENT": "code"}


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[TestBus]:
    made = TestBus(tmp_path / "bus")
    made.agent("code", "cat")
    made.agent("research", "cat")
    yield made
    made.close()


def recv(bus: TestBus, agent: str, *words: str, code: int = 0) -> list[dict[str, Any]]:
    return [json.loads(line) for line in bus.fsbus("recv", agent, "--json", *words, code=code).splitlines()]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("submit hello", "code may not send a task to dispatch;"),
        ("submit --to research hello", "code may not send a task to research;"),
        ("send dispatch note hello", "code may not send a message to dispatch;"),
        ("cancel {key}", "code may not send an order to dispatch;"),
    ],
)
def test_who_is_refused_hears_what_was_to_go_where(bus: TestBus, line: str, said: str) -> None:
    key = bus.fsbus("submit", "--to", "code", "hello").strip()
    with (bus.root / "agents/code/agent.yaml").open("a") as settings:
        settings.write("may_send_to: human\n")
    refused = bus.run(*line.format(key=key).split(), env=FROM_WORKER)
    assert (refused.returncode, said in refused.stderr) == (5, True)
    assert "its agent.yaml lets it reach: human" in refused.stderr


def events(bus: TestBus, key: str) -> list[str]:
    return [hop["event"] for hop in json.loads(bus.fsbus("trace", key, "--json"))]


@pytest.mark.parametrize("kind", MESSAGE_TYPES)
def test_each_type_is_a_file_whose_name_says_it_all(bus: TestBus, kind: str) -> None:
    task = bus.fsbus("submit", "--to", "code", "hello").strip()
    key = bus.fsbus("send", "human", kind, "some", "words", "--task", task, "--from", "dispatch").strip()
    assert bus.ls("human", "urgent") == [f"{key}-{kind}.from-dispatch.new.yaml"]
    [got] = recv(bus, "human")
    assert (got["key"], got["type"], got["from"], got["text"], got["task"]) == (key, kind, "dispatch", "some words", task)
    assert bus.ls("human", "urgent") == []
    assert bus.ls("human", "urgent/read") == [f"{key}-{kind}.from-dispatch.read.yaml"]


def test_stored_shown_and_acked_are_three_facts(bus: TestBus) -> None:
    key = bus.fsbus("send", "code", "question", "Which branch?", "--ack").strip()
    assert events(bus, key) == ["stored"]
    assert f"wants an ack: fsbus ack {key}" in bus.fsbus("recv", "code")
    assert events(bus, key) == ["stored", "shown"]
    bus.fsbus("ack", key[-6:])
    assert events(bus, key) == ["stored", "shown", "acked"]
    assert bus.ls("code", "urgent/read") == [f"{key}-question.from-human.acked.yaml"]
    bus.fsbus("ack", key)
    assert bus.fsbus("recv", "code") == ""


def test_peek_leaves_everything_as_it_is(bus: TestBus) -> None:
    bus.fsbus("send", "code", "note", "hello")
    before = bus.ls("code", "urgent")
    assert [m["text"] for m in recv(bus, "code", "--peek")] == ["hello"]
    assert bus.ls("code", "urgent") == before
    assert [m["text"] for m in recv(bus, "code")] == ["hello"]


def test_oldest_first_and_nothing_twice(bus: TestBus) -> None:
    for number in range(5):
        bus.fsbus("send", "code", "note", str(number))
    assert [m["text"] for m in recv(bus, "code")] == ["0", "1", "2", "3", "4"]
    assert recv(bus, "code") == []


def test_a_broadcast_has_one_key_and_a_copy_for_everybody_but_its_sender(bus: TestBus) -> None:
    key = bus.fsbus("send", "all", "note", "lunch", "--from", "dispatch").strip()
    assert [agent for agent in ("code", "dispatch", "echo", "human", "research") if bus.ls(agent, "urgent")] == [
        "code", "echo", "human", "research",
    ]  # fmt: skip
    recv(bus, "code")
    recv(bus, "research")
    bus.fsbus("ack", key, "--from", "code")
    assert [n.split(".")[2] for n in (*bus.ls("code", "urgent/read"), *bus.ls("research", "urgent/read"))] == ["acked", "read"]


def test_an_ack_of_a_broadcast_counts_for_all_who_have_read_it_and_hides_it_from_nobody(bus: TestBus) -> None:
    for agent in ("code", "write"):
        bus.agent(agent)
    key = bus.fsbus("send", "all", "note", "lunch", "--ack").strip()
    assert "cannot be acked: it is new" in bus.run("ack", key).stderr
    for agent in ("code", "write"):
        bus.fsbus("recv", agent)
    bus.fsbus("ack", key)
    states = {agent: [n for f in ("urgent", "urgent/read") for n in bus.ls(agent, f)] for agent in ("code", "echo", "write")}
    assert {agent: [n.split(".")[2] for n in names] for agent, names in states.items()} == {
        "code": ["acked"], "echo": ["new"], "write": ["acked"],
    }  # fmt: skip
    assert "lunch" in bus.fsbus("recv", "echo")


def test_send_waits_until_it_was_shown_or_acked_and_says_which(bus: TestBus) -> None:
    waiting = bus.start("send", "code", "note", "hello", "--wait", "30s")
    assert waiting.stdout is not None
    key = waiting.stdout.readline().strip()
    recv(bus, "code")
    _, said = waiting.communicate(timeout=30)
    assert said == f"{key} shown; fsbus trace {key}\n"
    assert waiting.returncode == 0
    asked = bus.start("send", "code", "question", "?", "--ack", "--wait", "30s")
    recv(bus, "code", "--wait", "30s")
    assert asked.stdout is not None
    key = asked.stdout.readline().strip()
    assert asked.poll() is None  # shown is not acked
    bus.fsbus("ack", key)
    assert " acked;" in asked.communicate(timeout=30)[1]


def test_send_that_waits_in_vain_says_how_far_it_came(bus: TestBus) -> None:
    done = bus.run("send", "code", "note", "hello", "--wait", "0.2")
    assert done.returncode == 4
    assert f"{done.stdout.strip()} is stored, not shown" in done.stderr


def test_recv_that_waits_in_vain_says_so(bus: TestBus) -> None:
    done = bus.run("recv", "code", "--wait", "0.2")
    assert (done.returncode, done.stdout) == (4, "")
    assert "there is no message for code" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        pytest.param(("send", "code", "nte", "hi"), 2, "did you mean note?", id="no-such-type"),
        pytest.param(("send", "cod", "note", "hi"), 3, "there is no agent 'cod'", id="no-such-agent"),
        pytest.param(("send", "code", "note", "hi", "--from", "zed"), 3, "there is no agent 'zed'", id="no-such-sender"),
        pytest.param(("send", "code", "cancel"), 2, "a cancel names its task", id="cancel-of-nothing"),
        pytest.param(("send", "code", "note", "hi", "--ttl", "9:30"), 2, "ttl:", id="odd-ttl"),
        pytest.param(("send", "code", "note", "x" * 70_000), 2, "a message may have", id="too-long"),
        pytest.param(("send", "code", "note", "hi", "--task", "zzzzzz"), 3, "there is no task", id="no-such-task"),
        pytest.param(("recv", "nobody"), 3, "there is no agent 'nobody'", id="recv-of-nobody"),
        pytest.param(("ack", "zzzzzz"), 3, "there is no message", id="ack-of-nothing"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(bus: TestBus, words: tuple[str, ...], code: int, says: str) -> None:
    done = bus.run(*words)
    assert done.returncode == code
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert bus.ls("code", "urgent") == []


@pytest.mark.parametrize("kind", ["note", "question", "answer", "alert", "status", "assign", "result"])
@pytest.mark.parametrize("stdin", ["", "words in a pipe"])
def test_a_message_that_is_its_words_needs_some(bus: TestBus, kind: str, stdin: str) -> None:
    done = bus.run("send", "code", kind, stdin=stdin)
    assert done.returncode == 2
    assert f'fsbus send AGENT {kind} "...", or - for words on stdin' in done.stderr
    assert bus.run("send", "code", kind, " ").returncode == 2
    assert bus.ls("code", "urgent") == []
    bus.fsbus("send", "code", kind, "-", stdin="words in a pipe")


def test_an_order_needs_no_words(bus: TestBus) -> None:
    task = bus.fsbus("submit", "--to", "code", "x").strip()
    for words in (("pause",), ("resume",), ("cancel", "--task", task), ("assign", "--task", task)):
        bus.fsbus("send", "code", *words)


def test_a_cancel_of_what_has_ended_is_refused_however_it_is_sent(bus: TestBus) -> None:
    task = bus.fsbus("submit", "--to", "code", "x").strip()
    bus.fsbus("tick")
    before = bus.ls("code", "urgent")
    refusals = {bus.run(*words).stderr for words in (("cancel", task), ("send", "code", "cancel", "--task", task))}
    assert refusals == {f"fsbus: {task} has ended: done; fsbus result {task}\n"}
    assert bus.run("send", "code", "cancel", "--task", task[-6:]).returncode == 5
    assert bus.ls("code", "urgent") == before
    bus.fsbus("send", "code", "cancel", "--task", "20261122-021455123-m2x9rt")


# --- who may send to whom


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("send", "research", "note", "psst"), id="send"),
        pytest.param(("send", "all", "note", "psst"), id="broadcast"),
        pytest.param(("submit", "--to", "research", "psst"), id="submit"),
        pytest.param(("send", "research", "note", "psst", "--from", "dispatch"), id="as-somebody-else"),
    ],
)
def test_worker_to_worker_is_refused(bus: TestBus, words: tuple[str, ...]) -> None:
    done = bus.run(*words, env=FROM_WORKER)
    assert done.returncode == 5
    assert bus.ls("research", "urgent") == []


@pytest.mark.parametrize(
    ("words", "code"),
    [("research", 5), ("nobody", 3), ("code", 0), ("dispatch", 0), ("human", 0)],
)
def test_a_worker_names_in_reply_to_only_whom_it_may_reach(bus: TestBus, words: str, code: int) -> None:
    done = bus.run("submit", "--type", "a", "--title", "delete the database", "--reply-to", words, "hi", env=FROM_WORKER)
    assert done.returncode == code, done.stderr
    assert len(bus.ls("dispatch", "inbox")) == (code == 0)


@pytest.mark.parametrize("more", [(), ("--peek",), ("--wait", "0.1s"), ("--json",)])
@pytest.mark.parametrize("agent", ["research", "dispatch", "human"])
def test_a_worker_reads_its_own_messages_only(bus: TestBus, agent: str, more: tuple[str, ...]) -> None:
    for receiver in (agent, "code"):
        bus.fsbus("send", receiver, "note", "for your eyes")
    done = bus.run("recv", agent, *more, env=FROM_WORKER)
    assert (done.returncode, done.stdout) == (5, "")
    assert "fsbus recv code" in done.stderr
    assert len(bus.ls(agent, "urgent")) == 1
    assert "for your eyes" in bus.fsbus("recv", "code", *more, env=FROM_WORKER)
    assert "for your eyes" in bus.fsbus("recv", agent, env={"FSBUS_AGENT": "dispatch"})


def test_a_worker_acks_its_own_messages_only(bus: TestBus) -> None:
    other = bus.fsbus("send", "research", "note", "hers").strip()
    own = bus.fsbus("send", "code", "note", "mine").strip()
    both = bus.fsbus("send", "all", "note", "ours").strip()
    assert bus.run("ack", other, env=FROM_WORKER).returncode == 5
    assert bus.run("ack", "zzzzzz", env=FROM_WORKER).returncode == 3
    bus.fsbus("ack", own, env=FROM_WORKER)
    bus.fsbus("ack", both, env=FROM_WORKER)
    assert len(bus.ls("research", "urgent")) == 2
    assert [name.split(".")[2] for name in bus.ls("code", "urgent/read")] == ["acked", "acked"]
    bus.fsbus("ack", other, env={"FSBUS_AGENT": "dispatch"})


def test_a_worker_takes_reports_and_ends_its_own_tasks_only(bus: TestBus) -> None:
    bus.agent("hand")
    me, other = {"FSBUS_AGENT": "hand"}, FROM_WORKER
    key = bus.fsbus("submit", "--to", "hand", "x").strip()
    assert bus.run("task", "next", "hand", env=other).returncode == 5
    assert bus.task(key)["state"] == "queued"
    bus.fsbus("task", "next", "hand", env=me)
    for verb in ("progress", "done", "fail"):
        done = bus.run("task", verb, key, "evil", env=other)
        assert done.returncode == 5
        assert "code may not end a task of hand" in done.stderr
    assert bus.task(key)["state"] == "running"
    bus.fsbus("task", "progress", key, "half", env=me)
    bus.fsbus("task", "done", key, "well", env={"FSBUS_AGENT": "dispatch"})
    assert bus.result(key)["result"] == "well"


def test_a_worker_adds_no_agents(bus: TestBus) -> None:
    for who in ("code", "stranger"):
        done = bus.run("agent", "add", "evil", "--run", "sh", env={"FSBUS_AGENT": who})
        assert done.returncode == 5
    assert not (bus.root / "agents/evil").exists()
    bus.fsbus("agent", "add", "good", env={"FSBUS_AGENT": "dispatch"})


@pytest.mark.parametrize("agent", ["dispatch", "human"])
def test_a_worker_reaches_dispatch_and_human(bus: TestBus, agent: str) -> None:
    bus.fsbus("send", agent, "question", "may I?", env=FROM_WORKER)
    assert [m["from"] for m in recv(bus, agent)] == ["code"]


def test_a_worker_cannot_cancel_the_work_of_another(bus: TestBus) -> None:
    task = bus.fsbus("submit", "--to", "research", "look").strip()
    assert bus.run("cancel", task, env=FROM_WORKER).returncode == 5
    bus.fsbus("send", "dispatch", "cancel", "please", "--task", task, env=FROM_WORKER)
    bus.fsbus("tick")
    assert bus.task(task)["state"] == "done"
    assert [m["type"] for m in recv(bus, "dispatch") if m["from"] == "code"] == ["cancel"]  # words, not an order


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_a_worker_that_would_command_is_told_to_ask(bus: TestBus, verb: str) -> None:
    later = ("--not-before", "2099-01-01") if verb == "cancel" else ()
    task = bus.fsbus("submit", "--to", "code", *later, "look").strip()
    bus.fsbus("tick")
    before = bus.ls("dispatch", "urgent")
    done = bus.run(verb, task, env=FROM_WORKER)
    assert done.returncode == 5
    assert "workers ask; fsbus send dispatch question" in done.stderr.replace(";  ", "; ")
    assert bus.ls("dispatch", "urgent") == before


def test_a_worker_that_wants_a_task_again_keeps_nobody_waiting(bus: TestBus) -> None:
    task = bus.fsbus("submit", "--to", "code", "look").strip()
    bus.fsbus("tick")
    bus.fsbus("send", "dispatch", "assign", "again, please", "--task", task, env={"FSBUS_AGENT": "research"})
    bus.fsbus("wait", task, "--timeout", "10s")


def test_the_reason_of_a_refusal_is_what_the_senders_agent_yaml_says(bus: TestBus) -> None:
    bus.agent("code", "cat", may_send_to="[dispatch]")
    name = f"{new_key(time.time_ns() // 1_000_000, 7)}-note.from-code.new.md"
    (bus.root / "agents/human/urgent" / name).write_text("psst")
    bus.fsbus("tick")
    why = (bus.root / "agents/human/inbox/rejected" / f"{name}.why").read_text()
    assert "code may not send to human: its agent.yaml lets it reach: dispatch\n" in why


def test_a_file_in_the_name_of_a_worker_is_refused_by_its_receiver(bus: TestBus) -> None:
    name = f"{new_key(time.time_ns() // 1_000_000, 7)}-note.from-code.new.md"
    (bus.root / "agents/research/urgent" / name).write_text("psst")
    assert recv(bus, "research") == []
    bus.fsbus("tick")
    assert bus.ls("research", "inbox/rejected") == [name, f"{name}.why"]
    why = (bus.root / "agents/research/inbox/rejected" / f"{name}.why").read_text()
    assert "code may not send to research" in why
    assert why.endswith('Send what it says to dispatch:\n    fsbus send dispatch note "..."\n')


def test_the_text_does_not_say_who_sent_it(bus: TestBus) -> None:
    (bus.root / "agents/code/urgent/x.md").write_text("---\nfrom: dispatch\nsender: dispatch\n---\nstop\n")
    [got] = recv(bus, "code")
    assert got["from"] == "human"
    assert got["text"].endswith("stop\n")


# --- drops


@pytest.mark.parametrize("node", [True, False], ids=["up-runs", "nothing-runs"])
def test_a_file_in_urgent_is_a_note_from_the_human(bus: TestBus, node: bool) -> None:
    if node:
        bus.up("--only", "urgent")
    (bus.root / "agents/code/urgent/stop this.txt").write_text("look at the *other* repository\n")
    [got] = recv(bus, "code", "--wait", "30s")
    assert (got["type"], got["from"], got["text"]) == ("note", "human", "look at the *other* repository\n")
    assert [n[25:] for n in bus.ls("code", "urgent/read")] == ["-note.from-human.read.txt"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(b"", "there is no text", id="empty"),
        pytest.param(b"\xff\xfe\x00", "UTF-16 or a binary", id="binary"),
        pytest.param(b"x" * 70_000, "a message may have", id="too-long"),
    ],
)
def test_a_drop_that_cannot_be_a_note_is_kept_with_the_reason(bus: TestBus, content: bytes, why: str) -> None:
    (bus.root / "agents/code/urgent/x.md").write_bytes(content)
    bus.fsbus("tick")
    kept = bus.root / "agents/code/inbox/rejected"
    assert (kept / "x.md").read_bytes() == content
    assert why in (kept / "x.md.why").read_text()
    assert bus.ls("code", "urgent") == []


def test_hostile_entries_are_neither_followed_nor_waited_for(bus: TestBus) -> None:
    urgent = bus.root / "agents/code/urgent"
    os.mkfifo(urgent / "pipe")
    (urgent / "link.md").symlink_to("/etc/hostname")
    (urgent / "folder").mkdir()
    os.mkfifo(urgent / f"{new_key(time.time_ns() // 1_000_000, 9)}-note.from-human.new.md")
    bus.fsbus("send", "code", "note", "the neighbour")
    bus.fsbus("tick")
    assert [m["text"] for m in recv(bus, "code")] == ["the neighbour"]
    assert {"pipe", "link.md", "folder"} <= {p.name for p in (bus.root / "agents/code/inbox/rejected").iterdir()}


def test_the_guide_that_lies_in_each_channel_is_nothing_to_wait_for(bus: TestBus, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was taken for a drop: a plain `recv` beside a node waited three seconds for it, `--follow` looked 200 times a second."""
    bus.fsbus("agent", "add", "made", "--run", "cat")
    guide = bus.root / "agents/made/urgent/README.md"
    assert guide.exists()
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("it waits"))
    tree = Tree(str(bus.root))
    reading = Reading(tree, Journal(tree.root, tree.host), "made", peek=False)
    assert list(reading.present()) == []
    assert reading._take_in() is None
    assert reading._drops == [], "looked for as often as a drop that is not whole yet"
    guide.write_text("This is mine: look at the build\n")
    monkeypatch.undo()
    assert [m["text"].strip() for m in recv(bus, "made")] == ["This is mine: look at the build"]


@pytest.mark.parametrize("state", ["read", "acked"])
def test_a_message_that_was_read_and_comes_back_is_not_shown_again(bus: TestBus, state: str) -> None:
    key = bus.fsbus("send", "code", "note", "once").strip()
    recv(bus, "code")
    if state == "acked":
        bus.fsbus("ack", key)
    urgent = bus.root / "agents/code/urgent"
    [kept] = (urgent / "read").iterdir()
    assert kept.name == f"{key}-note.from-human.{state}.yaml"
    shutil.copy(kept, urgent / f"{key}-note.from-human.new.yaml")
    assert recv(bus, "code") == []
    assert bus.ls("code", "urgent") == []
    assert [p.name for p in (urgent / "read").iterdir()] == [kept.name]


# --- time to live


def test_no_word_of_a_message_made_by_hand_is_lost(bus: TestBus) -> None:
    name = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}000-m2x9rt-question.from-human.new.yaml"
    (bus.root / "agents/echo/urgent" / name).write_text("text: Is it #42?\nack: true # please\n")
    (said,) = [json.loads(line) for line in bus.fsbus("recv", "echo", "--json").splitlines()]
    assert (said["text"], said["ack"]) == ("Is it #42?", True)


def test_what_was_never_read_expires_and_its_sender_is_told(bus: TestBus) -> None:
    key = bus.fsbus("send", "code", "question", "still there?", "--from", "dispatch", "--ttl", "1s").strip()
    bus.up("--only", "urgent")
    expired = [f"{key}-question.from-dispatch.expired.yaml"]
    until(lambda: [p.name for p in (bus.root / "archive").glob("*/*")] == expired, "it expires")
    assert bus.ls("code", "urgent") == []
    [told] = recv(bus, "dispatch", "--wait", "30s")
    assert (told["type"], told["from"]) == ("status", "code")
    assert f"code never read your question {key}" in told["text"]
    until(lambda: events(bus, key)[-1] == "expired", "its story: a pass writes it down at its end")
    assert bus.run("send", "code", "note", "hi", "--ttl", "1s", "--wait").returncode == 4


def test_nobody_is_told_that_what_fsbus_says_of_tasks_was_never_read(bus: TestBus) -> None:
    name = f"{new_key(time.time_ns() // 1_000_000 - 25 * 3_600_000, 7)}-status.from-code.new.yaml"
    (bus.root / "agents/dispatch/urgent" / name).write_text("text: it has started\n")
    bus.fsbus("tick")
    assert [p.name for p in (bus.root / "archive").glob("*/*")] == [name.replace("new", "expired")]
    assert bus.ls("code", "urgent") == []


def test_nothing_expired_is_shown_even_where_nothing_runs(bus: TestBus) -> None:
    day = new_key(time.time_ns() // 1_000_000 - 25 * 3_600_000, 5)
    (bus.root / "agents/code/urgent" / f"{day}-note.from-human.new.md").write_text("yesterday's")
    assert recv(bus, "code") == []
    bus.fsbus("tick")
    assert [p.name[25:] for p in (bus.root / "archive").glob("*/*")] == ["-note.from-human.expired.md"]


def test_a_host_that_slept_shows_nothing_that_expired_meanwhile_and_keeps_what_did_not(bus: TestBus) -> None:
    node = bus.up("--only", "urgent")
    node.send_signal(signal.SIGSTOP)
    bus.fsbus("send", "code", "note", "short", "--ttl", "1s")
    bus.fsbus("send", "code", "note", "long")
    time.sleep(1.1)  # not a wait for a condition: it is the time that a message has to live
    node.send_signal(signal.SIGCONT)
    until(lambda: len(bus.ls("code", "urgent")) == 1, "the short one expires")
    assert [m["text"] for m in recv(bus, "code")] == ["long"]


def test_what_was_read_leaves_for_the_archive_after_its_time(bus: TestBus) -> None:
    day = new_key(time.time_ns() // 1_000_000 - 25 * 3_600_000, 5)
    (bus.root / "agents/code/urgent/read" / f"{day}-note.from-human.read.md").write_text("yesterday's")
    bus.fsbus("tick")
    assert bus.ls("code", "urgent/read") == []
    assert [p.name[25:] for p in (bus.root / "archive").glob("*/*")] == ["-note.from-human.read.md"]


def test_a_cancel_lives_as_long_as_its_task(bus: TestBus) -> None:
    task = bus.fsbus("submit", "--to", "human", "sign here").strip()
    day = new_key(time.time_ns() // 1_000_000 - 25 * 3_600_000, 5)
    name = f"{day}-cancel.from-human.new.yaml"
    (bus.root / "agents/dispatch/urgent" / name).write_text(f"task: {task}\n")
    started = bus.up("--only", "urgent")
    bus.fsbus("send", "code", "note", "x", "--ttl", "1s")
    until(lambda: bus.ls("code", "urgent") == [], "the note expires, so that all were looked at")
    assert bus.ls("dispatch", "urgent") == [name]
    assert bus.stop(started) == 0


# --- what the worker does by itself


def test_pause_and_resume_by_message(bus: TestBus) -> None:
    bus.up()
    bus.fsbus("send", "code", "pause", "until the release is out")
    pause = bus.root / "agents/code/PAUSE"
    until(pause.exists, "the pause")
    assert pause.read_text() == "until the release is out\n"
    key = bus.fsbus("submit", "--to", "code", "hello").strip()
    until(lambda: bus.task(key)["state"] == "acked", "acked while paused")
    bus.fsbus("send", "code", "resume")
    bus.fsbus("wait", key)
    assert not pause.exists()
    assert [n.split(".")[2] for n in bus.ls("code", "urgent/read")] == ["acked", "acked"]


@pytest.mark.parametrize("how", ["assign", "submit", "drop"])
def test_an_urgent_task_starts_in_the_reserved_slot_of_a_full_house(bus: TestBus, tmp_path: Path, how: str) -> None:
    bus.agent("code", f"sh -c 'read x; echo $x >> {tmp_path}/log; case $x in long*) sleep 60;; esac'")
    first = bus.fsbus("submit", "--to", "code", "long one").strip()
    later = bus.fsbus("submit", "--to", "code", "another").strip()
    bus.up()
    until(lambda: bus.task(first)["state"] == "running", "the slot is taken")
    if how == "assign":
        key = later
        bus.fsbus("send", "code", "assign", "--task", key)
    elif how == "submit":
        key = bus.fsbus("submit", "--to", "code", "--urgent", "now").strip()
    else:
        bus.drop("code", "x.md", "---\nurgent: yes\n---\nnow\n")
        key = until(lambda: [n[2:27] for n in bus.ls("code", "inbox") if n[0] == "0"], "adopted")[0]
    bus.fsbus("wait", key)
    assert bus.task(first)["state"] == "running"
    assert [n.split(".")[2] for n in bus.ls("code", "urgent/read")] == ["acked"]
    if how != "assign":
        assert bus.task(later)["state"] == "acked"


def test_an_urgent_task_that_dispatch_routes_is_assigned_as_well(bus: TestBus, tmp_path: Path) -> None:
    bus.agent("code", f"sh -c 'read x; echo $x >> {tmp_path}/log; case $x in long*) sleep 60;; esac'", accepts="coding")
    first = bus.fsbus("submit", "--to", "code", "long one").strip()
    bus.up()
    until(lambda: bus.task(first)["state"] == "running", "the slot is taken")
    bus.fsbus("wait", bus.fsbus("submit", "--type", "coding", "--urgent", "now").strip())
    assert bus.task(first)["state"] == "running"


def test_orders_count_only_from_who_may_command(bus: TestBus) -> None:
    name = f"{new_key(time.time_ns() // 1_000_000, 7)}-pause.from-research.new.md"
    (bus.root / "agents/code/urgent" / name).write_text("")
    bus.fsbus("tick")
    assert not (bus.root / "agents/code/PAUSE").exists()


# --- word of how tasks move


def test_dispatch_and_reply_to_are_told(bus: TestBus) -> None:
    key = bus.fsbus("submit", "--to", "code", "--reply-to", "human", "hello").strip()
    bus.fsbus("tick")
    told = recv(bus, "dispatch")
    assert [(m["type"], m["from"], m["task"]) for m in told] == [("status", "code", key), ("result", "code", key)]
    told = recv(bus, "human")
    assert [(m["type"], m["from"], m["task"]) for m in told] == [("status", "code", key), ("result", "dispatch", key)]
    assert told[-1]["title"].endswith(": done")


def test_a_worker_that_asked_dispatch_is_answered_by_dispatch(bus: TestBus) -> None:
    bus.agent("code", "cat", accepts="coding")
    bus.fsbus("submit", "--type", "coding", "--reply-to", "research", "do it", env={"FSBUS_AGENT": "research"})
    bus.fsbus("tick")
    assert [(m["type"], m["from"]) for m in recv(bus, "research")] == [("result", "dispatch")]


def test_urgent_stays_small_when_nobody_reads(bus: TestBus) -> None:
    for _ in range(60):
        bus.drop("echo", f"{time.monotonic_ns()}.md", "hello")
    bus.fsbus("tick")
    assert len(list((bus.root / "agents/dispatch/outbox").glob("*.done.*"))) == 60
    assert 10 < len(bus.ls("dispatch", "urgent")) <= 20


def test_a_shell_can_send(bus: TestBus) -> None:
    """A foreign program: a hidden file renamed to a full name, as the tree's README says."""
    name = f"{new_key(time.time_ns() // 1_000_000, 3)}-alert.from-human.new.md"
    reader = bus.start("recv", "code", "--wait", "30s", "--json")
    until(lambda: list((bus.root / ".node/bells").glob("*.code")), "the reader waits")
    script = f"cd '{bus.root}/agents/code/urgent' && printf 'disk is full' > .x && mv .x {name}"
    subprocess.run(["/bin/sh", "-c", script], check=True)
    assert json.loads(reader.communicate(timeout=30)[0])["text"] == "disk is full"
