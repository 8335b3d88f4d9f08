"""Two roots of one bus: `near` on host mac, `far` on host vps; dispatch and human live on mac, code on vps."""
from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from fsbus.core import names
from fsbus.link.side import sha256
from fsbus.spool import found, keys
from fsbus.spool.tree import Tree
from tests.link.sshd import Sshd

HOMES = {"dispatch": ("dispatch", "mac"), "human": ("human", "mac"), "code": ("worker", "vps"), "desk": ("worker", "mac")}
BUS = """\
id: {id}
config_host: mac
hosts:
  mac: {{}}
  vps: {{ssh: {ssh}, root: {root}, command: {command}}}
sync: {{every: 60s, ssh_config: {config}}}
"""


@dataclass
class Pair:
    """Two trees of one bus."""

    near: Tree
    far: Tree
    folder: Path

    def far_path(self, path: str) -> Path:
        """A file in the far tree."""
        return Path(self.far.root, path)

    def lay(self, path: str, body: bytes) -> bytes:
        """A file in the far tree, by hand."""
        self.far_path(path).parent.mkdir(parents=True, exist_ok=True)
        self.far_path(path).write_bytes(body)
        return body


def make_pair(folder: Path, sshd: Sshd | None = None, command: str = "", bus_id: str = "twotreesonebus") -> Pair:
    """Two new trees; with an sshd, the near one can dial the far one."""
    command = command or f"{sys.executable} -m fsbus"
    for side, host in (("near", "mac"), ("far", "vps")):
        root = folder / side
        for agent, (role, home) in HOMES.items():
            (root / "agents" / agent).mkdir(parents=True)
            (root / "agents" / agent / "agent.yaml").write_text(f"role: {role}\nhome: {home}\n")
            found.furnish(str(root), agent)
        for inner in (".node/bells", "log", "archive"):
            (root / inner).mkdir(parents=True)
        (root / "host").write_text(f"{host}\n")
        text = BUS.format(id=bus_id, ssh=sshd.alias if sshd else "vps", root=folder / "far", command=command,
                          config=sshd.ssh_config if sshd else "null")  # fmt: skip
        (root / "bus.yaml").write_text(text)
    return Pair(Tree(str(folder / "near")), Tree(str(folder / "far")), folder)


def task(agent: str = "code", state: str = "queued", attempt: int = 1, key: str = "", channel: str = "") -> str:
    """The path of a task's name."""
    name = names.TaskName(5, key or keys.make(), "a-task", attempt, state, "md")
    return f"agents/{agent}/{channel or ('inbox' if state in ('queued', 'acked', 'running') else 'outbox')}/{name}"


def message(agent: str = "code", state: str = "new", sender: str = "human", key: str = "") -> str:
    """The path of a message's name."""
    name = names.MessageName(key or keys.make(), "note", sender, state, "yaml")
    return f"agents/{agent}/{'urgent' if state == 'new' else 'urgent/read'}/{name}"


def hashed(body: bytes) -> tuple[bytes, str]:
    """A body and its digest, as `put` wants them."""
    return body, sha256(body)
