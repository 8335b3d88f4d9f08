"""A vps that was taken over: its tree written by hand by whoever has it, its fsbus a liar. mac takes none of it."""
from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from tests.twohosts.rig import FINE, NOTED, Two

LIAR = Path(__file__).with_name("liar.py")
EVIL = "touch owned"
TODAY = time.strftime("%Y%m%d", time.gmtime(time.time() - 3600))  # a key of this day is past, whatever the hour


def write(two: Two, path: str, text: str = EVIL) -> str:
    """A file of the attacker's."""
    full = two.vps.root / path
    full.parent.mkdir(parents=True, exist_ok=True)
    full.write_text(text)
    return path


def key(number: int) -> str:
    """A key of today."""
    return f"{TODAY}-000000{number:03d}-zzzzzz"


def test_what_vps_may_not_say(two: Two) -> None:
    ours, other = two.mac.submit("--to", "infra", "work of mac"), two.mac.submit("--to", "infra", "more of it")
    theirs = two.mac.submit("--to", "code", "work of vps")
    two.sync()
    before, files = two.mac.names(), [two.mac.root / "bus.yaml", *two.mac.root.glob("agents/*/agent.yaml")]
    settings = {p: p.read_bytes() for p in files}
    ended, more = (next(p for p in before if k in p).rpartition("/")[2].replace(".queued.", ".done.") for k in (ours, other))
    forged = [
        write(two, f"agents/infra/inbox/0-{key(1)}-evil.a1.queued.md"),
        write(two, f"agents/infra/inbox/0-{key(2)}-evil.a1.running.md"),
        write(two, f"agents/infra/outbox/{ended}"),
        write(two, f"agents/infra/outbox/late/0-{key(3)}-evil.a1.done.md"),
        write(two, f"agents/dispatch/outbox/{more}"),
        write(two, f"agents/dispatch/outbox/0-{key(4)}-evil.a1.done.md"),
        write(two, f"agents/dispatch/outbox/late/0-{key(5)}-evil.a1.failed.md"),
        write(two, f"agents/dispatch/inbox/0-{key(6)}-evil.a2.queued.md"),
        write(two, f"agents/code/inbox/0-{key(7)}-evil.a2.queued.md"),
        write(two, f"agents/infra/urgent/{key(8)}-assign.from-dispatch.new.yaml"),
        write(two, f"agents/dispatch/urgent/{key(9)}-cancel.from-human.new.yaml"),
        write(two, f"agents/human/urgent/{key(10)}-alert.from-dispatch.new.yaml"),
        write(two, f"agents/code/outbox/0-{key(11)}-evil.a1.result.yaml", "x" * (2 << 20) + "x"),
    ]
    write(two, "bus.yaml", (two.vps.root / "bus.yaml").read_text().replace("notify: null", "notify: touch owned"))
    write(two, "agents/code/agent.yaml", f"role: dispatch\nhome: mac\nrun: {EVIL}\n")
    write(two, "agents/infra/agent.yaml", f"role: worker\nhome: vps\nrun: {EVIL}\n")
    write(two, "agents/infra/alive.yaml", "running: nothing\n")
    write(two, "agents/infra/PAUSE", "")
    write(two, "agents/stranger/agent.yaml", f"role: worker\nhome: mac\nrun: {EVIL}\n")
    said = two.sync()
    assert two.mac.names() == before, "mac took something"
    assert {p: p.read_bytes() for p in settings} == settings
    assert not (two.mac.root / "agents/stranger").exists()
    assert not (two.mac.root / "agents/infra/PAUSE").exists()
    assert not (two.mac.root / "agents/infra/alive.yaml").exists()
    assert "refused: agents/infra/inbox" in said
    for path in forged[:12]:
        assert path in said, f"sync does not say that it refused {path}\n{said}"
    assert two.mac.link("vps")["refused"] >= 10
    work_goes_on(two, ours, other, theirs)


def work_goes_on(two: Two, *keys: str) -> None:
    two.up()
    two.ended(list(keys))
    two.down()
    assert not list(two.folder.glob("**/owned"))
    started = {line: count for line, count in two.started().items() if "zzzzzz" not in line}  # vps may do to itself what it likes
    assert set(started.values()) == {1}
    assert len(started) == len(keys)


def test_a_result_with_links_pipes_and_too_much(two: Two) -> None:
    secret = two.folder / "secret"
    secret.write_text("the attacker cannot read this on vps, but mac could")
    odd = f"ln -s {secret} link; ln -s /etc etc; mkfifo pipe; mkdir -p deep"
    two.agent("research", f"""{NOTED}; cat; cd "$FSBUS_FILES"; echo fine > fine.txt; {odd}""")
    done = two.mac.submit("--to", "research", "look it up")
    two.sync()
    two.vps.fsbus("tick")
    folder = next(two.vps.root.glob("agents/research/outbox/*.files"))
    os.symlink(secret, folder / "link2")
    os.mkfifo(folder / "pipe2")
    outbox = two.vps.root / "agents/code/outbox"
    os.symlink(secret, outbox / f"5-{key(1)}-linked.a1.done.md")
    os.mkfifo(outbox / f"5-{key(2)}-piped.a1.done.md")
    (outbox / f"5-{key(3)}-big.a1.done.md").write_bytes(b"x" * (2 << 20))
    two.sync()
    two.mac.fsbus("tick")
    inner = [path for path in two.mac.root.glob("agents/*/outbox/*.files/**/*") if done in str(path)]
    assert [path.name for path in inner] == ["fine.txt"]
    assert [path for path in two.mac.paths() if key(1) in path or key(2) in path or key(3) in path] == []
    assert two.mac.final(done) == "done"


def test_an_fsbus_that_lies(two: Two) -> None:
    two.agent("research", f'{FINE}; echo fine > "$FSBUS_FILES/fine.txt"')
    done, ours = two.mac.submit("--to", "research", "look it up"), two.mac.submit("--to", "infra", "here")
    two.sync()
    two.vps.fsbus("tick")
    two.configure(two.vps.root, vps={"command": f"{sys.executable} {LIAR}"})
    before = {path for path in two.folder.glob("**/*") if two.vps.root not in path.parents and ".node" not in path.parts}
    done_at = two.mac.run("sync")
    assert "Traceback" not in done_at.stderr
    assert done_at.returncode in (0, 5, 6), done_at.stderr
    new = {path for path in two.folder.glob("**/*") if two.vps.root not in path.parents and ".node" not in path.parts} - before
    assert not [path for path in new if "climbed" in path.name]
    assert not Path("/tmp/fsbus-climbed").exists()
    assert not [path for path in two.mac.paths() if "-many." in path]
    two.configure(two.vps.root, vps={"command": f"{sys.executable} -m fsbus"})
    work_goes_on(two, ours, done)
