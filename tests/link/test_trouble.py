"""What may go wrong between two hosts, over a real sshd: each ends in time, with a sentence, and leaves two whole trees."""
from __future__ import annotations

import os
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from fsbus.core.errors import FsbusError, Refused, Unreachable
from fsbus.link import frames
from fsbus.link.carrier import Pipes
from fsbus.link.dial import dial, dial_sftp
from fsbus.link.limits import Limits
from fsbus.link.line import Line
from fsbus.link.remote import Remote
from fsbus.link.side import sha256
from tests.kit import until
from tests.link.pair import Pair, hashed, make_pair, message, task
from tests.link.sshd import Sshd

QUICK = Limits(connect=2, handshake=2, login=3, channel=2, start=10, beat=0.3, misses=2, answer=3, write=2)
BODY = b"text: hello\n"


def test_a_changed_host_key_is_refused(tmp_path: Path, sshd: Sshd) -> None:
    pair = make_pair(tmp_path, sshd)
    dial(pair.near, "vps").close()
    sshd.rekey()
    for way in (dial, dial_sftp):
        with pytest.raises(Refused, match="not the one that is pinned") as error:
            way(pair.near, "vps")
        assert "ssh-keygen -R" in error.value.then
    assert sshd.known_hosts.read_text().count("\n") == 1


def test_an_unknown_host_key_is_refused_and_not_learnt(tmp_path: Path, sshd: Sshd) -> None:
    pair = make_pair(tmp_path, sshd)
    sshd.known_hosts.write_text("")
    for _ in range(2):
        with pytest.raises(Refused, match="is not known here"):
            dial(pair.near, "vps")
    assert sshd.known_hosts.read_text() == ""


def test_a_key_that_is_not_welcome_is_said(tmp_path: Path, sshd: Sshd) -> None:
    pair = make_pair(tmp_path, sshd)
    (sshd.folder / "authorized_keys").write_text("")
    with pytest.raises(Unreachable, match=r"takes none|denied"):
        dial(pair.near, "vps")


def test_nobody_listens(tmp_path: Path, sshd: Sshd) -> None:
    pair = make_pair(tmp_path, sshd)
    sshd.stop()
    with pytest.raises(Unreachable, match="cannot be reached"):
        dial(pair.near, "vps", limits=QUICK)


@pytest.mark.parametrize(("command", "said"), [("/no/such/fsbus", "no fsbus answers"), ("echo hello from the rc file", "hello")])
def test_no_fsbus_over_there_quotes_what_came(tmp_path: Path, shared_sshd: Sshd, command: str, said: str) -> None:
    pair = make_pair(tmp_path, shared_sshd, command=command)
    with pytest.raises(Unreachable, match=said):
        dial(pair.near, "vps", limits=QUICK)


def test_rc_files_that_print_do_no_harm(tmp_path: Path, sshd: Sshd) -> None:
    pair = make_pair(tmp_path, sshd)
    sshd.authorize('command="echo Welcome to vps; echo FSBUS; eval $SSH_ORIGINAL_COMMAND"')
    remote = dial(pair.near, "vps")
    assert remote.put(message(), *hashed(BODY))
    remote.close()


def test_a_forced_command_serves_one_host_only(tmp_path: Path, sshd: Sshd) -> None:
    import sys

    pair = make_pair(tmp_path, sshd)
    serve = f"{sys.executable} -m fsbus sync --serve --root {pair.far.root} --peer"
    sshd.authorize(f'restrict,command="{serve} mac"')
    remote = dial(pair.near, "vps")
    assert remote.hello().host == "vps"
    remote.close()
    sshd.authorize(f'restrict,command="{serve} spare"')
    with pytest.raises(Refused, match="this key is for host spare"):
        dial(pair.near, "vps")


def test_a_proxy_is_left_to_the_ssh_program(tmp_path: Path, sshd: Sshd) -> None:
    pair = make_pair(tmp_path, sshd)
    plain = sshd.folder / "plain_config"
    pinned = sshd.folder / "pinned"
    pinned.write_text(sshd.known_hosts.read_text())
    plain.write_text(sshd.ssh_config.read_text().replace(str(sshd.known_hosts), str(pinned)))
    sshd.config(f"ProxyCommand ssh -F {plain} -W 127.0.0.1:{sshd.port} {sshd.alias}")
    remote = dial(pair.near, "vps")
    assert remote.put(path := message(), *hashed(BODY))
    assert pair.far_path(path).read_bytes() == BODY
    remote.close()
    with pytest.raises(Refused, match="proxycommand"):
        dial_sftp(pair.near, "vps")
    sshd.known_hosts.write_text("")
    with pytest.raises(Unreachable, match=r"[Hh]ost key"):
        dial(pair.near, "vps")


def test_plain_sftp_in_a_black_hole_ends_in_time(tmp_path: Path, sshd: Sshd) -> None:
    pair = make_pair(tmp_path, sshd)
    side = dial_sftp(pair.near, "vps", limits=QUICK)
    sshd.freeze()
    begun = time.monotonic()
    with pytest.raises(Unreachable):
        side.put(task(), *hashed(BODY))
    side.close()
    assert time.monotonic() - begun < 8


def test_a_host_may_not_speak_for_others(pair: Pair) -> None:
    remote = dial(pair.near, "vps")
    for path in (message("code", sender="code"), task("code", "failed"), task("code", "done")):
        with pytest.raises(Refused):
            remote.put(path, *hashed(BODY))
        assert not pair.far_path(path).exists()
    for path in ("agents/code/alive.yaml", "log/vps/2026-11-22.jsonl"):
        with pytest.raises(Refused):
            remote.replace(path, b"x") if path.endswith("yaml") else remote.append(path, 0, b"x")
    remote.replace("agents/desk/alive.yaml", b"host: mac\n")
    remote.close()


def test_another_bus_is_refused(tmp_path: Path, shared_sshd: Sshd) -> None:
    pair = make_pair(tmp_path, shared_sshd)
    config = pair.far_path("bus.yaml")
    config.write_text(config.read_text().replace("twotreesonebus", "anotherbus"))
    with pytest.raises(Refused, match="another bus"):
        dial(pair.near, "vps")


def test_a_black_hole_ends_in_time(tmp_path: Path, sshd: Sshd) -> None:
    pair = make_pair(tmp_path, sshd)
    woken = threading.Event()
    remote = dial(pair.near, "vps", limits=QUICK, wake=woken.set)
    remote.watch()
    sshd.freeze()
    begun = time.monotonic()
    with pytest.raises(Unreachable):
        remote.put(task(), *hashed(BODY))
    assert time.monotonic() - begun < 4
    assert woken.wait(5), "whoever puts is told first"
    assert not remote.alive
    with pytest.raises(Unreachable):
        remote.wait_event(5)
    with pytest.raises(Unreachable):
        dial(pair.near, "vps", limits=QUICK)
    assert time.monotonic() - begun < 10


def test_a_silent_link_is_noticed_by_whoever_only_waits(tmp_path: Path, sshd: Sshd) -> None:
    pair = make_pair(tmp_path, sshd)
    limits = replace(QUICK, beat=0.6)  # of three beats without a word it dies, and a slow machine must not be taken for that
    remote = dial(pair.near, "vps", limits=limits)
    remote.watch()
    for _ in range(3):
        assert remote.wait_event(limits.beat * 2) == []  # pings keep a quiet link alive
    sshd.freeze()
    begun = time.monotonic()
    with pytest.raises(Unreachable, match="has been silent"):
        remote.wait_event(20)
    assert time.monotonic() - begun < 15


def test_the_far_end_goes_when_nobody_speaks(tmp_path: Path) -> None:
    from fsbus.link.serve import serve

    pair = make_pair(tmp_path)
    mine, theirs = socket.socketpair()
    thread = threading.Thread(target=serve, args=(pair.far, theirs.fileno(), theirs.fileno()), kwargs={"silence": 0.4})
    thread.start()
    thread.join(5)
    assert not thread.is_alive()
    mine.close()
    theirs.close()


def test_a_cut_in_a_put_leaves_no_name(tmp_path: Path, sshd: Sshd) -> None:
    pair = make_pair(tmp_path, sshd)
    remote = dial(pair.near, "vps", limits=QUICK)
    path, body = f"{task('dispatch', 'done').rsplit('.', 2)[0]}.result.yaml", os.urandom(1 << 20)
    raw = frames.wire(frames.PUT, frames.pack(path, sha256(body), b"1", body))
    remote._line._carrier.write(raw[: len(raw) // 2], 5)
    sshd.cut()
    until(lambda: not remote.alive, "the cut to be noticed")
    with pytest.raises(Unreachable):
        remote.put(path, *hashed(body))
    assert not pair.far_path(path).exists()
    again = dial(pair.near, "vps")
    assert again.put(path, *hashed(body))
    again.close()


def test_a_cut_in_a_batch_leaves_nothing(tmp_path: Path, sshd: Sshd) -> None:
    pair = make_pair(tmp_path, sshd)
    remote = dial(pair.near, "vps", limits=QUICK)
    paths = [task() for _ in range(20)]
    for path in paths:
        remote._line.send(frames.PUT, frames.pack(path, sha256(BODY), b"", BODY)).result()
    inbox = pair.far_path("agents/code/inbox")
    assert len([name for name in os.listdir(inbox) if name[0] == "."]) == 20
    remote.close()
    until(lambda: not [name for name in os.listdir(inbox) if name[0] == "."], "the far end to clean up")
    assert not [path for path in paths if pair.far_path(path).exists()]


def test_a_message_is_told_with_its_content(pair: Pair) -> None:
    remote = dial(pair.near, "vps")
    remote.watch()
    path = message("human", sender="code")
    hidden = pair.far_path("agents/human/urgent/.x")
    hidden.write_bytes(BODY)
    hidden.rename(pair.far_path(path))
    until(lambda: (path, BODY) in remote.wait_event(1), "the message")
    mine = message("code")
    assert remote.put(mine, *hashed(BODY))
    assert mine not in [event.path for event in remote.wait_event(1)]
    pair.far_path(mine).rename(pair.far_path(read := message("code", "read", key=mine.split("/")[-1][:25])))
    until(lambda: (read, None) in remote.wait_event(1), "its reading")
    remote.close()


@pytest.mark.parametrize("flood", [b"x" * 4096, frames.greeting() + frames.wire(frames.EVENT, b"\xff" * 60_000) * 2,
                                   frames.greeting() + frames.wire(frames.ANSWER, b"more than was asked")])  # fmt: skip
def test_a_peer_that_sends_without_end_is_left(flood: bytes) -> None:
    mine, theirs = socket.socketpair()
    stop = threading.Event()

    def pour() -> None:
        try:
            while not stop.is_set():
                theirs.sendall(flood)
        except OSError:
            pass

    thread = threading.Thread(target=pour)
    thread.start()
    line = Line(Pipes(mine.fileno(), mine.fileno()), "peer", QUICK, None)
    until(lambda: line.dead, "the line to end", patience=10)
    assert isinstance(line.why, FsbusError)
    stop.set()
    mine.close()
    theirs.close()
    thread.join(5)
    assert not thread.is_alive()


@pytest.mark.parametrize(
    "answer",
    [
        frames.pack("1", "vps", "bus", "never", "1", ""), frames.pack("1"), b"\0\0\0\xff",
        frames.pack("x" * 99, "vps", "bus", "1", "1", ""), frames.pack("1", "vps", "bus", "1", "-1", ""),
        frames.pack("1", "evil", "bus", "1", "1", ""), frames.pack("1", "vps", "other", "1", "1", ""),
    ],
)  # fmt: skip
def test_a_wrong_hello_is_a_sentence(answer: bytes) -> None:
    mine, theirs = socket.socketpair()
    theirs.sendall(frames.greeting() + frames.wire(frames.ANSWER, answer))
    with pytest.raises(FsbusError):
        Remote(Pipes(mine.fileno(), mine.fileno()), "mac", "bus", name="vps", limits=QUICK)
    mine.close()
    theirs.close()


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a\nb", "a\0b", "\x1b[31m", ".", "..", "x/y", "X"])
def test_names_in_a_listing_that_are_none_end_the_link(name: str) -> None:
    from fsbus.link.frames import Garbled
    from fsbus.link.telling import Told

    fields = [b"agents/code/inbox", b"1", f"{name}\t1\t\n".encode(), b""]
    with pytest.raises(Garbled):
        Told().learn(fields, [])
    with pytest.raises(Garbled):
        Told().learn([f"agents/{name}/inbox".encode(), b"1", b"", b""], [])
