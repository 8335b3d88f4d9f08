"""Dispatch killed before each of its steps, one after the other: what was begun is finished once, by the next one."""
from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.dispatch.rig import Rig
from tests.kit import FSBUS, until

# Dies before its Nth change of the disk that is about the task; `survived` is said when it has none left.
DIE = """
import os, sys
from fsbus.spool import atomic
left, key = int(os.environ["DIE_AT"]), os.environ["DIE_KEY"]
def dying(real):
    def step(*words, **more):
        global left
        if any(key in str(word) for word in words):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), 9)
        return real(*words, **more)
    return step
for name in ("publish", "replace", "note", "advance", "tag", "discard", "sync_folder"):
    setattr(atomic, name, dying(getattr(atomic, name)))
from fsbus.__main__ import main
sys.exit(main())
"""
ONCE = 'echo "$FSBUS_KEY $FSBUS_ATTEMPT" >> $LOG; [ $FSBUS_ATTEMPT = 1 ] && exit $(cat $FSBUS_TASK_FILE | tr -cd 0-9); echo fine'


def through(rig: Rig, key: str) -> bool:
    """Whether dispatch has nothing left to do about it; with its final result alone, it may be about to die yet."""
    accounts = list((rig.root / ".node/ledger").glob(f"*{key}*"))
    return rig.final(key) == "done" and rig.late(key) == ["a1.failed"] and not accounts


def die_at_every_step(rig: Rig, begin: Callable[[], str], monkeypatch: pytest.MonkeyPatch, least: int) -> None:
    """For each step of dispatch's way from `begin` to the end: kill it there, start it again, and look."""
    die = rig.root.parent / "die.py"
    die.write_text(DIE)
    for number in range(1, 40):
        key = begin()
        with monkeypatch.context() as patched:
            patched.setattr(rig.bus, "command", [FSBUS[0], str(die)])
            dying = rig.up("dispatch", env={"DIE_AT": str(number), "DIE_KEY": key})
        until(lambda dying=dying, key=key: dying.poll() is not None or through(rig, key))
        survived = dying.poll() is None
        if survived:
            rig.bus.stop(dying)
        again = rig.up("dispatch")
        until(lambda key=key: rig.final(key) == "done", f"the end after a kill at step {number}: {rig.find(key)}")
        until(lambda key=key: rig.late(key) == ["a1.failed"], f"the first attempt's end after a kill at step {number}")
        until(lambda key=key: not list((rig.root / ".node/ledger").glob(f"*{key}*")), f"its account to be closed, step {number}")
        rig.bus.stop(again)
        assert [line for line in rig.lines() if key in line] == [f"{key} 1", f"{key} 2"], f"killed at step {number}"
        if survived:
            assert number > least, "the steps were not met"
            return
    raise AssertionError("dispatch never got through")


def test_from_a_failure_to_the_next_attempt(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.agent("one", ONCE)
    rig.up("worker:one")

    def failed_once() -> str:
        key = rig.submit("--to", "one", "75")
        until(lambda: any(".a1.failed." in name for name in rig.find(key)))
        return key

    die_at_every_step(rig, failed_once, monkeypatch, least=8)


def test_from_a_persons_retry_to_the_next_attempt(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.agent("one", ONCE, slots=4)
    ended = [rig.submit("--to", "one", "3") for _ in range(20)]
    rig.up("worker:one")
    dispatch = rig.up("dispatch")
    for key in ended:
        until(lambda key=key: rig.final(key) == "failed")
    rig.bus.stop(dispatch)

    def asked_again() -> str:
        key = ended.pop()
        rig.bus.fsbus("retry", key, "--note", "once more")
        return key

    die_at_every_step(rig, asked_again, monkeypatch, least=6)
