"""What a result file says: every field that scripts read by name, and what the end of a command means."""
from __future__ import annotations

import pytest

from fsbus.core.result import STDERR_TAIL, SUMMARY_MOST, Ending, Failure, Outcome, ended_by_code, failure, first_line

ENDING = Ending("key", "code", "mac", 2, "then", "now", 1.23456)


def test_a_result_has_all_its_fields_in_order() -> None:
    """DESIGN section 5; what has no value is there, too."""
    assert list(ENDING.data(Outcome(result="hello", summary="hi", cost=0)).items()) == [
        ("key", "key"), ("agent", "code"), ("host", "mac"), ("attempt", 2), ("state", "done"), ("started", "then"),
        ("ended", "now"), ("took", 1.235), ("tries", 1), ("summary", "hi"), ("cost", 0), ("session", None), ("verify", None),
        ("files", []), ("result", "hello"),
    ]  # fmt: skip


def test_a_failure_has_all_its_fields_in_order() -> None:
    found = ENDING.data(Outcome().failed(Failure("at its limit", "limit", True, ("try 1",), until=1_800_000_000.0)))
    assert found["state"] == "failed"
    assert list(found["error"].items()) == [
        ("what", "at its limit"), ("kind", "limit"), ("retryable", True), ("tried", ["try 1"]), ("exit_code", None),
        ("stderr_tail", ""), ("until", "2027-01-15T08:00:00.000Z"),
    ]  # fmt: skip
    assert "until" not in failure("exit", "no").data()


@pytest.mark.parametrize(
    ("code", "stderr", "kind", "retryable", "what"),
    [
        (1, "", "exit", False, "the command ended with code 1"),
        (75, "busy\n", "exit", True, "the command ended with code 75: busy"),
        (77, "first\n  last \n\n", "exit", False, "the command ended with code 77: last"),
        (-9, "x", "crashed", True, "the command was ended by signal 9: x"),
        (2, "y" * 9999, "exit", False, f"the command ended with code 2: {'y' * 200}"),
    ],
)  # fmt: skip
def test_what_the_end_of_a_command_means(code: int, stderr: str, kind: str, retryable: bool, what: str) -> None:
    assert ended_by_code(code, stderr) == failure(
        kind, what, retryable=retryable, exit_code=code, stderr_tail=stderr[-STDERR_TAIL:])


@pytest.mark.parametrize(
    ("result", "line"),
    [("\n  the first \nthe second", "the first"), (" \n", ""), ({"a": 1}, ""), (None, ""), ("z" * 999, "z" * SUMMARY_MOST)],
)  # fmt: skip
def test_the_summary_nobody_wrote_is_the_first_line(result: object, line: str) -> None:
    assert first_line(result) == line
