"""A server that was taken over, at the other end of plain SFTP: nothing it says leads anywhere."""
from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fsbus.core.errors import FsbusError, Refused
from fsbus.link import ssh
from fsbus.link.limits import Limits
from fsbus.link.sftp import Sftp
from tests.link.hostile import NAMES, HostileServer
from tests.link.pair import hashed, make_pair, message, task
from tests.link.sshd import Sshd

Dial = Callable[..., Sftp]


@pytest.fixture
def dial(tmp_path: Path) -> Iterator[Dial]:
    """Dial a hostile server that lists these names."""
    sshd = Sshd(tmp_path)
    pair = make_pair(tmp_path, sshd)
    made: list[HostileServer | Sftp] = []

    def dial_hostile(names: list[str], kind: int = stat.S_IFREG) -> Sftp:
        made.append(HostileServer(sshd.port, sshd.folder / "host_key", names, kind))
        connection = ssh.login(sshd.alias, config=str(sshd.ssh_config), limits=Limits(answer=5))
        made.append(side := Sftp(connection.sftp(), "bus", pair.near, connection.close))
        return side

    yield dial_hostile
    for one in reversed(made):
        one.close()


def test_no_name_of_its_listing_is_taken(dial: Dial) -> None:
    side = dial(NAMES)
    assert {name for names in side.listing().values() for name in names} == set()
    assert side.files("log/vps") == []
    assert [inner for inner, _ in side.files(f"{task('code', 'done').rsplit('.', 2)[0]}.files")] == ["drop.md"]


def test_folders_in_folders_have_an_end(dial: Dial) -> None:
    side = dial(["deeper"], stat.S_IFDIR)
    assert side.files(f"{task('code', 'done').rsplit('.', 2)[0]}.files") == []


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices_are_not_listed(dial: Dial, kind: int) -> None:
    side = dial([task().split("/")[-1], message().split("/")[-1]], kind)
    assert not any(side.listing().values())
    with pytest.raises(Refused, match="not a file"):
        side.read(task(), 100)


def test_a_file_without_an_end_is_read_to_its_limit(dial: Dial) -> None:
    side = dial([])
    with pytest.raises(FsbusError):
        side.read(task(), 1 << 20)
    assert len(side.piece("log/vps/2026-11-22.jsonl", 0, 1 << 30)) <= 48 << 10


def test_a_put_that_did_not_arrive_is_not_believed(dial: Dial) -> None:
    side = dial([])
    assert not side.put(task(), *hashed(b"it says that everything is there"))
    with pytest.raises(Refused, match="did not arrive whole"):
        side.hello()  # writes a file, for the clock
