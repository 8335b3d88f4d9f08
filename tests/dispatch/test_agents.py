"""Agents that come, change and go while everything runs."""
from __future__ import annotations

import shutil
from pathlib import Path

from tests.dispatch.rig import Rig
from tests.kit import until

COUNT = 'echo "$FSBUS_AGENT $FSBUS_ATTEMPT" >> $LOG'
AT_THE_GATE = f"{COUNT}; while [ ! -e $LOG.gate ]; do sleep 0.05; done"


def test_an_agent_that_is_dropped_in_is_seen_and_does_its_backlog(rig: Rig) -> None:
    rig.up()
    typed = rig.submit("--type", "build", "waits for somebody who builds")
    until(lambda: any(hop["event"] == "held" for hop in rig.journal()))
    ready = rig.root.parent / "new"
    (ready / "inbox").mkdir(parents=True)
    (ready / "inbox" / "x.md").write_text("waits in the folder itself\n")
    (ready / "agent.yaml").write_text(f"role: worker\nhome: here\naccepts: build\nrun: sh {rig.script('new', COUNT)}\n")
    ready.rename(rig.root / "agents/new")
    assert rig.ended(typed, "done")["agent"] == "new"
    until(lambda: len(rig.lines()) == 2)
    assert (rig.root / "agents/new/urgent/read").is_dir()


def test_a_changed_command_takes_effect_for_the_next_task(rig: Rig) -> None:
    rig.agent("one", "echo old")
    rig.up()
    assert rig.ended(rig.submit("--to", "one", "x"), "done")["result"] == "old\n"
    rig.bus.agent("one", f"sh {rig.script('newer', 'echo new')}")
    until(lambda: rig.ended(rig.submit("--to", "one", "x"), "done")["result"] == "new\n")


def test_a_changed_bus_yaml_takes_effect_and_of_a_bad_one_the_last_good_one_does(rig: Rig) -> None:
    rig.agent("one", "echo again >> $LOG; exit 75")
    up = rig.up()
    rig.ended(rig.submit("--to", "one", "x"), "failed")
    assert len(rig.lines()) == 3
    rig.timers(attempts=1)
    assert "bus.yaml changed" in next(line for line in up.stderr or [] if "dispatch" in line)
    rig.ended(rig.submit("--to", "one", "x"), "failed")
    assert len(rig.lines()) == 4
    (rig.root / "bus.yaml").write_text("attempts: [\n")
    assert "last good one stays in force" in next(line for line in up.stderr or [] if "bus.yaml cannot be used" in line)
    key = rig.submit("--to", "one", "x")
    until(lambda: rig.final(key) == "failed")
    assert len(rig.lines()) == 5


def test_what_runs_when_the_command_changes_runs_to_its_end(rig: Rig) -> None:
    rig.agent("one", f"{AT_THE_GATE}; echo old")
    up = rig.up()
    first = rig.submit("--to", "one", "x")
    until(rig.lines)
    before = (rig.root / "agents/one/agent.yaml").read_text()
    rig.bus.agent("one", f"sh {rig.script('newer', 'echo new')}")
    line = next(line for line in up.stderr or [] if "its agent.yaml changed" in line)
    assert "worker:one" in line
    second = rig.submit("--to", "one", "y")
    (rig.root / "agents/one/agent.yaml").write_text(before)  # and back again, while the first still runs
    Path(f"{rig.log}.gate").touch()
    assert rig.ended(first, "done")["result"] == "old\n"
    assert rig.ended(second, "done")["result"] == "old\n"
    assert rig.lines() == ["one 1", "one 1"]


def test_a_bad_agent_yaml_is_refused_aloud_and_the_last_good_one_stays(rig: Rig) -> None:
    rig.agent("one", "echo fine", accepts="build")
    up = rig.up()
    rig.ended(rig.submit("--to", "one", "x"), "done")
    (rig.root / "agents/one/agent.yaml").write_text("role: worker\nhome: here\nacepts: build\n")
    line = next(line for line in up.stderr or [] if "refused" in line)
    assert "agents/one/agent.yaml" in line
    assert "accepts" in line
    assert "last good one stays in force" in line
    (record,) = until(lambda: [hop for hop in rig.journal() if hop["event"] == "refused"])
    assert record["key"] == "agent:one"
    assert rig.ended(rig.submit("--type", "build", "y"), "done")["agent"] == "one"


def test_a_removed_agents_tasks_go_to_another(rig: Rig) -> None:
    rig.timers(lease="1s")
    rig.agent("one", AT_THE_GATE, accepts="build")
    rig.agent("two", f"{COUNT}; cat", accepts="build")
    up = rig.up()
    running = rig.submit("--type", "build", "--to", "one", "running")
    until(rig.lines)
    waiting = rig.submit("--type", "build", "--to", "one", "waiting")
    until(lambda: rig.status("one")["acked"] == 1)
    (rig.root / "agents/one/agent.yaml").unlink()
    assert any("worker:one: its agent is gone" in line for line in up.stderr or [])
    assert rig.ended(waiting, "done")["agent"] == "two"
    rig.told(waiting, "agent.yaml is gone")
    Path(f"{rig.log}.gate").touch()
    assert rig.ended(running, "done")["agent"] == "one"  # it was let run to its end


def test_a_removed_agents_tasks_that_nobody_else_takes_wait_and_the_human_knows(rig: Rig) -> None:
    rig.timers(lease="1s")
    rig.agent("one", AT_THE_GATE)
    up = rig.up()
    first = rig.submit("--to", "one", "running")
    until(rig.lines)
    second = rig.submit("--to", "one", "waiting")
    until(lambda: rig.status("one")["acked"] == 1)
    config = rig.root / "agents/one/agent.yaml"
    text = config.read_text()
    config.unlink()
    assert any("worker:one: its agent is gone" in line for line in up.stderr or [])
    (alert,) = until(rig.alerts)
    assert alert["title"] == "one was removed and has tasks"
    Path(f"{rig.log}.gate").touch()
    rig.ended(first, "done")
    assert rig.lines() == ["one 1"]
    config.write_text(text)
    rig.ended(second, "done")


def test_a_task_whose_agent_was_removed_while_it_waits_for_its_next_attempt(rig: Rig) -> None:
    rig.timers(backoff="3s")
    rig.agent("one", f"{COUNT}; exit 75", accepts="build")
    rig.agent("two", COUNT, accepts="build")
    key = rig.submit("--type", "build", "--to", "one", "x")
    rig.up()
    until(lambda: any(hop["event"] == "decided" for hop in rig.journal()))
    (rig.root / "agents/one/agent.yaml").unlink()
    assert rig.ended(key, "done")["agent"] == "two"
    assert rig.lines() == ["one 1", "two 2"]


def test_an_agent_that_was_moved_away_can_be_moved_back(rig: Rig) -> None:
    rig.agent("one", COUNT, accepts="build")
    up = rig.up()
    home, away = rig.root / "agents/one", rig.root / "one"
    until(lambda: (home / "alive.yaml").exists())
    home.rename(away)
    until(lambda: "worker:one: its agent is gone" in next(iter(up.stderr or ()), ""), "the end of its duty")
    assert not home.exists()
    away.rename(home)
    rig.ended(rig.submit("--to", "one", "x"), "done")


def test_a_folder_without_agent_yaml_is_an_agent_only_while_tasks_lie_there(rig: Rig) -> None:
    """A kill of an older fsbus in the middle of `agent add`, or a person, may leave one."""
    rig.agent("nn", "true")
    (rig.root / "agents/nn/agent.yaml").unlink()
    assert "nn" not in rig.bus.fsbus("status") + rig.bus.fsbus("agent", "list") + rig.bus.fsbus("doctor", code=None)
    rig.bus.drop("nn", "x.md", "Water the plants")
    rig.bus.fsbus("tick")
    assert "nn" in rig.bus.fsbus("status")
    rig.bus.fsbus("agent", "add", "nn", "--run", "true")
    rig.bus.fsbus("tick")
    assert rig.bus.ls("nn", "inbox") == []


def test_agent_add_while_it_runs(rig: Rig) -> None:
    rig.up()
    rig.bus.fsbus("agent", "add", "fresh", "--run", "cat", "--accepts", "build")
    assert rig.ended(rig.submit("--type", "build", "hello"), "done")["result"] == "hello"


def test_a_person_who_comes_later_is_told_of_what_fails(rig: Rig) -> None:
    shutil.rmtree(rig.root / "agents/human")
    rig.timers(attempts=1)
    rig.agent("bad", "exit 1")
    rig.up()
    rig.bus.agent("boss", role="human")
    rig.ended(rig.submit("--to", "bad", "hello"), "failed")
    until(lambda: list((rig.root / "agents/boss/urgent").glob("*-alert.from-dispatch.new.yaml")), "the alert")
