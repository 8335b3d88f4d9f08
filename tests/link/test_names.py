"""How a name comes to be on this disk: whole, and never in the place of one that came a moment before."""
from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

import pytest

from fsbus.link.local import Local
from fsbus.link.side import Put, sha256
from fsbus.spool import atomic
from tests.link.pair import Pair, hashed, task

BODY = os.urandom(200_000)
PUTS: dict[str, Callable[[Local, str], bool]] = {
    "put": lambda local, path: local.put(path, *hashed(BODY)),
    "put_many": lambda local, path: local.put_many([Put(path, BODY, sha256(BODY))])[0],
}
_watched: list[list[str]] = []  # while somebody watches: every path that was opened to be written to


def _audit(event: str, words: tuple[object, ...]) -> None:
    if event == "open" and _watched and isinstance(words[2], int) and words[2] & (os.O_WRONLY | os.O_RDWR):
        _watched[-1].append(str(words[0]))


sys.addaudithook(_audit)  # sees open() and os.open(); none can be taken out again


@pytest.fixture
def written() -> Iterator[list[str]]:
    """What this test opens for writing."""
    found: list[str] = []
    _watched.append(found)
    yield found
    _watched.remove(found)


@pytest.mark.parametrize("put", PUTS.values(), ids=PUTS.keys())
def test_nothing_is_written_under_the_name_itself(pair: Pair, put: Callable[[Local, str], bool], written: list[str]) -> None:
    """A kill between two writes would leave half a file under it."""
    path = task()
    assert put(Local(pair.far), path)
    assert pair.far_path(path).read_bytes() == BODY
    names = {os.path.basename(one) for one in written if one.startswith(f"{pair.far.root}/agents/")}
    assert names
    assert {name[0] for name in names} == {"."}, names


@pytest.mark.parametrize("put", PUTS.values(), ids=PUTS.keys())
def test_a_name_that_comes_after_the_look_stays(
    pair: Pair, put: Callable[[Local, str], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, stage = task(), atomic.stage

    def late(full: str, data: bytes, sync: bool = True) -> str:
        temp = stage(full, data, sync)
        pair.lay(path, b"somebody else's")
        return temp

    monkeypatch.setattr(atomic, "stage", late)
    assert not put(Local(pair.far), path)
    assert pair.far_path(path).read_bytes() == b"somebody else's"
    assert [one.name for one in pair.far_path(path).parent.iterdir() if one.name.startswith(".new-")] == []
