"""A calm day: work and words go both ways, and both trees tell the same story."""
from __future__ import annotations

import json

from tests.kit import until
from tests.twohosts.rig import CLUMSY, NOTED, Two

FILES = 'mkdir -p "$FSBUS_FILES/deep"; echo one > "$FSBUS_FILES/a.txt"; head -c 200000 /dev/zero > "$FSBUS_FILES/deep/b.bin"'
LEAVES_FILES = f"{NOTED}; cat; {FILES}"


def test_a_day_of_work(two: Two) -> None:
    two.agent("research", LEAVES_FILES)
    two.agent("content", CLUMSY, accepts="text")
    two.agent("code", CLUMSY, accepts="text")
    two.up()
    plain = [two.mac.submit("--to", "infra", "here"), two.mac.submit("--to", "code", "there")]
    plain.append(two.vps.submit("--to", "research", "mine"))
    filed = two.mac.submit("--to", "research", "look it up")
    again = two.mac.submit("--type", "text", "write it")
    hello = two.mac.fsbus("send", "code", "note", "watch out").strip()
    back = two.vps.fsbus("send", "dispatch", "question", "which one?", env={"FSBUS_AGENT": "code"}).strip()
    two.ended([*plain, filed, again])
    assert "watch out" in until(lambda: two.vps.fsbus("recv", "code", "--json"))
    assert "which one?" in two.mac.fsbus("recv", "dispatch", "--wait", "10s")
    until(lambda: any(hello in path and "/read/" in path for path in two.mac.paths()), "mac to hear that it was read")
    two.down()
    two.agree()
    assert len(two.started()) == 7
    names = two.mac.names()
    (files,) = [path for path in names if filed in path and path.endswith("deep/b.bin")]
    assert len(names[files]) == 200_000
    assert "look it up" in two.vps.fsbus("result", filed)
    assert [path for path in names if again in path and "/late/" in path and ".a1.failed" in path]
    assert json.loads(two.vps.fsbus("status", again, "--json"))["attempt"] == 2
    assert any(back in path for path in two.vps.names())
