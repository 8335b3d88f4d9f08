"""What people do by hand or by option: after, not before, due, priority, copies, PAUSE."""
from __future__ import annotations

import shutil
import time
from pathlib import Path

from tests.dispatch.rig import Rig
from tests.kit import until

COUNT = 'echo "$FSBUS_AGENT $(cat)" >> $LOG'
AT_THE_GATE = f"{COUNT}; while [ ! -e $LOG.gate ]; do sleep 0.05; done"


def open_gate(rig: Rig) -> None:
    """Let them finish."""
    Path(f"{rig.log}.gate").touch()


def held(rig: Rig, key: str, why: str) -> bool:
    """Whether dispatch said that it holds it for this reason."""
    return any(hop["event"] == "held" and why in hop["why"] for hop in rig.journal() if hop["key"] == key)


def test_after_waits_for_the_end(rig: Rig) -> None:
    rig.agent("one", AT_THE_GATE)
    rig.agent("two", COUNT)
    first = rig.submit("--to", "one", "first")
    second = rig.submit("--to", "two", "--after", first, "second")
    rig.up()
    until(lambda: held(rig, second, first) and rig.lines())
    assert rig.lines() == ["one first"]
    open_gate(rig)
    rig.ended(second, "done")
    assert rig.lines() == ["one first", "two second"]


def test_what_one_pass_gives_away_is_spread(rig: Rig) -> None:
    for name in ("one", "two"):
        rig.agent(name, COUNT, accepts="build")
    for n in range(4):
        rig.submit("--type", "build", f"job {n}")
    rig.up("dispatch")
    until(lambda: len(rig.bus.ls("one", "inbox") + rig.bus.ls("two", "inbox")) == 4)
    assert len(rig.bus.ls("one", "inbox")) == 2


def test_after_a_failure_nothing_is_started(rig: Rig) -> None:
    rig.agent("one", "exit 3")
    rig.agent("two", COUNT)
    first = rig.submit("--to", "one", "first")
    second = rig.submit("--to", "two", "--after", first, "second")
    rig.up()
    failed = rig.ended(second, "failed")
    assert failed["error"]["kind"] == "cancelled"
    assert first in failed["error"]["what"]
    assert rig.lines() == []
    assert [alert["task"] for alert in rig.alerts()] == [first]  # one cause, one alarm


def test_to_dispatch_means_no_agent_in_particular(rig: Rig) -> None:
    rig.up()
    rig.bus.drop("dispatch", "x.md", "---\nto: dispatch\n---\nWater the plants\n")
    until(lambda: any("done" in name for name in rig.bus.ls("dispatch", "outbox")), "its end")


def test_to_nobody_is_told_once_and_waits(rig: Rig) -> None:
    rig.up()
    keys = [rig.submit("--to", "echo", "--type", "x", "another")]
    for number in (1, 2):
        rig.bus.drop("dispatch", f"x{number}.md", f"---\nto: nobody\n---\nWater plant {number}\n")
    (alert,) = until(rig.alerts)
    assert "nobody" in alert["title"]
    assert "fsbus agent add nobody" in alert["text"]
    rig.ended(keys[0], "done")
    until(lambda: sum(name.endswith("queued.md") for name in rig.bus.ls("dispatch", "inbox")) == 2)
    assert len(rig.alerts()) == 1
    rig.bus.fsbus("ack", alert["message"])
    rig.agent("nobody", "cat")
    until(lambda: sum("done" in name for name in rig.bus.ls("dispatch", "outbox")) == 3, "their end")
    until(lambda: not list((rig.root / ".node/alarms").iterdir()), "the end of the alarm")


def test_the_alarm_about_nobody_ends_with_what_waited(rig: Rig) -> None:
    up = rig.up()
    rig.bus.drop("dispatch", "x.md", "---\nto: nobody\n---\nWater the plants\n")
    (alert,) = until(rig.alerts)
    rig.bus.fsbus("ack", alert["message"])
    rig.bus.stop(up)
    (name,) = rig.bus.ls("dispatch", "inbox")
    rig.bus.fsbus("cancel", name[2:27])
    rig.up()
    until(lambda: not list((rig.root / ".node/alarms").iterdir()), "the end of the alarm")


def test_not_before_waits_for_its_time(rig: Rig) -> None:
    rig.agent("one", COUNT)
    rig.up()  # before the clock runs: a start takes seconds on a slow machine
    when = time.time() + 3
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when + 1))
    key = rig.submit("--to", "one", "--not-before", stamp, "later")
    until(lambda: held(rig, key, "not_before"))
    assert rig.lines() == []
    rig.ended(key, "done")
    assert time.time() >= when


def test_what_is_overdue_is_told_by_a_bus_that_only_ticks(rig: Rig) -> None:
    """`fsbus tick` from cron looks once; with a second look needed nobody was ever told."""
    rig.agent("one", "cat")
    (rig.root / "agents/one/PAUSE").touch()
    rig.bus.drop("one", "x.md", "---\ndue: 2020-01-01\n---\nHand in the report\n")
    for _ in range(3):
        rig.bus.fsbus("tick")
    assert [alert["title"] for alert in rig.alerts()] == ["hand-in-the-report is overdue"]


def test_what_is_overdue_is_told_once_and_goes_on(rig: Rig) -> None:
    rig.agent("one", AT_THE_GATE)
    due = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    far = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 9000))
    rig.bus.drop("one", "x.md", f"---\ndue: {due}\n---\nHand in the report\n")
    rig.bus.drop("one", "y.md", f"---\ndue: {far}\n---\nAnother one\n")
    up = rig.up()
    (alert,) = until(rig.alerts)
    assert alert["title"] == "hand-in-the-report is overdue"
    assert "at one; it goes on" in alert["text"]
    rig.bus.fsbus("ack", alert["message"])
    for n in (1, 2):  # each is told at a later look
        rig.bus.drop("one", f"{n}.md", f"---\ndue: {due}\n---\nLate {n}\n")
        until(lambda n=n: len(rig.alerts()) == n)
    assert [alert["title"] for alert in rig.alerts()] == ["late-1 is overdue", "late-2 is overdue"]
    for alert in rig.alerts():
        rig.bus.fsbus("ack", alert["message"])
    rig.kill(up)
    open_gate(rig)
    rig.up()
    until(lambda: len([n for n in rig.bus.ls("dispatch", "outbox") if ".done." in n]) == 4)
    assert rig.alerts() == []
    until(lambda: not list((rig.root / ".node/alarms").iterdir()), "the alarm is over")


def test_renaming_the_first_digit_changes_the_order(rig: Rig) -> None:
    rig.agent("one", AT_THE_GATE)
    blocker = rig.submit("--to", "one", "blocker")
    rig.up()
    until(rig.lines)
    keys = {word: rig.submit("--to", "one", word) for word in ("early", "late")}
    inbox = rig.root / "agents/one/inbox"
    until(lambda: len([n for n in rig.bus.ls("one", "inbox") if ".acked." in n]) == 2)
    (late,) = inbox.glob(f"5-{keys['late']}-*")
    late.rename(late.with_name(f"1{late.name[1:]}"))
    (running,) = inbox.glob(f"5-{blocker}-*")
    running.rename(running.with_name(f"7{running.name[1:]}"))  # also of the one that runs
    rig.submit("--to", "one", "--priority", "9", "last")
    until(lambda: any("-last." in n and ".acked." in n for n in rig.bus.ls("one", "inbox")), "it has listed its inbox again")
    open_gate(rig)
    for key in (blocker, *keys.values()):
        rig.ended(key, "done")
    assert rig.lines()[:3] == ["one blocker", "one late", "one early"]


def test_a_renamed_task_in_dispatchs_inbox_keeps_its_priority(rig: Rig) -> None:
    rig.agent("one", COUNT, accepts="build")
    rig.planner("exit 1")
    key = rig.submit("--type", "build", "x")
    (name,) = (rig.root / "agents/dispatch/inbox").glob(f"5-{key}-*")
    name.rename(name.with_name(f"2{name.name[1:]}"))
    rig.up()
    rig.ended(key, "done")
    assert rig.find(key)[0].startswith(f"dispatch/outbox/2-{key}")


def test_cp_of_a_failed_task_into_an_inbox_runs_it_anew(rig: Rig) -> None:
    rig.agent("one", "exit 3")
    rig.agent("two", COUNT)
    key = rig.submit("--type", "odd", "Count the sheep")
    rig.bus.fsbus("cancel", key)
    rig.up()
    rig.ended(key, "failed")
    (path,) = (rig.root / "agents/dispatch/outbox").glob(f"*{key}*.failed.*")
    shutil.copy(path, rig.root / "agents/two/inbox")
    until(rig.lines)
    (done,) = until(lambda: [n for n in rig.bus.ls("dispatch", "outbox") if ".done." in n])
    assert key not in done
    assert done.endswith("-count-the-sheep.a1.done.yaml")
    assert rig.final(key) == "failed"


def test_an_empty_pause_holds_what_is_there(rig: Rig) -> None:
    rig.timers(ack="1s", lease="1s")
    rig.agent("one", COUNT, accepts="build")
    rig.agent("two", COUNT, accepts="build")
    (rig.root / "agents/one/PAUSE").touch()
    rig.up()
    key = rig.submit("--type", "build", "--to", "one", "x")
    until(lambda: rig.health("one") == "paused" and rig.status("one")["acked"] == 1)
    rig.ended(rig.submit("--type", "build", "y"), "done")  # new ones go elsewhere
    assert rig.lines() == ["two y"]
    (rig.root / "agents/one/PAUSE").unlink()
    assert rig.ended(key, "done")["agent"] == "one"
    assert [alert for alert in rig.alerts() if "one" in alert["title"]] == []


def test_a_pause_that_says_reroute_gives_them_to_others(rig: Rig) -> None:
    rig.timers(lease="1s")
    rig.agent("one", AT_THE_GATE, accepts="build")
    rig.agent("two", COUNT, accepts="build")
    rig.up()
    running = rig.submit("--type", "build", "--to", "one", "running")
    until(rig.lines)
    waiting = rig.submit("--type", "build", "--to", "one", "waiting")
    until(lambda: rig.status("one")["acked"] == 1)
    (rig.root / "agents/one/PAUSE").write_text("reroute\n")
    assert rig.ended(waiting, "done")["agent"] == "two"
    rig.told(waiting, "PAUSE says reroute")
    open_gate(rig)
    assert rig.ended(running, "done")["agent"] == "one"
    until(lambda: rig.late(waiting) == ["a1.failed"])
