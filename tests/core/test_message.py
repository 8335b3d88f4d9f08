"""What a message means to its receiver, and how long it lives: from its name, its body and nothing else."""
from __future__ import annotations

import pytest

from fsbus.core.message import Message, expires, is_order, lives, understood
from fsbus.core.names import born, parse_message
from fsbus.core.states import MESSAGE_TYPES

NAME = parse_message("20261122-021455123-m2x9rt-cancel.from-human.new.yaml")
ORDERS = {
    "worker": {"cancel", "pause", "resume", "assign"}, "dispatch": {"cancel", "assign"}, "human": {"cancel"}, "": set(),
}  # fmt: skip


@pytest.mark.parametrize("role", ORDERS)
def test_what_an_agent_obeys_by_itself_and_what_is_put_before_it(role: str) -> None:
    """Of what it obeys it is told nothing, so that nothing else may be in there; an assign without a task is words."""
    assert {kind for kind in MESSAGE_TYPES if is_order(kind, role, "m2x9rt")} == ORDERS[role]
    assert {kind for kind in MESSAGE_TYPES if is_order(kind, role, "")} == ORDERS[role] - {"assign"}


@pytest.mark.parametrize(
    ("body", "seconds"),
    [(None, 9.0), ({}, 9.0), ({"ttl": "60s"}, 60.0), ({"ttl": "60"}, 60.0), ({"ttl": "1h"}, 9.0), ({"ttl": "s"}, 9.0)],
)
def test_how_long_it_lives(body: dict[str, object] | None, seconds: float) -> None:
    assert NAME is not None
    assert lives(body, 9.0) == seconds
    assert expires(NAME, body, 9.0) == born(NAME.key) + seconds


def test_what_it_says() -> None:
    assert NAME is not None
    body = {"text": "stop", "task": "k", "title": "t", "ack": "Yes", "from": "dispatch"}
    told = Message(NAME.key, "cancel", "human", "code", "stop", "k", "t", True, True)
    assert understood(NAME, "code", body, "raw", True) == told
    assert understood(NAME, "code", None, "raw") == Message(NAME.key, "cancel", "human", "code", "raw", "", "", False, False)
    wants = {word: understood(NAME, "code", {"ack": word}, "").ack for word in ("true", "yes", "no", "", None)}
    assert [word for word, ack in wants.items() if ack] == ["true", "yes"]
