"""The life of a task, from outside: the command line and the tree."""
from __future__ import annotations

from tests.kit import TestBus


def test_a_submitted_task_is_done_in_one_tick(bus: TestBus) -> None:
    key = bus.fsbus("submit", "--to", "echo", "hello there").strip()
    assert bus.ls("echo", "inbox") == [f"5-{key}-hello-there.a1.queued.yaml"]
    bus.fsbus("tick")
    assert bus.ls("echo", "inbox") == bus.ls("echo", "outbox") == []
    assert bus.ls("dispatch", "outbox") == [f"5-{key}-hello-there.a1.{end}" for end in ("done.yaml", "result.yaml")]
    assert bus.fsbus("result", key) == "hello there\n"


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
