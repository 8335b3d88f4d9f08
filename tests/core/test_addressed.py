"""A drop that is sent on says the same, and with whom it was dropped."""
from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsbus.core.addressed import addressed
from fsbus.core.refusal import Refusal
from fsbus.core.task import Task, read

LINES = st.sampled_from(("---", "to: code", "task: it", "title: a", "  type: x", "words", "", "\tx: y", "{task: x}", "- a", "#"))


@pytest.mark.parametrize(
    ("text", "ext", "says"),
    [
        ("words\n", "md", "---\nto: code\n---\nwords\n"),
        ("words\n", "", "---\nto: code\n---\nwords\n"),
        ("to me: words\n", "txt", "---\nto: code\n---\nto me: words\n"),
        ("---\ntype: x\n---\nwords\n", "md", "---\nto: code\ntype: x\n---\nwords\n"),
        ("task: words\n", "yaml", "to: code\ntask: words\n"),
        ("---\ntask: words\n", "yaml", "---\nto: code\ntask: words\n"),
        ("to: code\ntask: words\n", "yaml", "to: code\ntask: words\n"),
    ],
)
def test_it_gets_one_more_line_or_a_head(text: str, ext: str, says: str) -> None:
    assert addressed(text.encode(), ext, "code") == says.encode()


def test_one_that_says_somebody_else_is_refused() -> None:
    found = addressed(b"to: infra\ntask: words\n", "yaml", "code")
    assert isinstance(found, Refusal)
    assert "fsbus submit --to code" in found.fix


@given(st.lists(LINES, max_size=8).map("\n".join) | st.text(max_size=60), st.sampled_from(("md", "txt", "yaml", "")))
def test_nothing_else_is_changed(text: str, ext: str) -> None:
    data = text.encode("utf-8", "replace")
    meant, found = read(data, ext), addressed(data, ext, "code")
    assert isinstance(found, (bytes, Refusal))
    if isinstance(found, bytes):
        assert isinstance(meant, Task)
        said = read(found, ext)
        assert isinstance(said, Task)
        assert replace(said, notes=()) == replace(meant, to="code", notes=())
