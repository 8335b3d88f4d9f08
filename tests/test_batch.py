"""What a busy worker does together: results that share barriers, journal lines that share a write, looks that cost nothing."""
from __future__ import annotations

import errno
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from fsbus.core import jsonline
from fsbus.core.config import AgentConfig
from fsbus.core.decide import Again
from fsbus.core.names import TaskName
from fsbus.core.paths import RESULT
from fsbus.core.result import Outcome
from fsbus.duties import baton, ending, press, reassign
from fsbus.duties.baton import Baton
from fsbus.duties.ending import End
from fsbus.duties.ledger import Account
from fsbus.duties.press import Press
from fsbus.duties.shop import Shop
from fsbus.link.local import Local
from fsbus.spool import adopt, atomic, careful, keys, linkfacts
from fsbus.spool.bell import Bell
from fsbus.spool.channel import Place
from fsbus.spool.folder import Folder
from fsbus.spool.found import found_bus, furnish
from fsbus.spool.journal import Journal
from fsbus.spool.submit import submit
from fsbus.spool.tree import Tree
from tests.kit import TestBus, until


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A worker's shop on a new bus, at the level that survives a power cut."""
    monkeypatch.setattr(atomic, "_power", True)
    root = str(tmp_path / "bus")
    found_bus(root, "solo", "here")
    furnish(root, "code")
    Path(f"{root}/agents/code/agent.yaml").write_text("role: worker\nhome: here\n")
    tree = Tree(root)
    config = tree.agent("code")
    assert isinstance(config, AgentConfig)
    return Shop(tree, config, tree.bus(), Journal(root, "here"), lambda: None, lambda job: job.text)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the disk was waited for."""
    count: Counter[str] = Counter()
    fsync, sync = os.fsync, os.sync
    monkeypatch.setattr(os, "fsync", lambda fd: (count.update(["fsync"]), fsync(fd))[1])
    monkeypatch.setattr(os, "sync", lambda: (count.update(["sync"]), sync())[1])
    return count


def ended(shop: Shop, number: int) -> Iterator[End]:
    """Running tasks that have just come to an end."""
    for _ in range(number):
        key = submit(shop.tree, shop.journal, {"task": "do it", "to": "code"}, "human")
        name = TaskName(5, key, "do-it", 1, "queued", "yaml")
        os.rename(shop.inbox(name), shop.inbox(name.to("running")))
        now = time.time()
        yield End(name.to("running"), Outcome(result=f"of {key}"), now, now, 1)


def published(shop: Shop) -> list[str]:
    """The keys of done tasks beside which a whole result lies."""
    names = [n for n in os.listdir(shop.outbox("")) if n.endswith(".done.yaml")]
    results = [Path(shop.outbox(n.replace(".done.yaml", ".result.yaml"))).read_text() for n in names]
    return sorted(n[2:27] for n, result in zip(names, results, strict=True) if f"result: of {n[2:27]}\n" in result)


@pytest.mark.parametrize("number", [1, 2, 7])
def test_what_ends_together_shares_two_barriers(shop: Shop, calls: Counter[str], number: int) -> None:
    ends = list(ended(shop, number))
    calls.clear()
    assert ending.end_all(shop, ends) == number
    assert sum(calls.values()) == 2, calls
    assert published(shop) == [end.name.key for end in ends]
    assert not [n for n in os.listdir(shop.outbox("")) if n.startswith(".new-")]
    assert ending.end_all(shop, ends) == 0, "ended twice"


def test_a_result_that_is_there_counts(shop: Shop) -> None:
    """As after a kill between the result and the rename: the new one is dropped, nothing is left of it."""
    first, second = ended(shop, 2)
    Path(shop.outbox(first.name.run + RESULT)).write_text("key: x\nstate: failed\n")
    assert ending.end_all(shop, [first, second]) == 2
    assert os.path.exists(shop.outbox(first.name.to("failed")))
    assert published(shop) == [second.name.key]
    assert not [n for n in os.listdir(shop.outbox("")) if n.startswith(".new-")]


def test_the_press_does_not_wait_for_more(shop: Shop) -> None:
    done: list[End] = []
    works = Press(shop, done.append)
    works.start()
    for end in ended(shop, 3):
        works.give(end)
        with shop.baton.aside:
            until(lambda: any(done[-1:]), "one result, with nothing after it")
        assert done.pop() is end
        assert end.name.key in published(shop)
    works.close()
    with shop.baton.aside:
        works.join(5)
    assert not works.is_alive()


def test_what_is_published_ends_the_trouble_that_the_worker_had(shop: Shop) -> None:
    shop.complain("no command can be started: there is no room; it is tried again")
    works = Press(shop, lambda end: None)
    works.give(*ended(shop, 1))
    works.start()
    with shop.baton.aside:
        until(lambda: shop.trouble == "", "its end")
    works.close()


def test_the_press_tries_again_on_a_disk_that_refuses(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[End] = []
    stage, refusals = atomic.stage, iter(range(3))

    def refusing(path: str, data: bytes, sync: bool = True) -> str:
        if path.endswith(RESULT) and next(refusals, None) is not None:
            raise OSError(28, "No space left on device", path)
        return stage(path, data, sync)

    monkeypatch.setattr(atomic, "stage", refusing)
    monkeypatch.setattr(press, "RETRY", 0.01)
    works = Press(shop, done.append)
    ends = list(ended(shop, 2))
    for end in ends:
        works.give(end)
    works.start()
    with shop.baton.aside:
        until(lambda: done == ends, "both results, in their order")
    assert published(shop) == [end.name.key for end in ends]
    works.close()


def test_the_baton_goes_to_the_one_that_waits_and_not_back_to_a_busy_one(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slot with one short task after the other, or a loop over a long backlog, must not keep the others waiting."""
    order: list[str] = []

    def wait_for_it() -> threading.Thread:
        other = threading.Thread(target=lambda: (shop.baton.acquire(), order.append("the other"), shop.baton.release()))
        other.start()
        until(shop.baton._next.locked, "the other waits")
        return other

    others = [wait_for_it()]
    monkeypatch.setattr(baton, "SHARE", 1e9)
    shop.baton.offer()
    assert order == [], "handed on before it was held for a while"
    monkeypatch.setattr(baton, "SHARE", 0.0)
    shop.baton.offer()
    assert order == ["the other"]
    others.append(wait_for_it())
    with shop.baton.aside:
        pass
    assert order == ["the other", "the other"]
    for other in others:
        other.join()


def test_who_lends_the_baton_has_it_back_unless_it_stayed_away(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that is over at once wakes nobody; one that runs on keeps nobody waiting."""
    order: list[str] = []

    def wait_for_it() -> None:
        shop.baton.acquire()
        order.append("the other")
        shop.baton.release()

    monkeypatch.setattr(baton, "SHARE", 1e9)
    monkeypatch.setattr(baton, "STAY", 0.0)
    other = threading.Thread(target=wait_for_it)
    with shop.baton.lent:
        other.start()
        until(lambda: order == ["the other"], "it was taken from who stays")
    other.join()
    monkeypatch.setattr(baton, "STAY", 0.001)
    monkeypatch.setattr(Baton, "_taken_away", lambda held: False)
    with shop.baton.lent:
        other = threading.Thread(target=wait_for_it)
        other.start()
        until(shop.baton._next.locked, "the other waits")
    assert order == ["the other"], "it came back at once, and has it still"
    with shop.baton.aside:
        other.join()
    assert order == ["the other", "the other"]


def test_the_journal_gathers_until_it_is_flushed(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path), "here")
    journal.record("me", keys.make(), "a > b", "at once")
    [path] = (tmp_path / "log/here").iterdir()
    assert len(path.read_text().splitlines()) == 1
    journal.gather = True
    for number in range(3):
        journal.record("me", keys.make(), "a > b", f"later {number}")
    assert len(path.read_text().splitlines()) == 1
    journal.flush()
    assert [json.loads(line)["why"] for line in path.read_text().splitlines()] == ["at once", "later 0", "later 1", "later 2"]
    journal.record("me", keys.make(), "a > b", "the last word")
    journal.close()
    assert "the last word" in path.read_text()


def test_a_line_is_what_json_says() -> None:
    record: dict[str, object] = {"a": 'q"\\\n\x00', "b": None, "c": True, "d": 1.5, "e": ["x", 2], "f": "ä😀\ud800"}
    record["g"] = Path("/x")
    assert json.loads(jsonline.line(record)) == {**record, "g": "/x"}
    assert jsonline.line(record).isascii()
    assert jsonline.line(record).count("\n") == 1


def test_a_folder_says_the_same_with_the_same_list(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    (tmp_path / "a").touch()
    before = folder.names()
    assert before == ["a"]
    assert folder.names() is before
    tick = time.time_ns() // 1_000_000 * 1_000_000 + 1  # a clock that stands still while two names come
    os.utime(tmp_path, ns=(tick, tick))
    assert folder.names() is before
    (tmp_path / "b").touch()
    os.utime(tmp_path, ns=(tick, tick))
    assert sorted(folder.names()) == ["a", "b"], "a name that came within the grain of the clock"
    until(lambda: folder.names() and folder._seen[0], "a time that is to be trusted")
    (tmp_path / "a").unlink()
    assert folder.names() == ["b"]


def test_a_name_that_comes_while_a_slow_listing_goes_on_is_not_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").touch()
    folder, tick, listdir = Folder(str(tmp_path)), time.time_ns() // 1_000_000 * 1_000_000 + 1, os.listdir
    clock = [tick + 10**6]

    def slow(path: str) -> list[str]:
        found = listdir(path)
        (tmp_path / "b").touch()
        clock[0] = tick + 10**9
        return found

    with monkeypatch.context() as patched:
        patched.setattr(os, "stat", lambda _: SimpleNamespace(st_mtime_ns=tick, st_ctime_ns=tick))  # both within one tick
        patched.setattr(time, "time_ns", lambda: clock[0])
        patched.setattr(os, "listdir", slow)
        first = folder.names()
        patched.setattr(os, "listdir", listdir)
        second = sorted(folder.names())
    assert (first, second) == (["a"], ["a", "b"])


def test_each_ring_after_a_wait_wakes(tmp_path: Path) -> None:
    with Bell(str(tmp_path)) as bell:
        for _ in range(3):
            bell.ring()
            bell.ring()
            assert bell.wait(5)
            assert not bell.wait(0), "one ring woke twice"


def test_what_is_known_of_a_link_is_read_once_per_change(bus: TestBus, monkeypatch: pytest.MonkeyPatch) -> None:
    (bus.root / "bus.yaml").write_text("config_host: here\nhosts: {here: {}, far: {ssh: far}, off: {ssh: off}}\n")
    tree, read = Tree(str(bus.root)), Counter[str]()
    for host in ("far", "off"):
        linkfacts.good(tree, host, 1000.0, offset=0)
    real = careful.read
    monkeypatch.setattr(careful, "read", lambda path, *more, **how: read.update([Path(path).name]) or real(path, *more, **how))
    for _ in range(3):
        assert {host: word.as_of for host, word in linkfacts.words(tree).items()} == {"far": 1000.0, "off": 1000.0}
    linkfacts.good(tree, "far", 2000.0, offset=0)
    assert linkfacts.words(tree)["far"].as_of == 2000.0
    assert (read["far.yaml"], read["off.yaml"]) == (2, 1)


def test_a_setting_is_whole_after_a_power_cut_and_a_beat_costs_no_wait(shop: Shop, calls: Counter[str]) -> None:
    """An empty bus.yaml says nothing of who may write it: a person would have to mend that."""
    local = Local(shop.tree)
    for path, waits in (("agents/code/alive.yaml", 0), ("agents/code/agent.yaml", 1), ("bus.yaml", 1)):
        calls.clear()
        local.replace(path, Path(shop.tree.root, "bus.yaml").read_bytes())
        assert calls["fsync"] == waits, path


def test_what_the_next_attempt_is_to_be_told_is_on_the_disk_before_it(shop: Shop, calls: Counter[str]) -> None:
    name = TaskName(5, keys.make(), "hello", 1, "failed", "md")
    Path(shop.outbox(name)).write_text("hello")
    place, to = Place("code", "outbox", name, False), Again("code", 0.0, "", "by hand")
    assert reassign.make(shop, place, to, Account(name.key, note="use the vault"), []) is not None
    assert calls["fsync"] == 3, "the brief, the name's file and its folder"


def test_what_a_hand_dropped_is_on_the_disk_before_it_has_its_name(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its full name it is accepted; whoever wrote it left it in memory alone."""
    drop, steps = Path(shop.folder("inbox"), "x.md"), []
    drop.write_text("hello")
    here, folder, link = drop.stat().st_ino, drop.parent.stat().st_ino, os.link
    monkeypatch.setattr(adopt, "STILL", 0.0)
    monkeypatch.setattr(os, "fsync", lambda fd: steps.append(os.fstat(fd).st_ino))
    monkeypatch.setattr(os, "link", lambda *names, **how: steps.append("link") or link(*names, **how))
    assert adopt.Adopter(shop.tree, "code", shop.journal).step(["x.md"])[0] == 1
    assert steps == [here, "link", folder]


def test_a_bell_that_cannot_be_opened_leaves_nothing_behind(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    real, before = os.open, len(os.listdir("/dev/fd"))

    def refuse(path: str, flags: int, *more: int) -> int:
        if "/bells/" in path and flags & os.O_WRONLY:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), path)
        return real(path, flags, *more)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OSError, match="Too many open files"), Bell(shop.tree.root):
        pass
    assert os.listdir(shop.tree.node("bells")) == []
    assert len(os.listdir("/dev/fd")) == before
