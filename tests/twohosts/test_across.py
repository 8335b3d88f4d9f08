"""What people do on one host about tasks of the other: wait, cancel, send elsewhere, ask again."""
from __future__ import annotations

import json
import time

from tests.kit import until
from tests.twohosts.rig import NOTED, Two

LONG = f"{NOTED}; cat > /dev/null; sleep 600"
TEMPFAIL = f"{NOTED}; cat > /dev/null; echo no luck >&2; exit 75"


def test_waiting_on_either_host(two: Two) -> None:
    two.up()
    near = two.mac.fsbus("submit", "--to", "code", "--wait", "on mac").strip()
    far = two.vps.fsbus("submit", "--to", "code", "--wait", "on vps").strip()
    assert "fine" in two.mac.fsbus("result", near)
    assert "fine" in two.vps.fsbus("result", far)
    over = two.vps.submit("--to", "infra", "from vps to a worker of mac")
    two.vps.fsbus("wait", over, "--timeout", "20s")
    key = two.mac.submit("--to", "research", "to be waited for")
    two.mac.fsbus("wait", key, "--timeout", "20s")
    two.down()
    two.agree()
    assert two.mac.final(key) == two.vps.final(over) == "done"


def test_cancel_from_the_other_host(two: Two) -> None:
    two.agent("code", LONG)
    two.agent("infra", LONG)
    two.sync()
    two.up()
    running, waiting = two.mac.submit("--to", "code", "runs"), two.mac.submit("--to", "code", "waits")
    ours = two.mac.submit("--to", "infra", "runs here")
    until(lambda: [path for path in two.mac.tasks() if running in path and ".running." in path], "mac to see that it runs")
    until(lambda: any(ours in line for line in two.started()), "infra to start")
    two.mac.fsbus("cancel", waiting)
    two.mac.fsbus("cancel", running)
    two.mac.fsbus("cancel", ours)
    two.ended([running, waiting, ours], "failed")
    assert {two.mac.result(key)["error"]["kind"] for key in (running, waiting, ours)} == {"cancelled"}
    two.down()
    two.agree()
    assert not any(waiting in line for line in two.started())


def test_elsewhere_across_the_link(two: Two) -> None:
    two.agent("code", TEMPFAIL, accepts="text")
    two.agent("infra", f'{NOTED}; cat "$FSBUS_HISTORY_FILE"', accepts="text")
    two.up()
    key = two.mac.submit("--type", "text", "--to", "code", "write it")
    other = two.mac.submit("--type", "text", "write it, too")
    until(lambda: two.mac.final(key) and two.mac.final(other), "both to end")
    two.mac.fsbus("retry", key, "--to", "infra", "--note", "you may")
    until(lambda: two.mac.final(key) == "done", "the other agent to do it")
    two.down()
    two.agree()
    assert "no luck" in two.mac.fsbus("result", key)
    late = [path for path in two.mac.tasks() if key in path and "/late/" in path]
    assert late
    assert json.loads(two.vps.fsbus("status", key, "--json"))["state"] == "done"


def test_an_attempt_that_is_taken_away_ends_late(two: Two) -> None:
    """vps goes on with what mac has given to somebody else meanwhile: what it did is kept, and does not count."""
    two.configure(two.vps.root, timers={"ack": "2s", "beat": "0.3s", "lease": "1s"})
    two.agent("code", f"{NOTED}; cat > /dev/null; sleep 3; echo by code", accepts="text")
    two.agent("infra", f"{NOTED}; cat > /dev/null; echo by infra", accepts="text")
    two.sync()
    two.up()
    key = two.mac.submit("--type", "text", "--to", "code", "write it")
    until(two.started, "code to start")
    two.sshd.stop()
    two.mac.fsbus("retry", key, "--to", "infra", code=None)
    time.sleep(4)
    two.sshd.start()
    until(lambda: two.mac.final(key), "its end")
    two.down()
    two.agree(3)
    mine = [path for path in two.mac.tasks() if key in path and "/late/" not in path]
    final = [path for path in mine if path.startswith("agents/dispatch/outbox/")]
    assert len(final) == 1
