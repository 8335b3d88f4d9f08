"""Which name of a task counts, and how an end comes to lie where another one lies; on the disk, without a process."""
from __future__ import annotations

import itertools
import os
import time
from pathlib import Path

import pytest

from fsbus.core.names import SLUG_LENGTH, TaskName, new_key, parse_task
from fsbus.core.paths import FILES, RESULT
from fsbus.duties import whole
from fsbus.spool.channel import LATE, Place, truth
from fsbus.spool.stale import Stale

KEY = "20261122-021455123-m2x9rt"
DAY = 86400.0


def name(state: str, attempt: int = 1, slug: str = "x", digit: int = 5) -> TaskName:
    """A name of the task."""
    found = parse_task(f"{digit}-{KEY}-{slug}.a{attempt}.{state}.md")
    assert found is not None
    return found


# The places of one task, the one that counts first.
COUNTS: dict[str, list[Place]] = {
    "further": [Place("code", "inbox", name("running"), False), Place("code", "inbox", name("acked"), False)],
    "ended": [Place("code", "outbox", name("failed"), False), Place("code", "inbox", name("running"), False)],
    "a further attempt": [Place("code", "inbox", name("queued", 2), False), Place("code", "outbox", name("failed"), False)],
    "done, whatever was tried after it": [
        Place("code", "outbox", name("done"), False), Place("code", "inbox", name("running", 2), False)],
    "collected, whatever was tried after it": [
        Place("dispatch", "outbox", name("failed"), True), Place("code", "outbox", name("done", 2), False)],
    "in the archive": [Place("", "archive/2026-11-22", name("failed"), True), Place("code", "inbox", name("acked", 2), False)],
    "not what is late": [Place("code", "inbox", name("queued"), False), Place("dispatch", LATE, name("done", 2), False)],
}  # fmt: skip


@pytest.mark.parametrize("places", COUNTS.values(), ids=COUNTS.keys())
def test_which_name_counts(places: list[Place]) -> None:
    assert {truth(order) for order in itertools.permutations(places)} == {places[0]}


def lay(folder: Path, *names: object) -> str:
    """A folder with these names in it, each with the folder's name as its content."""
    folder.mkdir(exist_ok=True)
    for one in map(str, names):
        if one.endswith(FILES):
            (folder / one).mkdir()
        else:
            (folder / one).write_text(folder.name)
    return str(folder)


@pytest.mark.parametrize("slug", ["x", "x" * SLUG_LENGTH])
@pytest.mark.parametrize("there", [[""], [RESULT], ["", RESULT, FILES]], ids=["its name", "its result", "all of it"])
def test_a_second_end_gets_a_number_and_replaces_nothing(tmp_path: Path, slug: str, there: list[str]) -> None:
    end = name("done", slug=slug)
    second = end._replace(slug=f"{slug[: SLUG_LENGTH - 2]}-2")
    target = lay(tmp_path / "target", *(end.run + kind if kind else end for kind in there))
    source = lay(tmp_path / "source", f"{end.run}{RESULT}", end)
    assert whole.free(source, target, end) == second == parse_task(str(second))
    assert whole.move(source, target, end, second)
    assert os.listdir(source) == []
    assert whole.ended_in(second, target)
    assert whole.free(lay(tmp_path / "third", f"{end.run}{RESULT}", end), target, end).slug.endswith("-3")
    texts = [path.read_text() for path in Path(target).iterdir() if path.is_file()]
    assert sorted(texts) == ["source"] * 2 + ["target"] * len({*there} - {FILES})


@pytest.mark.parametrize("digit", [5, 1])
def test_an_end_moves_with_all_that_lies_beside_it_whatever_digit_that_has(tmp_path: Path, digit: int) -> None:
    end, before = name("done", digit=digit), name("done")
    source = lay(tmp_path / "source", end, f"{before.run}{RESULT}", f"{before.run}{FILES}")
    target = lay(tmp_path / "target")
    assert whole.move(source, target, end, end)
    assert {*os.listdir(target)} == {f"{end.run}{RESULT}", f"{end.run}{FILES}", str(end)}
    assert not whole.move(source, target, end, end), "somebody else did"


@pytest.mark.parametrize("ended", [False, True])
def test_what_a_killed_move_brought_takes_the_digit_of_its_name(tmp_path: Path, ended: bool) -> None:
    """But not what belongs to another name there."""
    end, before = name("done", digit=1), name("done")
    source = lay(tmp_path / "source", end)
    target = lay(tmp_path / "target", f"{before.run}{RESULT}", *([before] if ended else []))
    assert whole.move(source, target, end, end)
    assert {*os.listdir(target)} == {str(end), f"{(before if ended else end).run}{RESULT}", *([str(before)] if ended else [])}


def test_ended_in_good_order_is_a_name_with_its_result(tmp_path: Path) -> None:
    end, result = name("done"), f"{name('done').run}{RESULT}"
    alone, half, both = lay(tmp_path / "alone", end), lay(tmp_path / "half", result), lay(tmp_path / "both", end, result)
    assert not whole.ended_in(end, alone, half)
    assert whole.ended_in(end, alone, both)


def test_half_an_end_that_lies_in_the_way_is_put_aside(tmp_path: Path) -> None:
    half = [f"{name('failed').run}{kind}" for kind in (RESULT, FILES)]
    source, target = lay(tmp_path / "source", name("failed"), *half), lay(tmp_path / "target", *half)
    whole.clear(source, target, str(tmp_path / "aside"), name("failed"))
    assert os.listdir(target) == []
    assert sorted(os.listdir(tmp_path / "aside")) == sorted(half)
    assert (tmp_path / "aside" / half[0]).read_text() == "target"


def test_only_what_is_queued_old_and_lies_here_as_long_is_stale(tmp_path: Path) -> None:
    """One that was brought a moment ago is somebody's fresh wish, whatever its name says."""
    now = time.time()
    old, young = (new_key(int((now + age) * 1000), 7) for age in (-8 * DAY, 2 * DAY))
    made = {state: name(state)._replace(key=old) for state in ("queued", "acked")} | {"young": name("queued")._replace(key=young)}
    for one in made.values():
        (tmp_path / str(one)).touch()
    brought, lain = Stale(now, 7 * DAY), Stale(now + 8 * DAY, 7 * DAY)
    assert [which for which, one in made.items() if brought(str(tmp_path), one)] == []
    assert [which for which, one in made.items() if lain(str(tmp_path), one)] == ["queued"]
    assert not lain(str(tmp_path / "gone"), made["queued"])
