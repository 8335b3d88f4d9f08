"""Whole folders from one side to the other: a result's files, by rsync where that is fit, else piece by piece."""

from __future__ import annotations

from collections import namedtuple

from fsbus.core.errors import Refused
from fsbus.core.paths import FILES_MOST
from fsbus.link import rsync
from fsbus.link.local import Local
from fsbus.link.remote import Remote
from fsbus.link.side import MAX_TREE, PIECE, Side

WORTH = 1 << 20  # bytes from which a second program and a login of its own are worth it


class Way(namedtuple("Way", "destination config far_root")):
    """How rsync gets there. destination: as bus.yaml's `ssh:`; config: a file for `ssh -F`, or ''; far_root: its `root:`."""

    __slots__ = ()


def pull_files(near: Local, far: Side, path: str, to: str, way: Way | None) -> bool:
    """The files of a far result's folder, under `to` here; False if they are there already. Raises as `Side` does."""
    files = _bounded(far.files(path))
    if way is not None and _by_rsync(far, files) and rsync.fetch(*way, path, to, near.root, files):
        return near.settle(to, files)
    return copy_files(far, near, path, to, files)


def push_files(near: Local, far: Side, path: str, to: str, way: Way | None = None) -> bool:
    """The files of a result's folder here, under `to` over there; False if they are there already."""
    files = _bounded(near.files(path))
    if way is not None and _by_rsync(far, files) and rsync.send(*way, path, to, near.root, files):
        return far.settle(to, files)
    return copy_files(near, far, path, to, files)


def copy_files(source: Side, target: Side, path: str, to: str, files: list[tuple[str, int]]) -> bool:
    """These files, piece by piece."""
    for inner, size in files:
        offset = 0
        while offset < size or not offset:
            body = source.piece(f"{path}/{inner}", offset, PIECE)[: size - offset]
            if not body and size:
                raise FileNotFoundError(f"{path}/{inner}")  # shorter than a moment ago
            target.stow(to, inner, offset, body)
            offset += len(body)
            if not size:
                break
    return target.settle(to, files)


def grow(source: Side, target: Side, path: str, offset: int, size: int) -> int:
    """Bring a journal or a case folder's file from `offset` to `size`; how far it came."""
    while offset < size:
        body = source.piece(path, offset, PIECE)
        if not body:
            break
        reached = target.append(path, offset, body)
        if reached != offset + len(body):
            return reached  # another length than was thought
        offset = reached
    return offset


def _by_rsync(far: Side, files: list[tuple[str, int]]) -> bool:
    if not isinstance(far, Remote) or sum(size for _, size in files) < WORTH:
        return False
    return not (rsync.unfit(rsync.flavour()) or rsync.unfit(far.greeted.rsync))


def _bounded(files: list[tuple[str, int]]) -> list[tuple[str, int]]:
    if len(files) > FILES_MOST or sum(size for _, size in files) > MAX_TREE:
        raise Refused(f"a result may leave {FILES_MOST} files of {MAX_TREE >> 30} GiB in all", then="leave fewer")
    return files
