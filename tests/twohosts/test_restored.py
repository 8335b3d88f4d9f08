"""mac, where dispatch lives, goes back to a backup: what it gave vps meanwhile has ended, and only vps knows of it.

The results come home from vps's copy of dispatch's outbox, and nothing is started a second time.
"""
from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit import until
from tests.twohosts.rig import CLUMSY, NOTED, Two

FILES = f'{NOTED}; cat > /dev/null; echo made > "$FSBUS_FILES/left.txt"; echo fine'
BROKEN = f"{NOTED}; cat > /dev/null; echo no luck >&2; exit 3"
UNLUCKY = f"{NOTED}; cat > /dev/null; echo no luck >&2; exit 75"

Step = Callable[[Two], object]


def mac(two: Two) -> None:
    """One pass of mac's node."""
    two.mac.fsbus("tick")


def vps(two: Two) -> None:
    """One pass of vps's node; with the link down, or a task that failed, it says so."""
    two.vps.run("tick")


def backup(two: Two, root: Path | None = None) -> Path:
    """A copy of a root, mac's if none is named, made while nothing runs there."""
    copy = two.folder / "backup"
    shutil.copytree(root or two.mac.root, copy, symlinks=True)
    return copy


def restore(two: Two, copy: Path) -> None:
    """mac's root as it was."""
    shutil.rmtree(two.mac.root)
    copy.rename(two.mac.root)


def ends(two: Two) -> dict[str, bytes]:
    """What lies on mac of tasks."""
    return {path: body for path, body in two.mac.names().items() if "/urgent" not in path}


def both_run(two: Two, states: dict[str, str]) -> None:
    """Both nodes, until each of these tasks has its final result on mac; then both hosts say the same."""
    two.up()
    for key, state in states.items():
        two.ended([key], state)
    until(lambda: not [path for path in two.mac.tasks() if "/dispatch/outbox/" not in path], "all to be settled")
    two.down()
    two.agree()
    assert {key: two.vps.final(key) for key in states} == states


def come_home(two: Two, copy: Path, states: dict[str, str]) -> None:
    """mac is restored, and has again what it had; vps never lost it, and nobody started anything."""
    before, started = ends(two), two.started()
    restore(two, copy)
    both_run(two, states)
    assert ends(two) == before
    assert two.started() == started


MOMENTS: dict[str, list[Step]] = {  # what had happened then, each after the other
    "before it was submitted": [],
    "not routed": [lambda two: two.mac.submit("--to", "code", "go")],
    "queued": [mac],
    "done, not heard of": [Two.sync, vps],
    "done, not collected": [Two.sync],
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_what_was_done_since_the_backup_comes_home(two: Two, moment: str) -> None:
    two.agent("code", FILES)
    two.sync()
    for name, steps in MOMENTS.items():
        for step in steps:
            step(two)
        if name == moment:
            copy = backup(two)
    mac(two)
    (key,) = {path.rpartition("/")[2][2:27] for path in two.mac.tasks()}
    two.sync()
    come_home(two, copy, {key: "done"})
    assert two.mac.result(key)["files"] == ["left.txt"]


def test_what_ran_when_the_backup_was_made(two: Two) -> None:
    """mac's node has to end for it, so that vps goes on alone meanwhile."""
    go_on = two.folder / "go-on"
    two.agent("code", f"{NOTED}; cat > /dev/null; while [ ! -e {go_on} ]; do sleep 0.05; done; echo fine")
    two.sync()
    key = two.mac.submit("--to", "code", "go")
    mac(two)
    two.vps.up()
    until(lambda: two.started(), "code to start")
    two.sync()
    assert [path for path in two.mac.tasks() if ".running." in path]
    copy = backup(two)
    go_on.touch()
    until(lambda: two.vps.ls("code", "outbox"), "code to end")
    for step in (Two.sync, mac, Two.sync):
        step(two)
    two.vps.close()
    come_home(two, copy, {key: "done"})


STAGES: dict[str, list[Step]] = {
    "queued": [mac],
    "failed once, not collected": [Two.sync, vps, Two.sync],
    "failed once, and decided upon": [mac],
    "in the second attempt": [mac, Two.sync],
}


@pytest.mark.parametrize("stage", STAGES)
def test_what_failed_comes_home_and_is_not_tried_again(two: Two, stage: str) -> None:
    """Once, once and then not, and in every attempt: what was put aside comes home, too."""
    for agent, body in (("code", BROKEN), ("research", CLUMSY), ("content", UNLUCKY)):
        two.agent(agent, body)
    two.sync()
    broken, clumsy, unlucky = (two.mac.submit("--to", agent, "go") for agent in ("code", "research", "content"))
    for name, steps in STAGES.items():
        for step in steps:
            step(two)
        if name == stage:
            copy = backup(two)
    states = {broken: "failed", clumsy: "done", unlucky: "failed"}
    both_run(two, states)
    assert len(two.started()) == 1 + 2 + 3
    come_home(two, copy, states)
    for key in (broken, unlucky):
        assert key in two.mac.fsbus("recv", "human", "--peek"), "nobody may have seen the alert that was there before"


@pytest.mark.parametrize("first", ["failed", "done"])
def test_an_attempt_that_a_person_asked_for_comes_home_when_it_is_asked_for_again(two: Two, first: str) -> None:
    """mac has a final result, and does not know that there is another; what vps has of that stays there meanwhile."""
    two.agent("code", f"{NOTED}; cat > /dev/null; echo attempt $FSBUS_ATTEMPT; [ {first} = done ] || [ $FSBUS_ATTEMPT = 2 ]")
    two.sync()
    key = two.mac.submit("--to", "code", "go")
    both_run(two, {key: first})
    copy = backup(two)
    two.mac.fsbus("retry", key)
    again(two, key)
    before, started = ends(two), two.started()
    restore(two, copy)
    for step in (Two.sync, mac, Two.sync):
        step(two)
    assert (two.mac.final(key), two.vps.final(key)) == (first, "done")
    two.mac.fsbus("retry", key)
    again(two, key)
    assert ends(two) == before
    assert two.started() == started


def again(two: Two, key: str) -> None:
    two.up()
    until(lambda: [name for name in two.mac.ls("dispatch", "outbox") if key in name and ".a2.done." in name], "another result")
    two.down()
    two.agree()
    assert two.mac.fsbus("result", key).strip() == two.vps.fsbus("result", key).strip() == "attempt 2"


def test_vps_from_a_backup_that_hears_first_what_has_ended_begins_nothing_again(two: Two) -> None:
    two.agent("code", FILES)
    key = two.mac.submit("--to", "code", "go")
    mac(two)
    two.sync()
    copy = backup(two, two.vps.root)
    both_run(two, {key: "done"})
    before, started = ends(two), two.started()
    shutil.rmtree(two.vps.root)
    copy.rename(two.vps.root)
    two.sync()
    both_run(two, {key: "done"})
    assert (ends(two), two.started()) == (before, started)


def test_what_was_read_since_the_backup_is_not_new_again(two: Two) -> None:
    two.mac.fsbus("send", "code", "note", "to vps", "--from", "human")
    two.vps.fsbus("send", "human", "note", "to mac", "--from", "code")
    two.sync()
    copy = backup(two)
    assert "to vps" in two.vps.fsbus("recv", "code")
    assert "to mac" in two.mac.fsbus("recv", "human")
    two.sync()
    restore(two, copy)
    two.sync()
    assert [host.fsbus("recv", agent) for host, agent in ((two.vps, "code"), (two.mac, "human"))] == ["", ""]
    two.agree()


def test_a_result_that_was_removed_by_hand_comes_back_and_is_told_once(two: Two) -> None:
    two.agent("code", FILES)
    two.sync()
    key = two.mac.submit("--to", "code", "--reply-to", "human", "go")
    both_run(two, {key: "done"})
    before, told = ends(two), two.mac.ls("human", "urgent")
    assert [name for name in told if "-result.from-dispatch." in name]
    for path in (two.mac.root / "agents/dispatch/outbox").glob(f"?-{key}-*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for step in (Two.sync, mac, Two.sync):
        step(two)
    assert ends(two) == before
    assert two.mac.ls("human", "urgent") == told
