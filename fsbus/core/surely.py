"""Whether settings can surely be used: a quick look for `status`, which cannot wait for `core/config.py` to be imported.

Yes is a promise that `config.read_agent` or `config.read_bus` takes them; no only means that those have to be asked.
"""
from __future__ import annotations

from fsbus.core.moment import duration
from fsbus.core.names import is_agent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Looks = Callable[[object], bool]

NOT_GIVEN = ("", "null", "~")  # what YAML calls null


def agent(tree: object) -> bool:
    """Whether these strings are surely an agent.yaml that can be used."""
    if not isinstance(tree, dict) or any(tree.get(key) in (None, *NOT_GIVEN) for key in ("role", "home")):
        return False
    return all(key in AGENT and AGENT[key](value) for key, value in tree.items())


def bus(tree: object) -> bool:
    """Whether these strings are surely a bus.yaml that can be used."""
    if not isinstance(tree, dict) or not tree:
        return False
    return all(_bus_value(key, value) for key, value in tree.items())


def _bus_value(key: str, value: object) -> bool:
    if isinstance(value, dict) and key != "hosts":
        return all(f"{key}.{inner}" in BUS and BUS[f"{key}.{inner}"](leaf) for inner, leaf in value.items())
    return key in BUS and BUS[key](value)


def is_variable(name: str, value: str) -> bool:
    """Whether a process can be given this in its environment."""
    return bool(name) and "=" not in name and "\0" not in name + value


def is_host(facts: object) -> bool:
    """Whether `hosts` of bus.yaml may say this of one: a block of texts, or nothing."""
    return all(map(_text, facts.values())) if isinstance(facts, dict) else facts in NOT_GIVEN


def _text(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value


def _name(value: object) -> bool:
    return isinstance(value, str) and is_agent(value)


def _names(value: object) -> bool:
    words = value if isinstance(value, list) else value.replace(",", " ").split() if isinstance(value, str) else [None]
    return all(word == "*" or _name(word) for word in words)


def _command(value: object) -> bool:
    """Words with, at most, pairs of one kind of quotes: no shell is needed to see where such a line ends."""
    if not isinstance(value, str) or "\0" in value or "\\" in value or ("'" in value and '"' in value):
        return False
    return value.count("'") % 2 == 0 and value.count('"') % 2 == 0


def _count(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isdigit() and 1 <= len(value) <= 3 and int(value) > 0


def _seconds(value: object) -> bool:
    return isinstance(value, str) and isinstance(duration(value), float)


def _variables(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(inner, str) and is_variable(n, inner) for n, inner in value.items())


def _hosts(value: object) -> bool:
    return isinstance(value, dict) and bool(value) and all(_name(name) and is_host(facts) for name, facts in value.items())


def _one_of(*words: str) -> Looks:
    return lambda value: value in words


AGENT: dict[str, Looks] = {
    "role": _one_of("dispatch", "worker", "human"), "home": _name, "about": _text, "accepts": _names, "run": _command,
    "cwd": _text, "slots": _count, "timeout": _seconds, "silence": _seconds, "tries": _count, "backoff": _seconds,
    "env": _variables, "may_send_to": _names,
}  # fmt: skip
BUS: dict[str, Looks] = {
    "id": _text, "config_host": _name, "hosts": _hosts, "sync.every": _seconds, "sync.ssh_config": _text,
    "timers.ack": _seconds, "timers.beat": _seconds, "timers.lease": _seconds, "attempts": _count, "backoff": _seconds,
    "urgent.ttl": _seconds, "retention.results": _seconds, "retention.archive": _seconds, "notify": _text,
    "quiet": _one_of(*NOT_GIVEN),
}  # fmt: skip
