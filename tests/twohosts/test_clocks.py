"""Clocks that are a day apart, and machines that sleep: nothing ends early, nobody is judged by the other's clock."""
from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time

import pytest

from tests.kit import until
from tests.twohosts.rig import NOTED, Two

SLOW = f"{NOTED}; cat > /dev/null; sleep 2; echo fine"


def at_another_time(skew: str) -> list[str]:
    """The words before a command that shift its clock. `faketime` itself stays in between and keeps signals to itself."""
    faketime = shutil.which("faketime")
    if faketime is None:
        pytest.skip("faketime is not installed")
    asked = subprocess.run([faketime, "-m", "-f", "+0", "printenv", "LD_PRELOAD"], capture_output=True, text=True, check=True)
    library = asked.stdout.strip()
    return ["env", f"LD_PRELOAD={library}", f"FAKETIME={skew}", "FAKETIME_DONT_FAKE_MONOTONIC=1", "DONT_FAKE_MONOTONIC=1"]


@pytest.mark.parametrize("skew", ["+24h", "-24h"])
def test_a_clock_that_is_a_day_off(two: Two, skew: str) -> None:
    skewed = at_another_time(skew)
    two.vps.command = [*skewed, *two.vps.command]
    two.configure(two.vps.root, vps={"command": f"{' '.join(skewed)} {two.mac.command[0]} -m fsbus"}, urgent={"ttl": "26h"},
                  retention={"results": "30h", "archive": "30h"})  # fmt: skip
    two.agent("code", SLOW)
    said = two.sync()
    way = "ahead of" if skew[0] == "+" else "behind"
    assert f"the clock of vps is 1d00h {way} ours" in said
    two.up()
    keys = [two.mac.submit("--to", "code", "from mac"), two.vps.submit("--to", "code", "from vps")]
    note = two.mac.fsbus("send", "code", "note", "hello").strip()
    answer = two.vps.fsbus("send", "dispatch", "note", "here", env={"FSBUS_AGENT": "code"}).strip()
    two.ended(keys)
    until(lambda: any(note in path for path in two.vps.paths()), "the note to cross")
    until(lambda: any(answer in path for path in two.mac.paths()), "the answer to cross")
    for host in (two.mac, two.vps):
        word = json.loads(host.fsbus("status", "code", "--json"))["health"]
        assert word in ("ok", "busy"), f"{host.name} judges code {word}"
    assert not [path for path in two.mac.paths() if "-alert." in path]
    two.down()
    two.agree()
    assert set(two.started().values()) == {1}
    assert len(two.started()) == 2
    assert not [path for host in (two.mac, two.vps) for path in host.root.glob("archive/**/*") if path.is_file()]
    assert "the clock of vps is 1d00h" in two.mac.link("vps")["clocks"]


@pytest.mark.parametrize("sleeper", [0, 1], ids=["vps-sleeps", "mac-sleeps"])
def test_a_node_that_sleeps_past_the_lease(two: Two, sleeper: int) -> None:
    two.configure(two.vps.root, timers={"ack": "3s", "beat": "0.3s", "lease": "1s"})
    two.agent("code", SLOW)
    two.sync()
    two.up()
    keys = [two.mac.submit("--to", "code", f"one {turn}") for turn in range(2)]
    until(two.started, "the first to start")
    asleep = two.processes[sleeper]
    os.kill(asleep.pid, signal.SIGSTOP)
    keys.append(two.mac.submit("--to", "code", "while it sleeps"))
    time.sleep(2.5)
    os.kill(asleep.pid, signal.SIGCONT)
    two.ended(keys)
    two.down()
    two.agree()
    assert len(two.started()) == 3
    assert not [path for path in two.mac.paths() if "/late/" in path]
