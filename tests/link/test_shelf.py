"""One folder's remembered listing: as if it were read anew each time."""
from __future__ import annotations

import os

import pytest

from fsbus.link import shelf
from fsbus.link.local import Local
from fsbus.link.side import sha256
from tests.link.pair import Pair, task

FOLDER = "agents/code/inbox"


def tag(local: Local, path: str) -> str:
    return local.listing([FOLDER])[FOLDER][os.path.basename(path)][1]


def test_an_edit_of_the_same_size_is_seen_whatever_the_times_say(pair: Pair) -> None:
    local, path = Local(pair.far), task()
    pair.lay(path, b"one")
    assert tag(local, path) == sha256(b"one")[:8]
    pair.lay(path, b"two")
    assert tag(local, path) == sha256(b"two")[:8]
    os.utime(pair.far_path(path), (1, 1))
    assert tag(local, path) == sha256(b"two")[:8]
    pair.lay(path, b"six")
    os.utime(pair.far_path(path), (1, 1))  # the inode's own time tells
    assert tag(local, path) == sha256(b"six")[:8]


def test_an_edit_of_a_settled_file_is_seen(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "GRAIN", -(10**15))  # every file counts as old enough to be remembered
    local, path = Local(pair.far), task()
    pair.lay(path, b"one")
    assert tag(local, path) == sha256(b"one")[:8]
    facts = pair.far_path(path).stat()
    pair.lay(path, b"two")
    os.utime(pair.far_path(path), ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert tag(local, path) == sha256(b"two")[:8]


def test_a_name_is_seen_though_the_folders_time_was_set_back(pair: Pair) -> None:
    local, first, second = Local(pair.far), task(), task()
    pair.lay(first, b"one")
    os.utime(pair.far_path(first).parent, (1, 1))
    assert len(local.listing([FOLDER])[FOLDER]) == 1
    pair.lay(second, b"two")
    os.utime(pair.far_path(second).parent, (1, 1))  # as `tar x` and `rsync -a` do
    assert len(local.listing([FOLDER])[FOLDER]) == 2


def test_a_rename_is_seen_in_both_folders(pair: Pair) -> None:
    local, queued = Local(pair.far), task()
    pair.lay(queued, b"x")
    before = local.listing()
    assert os.path.basename(queued) in before[FOLDER]
    done = queued.replace("inbox", "outbox").replace("queued", "done")
    pair.far_path(queued).rename(pair.far_path(done))
    after = local.listing()
    assert after[FOLDER] == {}
    assert after["agents/code/outbox"] == {os.path.basename(done): (1, "")}


def test_what_is_no_file_is_not_listed(pair: Pair) -> None:
    local = Local(pair.far)
    link, folder, pipe = (pair.far_path(task()) for _ in range(3))
    link.symlink_to("/etc/passwd")
    folder.mkdir()
    os.mkfifo(pipe)
    assert local.listing([FOLDER]) == {FOLDER: {}}
    folder.rmdir()
    folder.write_text("now it is one")
    assert list(local.listing([FOLDER])[FOLDER]) == [folder.name]
