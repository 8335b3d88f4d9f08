"""Who may send to whom, who may act for whom, and what a task may choose: each rule as a row."""
from __future__ import annotations

import pytest

from fsbus.core.config import AgentConfig
from fsbus.core.policy import folder, may_act, may_send, misplaced, unaddressed, unfit
from fsbus.core.task import Task

# the sender's role, the receiver's, the receiver, what the sender's agent.yaml says, whether it may
SENDS: dict[str, tuple[str, str, str, tuple[str, ...] | None, bool]] = {
    "a worker to a worker": ("worker", "worker", "b", None, False),
    "a worker to dispatch": ("worker", "dispatch", "d", None, True),
    "a worker to a person": ("worker", "human", "me", None, True),
    "a worker to nobody known": ("worker", "", "b", None, False),
    "a person to a worker": ("human", "worker", "b", None, True),
    "dispatch to a worker": ("dispatch", "worker", "b", None, True),
    "a worker to a worker, as its agent.yaml says": ("worker", "worker", "b", ("b",), True),
    "a worker to dispatch, whom its agent.yaml does not name": ("worker", "dispatch", "d", ("b",), False),
    "who may send to nobody": ("dispatch", "worker", "b", (), False),
}


@pytest.mark.parametrize(("role", "other", "receiver", "named", "may"), SENDS.values(), ids=SENDS.keys())
def test_who_may_send_to_whom(role: str, other: str, receiver: str, named: tuple[str, ...] | None, may: bool) -> None:
    assert may_send(role, other, receiver, named) is may


@pytest.mark.parametrize(
    ("sender", "owner", "role", "may"),
    [
        ("code", "code", "worker", True), ("code", "docs", "worker", False), ("code", "", "worker", False),
        ("human", "code", "", True), ("human", "", "", True), ("me", "code", "human", True), ("boss", "code", "dispatch", True),
        ("ghost", "code", "", False),
    ],
)  # fmt: skip
def test_who_may_act_for_whom(sender: str, owner: str, role: str, may: bool) -> None:
    assert may_act(sender, owner, lambda: role) is may


@pytest.mark.parametrize(
    ("asked", "base", "wanted"),
    [
        ("shop", "/src", "/src/shop"), (".", "/src/", "/src"), ("/src/shop/", "/src", "/src/shop"), ("a/../b", "/src", "/src/b"),
        ("..", "/src", None), ("/", "/src", None), ("/srcs", "/src", None), ("../src-old", "/src", None),
        ("a/../..", "/src", None),
        ("etc", "/", "/etc"), ("x", "", None), ("x", "~/src", "/home/me/src/x"), ("~/x", "/src", "/src/~/x"),
    ],
)  # fmt: skip
def test_which_folder_a_task_may_choose(asked: str, base: str, wanted: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.path.expanduser", lambda path: path.replace("~", "/home/me", 1) if path[0] == "~" else path)
    assert folder(asked, base) == wanted


def test_what_an_agent_cannot_be_given_is_said_with_what_it_can() -> None:
    agent = AgentConfig("code", "worker", "mac", cwd="/src", checks={"tests": ("make",)})
    assert unfit(Task("x", verify="tests", cwd="shop"), agent) is None
    for task, words in ((Task("x", verify="lint"), "its checks: tests"), (Task("x", cwd=".."), "below /src")):
        wrong = unfit(task, agent)
        assert wrong is not None
        assert words in wrong.fix
    echo = AgentConfig("echo", "worker", "mac")
    assert unfit(Task("x"), echo) is None
    homeless = unfit(Task("x", cwd="shop"), echo)
    assert homeless is not None
    assert "echo has no `cwd`" in homeless.fix


def test_where_a_drop_belongs() -> None:
    assert misplaced(Task("x", to="code"), "code") is None is misplaced(Task("x"), "code")
    wrong = misplaced(Task("x", to="docs"), "code")
    assert wrong is not None
    assert "`to: docs`" in wrong.what
    assert unaddressed(Task("x", to="dispatch"), "dispatch") == Task("x") == unaddressed(Task("x"), "")
    assert unaddressed(Task("x", to="code"), "dispatch").to == "code"
