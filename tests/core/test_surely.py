"""The quick look at settings: whatever it calls sure is taken by the real reader, and what people mostly write is sure."""
from __future__ import annotations

import itertools

import pytest
import yaml

from fsbus.core import config, surely
from fsbus.core.refusal import Refusal

VALUES: list[object] = [
    "", "x", "worker", "a b", "a-b", "A", "3", "0", "1001", "5m", "9:30", "null", "~", "22:00-07:00", "*", "a,b", "'", "'a'",
    "\\", "it's \"so\"", [], ["a"], ["*", "B"], {}, {"a": "b"}, {"a": {}},
    {"A=": "b"}, {"": "b"}, "\0", {"a": "\0"}, {"a": {"ssh": "me@a"}}, None, "1", "١",
]  # fmt: skip


def test_what_is_sure_of_an_agent_is_taken() -> None:
    for key, value in itertools.product([*config._AGENT, "rnu"], VALUES):
        tree = {"role": "worker", "home": "here", key: value}
        assert not surely.agent(tree) or isinstance(config.read_agent("a", tree), config.AgentConfig), tree


def test_what_is_sure_of_a_bus_is_taken() -> None:
    for key, value in itertools.product([*config._BUS, "other"], VALUES):
        head, _, inner = key.partition(".")
        tree = {head: {inner: value} if inner else value}
        found = config.read_bus(tree)
        assert not surely.bus(tree) or (isinstance(found, config.BusConfig) and not found.notes), tree


@pytest.mark.parametrize("tree", [None, [], "x", {}, Refusal(None, "no", "")])
def test_what_is_no_mapping_is_not_sure(tree: object) -> None:
    assert not surely.agent(tree)
    assert not surely.bus(tree)


def test_what_people_mostly_write_is_sure() -> None:
    agent = "role: worker\nhome: mac\nrun: claude -p --model 'a b'\naccepts: [code, docs]\ntimeout: 30m\nslots: '2'\n"
    assert surely.agent(yaml.load(agent, yaml.BaseLoader))
    bus = "id: x\nconfig_host: mac\nhosts:\n  mac: {}\n  vps: {ssh: me@vps}\ntimers: {ack: 5m}\nattempts: 3\nnotify: null\n"
    assert surely.bus(yaml.load(bus, yaml.BaseLoader))


@pytest.mark.parametrize("digits", ["0", "1001", "9" * 5000])
def test_what_is_no_count_is_refused_however_long_it_is(digits: str) -> None:
    assert isinstance(config.read_agent("a", {"role": "worker", "home": "here", "slots": digits}), Refusal)
