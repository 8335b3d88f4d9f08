"""What is read of what others put there, and under which names it is kept that cannot be taken in."""
from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from fsbus.spool import careful, rejected
from fsbus.spool.careful import PIECE


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 1])
def test_a_file_is_read_whole_or_not_at_all(tmp_path: Path, size: int) -> None:
    data = b"0123456789abcde" * (size // 15 + 1)
    path = str(tmp_path / "x")
    Path(path).write_bytes(data[:size])
    assert careful.read(path, size) == careful.read(path, size + 1) == careful.read(path, 1 << 30) == data[:size]
    if size:
        with pytest.raises(OSError, match="larger than") as caught:
            careful.read(path, size - 1)
        assert caught.value.errno == errno.EFBIG


def test_only_an_ordinary_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for odd in ("link", "pipe", "folder"):
        with pytest.raises(OSError, match=r".") as caught:
            careful.read(str(tmp_path / odd), 9)
        assert caught.value.errno == errno.ELOOP
    os.link(tmp_path / "file", tmp_path / "second")
    assert careful.read(str(tmp_path / "file"), 9) == b"x", "a crash of ours may have left it"
    os.link(tmp_path / "file", tmp_path / "third")
    with pytest.raises(OSError, match="not an ordinary file"):
        careful.read(str(tmp_path / "file"), 9)
    assert careful.read_text(str(tmp_path / "file")) == "x"
    assert careful.read_text(str(tmp_path / "missing")) is None


def test_a_piece_of_a_file_is_its_head_or_its_tail(tmp_path: Path) -> None:
    path = str(tmp_path / "x")
    Path(path).write_text("abcdef")
    assert [careful.head(path, 2), careful.tail(path, 2)] == ["ab", "ef"]
    assert [careful.head(path, 9), careful.tail(path, 9)] == ["abcdef"] * 2
    assert [careful.head(path + "y", 9), careful.tail(path + "y", 9)] == ["", ""]


def test_what_lies_below_is_files_and_what_is_none(tmp_path: Path) -> None:
    made = tmp_path / "made"
    (made / "inner" / "empty").mkdir(parents=True)
    for one in ("b", "a b", "inner/c", "back\\slash"):
        (made / one).touch()
    (made / "out").symlink_to(tmp_path)
    os.mkfifo(made / "inner/pipe")
    files, odd = careful.below(str(made))
    assert files == ["a b", "b", "inner/c"]
    assert list(odd.items()) == [
        ("back\\slash", "a file whose name cannot go to another host"), ("inner/pipe", "a named pipe"),
        ("out", "a symbolic link"),
    ]  # fmt: skip
    (tmp_path / "link").symlink_to(made)
    assert careful.below(str(tmp_path / "link")) == careful.below(str(tmp_path / "missing")) == ([], {})


def test_what_makes_a_file_unfit(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("12345")
    assert careful.flaw(os.lstat(path), 5) is None
    said = careful.flaw(os.lstat(path), 4)
    assert said is not None
    assert said[0] == "this file has 5 bytes, the limit is 4"
    path.chmod(0o4600)
    assert "set-user" in str(careful.flaw(os.lstat(path), 5))
    path.chmod(0o600)
    os.link(path, tmp_path / "y")
    assert "second name" in str(careful.flaw(os.lstat(path), 5))
    assert careful.flaw(os.lstat(path), 5, links=2) is None
    assert "a folder" in str(careful.flaw(os.lstat(tmp_path), 5))


@pytest.mark.parametrize("name", ["x.md", "x" * 250 + ".yaml", "ü" * 127])
def test_what_is_rejected_replaces_nothing_and_has_its_reason_beside_it(tmp_path: Path, name: str) -> None:
    """Also where its name leaves no room for `.why`, or for a number."""
    folder, texts = tmp_path / "rejected", ["first", "second", "third"]
    for text in texts:
        (tmp_path / name).write_text(text)
        rejected.keep(str(folder), str(tmp_path / name), name, f"why the {text}")
        assert not (tmp_path / name).exists()
    found = {path.name: path.read_text() for path in folder.iterdir()}
    assert found[name] == "first"
    assert sorted(found.values()) == [*texts, *(f"why the {text}" for text in texts)]
    notes = {one.removesuffix(".why"): text for one, text in found.items() if one.endswith(".why")}
    for kept in found.keys() - {f"{one}.why" for one in notes}:
        [beside] = [one for one in notes if one == kept] or [one for one in notes if kept.startswith(one)]
        assert notes[beside] == f"why the {found[kept]}"


def test_a_reason_without_its_file_is_that_of_a_keeping_that_was_killed(tmp_path: Path) -> None:
    folder = tmp_path / "rejected"
    folder.mkdir()
    (folder / "x.why").write_text("why")
    for text in ("why", "another"):
        (tmp_path / "x").mkdir()
        rejected.keep(str(folder), str(tmp_path / "x"), "x", text)
    assert sorted(os.listdir(folder)) == ["x", "x.2", "x.2.why", "x.why"]
