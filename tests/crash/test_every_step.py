"""Promise 1, 3 and 4 at every single step: for N = 1 to the last, a process dies at its Nth call to the disk.

Then `fsbus tick` recovers, and: nothing is lost, nothing is torn, the task ends exactly once, as what it had come to
when the process died; its command was started at most once; one more tick changes nothing; no dot-file stays for good.
"""
from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fsbus.core.names import new_key
from tests.crash.rig import Ended, Rig, Wreck, result_of, running_with

TEXT = "Do the thing: one line,\nand another.\n"
MODES = ("before", "after", "torn")
TWO = ("before", "torn")  # where it is slow: `after N` leaves what `before N + 1` leaves
WHO_RUNS = r"/\.node/(locks|bells)/|[/-]alive\.yaml"  # steps that no task's state hangs on
MATTERS = rf"^(?!.*({WHO_RUNS}))"
UNTOUCHED = ("absent", "dropped", "queued", "acked")  # the command was not started: it will be
STARTED = ("marked", "running")  # it may have been: it never will be again
Oracle = Callable[[Wreck, Ended], None]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.close()


def sweep(rig: Rig, mode: str, words: tuple[str, ...], oracle: Oracle, steps: str = MATTERS, last: str = "") -> Counter[str]:
    """Die at step 1, 2, ... until one child gets through, or the task has come to the stage `last`.

    Returns how many deaths there were at which stage of the task.
    """
    stages: Counter[str] = Counter()
    for number in range(1, 500):
        wreck = rig.copy()
        child = rig.fsbus(wreck, *words, number=number, mode=mode, steps=steps)
        if child.killed:
            stages[wreck.stage()] += 1
        try:
            oracle(wreck, child)
        except AssertionError as error:
            where = child.steps[-1] if child.steps else "nothing"
            raise AssertionError(f"{' '.join(words)}: died {mode} step {number}, {where}, in {wreck.root}") from error
        if not child.killed or stages[last]:
            assert child.killed or len(child.steps) == number - 1, "the fault was not hit"
            return stages
        rig.drop(wreck)
    raise AssertionError("the sweep has no end")


def recover(rig: Rig, wreck: Wreck) -> None:
    """Tick; then the tree is in order, and one more tick an hour later changes nothing."""
    rig.tick(wreck)
    after = wreck.snapshot()
    leftovers = [name for name in wreck.hidden() if not re.search(r"/\.new-\d+-[^/]+$", name)]
    assert leftovers == [], "a hidden file that nobody knows"
    wreck.age_hidden()
    rig.tick(wreck)
    assert wreck.snapshot() == after, "a second tick changed something"
    assert wreck.hidden() == [], "a half-written file stays for ever"


def ends_once(rig: Rig, wreck: Wreck, expected: str | None, text: bytes | None = None, by_command: bool = True) -> None:
    """The one task, if it is there, has exactly one end, in dispatch's outbox: done, or a failure of the expected kind."""
    before, result = wreck.stage(), wreck.result()
    recover(rig, wreck)
    if expected is None:
        assert wreck.tasks() == []
        assert wreck.result() == b""
        return
    ((place, name),) = wreck.tasks()
    assert place == "dispatch/outbox", f"it was {before} and is {name.state} in {place}"
    assert name.attempt == 1
    said = result_of(wreck.result())
    assert said["key"] == name.key
    assert said["state"] == name.state == ("done" if expected == "done" else "failed")
    assert (said["error"]["kind"] if name.state == "failed" else "done") == expected, said
    assert result in (b"", wreck.result()), "a published result was changed"
    assert wreck.names("dispatch", "outbox") == sorted(_whole(wreck, name.run, str(name), bool(said.get("files"))))
    if text is not None:
        assert wreck.path(place, name).read_bytes() == text
    assert running_with(name.key) == []
    assert wreck.started() in ([f"{name.key}.a1"], []), "the command was started twice"
    assert wreck.started() or expected != "done" or not by_command


def _whole(wreck: Wreck, run: str, name: str, files: bool) -> list[str]:
    if files:
        folder = wreck.root / f"agents/dispatch/outbox/{run}.files"
        assert (folder / "left.txt").read_text().strip() == TEXT.strip()
        assert [path.name for path in folder.iterdir()] == ["left.txt"], "the link stays in the case folder"
    return [name, f"{run}.result.yaml"] + ([f"{run}.files"] if files else [])


def foretold(wreck: Wreck) -> str:
    """What must become of a task whose worker just died, by how far it is."""
    stage = wreck.stage()
    if stage in UNTOUCHED:
        return "done"
    if stage in STARTED:
        return "crashed"
    said = result_of(wreck.result())
    return "done" if said["state"] == "done" else str(said["error"]["kind"])


@pytest.mark.parametrize("mode", MODES)
def test_submit(rig: Rig, mode: str) -> None:
    rig.bus()
    whole = "task: |\n  {}\n  {}\nto: does\n"

    def oracle(wreck: Wreck, child: Ended) -> None:
        assert not child.stdout or child.code == 0
        there = wreck.stage() == "queued"
        assert there or child.killed, "the key was printed and there is no task"
        if there:
            ((place, name),) = wreck.tasks()
            assert place == "does/inbox"
            assert not child.stdout or child.stdout == f"{name.key}\n"
            content = wreck.path(place, name).read_text()
            assert content == whole.format(*TEXT.splitlines()), "a torn task has its full name"
        ends_once(rig, wreck, "done" if there else None)

    stages = sweep(rig, mode, ("submit", "--to", "does", TEXT), oracle)
    assert stages["absent"] >= (1 if mode == "torn" else 3)
    assert stages["queued"] >= (1 if mode == "torn" else 3)


@pytest.mark.parametrize("mode", MODES)
def test_from_dispatch_to_its_end(rig: Rig, mode: str) -> None:
    """Give, ack, mark, start, finish, collect: one `tick` makes all of them."""
    rig.bus().fsbus("submit", "--type", "thing", TEXT)

    def oracle(wreck: Wreck, child: Ended) -> None:
        ends_once(rig, wreck, foretold(wreck))

    stages = sweep(rig, mode, ("tick",), oracle)
    assert sum(stages.values()) >= (8 if mode == "torn" else 30)
    if mode != "torn":
        assert stages.keys() == {"queued", "acked", "marked", "running", "published", "ended", "collected"}


@pytest.mark.parametrize("mode", TWO)
def test_locks_bells_and_beats(rig: Rig, mode: str) -> None:
    """The other half of the steps of a `tick`: whoever dies there keeps nobody from the work."""
    rig.bus().fsbus("submit", "--type", "thing", TEXT)

    def oracle(wreck: Wreck, child: Ended) -> None:
        ends_once(rig, wreck, foretold(wreck))

    assert sum(sweep(rig, mode, ("tick",), oracle, WHO_RUNS).values()) >= (8 if mode == "torn" else 25)


@pytest.mark.parametrize("mode", TWO)
def test_from_a_drop_to_its_end(rig: Rig, mode: str) -> None:
    rig.bus().drop("does", "x.md", TEXT)

    def oracle(wreck: Wreck, child: Ended) -> None:
        ends_once(rig, wreck, foretold(wreck), TEXT.encode())

    stages = sweep(rig, mode, ("tick",), oracle, last="running")
    assert mode == "torn" or stages["dropped"] >= 2, "it died before and after the claim"
    assert stages["queued"] >= (1 if mode == "torn" else 3), "it died with two links to one file"


@pytest.mark.parametrize("mode", TWO)
def test_a_drop_for_a_human(rig: Rig, mode: str) -> None:
    rig.bus().drop("human", "Lies das!.md", TEXT)

    def oracle(wreck: Wreck, child: Ended) -> None:
        assert wreck.stage() in ("dropped", "queued")
        recover(rig, wreck)
        ((place, name),) = wreck.tasks()
        assert (place, name.state) == ("human/inbox", "queued")
        assert wreck.names("human", "inbox") == [str(name)]
        assert wreck.path(place, name).read_text() == TEXT
        assert wreck.path(place, name).stat().st_nlink == 1

    stages = sweep(rig, mode, ("tick",), oracle)
    assert mode == "torn" or stages["dropped"] >= 2
    assert stages["queued"] >= (1 if mode == "torn" else 3)


@pytest.mark.parametrize("mode", TWO)
def test_a_drop_that_cannot_be_read(rig: Rig, mode: str) -> None:
    content = b"task: one thing\ntask: another\n"
    rig.bus().drop("does", "x.yaml", content)

    def oracle(wreck: Wreck, child: Ended) -> None:
        recover(rig, wreck)
        assert wreck.names("does", "inbox") == []
        assert wreck.tasks() == []
        assert wreck.names("does", "inbox/rejected") == ["x.yaml", "x.yaml.why"]
        folder = wreck.root / "agents/does/inbox/rejected"
        assert (folder / "x.yaml").read_bytes() == content
        assert (folder / "x.yaml.why").read_text().endswith("inbox/\n")

    stages = sweep(rig, mode, ("tick",), oracle)
    assert sum(stages.values()) >= (2 if mode == "torn" else 9)


@pytest.mark.parametrize("mode", MODES)
def test_cancel(rig: Rig, mode: str) -> None:
    key = rig.bus().fsbus("submit", "--to", "does", TEXT).strip()

    def oracle(wreck: Wreck, child: Ended) -> None:
        asked = wreck.names("dispatch", "urgent") + wreck.names("does", "urgent")  # in this order: either will do
        assert asked or child.killed, "the cancel was acknowledged and there is none"
        ends_once(rig, wreck, "cancelled" if asked else "done")
        assert bool(wreck.started()) != bool(asked)

    stages = sweep(rig, mode, ("cancel", key), oracle)
    assert sum(stages.values()) >= (2 if mode == "torn" else 8)


@pytest.mark.parametrize("mode", TWO)
@pytest.mark.parametrize("held", [False, True])
def test_carrying_out_a_cancel(rig: Rig, mode: str, held: bool) -> None:
    """By the worker, and by dispatch for a task that it still holds."""
    bus = rig.bus()
    how = ("--type", "thing", "--not-before", "90d") if held else ("--to", "does")
    bus.fsbus("cancel", bus.fsbus("submit", *how, TEXT).strip())
    agent = "dispatch" if held else "does"

    def oracle(wreck: Wreck, child: Ended) -> None:
        ends_once(rig, wreck, "cancelled")
        assert wreck.started() == wreck.names(agent, "urgent") == []
        (order,) = wreck.names(agent, "urgent/read")
        assert order.endswith("-cancel.from-human.acked.yaml")

    stages = sweep(rig, mode, ("tick",), oracle)
    assert sum(stages.values()) >= (2 if mode == "torn" else 9)


@pytest.mark.parametrize("mode", TWO)
@pytest.mark.parametrize("at", ["running", "published"])
def test_recovery_itself(rig: Rig, mode: str, at: str) -> None:
    """What the first death left is recovered by a tick that dies, too."""
    rig.bus().fsbus("submit", "--to", "does", TEXT)
    first = Wreck(rig.folder / "template/bus")
    there = r"^spawn" if at == "running" else r"^rename \S+\.running\.\S+ \S+\.done\."
    assert rig.fsbus(first, "tick", number=1, mode="before", steps=there).killed
    assert first.stage() == at

    def oracle(wreck: Wreck, child: Ended) -> None:
        ends_once(rig, wreck, "crashed" if at == "running" else "done")
        assert bool(wreck.started()) == (at == "published")

    stages = sweep(rig, mode, ("tick",), oracle)
    assert sum(stages.values()) >= (2 if mode == "torn" else 6)
    assert mode == "torn" or stages.keys() >= {at, "ended", "collected"}


@pytest.mark.parametrize("mode", MODES)
def test_pulling(rig: Rig, mode: str) -> None:
    """`fsbus task next`: what it was killed over is there for the next one, unless it had been handed over already."""
    key = rig.bus().fsbus("submit", "--to", "pulls", TEXT).strip()

    def oracle(wreck: Wreck, child: Ended) -> None:
        rig.tick(wreck)
        handed = any(wreck.root.glob("agents/pulls/runs/*/pulled"))
        assert handed or child.killed
        second = rig.fsbus(wreck, "task", "next", "pulls")
        assert (second.code, second.stdout) == ((4, "") if handed else (0, f"{key}\n{TEXT}"))
        assert rig.fsbus(wreck, "task", "done", key, "said").code == 0
        ends_once(rig, wreck, "done", by_command=False)

    stages = sweep(rig, mode, ("task", "next", "pulls"), oracle)
    if mode != "torn":
        assert sum(stages.values()) >= 8
        assert stages.keys() == {"queued", "running"}


@pytest.mark.parametrize("mode", MODES)
def test_ending_what_was_pulled(rig: Rig, mode: str) -> None:
    """`fsbus task done`: either it may be said again, or it was said."""
    bus = rig.bus()
    key = bus.fsbus("submit", "--to", "pulls", TEXT).strip()
    bus.fsbus("task", "next", "pulls")

    def oracle(wreck: Wreck, child: Ended) -> None:
        there = wreck.stage() != "running"
        assert there or child.killed
        rig.tick(wreck)
        assert rig.fsbus(wreck, "task", "done", key, "said").code == (5 if there else 0)
        ends_once(rig, wreck, "done", by_command=False)
        assert result_of(wreck.result())["result"] == "said"

    stages = sweep(rig, mode, ("task", "done", key, "said"), oracle)
    if mode != "torn":
        assert sum(stages.values()) >= 8
        assert stages.keys() >= {"running", "published", "ended"}


@pytest.mark.parametrize("mode", TWO)
def test_archiving(rig: Rig, mode: str) -> None:
    bus = rig.bus()
    key = new_key(int(time.time() - 30 * 86400) * 1000, 1)
    bus.fsbus("submit", "--to", "does", "--key", key, TEXT)
    rig.tick(Wreck(bus.root))
    assert Wreck(bus.root).stage() == "collected"

    def oracle(wreck: Wreck, child: Ended) -> None:
        recover(rig, wreck)
        ((place, name),) = wreck.tasks()
        assert place == f"archive/{key[:4]}-{key[4:6]}-{key[6:8]}"
        whole = [f"{name.run}.files", f"{name.run}.result.yaml", str(name)]
        assert sorted(p.name for p in (wreck.root / place).iterdir()) == sorted(whole)
        assert wreck.names("dispatch", "outbox") == []
        assert result_of(wreck.result())["key"] == name.key

    stages = sweep(rig, mode, ("tick",), oracle)
    assert mode == "torn" or (stages["collected"] >= 3 and stages["archived"] >= 1)


@pytest.mark.parametrize("mode", TWO)
def test_a_result_that_comes_back(rig: Rig, mode: str) -> None:
    """From a backup, or a host that slept: the delivered one stays as it is, the other is kept in `late/`."""
    bus = rig.bus()
    bus.fsbus("submit", "--to", "does", TEXT)
    bus.fsbus("tick")
    whole = {path.name: path for path in (bus.root / "agents/dispatch/outbox").glob("5-*") if path.is_file()}
    delivered = {name: path.read_bytes() for name, path in whole.items()}
    for name, content in delivered.items():
        (bus.root / "agents/does/outbox" / name).write_bytes(content.replace(b"said", b"other"))

    def oracle(wreck: Wreck, child: Ended) -> None:
        recover(rig, wreck)
        outbox = wreck.root / "agents/dispatch/outbox"
        assert {name: (outbox / name).read_bytes() for name in delivered} == delivered
        assert sorted(wreck.names("dispatch", "outbox/late")) == sorted(delivered)
        assert wreck.names("does", "outbox") == []

    stages = sweep(rig, mode, ("tick",), oracle)
    assert sum(stages.values()) >= (1 if mode == "torn" else 3)


@pytest.mark.parametrize("state", ["queued", "acked"])
@pytest.mark.parametrize("agent", ["does", "pulls"])
def test_a_stale_name_starts_nothing(rig: Rig, agent: str, state: str) -> None:
    """An earlier name of a finished attempt comes back, as from a host that slept: its case folder says it was started."""
    bus = rig.bus()
    key = bus.fsbus("submit", "--to", agent, TEXT).strip()
    (name,) = bus.ls(agent, "inbox")
    content = (bus.root / "agents" / agent / "inbox" / name).read_bytes()
    if agent == "pulls":
        bus.fsbus("task", "next", agent)
        bus.fsbus("task", "done", key, "said")
    bus.fsbus("tick")
    (bus.root / "agents" / agent / "inbox" / name.replace(".queued.", f".{state}.")).write_bytes(content)
    bus.fsbus("task", "next", "pulls", code=4)

    def oracle(wreck: Wreck, child: Ended) -> None:
        assert rig.fsbus(wreck, "task", "next", "pulls").code == 4
        ends_once(rig, wreck, "done", by_command=agent == "does")
        assert len(wreck.started()) == (agent == "does")

    sweep(rig, "before", ("tick",), oracle)


def again(rig: Rig, command: str) -> str:
    """A task that is done, for which a person has asked again; `command` is what the agent's next attempt runs. Its key."""
    bus = rig.bus()
    key = bus.fsbus("submit", "--to", "does", TEXT).strip()
    bus.fsbus("tick")
    (bus.root.parent / "command.sh").write_text(f'echo "$FSBUS_KEY.a$FSBUS_ATTEMPT" >> "$FSBUS_ROOT/../started"\n{command}\n')
    bus.fsbus("retry", key, "--note", "again")
    return key


@pytest.mark.parametrize("mode", TWO)
@pytest.mark.parametrize("fails", [True, False])
def test_a_done_task_that_is_tried_again(rig: Rig, mode: str, fails: bool) -> None:
    """It always has one result in dispatch's outbox: the earlier one, until there is another `done`."""
    key = again(rig, "echo better" + ("; exit 3" if fails else ""))

    def oracle(wreck: Wreck, child: Ended) -> None:
        was_started = len(wreck.started()) > 1
        recover(rig, wreck)
        assert rig.fsbus(wreck, "wait", key, "--timeout", "0.1s").code == 0
        (name,) = (name for place, name in wreck.tasks() if place == "dispatch/outbox")
        assert name.state == "done"
        late = [(n.attempt, n.state) for place, n in wreck.tasks() if place == "dispatch/outbox/late"]
        assert late == [(2, "failed")] if name.attempt == 1 else [(1, "done")]
        assert len(wreck.tasks()) == 2
        assert wreck.started() in ([f"{key}.a1"], [f"{key}.a1", f"{key}.a2"]), "it was asked for once"
        assert was_started or len(wreck.started()) == 2 or not fails or name.attempt == 1
        outbox = wreck.root / "agents/dispatch/outbox"
        said = result_of((outbox / f"{name.run}.result.yaml").read_bytes())
        assert said["result"] == ("said\n" if name.attempt == 1 else "better\n")
        assert len(list(outbox.glob("late/*.result.yaml"))) == 1
        if name.attempt == 1:
            assert (outbox / f"{name.run}.files/left.txt").is_file()
        assert not [n for n in wreck.names("dispatch", "urgent") if "-assign." in n]
        assert not list(wreck.root.glob(".node/ledger/*.yaml"))

    stages = sweep(rig, mode, ("tick",), oracle)
    assert sum(stages.values()) >= (6 if mode == "torn" else 30)


@pytest.mark.parametrize("mode", TWO)
def test_two_attempts_in_one_inbox(rig: Rig, mode: str) -> None:
    """Only the higher one is ever started, the lower one goes to `late/`."""
    bus = rig.bus()
    key = bus.fsbus("submit", "--to", "does", TEXT).strip()
    (name,) = bus.ls("does", "inbox")
    inbox = bus.root / "agents/does/inbox"
    (inbox / name.replace(".a1.", ".a2.")).write_bytes((inbox / name).read_bytes())

    def oracle(wreck: Wreck, child: Ended) -> None:
        recover(rig, wreck)
        ends = {(place, n.attempt) for place, n in wreck.tasks()}
        assert ends == {("dispatch/outbox/late", 1), ("dispatch/outbox", 2)}
        assert wreck.started() in ([f"{key}.a2"], [])
        assert len(list(wreck.root.glob("agents/dispatch/outbox/*.result.yaml"))) == 1
        assert len(list(wreck.root.glob("agents/dispatch/outbox/late/*.result.yaml"))) == 1

    stages = sweep(rig, mode, ("tick",), oracle)
    assert sum(stages.values()) >= (6 if mode == "torn" else 30)


@pytest.mark.parametrize("mode", TWO)
def test_a_result_that_comes_back_when_the_markers_are_lost(rig: Rig, mode: str) -> None:
    """From a backup without `.node`: nothing that lies in the outbox or in `late/` is replaced."""
    bus = rig.bus()
    bus.fsbus("submit", "--to", "does", TEXT)
    bus.fsbus("tick")
    outbox = bus.root / "agents/dispatch/outbox"
    delivered = {path.name: path.read_bytes() for path in outbox.glob("5-*") if path.is_file()}
    for name, content in delivered.items():
        (outbox / "late" / name).write_bytes(content.replace(b"said", b"other"))
        (bus.root / "agents/does/outbox" / name).write_bytes(content.replace(b"said", b"third"))
    for marker in (bus.root / ".node/collected").iterdir():
        marker.unlink()
    aside = {path.name: path.read_bytes() for path in (outbox / "late").glob("5-*")}

    def oracle(wreck: Wreck, child: Ended) -> None:
        recover(rig, wreck)
        for folder, before in (("outbox", delivered), ("outbox/late", aside)):
            found = wreck.root / "agents/dispatch" / folder
            assert {name: (found / name).read_bytes() for name in before} == before
        third = set(wreck.names("dispatch", "outbox/late")) - aside.keys()
        assert {name.split(".", 1)[1] for name in third} == {"a1.done.yaml", "a1.result.yaml"}
        assert len({name.split(".")[0] for name in third}) == 1
        assert wreck.names("does", "outbox") == []

    stages = sweep(rig, mode, ("tick",), oracle)
    assert sum(stages.values()) >= (0 if mode == "torn" else 2)
