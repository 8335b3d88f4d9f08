"""mac, vps behind it, edge behind vps: what is known two links away is as old as the older of the two passes."""
from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from fsbus.spool.journal import stamp
from tests.kit import until
from tests.link.sshd import Sshd
from tests.twohosts.rig import Host

LEASE = 2.0  # seconds


class Chain:
    """The three roots, behind one sshd; `lab` works on edge and `desk` on mac."""

    def __init__(self, tmp_path: Path) -> None:
        (tmp_path / "home").mkdir()
        self.sshd = Sshd(tmp_path, HOME=str(tmp_path / "home"))
        self.sshd.start()
        self.mac = Host(tmp_path / "mac", "--skel", "solo", "--host", "mac")
        path = self.mac.root / "bus.yaml"
        far = {n: {"ssh": "far", "root": str(tmp_path / n), "command": f"{sys.executable} -m fsbus"} for n in ("vps", "edge")}
        far["edge"]["via"] = "vps"
        facts = yaml.safe_load(path.read_text()) | {
            "hosts": {"mac": {}} | far, "sync": {"every": "1s", "ssh_config": str(self.sshd.ssh_config)},
            "timers": {"ack": "3600s", "beat": "0.5s", "lease": f"{LEASE}s"},
        }  # fmt: skip
        path.write_text(yaml.safe_dump(facts))
        for agent, home in (("lab", "edge"), ("desk", "mac")):
            self.mac.agent(agent, "cat", home=home)
        self.vps, self.edge = (Host(tmp_path / n, "--host", n, "--join", "-", stdin=path.read_text()) for n in far)

    def close(self) -> None:
        """End it all."""
        for host in (self.mac, self.vps, self.edge):
            host.close()
        self.sshd.stop()


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    """Nobody is up."""
    made = Chain(tmp_path)
    yield made
    made.close()


def health(host: Host, agent: str) -> str:
    """In one word, '' while the host does not know the agent."""
    return str(json.loads(host.fsbus("status", agent, "--json", code=None) or '{"health": ""}')["health"])


def long_after_the_end(node: subprocess.Popen[str], host: Host) -> None:
    """Kill a node; what it carried is older than a lease then, and the host has had a further pass with vps."""
    node.kill()
    node.wait()
    before = time.time()
    until(lambda: time.time() - before > 3 * LEASE, "no beat came this way for long")
    passed = host.link("vps")["as_of"]
    until(lambda: host.link("vps")["as_of"] != passed, "the passes with vps go on")


def test_agents_behind_a_dead_host_are_not_down(chain: Chain) -> None:
    middle = chain.vps.up()
    chain.edge.up()
    chain.mac.up()
    until(lambda: (health(chain.mac, "lab"), health(chain.edge, "desk")) == ("ok", "ok"), "both ends know of each other")
    long_after_the_end(middle, chain.mac)
    assert health(chain.mac, "lab") == "ok", "as of the last word of edge"
    link = chain.vps.root / ".node/links/edge.yaml"
    link.write_text(yaml.safe_dump(yaml.safe_load(link.read_text()) | {"as_of": stamp(time.time() - 3600)}))
    until(lambda: health(chain.mac, "lab") == "unreachable", "an hour without a word is no reach")
    lines = [line for line in (chain.mac.root / "log/mac").glob("*.jsonl") for line in line.read_text().splitlines()]
    assert not [line for line in lines if "agent:lab" in line and "no beat" in line]


def test_who_is_dialled_knows_as_much(chain: Chain) -> None:
    near = chain.mac.up()
    chain.vps.up()
    chain.edge.up()
    until(lambda: health(chain.edge, "desk") == "ok", "edge knows of mac")
    long_after_the_end(near, chain.edge)
    assert health(chain.edge, "desk") == "ok", "as of the last word of mac"
