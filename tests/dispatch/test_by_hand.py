"""What people do without the command: a cancel by `touch`; and what they then see."""
from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from fsbus.core.names import new_key
from tests.kit import TestBus, until


def test_a_cancel_note_made_with_touch_ends_its_task(bus: TestBus) -> None:
    bus.agent("slow", run="sh -c 'echo half way; sleep 60'")
    bus.up()
    key = bus.fsbus("submit", "--to", "slow", "take your time").strip()
    until(lambda: bus.task(key)["last_output"] == "half way", "its output")
    assert "last output: half way" in bus.fsbus("status", key)
    (bus.root / f"agents/slow/urgent/{key}-cancel.from-human.new.md").touch()
    bus.fsbus("wait", key, "--timeout", "30s", code=1)
    assert bus.result(key)["error"]["kind"] == "cancelled"
    until(lambda: bus.ls("slow", "urgent") == [], "the note to be filed")
    assert bus.ls("slow", "urgent/read") == [f"{key}-cancel.from-human.acked.md"]


def test_a_held_task_reaches_the_human(bus: TestBus) -> None:
    first = bus.fsbus("submit", "--to", "echo", "first").strip()
    key = bus.fsbus("submit", "--to", "human", "--after", first, "then you").strip()
    assert [name for name in bus.ls("dispatch", "inbox") if key in name]
    bus.fsbus("tick")
    assert [name for name in bus.ls("human", "inbox") if key in name]


def renamed(bus: TestBus, agent: str, channel: str, key: str, digit: str) -> None:
    """Change the priority of a task as the format says it: one `mv` of its name."""
    (name,) = (n for n in bus.ls(agent, channel) if key in n and not n.endswith((".result.yaml", ".files")))
    folder = bus.root / "agents" / agent / channel
    (folder / name).rename(folder / f"{digit}{name[1:]}")


def beside(bus: TestBus, key: str) -> list[str]:
    """What lies in dispatch's outbox of this task, without its id."""
    return sorted(f"{n[0]} {n.partition('.')[2]}" for n in os.listdir(bus.root / "agents/dispatch/outbox") if key in n)


def test_a_priority_changed_after_the_end_leaves_result_and_files_with_their_task(bus: TestBus) -> None:
    bus.agent("well", run="""sh -c 'echo made; echo x > "$FSBUS_FILES/a.txt"'""")
    bus.agent("sour", run="sh -c 'echo it is shut >&2; exit 3'")
    well, sour = (bus.fsbus("submit", "--to", agent, "go").strip() for agent in ("well", "sour"))
    up = bus.up("--only", "worker:well", "--only", "worker:sour")
    until(lambda: [n for a in ("well", "sour") for n in bus.ls(a, "outbox") if ".done." in n or ".failed." in n][1:])
    bus.stop(up)
    renamed(bus, "well", "outbox", well, "1")
    renamed(bus, "sour", "outbox", sour, "9")
    assert bus.result(well)["result"] == "made\n"
    bus.fsbus("tick")
    assert beside(bus, well) == ["1 a1.done.yaml", "1 a1.files", "1 a1.result.yaml"]
    assert beside(bus, sour) == ["9 a1.failed.yaml", "9 a1.result.yaml"]
    assert bus.result(sour)["error"]["kind"] == "exit"
    renamed(bus, "dispatch", "outbox", well, "2")
    assert bus.result(well)["files"] == ["a.txt"]
    bus.fsbus("retry", well)
    bus.fsbus("tick")
    bus.fsbus("tick")
    assert beside(bus, well) == ["2 a2.done.yaml", "2 a2.files", "2 a2.result.yaml"]
    late = [n for n in os.listdir(bus.root / "agents/dispatch/outbox/late") if well in n]
    assert sorted(f"{n[0]} {n.partition('.')[2]}" for n in late) == ["2 a1.done.yaml", "2 a1.files", "2 a1.result.yaml"]


def killed(bus: TestBus, key: str, agent: str, *steps: str) -> None:
    """Undo the last steps of an attempt that was done, as a kill in between leaves them: `name`, `result` published."""
    folder = bus.root / "agents" / agent
    (name,) = (n for n in bus.ls(agent, "outbox") if key in n and ".done." in n)
    (folder / "outbox" / name).rename(folder / "inbox" / name.replace(".done.", ".running."))
    if "result" in steps:
        (folder / "outbox" / f"{name.partition('.done.')[0]}.result.yaml").unlink()


def worked(bus: TestBus) -> str:
    """A task that `well` has done once, and nobody has collected."""
    bus.agent("well", run="""sh -c 'echo made; echo x > "$FSBUS_FILES/a.txt"'""")
    key = bus.fsbus("submit", "--to", "well", "go").strip()
    up = bus.up("--only", "worker:well")
    until(lambda: [n for n in bus.ls("well", "outbox") if ".done." in n])
    bus.stop(up)
    return key


def test_a_priority_changed_after_a_kill_leaves_a_published_result_its_task(bus: TestBus) -> None:
    key = worked(bus)
    killed(bus, key, "well", "name")
    renamed(bus, "well", "inbox", key, "1")
    bus.fsbus("tick")
    assert (bus.result(key)["state"], bus.result(key)["files"]) == ("done", ["a.txt"])
    assert beside(bus, key) == ["1 a1.done.yaml", "1 a1.files", "1 a1.result.yaml"]


def test_a_priority_changed_after_a_kill_loses_no_files(bus: TestBus) -> None:
    key = worked(bus)
    killed(bus, key, "well", "name", "result")
    renamed(bus, "well", "inbox", key, "1")
    bus.fsbus("tick", "--root", str(bus.root))
    assert (bus.result(key)["error"]["kind"], bus.result(key)["files"]) == ("crashed", ["a.txt"])
    assert [n.partition(".")[2] for n in bus.ls("well", "outbox")] == ["a1.failed.yaml", "a1.result.yaml"]
    assert [n[0] for n in os.listdir(bus.root / "agents/well/outbox") if n.endswith(".files")] == ["1"]


@pytest.mark.parametrize("moved", [["result.yaml"], ["result.yaml", "files"]])
def test_a_priority_changed_while_it_is_half_collected(bus: TestBus, moved: list[str]) -> None:
    key = worked(bus)
    for end in moved:
        (path,) = (bus.root / "agents/well/outbox").glob(f"?-{key}-*.{end}")
        path.rename(bus.root / "agents/dispatch/outbox" / path.name)
    renamed(bus, "well", "outbox", key, "1")
    bus.fsbus("tick")
    assert bus.result(key)["result"] == "made\n"
    assert beside(bus, key) == ["1 a1.done.yaml", "1 a1.files", "1 a1.result.yaml"]


def test_a_running_task_is_seen_to_be_silent_whatever_its_priority(bus: TestBus) -> None:
    bus.agent("slow", run="sleep 60", timeout="1m", silence="50s")
    key = bus.fsbus("submit", "--to", "slow", "wait").strip()
    bus.up()
    until(lambda: bus.task(key)["state"] == "running")
    renamed(bus, "slow", "inbox", key, "0")
    (case,) = (bus.root / "agents/slow/runs").iterdir()
    until((case / "stderr.1.txt").exists, "its command to be started: nothing is written there after that")
    for path in (*case.iterdir(), case):
        os.utime(path, (1, 1))
    assert bus.task(key)["health"] == "silent"


def test_a_cancel_ends_what_waits_with_a_person_and_what_is_in_their_hands(bus: TestBus) -> None:
    waits, in_hand = (bus.fsbus("submit", "--to", "human", word).strip() for word in ("waits", "in hand"))
    bus.fsbus("task", "next", "human")
    bus.fsbus("task", "done", waits, "done before")
    bus.fsbus("task", "next", "human")
    waits = bus.fsbus("submit", "--to", "human", "waits").strip()
    for key in (waits, in_hand):
        bus.fsbus("cancel", key)
    bus.up()
    bus.fsbus("wait", waits, in_hand, "--timeout", "20s", code=1)
    assert [bus.result(key)["error"]["kind"] for key in (waits, in_hand)] == ["cancelled", "cancelled"]
    bus.fsbus("task", "done", in_hand, "too late", code=5)
    until(lambda: len(bus.ls("human", "urgent/read")) == 2, "the cancels to be filed")
    assert bus.fsbus("recv", "human") == ""


def test_what_was_cancelled_is_handed_to_nobody_while_nothing_runs(bus: TestBus) -> None:
    bus.agent("hand", accepts="hand")
    for agent in ("human", "hand"):
        first, second = (bus.fsbus("submit", "--to", agent, word).strip() for word in ("first", "second"))
        bus.fsbus("cancel", first)
        assert bus.fsbus("task", "next", agent).startswith(second)
        bus.fsbus("tick")
        assert bus.result(first)["error"]["kind"] == "cancelled"
        assert bus.ls(agent, "urgent") == []


def test_a_task_that_was_moved_to_another_agent_is_done_by_that_one(bus: TestBus) -> None:
    bus.agent("other", run="sed s/^/other:/")
    key = bus.fsbus("submit", "--to", "echo", "do it").strip()
    (name,) = (n for n in bus.ls("echo", "inbox") if key in n)
    agents = bus.root / "agents"
    (agents / "echo/inbox" / name).rename(agents / "other/inbox" / name)
    bus.fsbus("tick")
    found = bus.result(key)
    assert (found["state"], found["agent"], found["result"]) == ("done", "other", "other:do it")
    bus.drop("other", "x.md", "---\nto: echo\n---\nnot here\n")
    bus.fsbus("tick")
    assert [n for n in bus.ls("other", "inbox/rejected") if n.endswith(".why")]


def two_agents(bus: TestBus) -> Path:
    """The file into which `one` and `two` write when they begin; they end when the file `go` is beside it."""
    log = bus.root.parent / "log"
    script = bus.root.parent / "run.sh"
    script.write_text(f"echo $FSBUS_AGENT >> {log}; while [ ! -e {log.parent}/go ]; do sleep 0.02; done")
    for agent in ("one", "two"):
        bus.agent(agent, run=f"sh {script}")
    return log


def test_of_a_name_that_was_copied_into_a_second_inbox_one_is_run(bus: TestBus) -> None:
    log = two_agents(bus)
    pause = bus.root / "agents/two/PAUSE"
    pause.touch()
    key = bus.fsbus("submit", "--to", "one", "hello").strip()
    (name,) = bus.ls("one", "inbox")
    bus.drop("two", name, (bus.root / "agents/one/inbox" / name).read_text())
    bus.up()
    until(lambda: log.exists() and [n for n in bus.ls("two", "inbox") if ".acked." in n], "one at work, and two waiting")
    pause.unlink()
    until(lambda: not bus.ls("two", "inbox"), "the copy to go")
    (log.parent / "go").touch()
    bus.fsbus("wait", key, "--timeout", "20s")
    assert log.read_text() == "one\n"
    until(lambda: "acked > swept" in bus.fsbus("trace", key), "its story: a pass writes it down at its end")


def test_an_attempt_that_another_agent_has_begun_and_lost_is_not_begun_again(bus: TestBus) -> None:
    log = two_agents(bus)
    (log.parent / "go").touch()
    settings = bus.root / "bus.yaml"
    settings.write_text(settings.read_text().replace("backoff: 30s", "backoff: 0s"))
    key = bus.fsbus("submit", "--to", "two", "hello").strip()
    (bus.root / f"agents/one/runs/5-{key}-hello.a1").mkdir()
    bus.up()
    bus.fsbus("wait", key, "--timeout", "20s")
    assert bus.task(key)["attempt"] == 2
    until(lambda: "one has begun this attempt" in bus.fsbus("trace", key), "its story: a pass writes it down at its end")


def test_what_says_running_and_is_run_by_nobody_has_crashed_without_a_restart(bus: TestBus) -> None:
    """A backup put it back, or the far side of a link what was removed here."""
    settings = bus.root / "bus.yaml"
    settings.write_text(settings.read_text().replace("backoff: 30s", "backoff: 0s"))
    bus.up()
    bus.fsbus("submit", "--to", "echo", "--wait", "before")
    key = new_key(int(time.time() * 1000), 7)
    bus.drop("echo", f"5-{key}-hello.a1.running.md", "hello")
    bus.fsbus("wait", key, "--timeout", "20s")
    assert (bus.task(key)["attempt"], bus.result(key)["state"]) == (2, "done")
    until(lambda: "running > failed" in bus.fsbus("trace", key), "its story: a pass writes it down at its end")


def test_what_says_running_and_was_fetched_by_nobody_has_crashed_without_a_restart(bus: TestBus) -> None:
    """The same with an agent that pulls its work; what it has fetched stays in its hand."""
    settings = bus.root / "bus.yaml"
    settings.write_text(settings.read_text().replace("backoff: 30s", "backoff: 0s"))
    bus.agent("puller")
    bus.up()
    own = bus.fsbus("submit", "--to", "puller", "before").strip()
    assert own in bus.fsbus("task", "next", "puller", "--wait", "10s")
    key = new_key(int(time.time() * 1000), 7)
    bus.drop("puller", f"5-{key}-hello.a1.running.md", "hello")
    until(lambda: bus.task(key)["attempt"] == 2, "another attempt")
    assert bus.task(own)["state"] == "running"
    bus.fsbus("task", "done", own, "fine")
    bus.fsbus("wait", own, "--timeout", "20s")


def test_of_a_name_that_was_copied_under_another_digit_one_is_run_and_not_disturbed(bus: TestBus) -> None:
    """Two slots had one attempt: both ran it, or the second one ended the first one's command as a dead worker's."""
    gate = bus.root / "open"
    bus.agent("code", run=f"sh -c 'echo x >> {bus.root}/began; until test -e {gate}; do sleep 0.05; done'", slots=2)
    key = bus.fsbus("submit", "--to", "code", "once").strip()
    [name] = bus.ls("code", "inbox")
    inbox = bus.root / "agents/code/inbox"
    (inbox / f"3{name[1:]}").write_bytes((inbox / name).read_bytes())
    other = bus.fsbus("submit", "--to", "code", "--priority", "9", "another").strip()
    bus.up()
    until(lambda: any(other in n and ".running." in n for n in bus.ls("code", "inbox")), "the second slot to go on with another")
    gate.touch()
    bus.fsbus("wait", key, other, "--timeout", "30s")
    until(lambda: bus.ls("code", "inbox") == [], "the copy to be swept")
    assert (bus.root / "began").read_text() == "x\nx\n"
    assert bus.ls("dispatch", "outbox/late") == []


@pytest.mark.parametrize("state", ["queued", "acked", "running"])
def test_a_copy_under_another_digit_that_comes_while_its_attempt_runs_is_swept_after_it(bus: TestBus, state: str) -> None:
    gate = bus.root / "open"
    bus.agent("code", run=f"sh -c 'echo x >> {bus.root}/began; until test -e {gate}; do sleep 0.05; done'")
    bus.up()
    key = bus.fsbus("submit", "--to", "code", "once").strip()
    until((bus.root / "began").exists)
    [name] = bus.ls("code", "inbox")
    copy = bus.drop("code", f"3{name[1:]}".replace(".running.", f".{state}."), "once")
    until(lambda: state != "queued" or not copy.exists(), "the copy to be seen")
    other = bus.fsbus("submit", "--to", "code", "--priority", "9", "another").strip()
    until(lambda: any(other in n and ".acked." in n for n in bus.ls("code", "inbox")), "a look at what had come")
    gate.touch()
    bus.fsbus("wait", key, other, "--timeout", "30s")
    until(lambda: bus.ls("code", "inbox") == [], "the copy to be swept")
    assert (bus.root / "began").read_text() == "x\nx\n"
    assert bus.ls("dispatch", "outbox/late") == []


def ended(bus: TestBus) -> tuple[str, str]:
    """A task of `code` that dispatch has collected: its key and its name there."""
    bus.agent("code", run=f"sh -c 'echo x >> {bus.root}/began; echo made'")
    key = bus.fsbus("submit", "--to", "code", "once").strip()
    bus.fsbus("tick")
    [name] = [n for n in bus.ls("dispatch", "outbox") if ".done." in n]
    return key, name


def test_what_lies_ended_without_its_result_is_not_run_again(bus: TestBus) -> None:
    """Somebody tidied: results and case folders are gone; then a host that slept brings back a lesser name."""
    _, name = ended(bus)
    agents = bus.root / "agents"
    (agents / "dispatch/outbox" / name.replace(".done.yaml", ".result.yaml")).unlink()
    shutil.rmtree(agents / "code/runs")
    (agents / "code/runs").mkdir()
    bus.drop("code", name.replace(".done.", ".acked."), (agents / "dispatch/outbox" / name).read_text())
    bus.fsbus("tick")
    assert bus.ls("code", "inbox") == []
    assert (bus.root / "began").read_text() == "x\n"


def test_a_second_end_takes_no_result_from_under_a_name_whose_priority_was_changed(bus: TestBus) -> None:
    key, name = ended(bus)
    agents, result = bus.root / "agents", name.replace(".done.yaml", ".result.yaml")
    for own in (result, name):  # as from a backup
        (agents / "code/outbox" / own).write_text((agents / "dispatch/outbox" / own).read_text().replace("made", "twice"))
    renamed(bus, "dispatch", "outbox", key, "1")
    bus.fsbus("tick")
    assert bus.result(key)["result"] == "made\n"
    assert name in bus.ls("dispatch", "outbox/late")


def test_what_a_person_has_taken_by_a_copied_name_is_not_run_by_its_worker(bus: TestBus) -> None:
    bus.agent("code", run=f"sh -c 'echo x >> {bus.root}/began'")
    key = bus.fsbus("submit", "--to", "code", "once").strip()
    [name] = bus.ls("code", "inbox")
    bus.drop("human", name, (bus.root / "agents/code/inbox" / name).read_text())
    assert key in bus.fsbus("task", "next", "human")
    bus.fsbus("tick")
    assert not (bus.root / "began").exists()
    bus.fsbus("task", "done", key, "by hand")
    bus.fsbus("tick")
    assert bus.result(key)["agent"] == "human"


def test_a_link_that_leads_nowhere_in_a_case_folder_holds_up_nothing(bus: TestBus) -> None:
    """An editor makes one while it has a file open; each look at the progress of what was pulled ended at it."""
    bus.agent("slow", silence="1h")
    bus.fsbus("submit", "--to", "slow", "one")
    bus.fsbus("task", "next", "slow")
    (case,) = (bus.root / "agents/slow/runs").iterdir()
    (case / ".#notes").symlink_to("me@here.4711")
    key = bus.fsbus("submit", "--to", "slow", "another").strip()
    bus.fsbus("tick", code=None)
    assert bus.task(key)["state"] == "acked"


def test_a_file_in_place_of_one_agents_outbox_holds_up_nobody_elses_results(bus: TestBus) -> None:
    """Nothing is concluded about what failed, and what runs after something waits: where it lies cannot be told."""
    bus.agent("bad", run="false")
    bus.agent("lame", run="cat")
    outbox = bus.root / "agents/lame/outbox"
    outbox.rename(outbox.with_name("away"))
    outbox.touch()
    bus.up("--only", "dispatch", "--only", "worker:bad", "--only", "worker:echo")
    failed = bus.fsbus("submit", "--to", "bad", "--type", "x", "no luck").strip()
    until(lambda: [name for name in bus.ls("bad", "outbox") if failed in name], "its end")
    first = bus.fsbus("submit", "--to", "echo", "first").strip()
    until(lambda: [name for name in bus.ls("dispatch", "outbox") if first in name], "the first")
    later = bus.fsbus("submit", "--to", "echo", "--after", first, "--not-before", "1s", "later").strip()
    other = bus.fsbus("submit", "--to", "echo", "--not-before", "1s", "other").strip()
    until(lambda: [name for name in bus.ls("dispatch", "outbox") if other in name], "what waits for nothing")
    assert [name for name in bus.ls("dispatch", "inbox") if later in name]
    until(lambda: "Not a directory" in bus.fsbus("status", "dispatch"), "its trouble")
    outbox.unlink()
    outbox.with_name("away").rename(outbox)
    until(lambda: [name for name in bus.ls("dispatch", "outbox") if later in name], "what waited")
    until(lambda: "decided" in bus.fsbus("trace", failed), "what follows from the failure")
