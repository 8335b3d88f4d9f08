"""Delivery holds with each waiting mechanism taken away, with readers killed, and beside a flood."""
from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fsbus import Bus
from fsbus.core.names import new_key
from fsbus.spool import keys
from fsbus.spool.bell import ALL, Bell
from tests.kit import TestBus, clean_env, until

BIG = "x" * 60_000  # bytes: one fits into a pipe that nobody reads, two do not


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[TestBus]:
    made = TestBus(tmp_path / "bus")
    made.agent("code", "cat")
    yield made
    made.close()


def lines(path: Path) -> list[dict[str, Any]]:
    """The whole JSON lines of a reader's output."""
    return [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")] if path.exists() else []


def plant(bus: TestBus, agent: str, text: str) -> str:
    """A message put there by a foreign program, which rings no bell."""
    key = keys.make()
    name, urgent = f"{key}-note.from-human.new.md", bus.root / "agents" / agent / "urgent"
    script = f"cd '{urgent}' && printf '%s' '{text}' > .x{key} && mv .x{key} {name}"
    subprocess.run(["/bin/sh", "-c", script], check=True)
    return key


def no_bells(bus: TestBus) -> None:
    """Every bell is gone, and none can be made."""
    shutil.rmtree(bus.root / ".node/bells")
    (bus.root / ".node/bells").write_text("not a folder")


def new_folder(bus: TestBus) -> None:
    """The folder that is watched is another one now."""
    urgent = bus.root / "agents/code/urgent"
    urgent.rename(urgent.with_name("before"))
    (urgent / "read").mkdir(parents=True, exist_ok=True)  # the reader may be about to put the first one there, and makes it


@pytest.mark.parametrize("broken", [pytest.param(lambda bus: None, id="nothing"), no_bells, new_folder])
@pytest.mark.parametrize("how", ["send", "foreign"])
def test_a_waiting_reader_is_reached(bus: TestBus, broken: Callable[[TestBus], None], how: str) -> None:
    reader = bus.start("recv", "code", "--follow", "--json")
    assert reader.stdout is not None
    bus.fsbus("send", "code", "note", "first")
    assert json.loads(reader.stdout.readline())["text"] == "first"
    until(lambda: not bus.ls("code", "urgent"), "the first is marked")
    broken(bus)
    if how == "send":
        bus.fsbus("send", "code", "note", "second")
    else:
        plant(bus, "code", "second")
    assert json.loads(reader.stdout.readline())["text"] == "second"


USED_UP = 'echo 0 > /proc/sys/user/max_inotify_instances && exec "$@"'  # in a user namespace, where that is ours to say
SILENT = """
from fsbus.spool import inotify
def batches(folders, seconds, stop):  # this fake stands for a network disk, of which the kernel tells nothing
    stop.wait(seconds)
    yield from ()
inotify.batches = batches
"""


def used_up(bus: TestBus, tmp_path: Path) -> dict[str, str]:
    inside = ["unshare", "-r", "sh", "-c", USED_UP, "sh"]
    if subprocess.run([*inside, "true"], capture_output=True).returncode:
        pytest.skip("no user namespaces here")
    bus.command = [*inside, *bus.command]
    return {}


def silent(bus: TestBus, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "fake").mkdir()
    (tmp_path / "fake/sitecustomize.py").write_text(SILENT)
    return {"PYTHONPATH": f"{tmp_path / 'fake'}:{os.environ.get('PYTHONPATH', '')}"}


@pytest.mark.skipif(sys.platform != "linux", reason="inotify")
@pytest.mark.parametrize("without", [used_up, silent])
def test_a_node_without_file_events_sees_orders_drops_and_tasks(
    bus: TestBus, tmp_path: Path, without: Callable[[TestBus, Path], dict[str, str]]
) -> None:
    bus.up(env=without(bus, tmp_path))
    urgent = bus.root / "agents/code/urgent"
    (urgent / ".x").write_text("by hand\n")
    (urgent / ".x").rename(urgent / f"{keys.make()}-pause.from-human.new.md")
    until((bus.root / "agents/code/PAUSE").exists, "the pause that nobody rang for")
    (bus.root / "agents/human/urgent/note").write_text("hello\n")
    until(lambda: [n for n in bus.ls("human", "urgent") if ".from-human.new." in n], "the drop is a message")
    bus.drop("echo", "x.md", "hello")
    until(lambda: list((bus.root / "agents/dispatch/outbox").glob("*.done.*")), "the task that nobody rang for")


def test_a_folder_whose_time_is_set_back_is_looked_into(bus: TestBus) -> None:
    """As `tar` and `rsync -a` do at their end."""
    bus.up()
    urgent, inbox = bus.root / "agents/code/urgent", bus.root / "agents/echo/inbox"
    until(lambda: bus.fsbus("status", "code", "--json").count('"pid"'), "the node has looked")
    for folder, name in ((urgent, f"{keys.make()}-pause.from-human.new.md"), (inbox, "x.md")):
        before = folder.stat()
        (folder / ".x").write_text("by hand\n")
        (folder / ".x").rename(folder / name)
        os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))
    until((bus.root / "agents/code/PAUSE").exists, "the pause is obeyed")
    until(lambda: list((bus.root / "agents/dispatch/outbox").glob("*.done.*")), "the drop is done")


def test_the_link_is_rung_for_a_message_that_a_foreign_program_put_there(bus: TestBus) -> None:
    bus.up()
    with Bell(str(bus.root), ALL) as bell:
        until(lambda: plant(bus, "code", "hello") and bell.wait(1), "it rings, once the node watches")


def test_a_reader_killed_before_the_mark_is_followed_by_one_that_shows_it_again(bus: TestBus) -> None:
    first, second = (Bus(str(bus.root)).send("code", "note", BIG) for _ in range(2))
    reader = bus.start("recv", "code", "--json")  # nobody reads its pipe: it stops in the middle of the second
    until(lambda: len(bus.ls("code", "urgent/read")) == 1 and not bus.ls("code", "urgent"), "one is read, one in hand")
    reader.kill()
    reader.wait()
    got = [json.loads(line) for line in bus.fsbus("recv", "code", "--json").splitlines()]
    assert [(m["key"], m["repeat"]) for m in got] == [(second, True)]
    assert sorted(n[:25] for n in bus.ls("code", "urgent/read")) == [first, second]


def test_what_a_living_reader_has_in_hand_is_shown_to_no_other(bus: TestBus) -> None:
    for _ in range(2):
        Bus(str(bus.root)).send("code", "note", BIG)
    reader = bus.start("recv", "code", "--json")
    until(lambda: len(bus.ls("code", "urgent/read")) == 1 and not bus.ls("code", "urgent"), "one is read, one in hand")
    assert bus.fsbus("recv", "code", "--json") == ""
    assert reader.poll() is None


def test_a_reader_whose_reader_went_away_leaves_the_message_new(bus: TestBus) -> None:
    keys_sent = [Bus(str(bus.root)).send("code", "note", BIG) for _ in range(3)]
    reader = bus.start("recv", "code", "--json")
    until(lambda: bus.ls("code", "urgent/read"), "one is read")
    assert reader.stdout is not None
    reader.stdout.close()  # as `| head -1` does
    reader.wait(timeout=30)
    left = [json.loads(line)["key"] for line in bus.fsbus("recv", "code", "--json").splitlines()]
    assert left
    assert left == keys_sent[-len(left) :]


def test_two_readers_share_and_lose_nothing(bus: TestBus, tmp_path: Path) -> None:
    talk = Bus(str(bus.root))
    outs = [tmp_path / f"{number}.jsonl" for number in range(2)]
    for out in outs:
        with out.open("w") as file:
            bus._running.append(reading(bus, file))
    sent = [talk.send("code", "note", str(number)) for number in range(500)]
    until(lambda: len(bus.ls("code", "urgent/read")) == len(sent), "all are read")
    for process in bus._running:
        process.kill()
    shown = Counter(m["key"] for out in outs for m in lines(out))
    assert set(shown) == set(sent)
    assert max(shown.values()) == 1


def reading(bus: TestBus, file: Any) -> subprocess.Popen[str]:
    """A reader that appends to a file."""
    command = [sys.executable, "-m", "fsbus", "recv", "code", "--follow", "--json"]
    return subprocess.Popen(command, stdout=file, env=clean_env(FSBUS_ROOT=str(bus.root), FSBUS_DURABILITY="kill"), text=True)


SENDER = """
import sys
from fsbus import Bus
bus = Bus(sys.argv[1])
for number in range(int(sys.argv[2])):
    print(bus.send("code", "note", str(number)))
"""


def test_ten_thousand_messages_and_a_reader_that_is_killed_at_random(bus: TestBus, tmp_path: Path) -> None:
    count, chance, outs = 10_000, random.Random(7), []
    env = clean_env(FSBUS_DURABILITY="kill")
    with (tmp_path / "sent").open("w") as sent:
        words = [sys.executable, "-c", textwrap.dedent(SENDER), str(bus.root), str(count)]
        sender = subprocess.Popen(words, stdout=sent, env=env)
    while sender.poll() is None or any(".new." in n for n in os.listdir(bus.root / "agents/code/urgent")):
        outs.append(out := tmp_path / f"got-{len(outs)}.jsonl")  # its own: a kill in the middle of a write leaves half a line
        with out.open("w") as file:
            reader = reading(bus, file)
        until(lambda out=out: out.read_bytes() or not waiting(bus, sender), "it shows something")  # type: ignore[misc]
        time.sleep(chance.uniform(0.0, 0.4))  # the moment of the kill is chance
        reader.send_signal(signal.SIGKILL)
        reader.wait()
    assert sender.returncode == 0
    shown = [m for out in outs for m in lines(out)]
    assert {m["key"] for m in shown} == set((tmp_path / "sent").read_text().split())
    again = [m for m in shown if m["repeat"]]
    assert len(shown) - count <= len(again) <= len(outs)


def waiting(bus: TestBus, sender: subprocess.Popen[bytes]) -> bool:
    """Whether there is, or will be, something to show."""
    return sender.poll() is None or any(".new." in name for name in os.listdir(bus.root / "agents/code/urgent"))


def test_a_flood_for_one_agent_does_not_delay_another(bus: TestBus) -> None:
    talk = Bus(str(bus.root))
    for number in range(2000):
        talk.send("code", "note", f"{number} {'x' * 100}")
    flooded = bus.start("recv", "code", "--follow", "--json")  # its pipe is full soon: it is in the middle of its flood
    until(lambda: len(bus.ls("code", "urgent/read")) > 100, "the flood is being shown")
    talk.send("dispatch", "note", "me, too")
    assert [json.loads(line)["text"] for line in bus.fsbus("recv", "dispatch", "--json").splitlines()] == ["me, too"]
    assert flooded.poll() is None
    assert len(bus.ls("code", "urgent")) > 1000


def test_an_order_is_obeyed_beside_a_backlog_and_a_flood(bus: TestBus) -> None:
    bus.agent("code", "sleep 60")
    for number in range(300):
        (bus.root / "agents/code/inbox" / f"5-{new_key(1_700_000_000_000 + number, number)}-t.a1.queued.md").write_text("x")
    key = bus.fsbus("submit", "--to", "code", "--priority", "0", "the first").strip()
    bus.up()
    until(lambda: bus.task(key)["state"] == "running", "it runs")
    talk = Bus(str(bus.root))
    for number in range(300):
        talk.send("code", "note", str(number))
    bus.fsbus("cancel", key)
    until(lambda: bus.task(key)["state"] == "failed", "it was stopped")
    assert bus.result(key)["error"]["kind"] == "cancelled"
    assert len(bus.ls("code", "inbox")) >= 299
