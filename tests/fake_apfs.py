"""A disk that tells neither case nor normalization, as a Mac's does: a folder of Linux, shown through /dev/fuse.

    python -m tests.fake_apfs BELOW AT      until it is unmounted or this process is ended; needs root

Names are kept as they were given, and found by what they fold to. Plain protocol of <linux/fuse.h>, without libfuse:
a node is a descriptor of the real file (O_PATH), so that renames and hard links are the kernel's own. Nothing is
cached, locks and named pipes are the kernel's, and one request is dealt with after another.
"""
from __future__ import annotations

import ctypes
import errno
import os
import resource
import struct
import sys
import unicodedata
from collections.abc import Callable

IN, OUT, DIRENT = struct.Struct("<IIQQIIII"), struct.Struct("<IiQ"), struct.Struct("<QQII")
SETATTR, READ = struct.Struct("<IIQQQQQQIIIIIIII"), struct.Struct("<QQIIQII")
LOOKUP, FORGET, INIT, BATCH_FORGET = 1, 2, 26, 42
PATH = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
SET_MODE, SET_UID, SET_GID, SET_SIZE, SET_ATIME, SET_MTIME, SET_FH, SET_ATIME_NOW, SET_MTIME_NOW = (1 << bit for bit in range(9))
NOW = (1 << 30) - 1  # UTIME_NOW of utimensat(2)
ROOM = 1 << 18  # bytes of a request

libc = ctypes.CDLL(None, use_errno=True)


def folded(name: bytes) -> str:
    """What names have in common that are one to APFS."""
    text = name.decode("utf-8", "surrogateescape")
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).casefold())


def _real(fd: int) -> str:
    return f"{PROC}/self/fd/{fd}"


PROC = os.environ.get("FAKE_MAC_PROC", "/proc")


def _words(data: bytes) -> list[bytes]:
    return data.split(b"\0")[:-1]


def _attr(facts: os.stat_result) -> bytes:
    times = (facts.st_atime_ns, facts.st_mtime_ns, facts.st_ctime_ns)
    seconds, rest = [t // 10**9 for t in times], [t % 10**9 for t in times]
    return struct.pack(
        "<QQQQQQIIIIIIIIII", facts.st_ino, facts.st_size, facts.st_blocks, *seconds, *rest, facts.st_mode, facts.st_nlink,
        facts.st_uid, facts.st_gid, facts.st_rdev, facts.st_blksize, 0,
    )  # fmt: skip


def _kind(entry: os.DirEntry[str]) -> int:
    """As <dirent.h> numbers them; 0 for what is asked about apart."""
    return 4 if entry.is_dir(follow_symlinks=False) else 10 if entry.is_symlink() else 8 if entry.is_file() else 0


class Disk:
    """The nodes that the kernel knows, and an answer to each of its requests."""

    def __init__(self, below: str) -> None:
        self._nodes = {1: os.open(below, os.O_PATH | os.O_CLOEXEC)}
        self._known = {self._identity(self._nodes[1]): 1}
        self._counts = {1: 1}
        self._listings: dict[int, list[tuple[int, int, bytes]]] = {}
        self._next = 1
        self._does: dict[int, Callable[[int, bytes], bytes]] = {
            LOOKUP: self.lookup, 3: self.getattr, 4: self.setattr, 5: self.readlink, 6: self.symlink, 8: self.mknod,
            9: self.mkdir, 10: self.unlink, 11: self.rmdir, 12: self.rename, 13: self.link, 14: self.open, 15: self.read,
            16: self.write, 17: self.statfs, 18: self.release, 20: self.fsync, 25: self.flush, 27: self.opendir,
            28: self.readdir, 29: self.releasedir, 30: self.fsyncdir, 35: self.create,
        }  # fmt: skip

    def serve(self, device: int) -> None:
        """Answer until the disk is unmounted."""
        while True:
            try:
                data = os.read(device, ROOM)
            except OSError as error:
                if error.errno == errno.ENODEV:
                    return
                continue  # interrupted before it was read
            _, code, unique, node, *_ = IN.unpack_from(data)
            body = data[IN.size :]
            if code in (FORGET, BATCH_FORGET):
                self._forget(code, node, body)
                continue
            number, answer = self._answer(code, node, body)
            try:
                os.writev(device, [OUT.pack(OUT.size + len(answer), -number, unique), answer])
            except FileNotFoundError:
                pass  # who asked was interrupted

    def _answer(self, code: int, node: int, body: bytes) -> tuple[int, bytes]:
        if code == INIT:
            major, minor, ahead, _ = struct.unpack_from("<IIII", body)
            big = 1 << 5  # writes of more than a page
            return 0, struct.pack("<IIIIHHIIHHI7I", major, min(minor, 31), ahead, big, 12, 9, 1 << 17, 1, 0, 0, 0, *[0] * 7)
        try:
            return (0, self._does[code](node, body)) if code in self._does else (errno.ENOSYS, b"")
        except OSError as error:
            return error.errno or errno.EIO, b""

    def _forget(self, code: int, node: int, body: bytes) -> None:
        gone = [(node, *struct.unpack_from("<Q", body))] if code == FORGET else list(struct.iter_unpack("<QQ", body[8:]))
        for one, times in gone:
            self._counts[one] -= times
            if one != 1 and not self._counts[one]:
                fd = self._nodes.pop(one)
                del self._known[self._identity(fd)], self._counts[one]
                os.close(fd)

    def _identity(self, fd: int) -> tuple[int, int]:
        facts = os.stat(fd)
        return facts.st_dev, facts.st_ino

    def _entry(self, folder: int, name: bytes) -> bytes:
        fd = os.open(name, PATH, dir_fd=folder)
        who = self._identity(fd)
        if who in self._known:
            os.close(fd)
        else:
            self._next += 1
            self._known[who], self._nodes[self._next], self._counts[self._next] = self._next, fd, 0
        node = self._known[who]
        self._counts[node] += 1
        return struct.pack("<QQQQII", node, 0, 0, 0, 0, 0) + _attr(os.stat(self._nodes[node]))

    def _found(self, folder: int, name: bytes) -> bytes:
        """The name under which this one is there; itself where nothing is."""
        try:
            os.lstat(name, dir_fd=folder)
        except FileNotFoundError:
            wanted = folded(name)
            return next((e for e in map(os.fsencode, os.listdir(_real(folder))) if folded(e) == wanted), name)
        return name

    def lookup(self, node: int, body: bytes) -> bytes:
        folder = self._nodes[node]
        return self._entry(folder, self._found(folder, _words(body)[0]))

    def getattr(self, node: int, body: bytes) -> bytes:
        return struct.pack("<QII", 0, 0, 0) + _attr(os.stat(self._nodes[node]))

    def setattr(self, node: int, body: bytes) -> bytes:
        valid, _, fh, size, _, atime, mtime, _, a_rest, m_rest, _, mode, _, uid, gid, _ = SETATTR.unpack_from(body)
        path = _real(self._nodes[node])
        if valid & SET_MODE:
            os.chmod(path, mode & 0o7777)
        if valid & (SET_UID | SET_GID):
            os.chown(path, uid if valid & SET_UID else -1, gid if valid & SET_GID else -1)
        if valid & SET_SIZE:
            os.truncate(fh if valid & SET_FH else path, size)
        if valid & (SET_ATIME | SET_MTIME):
            facts, now = os.stat(path), valid & (SET_ATIME_NOW | SET_MTIME_NOW)
            times = (atime * 10**9 + a_rest if valid & SET_ATIME else facts.st_atime_ns,
                     mtime * 10**9 + m_rest if valid & SET_MTIME else facts.st_mtime_ns)  # fmt: skip
            os.utime(path, None) if now else os.utime(path, ns=times)
        return self.getattr(node, b"")

    def readlink(self, node: int, body: bytes) -> bytes:
        return os.fsencode(os.readlink("", dir_fd=self._nodes[node]))

    def symlink(self, node: int, body: bytes) -> bytes:
        name, target = _words(body)
        os.symlink(target, name, dir_fd=self._nodes[node])
        return self._entry(self._nodes[node], name)

    def mknod(self, node: int, body: bytes) -> bytes:
        mode, device, _, _ = struct.unpack_from("<IIII", body)
        os.mknod(_words(body[16:])[0], mode, device, dir_fd=self._nodes[node])
        return self._entry(self._nodes[node], _words(body[16:])[0])

    def mkdir(self, node: int, body: bytes) -> bytes:
        os.mkdir(_words(body[8:])[0], struct.unpack_from("<I", body)[0], dir_fd=self._nodes[node])
        return self._entry(self._nodes[node], _words(body[8:])[0])

    def unlink(self, node: int, body: bytes) -> bytes:
        folder = self._nodes[node]
        os.unlink(self._found(folder, _words(body)[0]), dir_fd=folder)
        return b""

    def rmdir(self, node: int, body: bytes) -> bytes:
        folder = self._nodes[node]
        os.rmdir(self._found(folder, _words(body)[0]), dir_fd=folder)
        return b""

    def rename(self, node: int, body: bytes) -> bytes:
        (to,) = struct.unpack_from("<Q", body)
        old, new = _words(body[8:])
        here, there = self._nodes[node], self._nodes[to]
        old, twin = self._found(here, old), self._found(there, new)
        os.rename(old, twin, src_dir_fd=here, dst_dir_fd=there)
        if twin != new and (here, old) != (there, twin):
            os.rename(twin, new, src_dir_fd=there, dst_dir_fd=there)
        elif twin != new:
            os.rename(old, new, src_dir_fd=here, dst_dir_fd=there)
        return b""

    def link(self, node: int, body: bytes) -> bytes:
        source, name = self._nodes[struct.unpack_from("<Q", body)[0]], _words(body[8:])[0]
        os.link(_real(source), name, dst_dir_fd=self._nodes[node], follow_symlinks=True)
        return self._entry(self._nodes[node], name)

    def open(self, node: int, body: bytes) -> bytes:
        flags = struct.unpack_from("<I", body)[0] & ~(os.O_NOFOLLOW | os.O_CREAT | os.O_EXCL)
        return struct.pack("<QII", os.open(_real(self._nodes[node]), flags | os.O_CLOEXEC), 0, 0)

    def create(self, node: int, body: bytes) -> bytes:
        flags, mode, _, _ = struct.unpack_from("<IIII", body)
        name, folder = _words(body[16:])[0], self._nodes[node]
        fd = os.open(self._found(folder, name), flags | os.O_CREAT | os.O_CLOEXEC, mode & 0o7777, dir_fd=folder)
        return self._entry(folder, self._found(folder, name)) + struct.pack("<QII", fd, 0, 0)

    def read(self, node: int, body: bytes) -> bytes:
        fd, at, size, *_ = READ.unpack_from(body)
        return os.pread(fd, size, at)

    def write(self, node: int, body: bytes) -> bytes:
        fd, at, size, *_ = READ.unpack_from(body)
        return struct.pack("<II", os.pwrite(fd, body[READ.size : READ.size + size], at), 0)

    def statfs(self, node: int, body: bytes) -> bytes:
        facts = os.statvfs(self._nodes[1])
        counts = (facts.f_blocks, facts.f_bfree, facts.f_bavail, facts.f_files, facts.f_ffree)
        return struct.pack("<QQQQQIIII6I", *counts, facts.f_bsize, 255, facts.f_frsize, 0, *[0] * 6)

    def release(self, node: int, body: bytes) -> bytes:
        os.close(struct.unpack_from("<Q", body)[0])
        return b""

    def flush(self, node: int, body: bytes) -> bytes:
        return b""

    def fsync(self, node: int, body: bytes) -> bytes:
        os.fsync(struct.unpack_from("<Q", body)[0])
        return b""

    def opendir(self, node: int, body: bytes) -> bytes:
        fd = os.open(_real(self._nodes[node]), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return struct.pack("<QII", fd, 0, 0)

    def readdir(self, node: int, body: bytes) -> bytes:
        fd, at, size, *_ = READ.unpack_from(body)
        if at == 0 or fd not in self._listings:
            with os.scandir(fd) as entries:
                self._listings[fd] = [(e.inode(), _kind(e), os.fsencode(e.name)) for e in entries]
        found = b""
        for number, (inode, kind, name) in enumerate(self._listings[fd][at:], at + 1):
            one = DIRENT.pack(inode, number, len(name), kind) + name
            one += b"\0" * (-len(one) % 8)
            if len(found) + len(one) > size:
                break
            found += one
        return found

    def releasedir(self, node: int, body: bytes) -> bytes:
        self._listings.pop(struct.unpack_from("<Q", body)[0], None)
        return self.release(node, body)

    def fsyncdir(self, node: int, body: bytes) -> bytes:
        return self.fsync(node, body)


def main(below: str, at: str) -> None:
    os.umask(0)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # one for each file that the kernel remembers
    device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions".encode()
    if libc.mount(b"fakeapfs", os.fsencode(at), b"fuse", 0, options):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), at)
    print("mounted", flush=True)
    Disk(below).serve(device)


if __name__ == "__main__":
    main(*sys.argv[1:3])
