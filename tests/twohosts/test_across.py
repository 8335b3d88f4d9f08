"""What people do on one host about tasks of the other: wait, cancel, send elsewhere, ask again."""
from __future__ import annotations

import json
import os
import signal

import pytest

from fsbus.spool import keys
from tests.kit import until
from tests.twohosts.rig import FINE, NOTED, Host, Two

LONG = f"{NOTED}; cat > /dev/null; sleep 600"
QUICK = {"ack": "1h", "beat": "0.3s", "lease": "2s"}
TEMPFAIL = f"{NOTED}; cat > /dev/null; echo no luck >&2; exit 75"


def test_waiting_on_either_host(two: Two) -> None:
    two.up()
    near = two.mac.fsbus("submit", "--to", "code", "--wait", "on mac").strip()
    far = two.vps.fsbus("submit", "--to", "code", "--wait", "on vps").strip()
    assert "fine" in two.mac.fsbus("result", near)
    assert "fine" in two.vps.fsbus("result", far)
    over = two.vps.submit("--to", "infra", "from vps to a worker of mac")
    two.vps.fsbus("wait", over, "--timeout", "20s")
    key = two.mac.submit("--to", "research", "to be waited for")
    two.mac.fsbus("wait", key, "--timeout", "20s")
    two.ended([key, over])  # done is the end; dispatch collects it a moment later, if nobody stops it
    two.down()
    two.agree()
    assert two.vps.final(over) == "done"


def moved(host: Host, key: str, agent: str, other: str) -> None:
    """A person gives a queued task to another agent, as a host sees it."""
    (name,) = (name for name in host.ls(agent, "inbox") if key in name)
    (host.root / f"agents/{agent}/inbox" / name).rename(host.root / f"agents/{other}/inbox" / name)


def test_a_task_that_is_moved_to_another_agent_over_there_is_done_by_that_one(two: Two) -> None:
    key = two.mac.submit("--to", "code", "x")
    two.sync()
    moved(two.vps, key, "code", "content")
    two.vps.fsbus("tick")
    two.sync()
    two.mac.fsbus("tick")
    assert (two.mac.final(key), two.mac.result(key)["agent"]) == ("done", "content")
    two.agree()


def test_a_task_that_is_moved_here_when_it_is_done_over_there_is_done(two: Two) -> None:
    key = two.mac.submit("--to", "code", "x")
    two.sync()
    two.vps.fsbus("tick")
    moved(two.mac, key, "code", "content")
    two.sync()
    two.mac.fsbus("tick")
    assert (two.mac.final(key), two.mac.result(key)["agent"]) == ("done", "code")
    two.agree()


@pytest.mark.parametrize("digits", ["1 ", "17"], ids=["there", "on both hosts"])
def test_a_priority_changed_after_the_end_takes_result_and_files_along(two: Two, digits: str) -> None:
    two.agent("code", f'{NOTED}; cat > /dev/null; echo made > "$FSBUS_FILES/left.txt"; echo fine')
    two.sync()
    key = two.mac.submit("--to", "code", "go")
    for step in (lambda: two.mac.fsbus("tick"), two.sync, lambda: two.vps.run("tick"), two.sync if digits[1] != " " else str):
        step()
    for host, digit in zip((two.vps, two.mac), digits.strip(), strict=False):
        (path,) = (p for p in host.tasks() if key in p)
        (host.root / path).rename((host.root / path).with_name(f"{digit}{path.rpartition('/')[2][1:]}"))
    two.sync()
    two.mac.fsbus("tick")
    found = two.mac.result(key)
    assert (found["state"], found["result"], found["files"]) == ("done", "fine\n", ["left.txt"])
    assert len([path for path in two.mac.paths() if key in path]) == 3
    two.agree()


def test_what_is_dropped_on_either_host_is_done_where_its_agent_lives(two: Two) -> None:
    two.up()
    drops = [host.drop(agent, f"{agent}.md", f"do it for {agent}") for host in (two.mac, two.vps) for agent in ("code", "infra")]
    until(lambda: len(two.mac.ls("dispatch", "outbox")) == 2 * len(drops), "four results")  # and their result files
    assert sorted(line.split()[0] for line in two.started()) == ["code", "code", "infra", "infra"]
    two.down()
    two.agree()


def test_a_note_that_nobody_would_take_from_this_host_is_kept_with_the_reason(two: Two) -> None:
    for agent in ("infra", "code"):
        (two.vps.root / f"agents/{agent}/urgent/n.md").write_text("look here")
    two.vps.fsbus("tick")
    assert len(two.vps.ls("code", "urgent")) == 1
    assert two.vps.ls("infra", "urgent") == []
    assert "mac" in (two.vps.root / "agents/infra/inbox/rejected/n.md.why").read_text()


def test_what_is_removed_by_hand_where_it_was_acked_comes_back(two: Two) -> None:
    """`rm` is not a verb: the other host still has it. It stayed acked there for ever, and no worker had it."""
    (two.vps.root / "agents/code/PAUSE").touch()
    key = two.mac.submit("--to", "code", "x")
    two.sync()
    two.vps.fsbus("tick")
    two.sync()
    (acked,) = [path for path in two.vps.tasks() if key in path]
    assert ".acked." in acked
    (two.vps.root / acked).unlink()
    two.sync()
    assert acked in two.vps.tasks()
    (two.vps.root / "agents/code/PAUSE").unlink()
    two.vps.fsbus("tick")
    two.sync()
    two.mac.fsbus("tick")
    assert two.mac.final(key) == "done"


def test_an_agent_is_registered_on_the_config_host_alone(two: Two) -> None:
    done = two.vps.run("agent", "add", "other", "--run", "cat")
    assert done.returncode == 5, done
    assert "mac" in done.stderr
    assert not (two.vps.root / "agents/other").exists()


def test_a_drop_for_somebody_elsewhere_survives_a_kill(two: Two) -> None:
    key, inbox = keys.make(), two.vps.root / "agents/infra/inbox"
    (inbox / f".adopt-{key}-x.md").write_text("do it")
    whole, other = f"5-{keys.make()}-other.a1.queued.md", two.vps.root / "agents/dispatch/inbox"
    (other / whole).write_text("---\nto: infra\n---\nother")
    os.link(other / whole, inbox / f".adopt-{whole[2:27]}-y.md")
    two.vps.fsbus("tick")
    two.sync()
    two.mac.fsbus("tick")
    two.ended([key, whole[2:27]])
    assert [name for name in os.listdir(inbox) if name[0] == "." or "5-" in name] == []
    two.agree()


def test_cancel_from_the_other_host(two: Two) -> None:
    two.agent("code", LONG)
    two.agent("infra", LONG)
    two.sync()
    two.up()
    running, waiting = two.mac.submit("--to", "code", "runs"), two.mac.submit("--to", "code", "waits")
    ours = two.mac.submit("--to", "infra", "runs here")
    until(lambda: [path for path in two.mac.tasks() if running in path and ".running." in path], "mac to see that it runs")
    until(lambda: any(ours in line for line in two.started()), "infra to start")
    two.mac.fsbus("cancel", waiting)
    two.mac.fsbus("cancel", running)
    two.mac.fsbus("cancel", ours)
    two.ended([running, waiting, ours], "failed")
    assert {two.mac.result(key)["error"]["kind"] for key in (running, waiting, ours)} == {"cancelled"}
    two.down()
    two.agree()
    assert not any(waiting in line for line in two.started())


def test_elsewhere_across_the_link(two: Two) -> None:
    two.agent("code", TEMPFAIL, accepts="text")
    two.agent("infra", f'{NOTED}; cat "$FSBUS_HISTORY_FILE"', accepts="text")
    two.up()
    key = two.mac.submit("--type", "text", "--to", "code", "write it")
    other = two.mac.submit("--type", "text", "write it, too")
    until(lambda: two.mac.final(key) and two.mac.final(other), "both to end")
    two.mac.fsbus("retry", key, "--to", "infra", "--note", "you may")
    two.mac.fsbus("wait", key, "--timeout", "30s")  # not for `done` alone: infra may have done it once already, unasked
    two.down()
    two.agree()
    assert "no luck" in two.mac.fsbus("result", key)
    late = [path for path in two.mac.tasks() if key in path and "/late/" in path]
    assert late
    assert json.loads(two.vps.fsbus("status", key, "--json"))["state"] == "done"


def test_an_attempt_that_is_taken_away_ends_late(two: Two) -> None:
    """vps's node stands still, and mac gives its task to somebody else: what code still came to is kept, and does not count."""
    two.configure(two.vps.root, timers=QUICK)
    go_on = two.folder / "go-on"
    two.agent("code", f"{NOTED}; cat > /dev/null; while [ ! -e {go_on} ]; do sleep 0.05; done; echo by code", accepts="text")
    two.agent("infra", f"{NOTED}; cat > /dev/null; echo by infra", accepts="text")
    two.sync()
    two.up()
    key = two.mac.submit("--type", "text", "--to", "code", "write it")
    until(lambda: [path for path in two.mac.tasks() if ".running." in path], "mac to see that it runs")
    node = two.processes[0]
    os.kill(node.pid, signal.SIGSTOP)
    two.ended([key])
    go_on.touch()
    os.kill(node.pid, signal.SIGCONT)
    late = until(lambda: [path for path in two.mac.tasks() if key in path and "/late/" in path], "the first attempt's end")
    two.down()
    two.agree(3)
    for host in (two.mac, two.vps):
        (final,) = [path for path in host.tasks() if key in path and "/late/" not in path]
        assert final.startswith("agents/dispatch/outbox/")
        assert ".a2.done." in final
        assert [path for path in host.tasks() if key in path and "/late/" in path] == late
        assert host.fsbus("result", key).strip() == "by infra"
        assert json.loads(host.fsbus("status", key, "--json"))["attempt"] == 2
    assert "> late a1 at code" in two.mac.fsbus("trace", key)
    (one,) = late
    assert one.startswith("agents/dispatch/outbox/late/")
    assert ".a1." in one
    said = two.mac.names()[f"{one.rsplit('.', 2)[0]}.result.yaml"].decode()
    assert "agent: code" in said
    assert set(two.started()) == {f"code {key} 1", f"infra {key} 2"}


def test_nothing_is_taken_away_from_a_host_out_of_reach(two: Two) -> None:
    """Nobody knows whether it goes on over there: so a person is told, and asks in vain for another attempt meanwhile."""
    two.configure(two.vps.root, timers=QUICK | {"ack": "5s"})  # so long the link is down before anybody is told
    two.agent("code", f"{NOTED}; cat > /dev/null; sleep 3; echo by code", accepts="text")
    two.agent("infra", FINE, accepts="text")
    two.sync()
    two.up()
    key = two.mac.submit("--type", "text", "--to", "code", "write it")
    until(lambda: [path for path in two.mac.tasks() if ".running." in path], "mac to see that it runs")
    two.sshd.stop()
    until(lambda: "vps is unreachable" in two.mac.fsbus("recv", "human", "--peek"), "the alert")
    refused = two.mac.run("retry", key, "--to", "infra")
    assert refused.returncode == 5
    assert "has not ended: running" in refused.stderr
    two.sshd.start()
    two.ended([key])
    two.down()
    two.agree()
    assert two.mac.fsbus("result", key).strip() == "by code"
    assert set(two.started()) == {f"code {key} 1"}
    assert not [path for path in two.mac.tasks() if "/late/" in path]
