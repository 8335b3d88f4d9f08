"""What the dispatch tests share: short timers, agents that are shell scripts, and questions asked of the tree."""
from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.kit import TestBus, put, until

GONE = "3600s"  # a timer that plays no part in a test


class Rig:
    """A bus whose timers are as short as a test needs them."""

    def __init__(self, bus: TestBus) -> None:
        self.bus, self.root = bus, bus.root
        self.log = bus.root.parent / "log.txt"  # what the agents' scripts write down
        self.timers()

    def timers(self, *, ack: str = GONE, lease: str = "10s", backoff: str = "0.1s", attempts: int = 3, **more: Any) -> None:
        """Write bus.yaml."""
        path = self.root / "bus.yaml"
        facts = yaml.safe_load(path.read_text())
        facts |= {"timers": {"ack": ack, "beat": "0.2s", "lease": lease}, "attempts": attempts, "backoff": backoff, **more}
        put(path, yaml.safe_dump(facts))

    def agent(self, name: str, body: str, **settings: Any) -> None:
        """An agent that runs this shell script; `$LOG` is the log."""
        self.bus.agent(name, f"sh {self.script(name, body)}", **settings)

    def planner(self, body: str) -> None:
        """Have dispatch take requests apart with this shell script."""
        path = self.root / "agents/dispatch/agent.yaml"
        put(path, f"role: dispatch\nhome: here\nrun: sh {self.script('planner', body)}\n")

    def script(self, name: str, body: str) -> Path:
        """A shell script beside the bus."""
        path = self.root.parent / f"{name}.sh"
        path.write_text(f"LOG={self.log}\n{body}\n")
        return path

    def submit(self, *words: str) -> str:
        """`fsbus submit`: the key."""
        return self.bus.fsbus("submit", *words).strip()

    def up(self, *duties: str, **more: Any) -> subprocess.Popen[str]:
        """`fsbus up`, all of it or these duties."""
        return self.bus.up(*(word for duty in duties for word in ("--only", duty)), **more)

    def lines(self) -> list[str]:
        """What the scripts wrote down."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def find(self, key: str) -> list[str]:
        """Every task name of this key, as `agent/channel/name`."""
        agents = self.root / "agents"
        found = [str(path.relative_to(agents)) for path in agents.glob(f"*/*/?-{key}-*") if is_task(path.name)]
        return sorted(found + [str(p.relative_to(agents)) for p in agents.glob(f"*/outbox/late/?-{key}-*") if is_task(p.name)])

    def final(self, key: str) -> str:
        """The state of its final result, '' while there is none."""
        found = [name for name in self.find(key) if name.startswith("dispatch/outbox/") and "/late/" not in name]
        assert len(found) < 2, found
        return found[0].split(".")[-2] if found else ""

    def ended(self, key: str, state: str) -> dict[str, Any]:
        """Wait for its final result, which must be this one; the result as data."""
        assert until(lambda: self.final(key), f"the end of {key}: {self.find(key)}") == state, self.story(key)
        return self.bus.result(key)

    def late(self, key: str) -> list[str]:
        """The attempts of this task that do not count, such as `a1.failed`."""
        return [re.sub(r".*\.(a\d+\.\w+)\.\w+$", r"\1", name) for name in self.find(key) if "/late/" in name]

    def alerts(self) -> list[dict[str, str]]:
        """The alerts that the human has not acked, oldest first, each with its key."""
        urgent = self.root / "agents/human/urgent"
        return [yaml.safe_load(p.read_text()) | {"message": p.name[:25]} for p in sorted(urgent.glob("2*-alert.from-*.new.*"))]

    def hops(self, key: str) -> list[dict[str, Any]]:
        """`fsbus trace KEY --json`."""
        found: list[dict[str, Any]] = json.loads(self.bus.fsbus("trace", key, "--json"))
        return found

    def story(self, key: str) -> str:
        """`fsbus trace KEY`."""
        return self.bus.fsbus("trace", key)

    def told(self, key: str, words: str) -> None:
        """Wait until its story says this: a node writes down at the end of a pass what it did in it."""
        until(lambda: words in self.story(key), f"{words!r} in the story of {key}")

    def rules(self, key: str, *wanted: str) -> None:
        """Wait until these decisions are written down, and no other."""
        until(lambda: [hop["rule"] for hop in self.hops(key) if hop["event"] == "decided"] == [*wanted], f"{wanted} for {key}")

    def journal(self) -> list[dict[str, Any]]:
        """All of it; what a node is about to write may be there by half."""
        files = sorted((self.root / "log").glob("*/*.jsonl"))
        return [json.loads(line) for path in files for line in path.read_text().rpartition("\n")[0].splitlines()]

    def health(self, agent: str) -> str:
        """One word of `fsbus status`."""
        return str(self.status(agent)["health"])

    def status(self, agent: str) -> dict[str, Any]:
        """`fsbus status AGENT --json`."""
        found: dict[str, Any] = json.loads(self.bus.fsbus("status", agent, "--json"))
        return found

    def down(self, agent: str) -> list[dict[str, Any]]:
        """When it was down as `fsbus today` tells it, and not because this machine stood still for longer than its lease."""
        spans = json.loads(self.bus.fsbus("today", "--json"))["down"]
        return [span for span in spans if span["agent"] == agent and not span["why"].startswith("no beat for")]

    def case(self, agent: str, key: str, attempt: int) -> Path:
        """The case folder of an attempt."""
        (found,) = (self.root / "agents" / agent / "runs").glob(f"?-{key}-*.a{attempt}")
        return found

    def kill(self, process: subprocess.Popen[str]) -> None:
        """As the kernel does it."""
        self.bus.stop(process, signal.SIGKILL)


def is_task(name: str) -> bool:
    """Whether this is a task's own name, and not its result or files."""
    return re.search(r"\.a\d+\.(queued|acked|running|done|failed)\.(md|txt|yaml)$", name) is not None
