"""What every adapter must keep: run against all of them. A new agent program is done when this passes for it.

Proven: the task's text never reaches the command line; whatever a program leaves, the answer is a success or a
failure of a known kind; a program that ended badly, or that says that it failed, is never called a success.
"""
from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsbus.adapters import ADAPTERS, adapter_for
from fsbus.adapters.base import Adapter, Ended
from fsbus.core.config import AgentConfig
from fsbus.core.result import KINDS, Failure, Outcome
from fsbus.core.task import Task

AGENT = AgentConfig("code", "worker", "here", run=("program", "-p", "--flag"))
EACH = pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
GOOD = Ended(0, "fine\n", "", None, ())

texts = st.text(max_size=60)
words = st.sampled_from(["result", "summary", "cost", "session", "error", "kind", "what", "retryable", "tried", "until"])
plain = st.none() | st.booleans() | st.integers() | st.floats() | texts
data = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words | texts, inner, max_size=4), max_leaves=8
)
endings = st.builds(Ended, st.integers(-64, 255), texts, texts, data, st.lists(texts, max_size=3).map(tuple))


@EACH
@settings(deadline=None, max_examples=200)
@given(text=st.text(min_size=1, max_size=200))
def test_the_text_reaches_the_program_by_stdin_and_not_by_its_command_line(adapter: Adapter, text: str) -> None:
    how = adapter.invocation(AGENT, Task(text=f"<{text}>"))
    assert f"<{text}>" in how.stdin
    assert how.argv[0] == "program"
    assert not any(f"<{text}>" in word for word in (*how.argv, *how.env.values()))


@EACH
@settings(deadline=None, max_examples=500)
@given(ended=endings)
def test_whatever_is_left_is_a_success_or_a_failure_of_a_known_kind(adapter: Adapter, ended: Ended) -> None:
    outcome = adapter.outcome(ended)
    assert isinstance(outcome, Outcome)
    if outcome.failure is None:
        assert ended.code == 0
    else:
        assert outcome.failure.kind in KINDS
        assert isinstance(outcome.failure.retryable, bool)
        assert isinstance(outcome.failure.what, str)


@EACH
@pytest.mark.parametrize(("code", "kind", "retryable"), [(1, "exit", False), (75, "exit", True), (-9, "crashed", True)])
def test_a_program_that_ended_badly_did_not_succeed(adapter: Adapter, code: int, kind: str, retryable: bool) -> None:
    found = adapter.outcome(replace(GOOD, code=code, stderr="the last words")).failure
    assert isinstance(found, Failure)
    assert (found.kind, found.retryable, found.exit_code) == (kind, retryable, code)
    assert "the last words" in found.what


@EACH
def test_what_the_program_says_of_its_failure_counts_although_it_ended_well(adapter: Adapter) -> None:
    said = {"error": {"what": "no access", "kind": "denied", "retryable": False, "tried": ["ssh"]}}
    found = adapter.outcome(replace(GOOD, result_file=said)).failure
    assert found == Failure("no access", "denied", False, tried=("ssh",))
    worse = adapter.outcome(replace(GOOD, result_file=said, code=3, stderr="the last words")).failure
    assert worse == Failure("no access", "denied", False, tried=("ssh",), exit_code=3, stderr_tail="the last words")


@EACH
def test_it_is_found_by_its_name(adapter: Adapter) -> None:
    assert adapter_for(replace(AGENT, adapter=adapter.name)) is adapter
    assert [a.name for a in ADAPTERS].count(adapter.name) == 1


def test_an_unknown_program_is_plain() -> None:
    assert adapter_for(replace(AGENT, run=("/opt/bin/never-heard-of",))).name == "plain"
