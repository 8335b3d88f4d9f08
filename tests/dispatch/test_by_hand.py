"""What people do without the command: a cancel by `touch`; and what they then see."""
from __future__ import annotations

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
