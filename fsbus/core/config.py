"""`bus.yaml` and `agent.yaml` as frozen values: every field with its meaning, unit and default (DESIGN section 5).

Input is a tree of strings; what cannot be understood is a `Refusal`, never a guess, since one misread line here is
a fleet doing the wrong thing all night.
"""
from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import Any

from fsbus.core.alarm import Quiet, read_quiet
from fsbus.core.fields import NOT_GIVEN, nearest
from fsbus.core.moment import duration
from fsbus.core.names import is_agent
from fsbus.core.refusal import Refusal
from fsbus.core.surely import is_host, is_variable

ROLES = ("dispatch", "worker", "human")
ANY = "*"  # in `accepts`: every type


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """One agent, as its `agent.yaml` registers it."""

    name: str  # the folder's name
    role: str  # dispatch, worker or human
    home: str  # the host that acks, runs and ends its tasks
    about: str = ""  # one line for people and for dispatch
    accepts: tuple[str, ...] = ()  # task types it takes; `*` = every type; none = only untyped or addressed to it
    run: tuple[str, ...] = ()  # the command; none = the agent pulls its work with `fsbus task next`
    adapter: str = ""  # plain, claude, codex; empty = guessed from the program
    cwd: str = ""  # where the command runs; empty = its case folder
    slots: int = 1  # commands at the same time
    timeout: float = 3600.0  # seconds one try may take; also the cap for a task's own
    silence: float = 0.0  # seconds without output or touched files; 0 = no limit
    tries: int = 1  # runs of the command within one attempt; also the cap for a task's own
    backoff: float | None = None  # seconds before the second try, doubled for each further one; None = the bus's
    env: dict[str, str] = field(default_factory=dict)  # added to the command's environment
    checks: dict[str, tuple[str, ...]] = field(default_factory=dict)  # name -> command, which a task's `verify` may choose
    verify: str = ""  # the check run by default
    may_send_to: tuple[str, ...] | None = None  # agents it may send to; None = what its role allows

    @property
    def pulls(self) -> bool:
        """Whether the agent fetches its work itself."""
        return not self.run


@dataclass(frozen=True, slots=True)
class BusConfig:
    """The bus, as `bus.yaml` describes it; durations in seconds."""

    id: str = ""  # made by init; two buses never merge
    config_host: str = ""  # the host whose bus.yaml and agent.yaml count
    hosts: dict[str, dict[str, str]] = field(default_factory=dict)  # name -> ssh, root, command, via
    sync_every: float = 60.0  # seconds between two passes to a host
    sync_ssh_config: str = ""  # a file for `ssh -F`; empty = the user's own
    ack: float = 300.0  # queued longer than this: the worker is down
    beat: float = 5.0  # a worker's sign of life
    lease: float = 30.0  # how long silence of the worker itself is tolerated
    attempts: int = 3  # hard stop for one task
    backoff: float = 30.0  # before attempt 2, doubled for each further one
    ttl: float = 86400.0  # of an urgent message
    keep_results: float = 7 * 86400.0  # collected results stay in dispatch's outbox, then go to archive/
    keep_archive: float = 90 * 86400.0  # and are removed from there
    notify: tuple[str, ...] = ()  # a command that rings a human
    quiet: Quiet | None = None  # hours in which it does not ring
    notes: tuple[str, ...] = ()  # what was not understood and left alone


def read_agent(name: str, tree: object) -> AgentConfig | Refusal:
    """The agent that these key-value strings describe."""
    if not isinstance(tree, dict):
        return Refusal(None, "agent.yaml is not a list of `key: value` lines", "write at least `role: worker` and `home: HOST`")
    values: dict[str, Any] = {"name": name}
    for key, text in tree.items():
        convert = _AGENT.get(key)
        if convert is None:
            near = nearest(key, [*_AGENT])
            return Refusal(None, f"unknown key {key!r}", f"did you mean {near!r}?" if near else f"known: {', '.join(_AGENT)}")
        value = None if text in NOT_GIVEN else convert(text)
        if isinstance(value, Refusal):
            return Refusal(value.line, f"{key}: {value.what}", value.fix)
        values |= {} if value is None else {key: value}
    return _complete(values)


def _complete(values: dict[str, Any]) -> AgentConfig | Refusal:
    for key in ("role", "home"):
        if key not in values:
            return Refusal(None, f"`{key}` is missing", f"add a line `{key}: ...`")
    verify, checks = values.get("verify", ""), values.get("checks", {})
    if verify and verify not in checks:
        return Refusal(None, f"verify: {verify!r} is not under `checks`", f"known: {', '.join(checks) or 'none'}")
    return AgentConfig(**values)


def read_bus(tree: object) -> BusConfig | Refusal:
    """The bus that these strings describe; unknown keys are kept in `notes`, since a newer fsbus may know them."""
    if not isinstance(tree, dict):
        return Refusal(None, "bus.yaml is not a list of `key: value` lines", "see README.md beside it")
    values: dict[str, Any] = {}
    notes: list[str] = []
    for key, text in tree.items():
        for path, leaf in _leaves(key, text):
            found = _BUS.get(path)
            if found is None:
                notes.append(f"{path}: not known, not used")
                continue
            name, convert = found
            value = convert(leaf)
            if isinstance(value, Refusal):
                return Refusal(value.line, f"{path}: {value.what}", value.fix)
            values[name] = value
    return BusConfig(**values, notes=tuple(notes))


def _leaves(key: str, value: object) -> list[tuple[str, object]]:
    """`timers: {ack: 5m}` as `timers.ack`; `hosts` stays whole."""
    if isinstance(value, dict) and key != "hosts":
        return [(f"{key}.{inner}", leaf) for inner, leaf in value.items()]
    return [(key, value)]


def _text(value: object) -> str | Refusal:
    return value if isinstance(value, str) and "\0" not in value else Refusal(None, "one line of text is wanted", "")


def _optional_text(value: object) -> str | Refusal:
    return "" if value in NOT_GIVEN else _text(value)


def _name(value: object) -> str | Refusal:
    if isinstance(value, str) and is_agent(value):
        return value
    return Refusal(None, f"{value!r} is not a name", "use a-z, 0-9 and -, at most 64")


def _one_of(*words: str) -> Any:
    def convert(value: object) -> str | Refusal:
        near = nearest(str(value), list(words))
        hint = f"did you mean {near!r}?" if near else f"one of {', '.join(words)}"
        return str(value) if value in words else Refusal(None, f"{value!r} is not known", hint)

    return convert


def _names(value: object) -> tuple[str, ...] | Refusal:
    words = value if isinstance(value, list) else str(value).replace(",", " ").split()
    wrong = next((w for w in words if w != ANY and not (isinstance(w, str) and is_agent(w))), None)
    return tuple(words) if wrong is None else Refusal(None, f"{wrong!r} is not a name", "use a-z, 0-9 and -")


def _command(value: object) -> tuple[str, ...] | Refusal:
    """A command line split as a shell would, run without one: what a task says never reaches a shell."""
    words = value if isinstance(value, list) else [value]
    if not all(isinstance(word, str) and "\0" not in word for word in words):
        return Refusal(None, "this is no command line", "write it on one line, as you would type it")
    try:
        return tuple(words if isinstance(value, list) else shlex.split(str(value)))
    except ValueError as error:
        return Refusal(None, f"the command cannot be split: {error}", "close the quotes")


def _shell(value: object) -> tuple[str, ...] | Refusal:
    """`notify` comes from the config host and uses $TITLE and friends, so that one is for a shell."""
    text = _optional_text(value)
    return text if isinstance(text, Refusal) else ("/bin/sh", "-c", text) if text else ()


def _quiet(value: object) -> Quiet | Refusal | None:
    if value in NOT_GIVEN:
        return None
    found = read_quiet(str(value))
    return found if found is not None else Refusal(None, f"{value!r} is no span of hours", "write it like 22:00-07:00, quoted")


def _count(value: object) -> int | Refusal:
    text = str(value)
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 1000:
        return int(text)
    return Refusal(None, f"{text!r} is not a count", "a whole number from 1 to 1000")


def _variables(value: object) -> dict[str, str] | Refusal:
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        return Refusal(None, "a block of `NAME: value` lines is wanted", "")
    wrong = next((k for k, v in value.items() if not is_variable(k, v)), None)
    return dict(value) if wrong is None else Refusal(None, f"no process can be given {wrong!r}", "no = in a name, no zero byte")


def _checks(value: object) -> dict[str, tuple[str, ...]] | Refusal:
    if not isinstance(value, dict):
        return Refusal(None, "a block of `name: command` lines is wanted", "")
    commands = {str(name): _command(line) for name, line in value.items() if line not in NOT_GIVEN}
    wrong = next((c for c in commands.values() if isinstance(c, Refusal)), None)
    return wrong if wrong is not None else {n: c for n, c in commands.items() if not isinstance(c, Refusal)}


def _hosts(value: object) -> dict[str, dict[str, str]] | Refusal:
    if not isinstance(value, dict) or not value or not all(is_agent(str(name)) for name in value):
        return Refusal(None, "a block of `name: {}` lines is wanted", "names are a-z, 0-9 and -")
    wrong = next((name for name, facts in value.items() if not is_host(facts)), None)
    if wrong is not None:
        return Refusal(None, f"{wrong}: {value[wrong]!r} is no block", f"write it like `{wrong}: {{ssh: user@host}}`")
    return {name: facts if isinstance(facts, dict) else {} for name, facts in value.items()}


def _seconds(value: object) -> float | Refusal:
    return duration(str(value))


_AGENT: dict[str, Any] = {
    "role": _one_of(*ROLES),
    "home": _name,
    "about": _text,
    "accepts": _names,
    "run": _command,
    "adapter": _one_of("plain", "claude", "codex"),
    "cwd": _text,
    "slots": _count,
    "timeout": _seconds,
    "silence": _seconds,
    "tries": _count,
    "backoff": _seconds,
    "env": _variables,
    "checks": _checks,
    "verify": _name,
    "may_send_to": _names,
}

_BUS: dict[str, tuple[str, Any]] = {
    "id": ("id", _text),
    "config_host": ("config_host", _name),
    "hosts": ("hosts", _hosts),
    "sync.every": ("sync_every", _seconds),
    "sync.ssh_config": ("sync_ssh_config", _optional_text),
    "timers.ack": ("ack", _seconds),
    "timers.beat": ("beat", _seconds),
    "timers.lease": ("lease", _seconds),
    "attempts": ("attempts", _count),
    "backoff": ("backoff", _seconds),
    "urgent.ttl": ("ttl", _seconds),
    "retention.results": ("keep_results", _seconds),
    "retention.archive": ("keep_archive", _seconds),
    "notify": ("notify", _shell),
    "quiet": ("quiet", _quiet),
}
