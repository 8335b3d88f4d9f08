"""The life of a task, from outside: the command line and the tree."""
from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from fsbus import Bus
from fsbus.spool.bell import Bell
from tests.kit import TestBus, until


def test_a_submitted_task_is_done_in_one_tick(bus: TestBus) -> None:
    key = bus.fsbus("submit", "--to", "echo", "hello there").strip()
    assert bus.ls("echo", "inbox") == [f"5-{key}-hello-there.a1.queued.yaml"]
    bus.fsbus("tick")
    assert bus.ls("echo", "inbox") == bus.ls("echo", "outbox") == []
    assert bus.ls("dispatch", "outbox") == [f"5-{key}-hello-there.a1.{end}" for end in ("done.yaml", "result.yaml")]
    assert bus.fsbus("result", key) == "hello there\n"


@pytest.mark.timeout(30)
def test_the_end_of_a_task_wakes_who_waits_for_it(bus: TestBus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without looks of its own, which are a second apart: `submit --wait` took a second for each task."""
    looks = Bell.until
    monkeypatch.setattr(Bell, "until", lambda self, found, seconds, look=1.0: looks(self, found, seconds, look=3600.0))
    bus.fsbus("agent", "add", "slow", "--run", "sleep 0.3")
    bus.up()
    mine = Bus(str(bus.root))
    key = mine.submit("take your time", to="slow")
    assert mine.wait([key], timeout=3600) == {key: "done"}


def test_what_was_waited_for_lies_in_the_outbox_of_dispatch(bus: TestBus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who scripts with `wait` and `ls` looks there: the task was done, and a moment later it would have been there."""
    monkeypatch.setattr("fsbus.views.ends.COLLECTED", 3600.0)
    bus.up("--only", "worker:echo")
    dispatch = bus.up("--only", "dispatch")
    until(lambda: (bus.root / "agents/dispatch/alive.yaml").exists())
    dispatch.send_signal(signal.SIGSTOP)
    mine = Bus(str(bus.root))
    key = mine.submit("hello", to="echo")
    until(lambda: mine.task(key)["state"] == "done")
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(lambda: (mine.wait([key]), bus.ls("dispatch", "outbox")))
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.5)
        dispatch.send_signal(signal.SIGCONT)
        ended, names = waiting.result(timeout=20)
    assert ended == {key: "done"}
    assert len(names) == 2


def test_who_waits_does_not_wait_for_a_dispatch_that_is_not_at_work(bus: TestBus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fsbus.views.ends.COLLECTED", 3600.0)
    bus.fsbus("tick")  # it was here, and went in good order
    bus.up("--only", "worker:echo")
    mine = Bus(str(bus.root))
    assert list(mine.wait([mine.submit("hello", to="echo")], timeout=20).values()) == ["done"]


def test_a_dropped_file_is_a_complete_task(bus: TestBus) -> None:
    bus.drop("echo", "x.md", "Bump the deps, run the tests\n")
    bus.fsbus("tick")
    done, _ = bus.ls("dispatch", "outbox")
    assert done.endswith("-bump-the-deps-run-the-tests.a1.done.md")
    assert (bus.root / "agents/dispatch/outbox" / done).read_text() == "Bump the deps, run the tests\n"


def test_the_case_folder_holds_what_explains_a_result(bus: TestBus) -> None:
    key = bus.fsbus("submit", "--to", "echo", "why?").strip()
    bus.fsbus("tick")
    (case,) = (bus.root / "agents/echo/runs").iterdir()
    wanted = {"prompt.txt", "task.yaml", "command.yaml", "stdout.1.txt", "stderr.1.txt", "result.yaml"}
    assert wanted <= {p.name for p in case.iterdir()}
    assert (case / "prompt.txt").read_text() == "why?"
    assert "program: /" in (case / "command.yaml").read_text()
    (published,) = (bus.root / "agents/dispatch/outbox").glob(f"*{key}*.result.yaml")
    assert (case / "result.yaml").read_text() == published.read_text()


def test_what_fsbus_writes_is_for_its_owner_alone(bus: TestBus) -> None:
    bus.fsbus("agent", "add", "clumsy", "--run", "sh -c 'echo out; echo err >&2; exit 1'")
    bus.fsbus("submit", "--to", "clumsy", "a secret")
    bus.fsbus("submit", "--to", "echo", "another")
    bus.fsbus("send", "echo", "note", "and a third")
    bus.fsbus("tick")
    bus.fsbus("recv", "echo")
    modes = {path: path.stat().st_mode & 0o777 for path in bus.root.rglob("*") if not path.is_symlink()}
    assert {path: oct(mode) for path, mode in modes.items() if mode & 0o077} == {}
