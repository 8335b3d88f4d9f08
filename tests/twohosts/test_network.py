"""The network between two hosts: cut, reset, silent, lossy. Afterwards both trees agree within two passes."""
from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from fsbus.core.errors import FsbusError
from fsbus.link.dial import dial
from fsbus.link.limits import Limits
from fsbus.link.passing import Pass
from fsbus.spool.journal import Journal
from fsbus.spool.tree import Tree
from tests.kit import until
from tests.link.sshd import signal_pid
from tests.twohosts.rig import NOTED, Two, serving
from tests.twohosts.space import Space
from tests.twohosts.wire import BACK, OUT

QUICK = Limits(connect=3, handshake=3, login=3, channel=3, start=5, beat=0.3, answer=3, write=1)
MUCH = 'head -c 300000 /dev/urandom > "$FSBUS_FILES/a.bin"; head -c 90000 /dev/urandom > "$FSBUS_FILES/b.bin"'
LEAVES_MUCH = f"{NOTED}; cat; {MUCH}"
LARGE = 8 << 20  # bytes of one result
SLOW = f"{NOTED}; cat > /dev/null; sleep 0.3; echo fine"


def one_pass(two: Two) -> bool:
    """A pass on a connection of its own, in this process; whether it came to its end."""
    tree = Tree(str(two.mac.root))
    journal = Journal(tree.root, tree.host)
    try:
        far = dial(tree, "vps", limits=QUICK)
        try:
            Pass(tree, journal, "vps", far).run()
        finally:
            far.close()
    except (FsbusError, OSError):
        return False
    finally:
        journal.close()
    return True


def everything(two: Two) -> set[bytes]:
    """Every content that lies under a name on either host."""
    return {*two.mac.names().values(), *two.vps.names().values()}


def test_a_reset_at_the_greeting_is_one_sentence(wired: Two) -> None:
    """As of an sshd that has too many who log in, or a tunnel with nobody behind it; paramiko's thread told all its story."""
    assert wired.wire is not None
    wired.wire.cut_after(BACK, 1)
    said = wired.sync(code=6)
    assert "does not complete a login" in said
    assert len(said.splitlines()) == 1, said


def test_a_reset_at_any_byte_leaves_two_valid_trees(wired: Two) -> None:
    two, cut = wired, random.Random(5)
    assert two.wire is not None
    two.agent("research", LEAVES_MUCH)
    for number in range(5):
        two.mac.submit("--to", "research", f"look {number} up. {'x' * 30_000}")
    two.sync()
    two.vps.fsbus("tick")
    passes = [0, 0]
    for turn in range(12):
        two.mac.submit("--to", "code", f"write {turn}. {os.urandom(10_000).hex()}")
        whole = everything(two)
        two.wire.cut_after(turn % 2, cut.randrange(2_500, 22_000))
        passes[one_pass(two)] += 1
        two.wire.heal()
        until(lambda: not serving(two.sshd), "the far end to be through with what it got")
        assert everything(two) <= whole, "half a file got a name"
        assert everything(two) >= whole, "a file is gone"
    assert passes[False] > 5, "the cuts missed"
    two.agree()
    two.vps.fsbus("tick")
    two.sync()
    two.mac.fsbus("tick")
    two.agree()
    assert sum(two.started().values()) == 17


def test_sessions_that_end_and_an_sshd_that_goes(two: Two) -> None:
    two.agent("code", SLOW, slots=4)
    two.agent("research", LEAVES_MUCH)
    two.up()
    keys = [two.mac.submit("--to", agent, f"{agent} {turn}") for turn in range(3) for agent in ("code", "research")]
    for _ in range(4):
        time.sleep(0.4)
        two.sshd.cut()
    two.sshd.stop()
    until(lambda: two.mac.link("vps")["trouble"], "mac to notice")
    keys.append(two.mac.submit("--to", "code", "while nobody is there"))
    assert "cannot be reached" in two.sync(code=6)
    two.sshd.start()
    two.ended(keys)
    two.down()
    assert not two.mac.link("vps")["trouble"]
    two.agree()
    assert len(two.started()) == 7


def hangs(two: Two) -> None:
    """All of vps stands still."""
    two.sshd.freeze()


def lost(*ways: int) -> Callable[[Two], None]:
    """Nothing goes these ways, and nobody is told."""

    def fault(two: Two) -> None:
        assert two.net is not None
        two.net.lose(*ways)

    return fault


SILENCES = {"hangs": hangs, "black-hole": lost(OUT, BACK), "lost-out": lost(OUT), "lost-back": lost(BACK)}


@pytest.mark.parametrize("fault", SILENCES.values(), ids=SILENCES.keys())
def test_a_link_that_falls_silent(lossy: Two, fault: Callable[[Two], None]) -> None:
    two = lossy
    assert two.net is not None
    two.agent("code", SLOW, slots=4)
    two.up()
    keys = [two.mac.submit("--to", "code", f"before {turn}") for turn in range(3)]
    until(two.started, "the first to start")
    fault(two)
    keys.append(two.mac.submit("--to", "code", "meanwhile"))
    keys.append(two.vps.submit("--to", "code", "over there"))
    assert "vps" in until(lambda: two.mac.link("vps")["trouble"], "mac to notice")
    two.net.heal()
    two.sshd.thaw()
    two.ended(keys)
    two.down()
    two.agree()
    assert len(two.started()) == 5


def test_a_reset_while_a_large_result_moves(spaced: Two) -> None:
    """Neither rsync's connection nor the lane's gets through with it until the network is well again."""
    two = spaced
    assert isinstance(two.net, Space)
    two.agent("research", f'{NOTED}; cat; head -c {LARGE} /dev/urandom > "$FSBUS_FILES/large.bin"')
    two.agent("code", SLOW)
    two.net.reset_after(LARGE // 4)
    two.up()
    large = two.mac.submit("--to", "research", "look it up")
    until(lambda: list(two.mac.root.glob("agents/research/outbox/.in-*")), "the files to be on their way")
    assert "vps" in until(lambda: two.mac.link("vps")["trouble"], "mac to notice")
    keys = [large, two.mac.submit("--to", "code", "meanwhile"), two.vps.submit("--to", "code", "over there")]
    assert not two.mac.final(large)
    two.net.heal()
    two.ended(keys)
    two.down()
    two.agree()
    assert len(two.started()) == 3
    (path,) = two.mac.root.glob("agents/dispatch/outbox/*.files/large.bin")
    assert path.stat().st_size == LARGE


def test_the_far_end_is_killed_again_and_again(two: Two) -> None:
    two.agent("research", LEAVES_MUCH, slots=3)
    two.up()
    keys = [two.mac.submit("--to", "research", f"look {turn} up {'x' * 50_000}") for turn in range(5)]
    for _ in range(4):
        for pid in until(lambda: serving(two.sshd)):
            signal_pid(pid, signal.SIGKILL)
        time.sleep(0.1)
    two.ended(keys)
    two.down()
    two.agree()
    assert len(two.started()) == 5


def test_who_dials_is_killed_again_and_again(two: Two) -> None:
    two.agent("research", LEAVES_MUCH, slots=3)
    two.agent("infra", SLOW)
    keys = [two.mac.submit("--to", "research", f"look {turn} up {'x' * 50_000}") for turn in range(5)]
    vps = two.vps.up()
    for turn in range(3):
        near = two.mac.start("up")
        time.sleep(0.7 + 0.2 * turn)
        near.kill()
        near.wait()
    keys.append(two.vps.submit("--to", "infra", "over there"))
    two.processes = [vps, two.mac.up()]
    two.ended(keys)
    two.down()
    two.agree()
    assert len(two.started()) == 6


def test_a_sync_killed_at_any_moment(two: Two) -> None:
    two.agent("research", LEAVES_MUCH, slots=3)
    for turn in range(6):
        two.mac.submit("--to", "research", f"look {turn} up {'x' * 50_000}")
    for turn in range(4):
        process = subprocess.Popen([*two.mac.command, "--root", str(two.mac.root), "sync"], stderr=subprocess.DEVNULL)
        time.sleep(0.3 + 0.07 * turn)
        process.kill()
        process.wait()
    two.sync()
    two.vps.fsbus("tick")
    two.agree()
    assert len(two.started()) == 6
