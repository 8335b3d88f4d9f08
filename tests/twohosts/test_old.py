"""What is past its retention does not cross, so it is not given away over there, and nobody looks down for it."""
from __future__ import annotations

import json
import time
from pathlib import Path

import yaml

from fsbus.core.names import new_key
from tests.kit import until
from tests.twohosts.rig import Two

WEEK = 7 * 86400
QUICK = {"ack": "1s", "beat": "0.3s", "lease": "5s"}


def later(seconds: float) -> str:
    """That moment, as people write it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def health(two: Two) -> str:
    """Of code, as mac sees it."""
    return str(json.loads(two.mac.fsbus("status", "code", "--json"))["health"])


def test_a_task_held_for_longer_than_the_retention(two: Two) -> None:
    two.up()
    two.ended([two.mac.submit("--to", "code", "--not-before", later(WEEK + 3600), "after the holidays")], "failed")
    two.ended([two.mac.submit("--to", "code", "--not-before", later(1), "soon")])
    said = [yaml.safe_load((two.mac.root / path).read_text()) for path in two.mac.paths() if "-alert." in path]
    assert ["retention.results" in alert["text"] and "vps" in alert["text"] for alert in said] == [True]


def test_another_attempt_of_an_old_task(two: Two) -> None:
    """Its results lie in the archive; the agent of this host may have it, the one over there is out of reach."""
    two.configure(two.vps.root, timers=QUICK)
    key, folder = new_key(int((time.time() - WEEK - 9 * 3600) * 1000), 7), two.mac.root / "agents/dispatch/outbox"
    (folder / f"5-{key}-old.a1.failed.yaml").write_text("task: old\nto: code\n")
    (folder / f"5-{key}-old.a1.result.yaml").write_text(f"key: {key}\nagent: code\nstate: failed\nattempt: 1\n")
    two.up()
    until(lambda: list((two.mac.root / "archive").glob(f"*/*{key}*.failed.yaml")), "the sweep")
    two.mac.fsbus("retry", key)
    urgent = two.mac.root / "agents/human/urgent"
    status = until(lambda: list(urgent.glob("[0-9]*-status.from-dispatch.new.yaml")), "word of it")
    assert "retention.results" in status[0].read_text()
    assert not list((two.mac.root / "agents/code/inbox").glob(f"*{key}*"))
    two.mac.fsbus("retry", key, "--to", "infra")
    two.ended([key])


def test_what_was_queued_while_a_host_was_off_for_weeks(two: Two) -> None:
    two.configure(two.vps.root, timers=QUICK)
    two.sync()
    key = new_key(int((time.time() - 2 * WEEK) * 1000), 7)
    name = f"5-{key}-old.a1.queued.yaml"
    (two.mac.root / "agents/code/inbox" / name).write_text("task: old\nto: code\n")
    two.vps.up()
    time.sleep(1.1)
    two.sync()
    linked = two.mac.root / ".node/links/vps.yaml"
    linked.write_text(linked.read_text().replace(f"up: {two.mac.link('vps')['up']}", f"up: {later(-3600)[:-1]}.000Z"))
    assert health(two) == "ok", "it waits for the sweep, and not for code"
    two.mac.up()
    stale: Path = two.mac.root / "archive/stale" / name
    until(stale.exists, "the sweep")
    alerts = until(lambda: list((two.mac.root / "agents/human/urgent").glob("[0-9]*-alert.*")), "the alert")
    assert "never seen" in alerts[0].read_text()
    assert not two.started()


def test_a_day_of_the_journal_that_is_let_go_here_does_not_come_again(two: Two) -> None:
    days = [time.strftime("%Y-%m-%d", time.gmtime(time.time() - age * 86400)) for age in (100, 90)]
    for day in days:
        path = two.vps.root / f"log/vps/{day}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}\n")
    two.sync()
    assert [(two.mac.root / f"log/vps/{day}.jsonl").exists() for day in days] == [False, True]
