"""One hub and many spokes behind one sshd: a pass, an urgent broadcast, and what they cost the hub; printed.

FSBUS_SPOKES=20 for more than the 5 of a normal run.
"""
from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.kit import until
from tests.link.sshd import Sshd
from tests.twohosts.rig import Host, serving

SPOKES = int(os.environ.get("FSBUS_SPOKES", "5"))
MB_EACH, CPU_EACH = 4.0, 0.05  # that the hub's node may need for one more spoke: MB of memory, share of a core when idle


class Hub:
    """mac and its spokes, each with one worker."""

    def __init__(self, tmp_path: Path) -> None:
        (tmp_path / "home").mkdir()
        self.sshd = Sshd(tmp_path, HOME=str(tmp_path / "home"))
        self.sshd.start()
        self.names = [f"s{number}" for number in range(1, SPOKES + 1)]
        self.hub = Host(tmp_path / "hub", "--skel", "solo", "--host", "hub")
        path = self.hub.root / "bus.yaml"
        facts = yaml.safe_load(path.read_text())
        spokes = {n: {"ssh": "far", "root": str(tmp_path / n), "command": f"{sys.executable} -m fsbus"} for n in self.names}
        facts |= {"hosts": {"hub": {}} | spokes, "sync": {"every": "1s", "ssh_config": str(self.sshd.ssh_config)}}
        path.write_text(yaml.safe_dump(facts))
        for name in self.names:
            self.hub.agent(f"w-{name}", f"sh -c 'cat; echo {name}'", home=name)
        joined = path.read_text()
        self.spokes = [Host(tmp_path / name, "--host", name, "--join", "-", stdin=joined) for name in self.names]

    def close(self) -> None:
        """End it all."""
        for host in (self.hub, *self.spokes):
            host.close()
        self.sshd.stop()


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """Ready to be synced."""
    made = Hub(tmp_path)
    yield made
    made.close()


def cpu(process: subprocess.Popen[str]) -> float:
    """Seconds of CPU that it has used."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(process: subprocess.Popen[str]) -> float:
    """MB that it has in memory."""
    line = next(line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="memory and CPU are read from /proc")
def test_a_hub(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    hub.hub.fsbus("sync")
    first = time.monotonic() - began
    keys = [hub.hub.submit("--to", f"w-{name}", "do it") for name in hub.names]
    hub.hub.fsbus("sync")
    for spoke in hub.spokes:
        spoke.fsbus("tick")
    hub.hub.fsbus("sync")
    hub.hub.fsbus("tick")
    assert [hub.hub.final(key) for key in keys] == ["done"] * SPOKES
    assert all(len(spoke.tasks()) == 1 for spoke in hub.spokes), "a spoke has what concerns another"
    node = hub.hub.up()
    until(lambda: len(serving(hub.sshd)) == 2 * SPOKES, "both lanes to every spoke")
    time.sleep(3)
    memory_used, before = memory(node), cpu(node)
    time.sleep(4)
    idle = (cpu(node) - before) / 4
    began = time.monotonic()
    hub.hub.fsbus("send", "all", "note", "stop, this is urgent")
    until(lambda: all("note.from" in " ".join(spoke.paths()) for spoke in hub.spokes), "the broadcast to reach everybody")
    broadcast = time.monotonic() - began
    with capsys.disabled():
        print(f"\nhub of {SPOKES}: first pass {first:.2f} s, broadcast {broadcast * 1000:.0f} ms with the command that sends it, "
              f"{memory_used:.0f} MB, {idle * 100:.1f} % CPU when idle at a pass a second")  # fmt: skip
    assert memory_used < 60 + MB_EACH * SPOKES
    assert idle < 0.05 + CPU_EACH * SPOKES
    assert broadcast < 5
