"""`bus.yaml` and `agent.yaml` as frozen values: every field with its meaning, unit and default (DESIGN section 5).

Input is a tree of strings; what cannot be understood is a `Refusal`, never a guess, since one misread line here is
a fleet doing the wrong thing all night.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fsbus.core import settings
from fsbus.core.alarm import Quiet
from fsbus.core.fields import nearest
from fsbus.core.refusal import Refusal
from fsbus.core.surely import NOT_GIVEN

ROLES = ("dispatch", "worker", "human")


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


_AGENT: dict[str, Any] = {
    "role": settings.one_of(*ROLES),
    "home": settings.name,
    "about": settings.text,
    "accepts": settings.names,
    "run": settings.command,
    "adapter": settings.one_of("plain", "claude", "codex"),
    "cwd": settings.text,
    "slots": settings.count,
    "timeout": settings.seconds,
    "silence": settings.seconds,
    "tries": settings.count,
    "backoff": settings.seconds,
    "env": settings.variables,
    "checks": settings.checks,
    "verify": settings.name,
    "may_send_to": settings.names,
}

_BUS: dict[str, tuple[str, Any]] = {
    "id": ("id", settings.text),
    "config_host": ("config_host", settings.name),
    "hosts": ("hosts", settings.hosts),
    "sync.every": ("sync_every", settings.seconds),
    "sync.ssh_config": ("sync_ssh_config", settings.optional_text),
    "timers.ack": ("ack", settings.seconds),
    "timers.beat": ("beat", settings.seconds),
    "timers.lease": ("lease", settings.seconds),
    "attempts": ("attempts", settings.count),
    "backoff": ("backoff", settings.seconds),
    "urgent.ttl": ("ttl", settings.seconds),
    "retention.results": ("keep_results", settings.seconds),
    "retention.archive": ("keep_archive", settings.seconds),
    "notify": ("notify", settings.shell),
    "quiet": ("quiet", settings.quiet),
}


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
