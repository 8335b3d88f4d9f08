"""Which attempts another one has overtaken, from names alone."""
from __future__ import annotations

from fsbus.core import attempts
from fsbus.core.names import parse_task

ONE, TWO = "20261122-021455123-m2x9rt", "20261122-021455124-m2x9rt"


def test_a_lower_attempt_is_overtaken_and_nothing_else() -> None:
    names = [
        f"5-{ONE}-a1.a1.queued.md", f"3-{ONE}-x.a3.acked.md", f"5-{ONE}-x.a2.running.yaml", f"5-{TWO}-x.a1.queued.md",
        f"5-{TWO}-x.a4.result.yaml", "README.md", "x.a2.md",
    ]  # fmt: skip
    further = attempts.later(names)
    assert [task.attempt for task in further] == [3, 2]
    highest = attempts.tops(further)
    assert highest == {ONE: 3}
    tasks = [task for task in map(parse_task, names) if task is not None and task.state != "result"]
    assert [str(task) for task in attempts.overtaken(tasks, highest)] == [names[0], names[2]]
