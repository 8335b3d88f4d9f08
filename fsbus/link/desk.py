"""What each request of a peer means to this tree: bodies in, bodies out; a table of words.

The listing is told as a difference to what this peer was told before on this connection, so that a pass over 100,000
unchanged names is a few bytes. Whatever would change something here is put before the judge first.
"""

from __future__ import annotations

from collections.abc import Callable

from fsbus.core.errors import Refused
from fsbus.core.gathered import Listing
from fsbus.core.hearsay import MOST, told
from fsbus.link import frames
from fsbus.link.frames import number, pack, text, texts, unpack
from fsbus.link.judge import Judge
from fsbus.link.local import Local
from fsbus.link.side import Hello
from fsbus.spool import linkfacts

MAX_STAGED = 2_000  # files of one batch that may be waiting for their names
MAX_BATCH = 256 << 20  # bytes of them
MAX_READ = 2 << 20
ANOTHER = "look at `root:` in bus.yaml; fsbus pair makes a second tree of one bus"

WhyNot = Callable[[str, int, str], str]  # path, size, the host that sends it -> why it may not, '' if it may


class Desk:
    """One peer's requests."""

    def __init__(self, local: Local, peer: str = "", why_not: WhyNot | None = None) -> None:
        self._local, self._only, self._why_not = local, peer, why_not or Judge(local).why_not
        self._peer = ""
        self._told: Listing = {}
        self._staged: list[tuple[str, str]] = []
        self._bytes = 0
        self._words: dict[bytes, Callable[[bytes], bytes]] = {
            frames.HELLO: self._hello, frames.LIST: self._list, frames.READ: self._read,
            frames.PUT: self._put, frames.COMMIT: self._commit, frames.ADVANCE: self._advance, frames.SWEEP: self._sweep,
            frames.REPLACE: self._replace, frames.APPEND: self._append, frames.PIECE: self._piece, frames.FILES: self._files,
            frames.STOW: self._stow, frames.SETTLE: self._settle, frames.EDIT: self._edit,
        }  # fmt: skip
        self._brought: list[str] = []

    def answer(self, word: bytes, body: bytes) -> tuple[bytes, list[str]]:
        """The answer's body, and the paths that the peer brought by this. Raises what `Side` raises, and Garbled."""
        do = self._words.get(word)
        if do is None:
            raise Refused(f"this fsbus does not know the request {word!r}", then="use the same fsbus on both hosts")
        if not self._peer and word != frames.HELLO:
            raise Refused("who is there? the first word is a hello")
        self._brought = []
        return do(body), self._brought

    def close(self) -> None:
        """Leave nothing behind of a batch that was cut off."""
        self._local.drop(self._staged)

    def _hello(self, body: bytes) -> bytes:
        host, bus, *passed = texts(body, 2, 3)
        mine = self._said()
        self._refuse(host, bus, mine)
        self._peer = host
        if passed:  # they dialled: all that is known here of that link. Earlier, their beats would be older than it
            linkfacts.good(self._local.tree, host, mine.now, beyond=passed[0][:MOST])
        known = told(linkfacts.words(self._local.tree), mine.now)
        return pack(str(mine.version), mine.host, mine.bus, repr(mine.now), str(mine.free), mine.rsync, known)

    def _refuse(self, host: str, bus: str, mine: Hello) -> None:
        """Whoever has nothing to do here."""
        if bus != mine.bus:
            raise Refused(f"this is another bus: {mine.bus}, not {bus[:40]}", where=self._local.root, then=ANOTHER)
        if self._only and host != self._only:
            raise Refused(f"this key is for host {self._only}, not {host}", then="look at --peer in authorized_keys")
        if host == mine.host:
            where, then = f"{self._local.root}/host", "put that host's own name into that file"
            raise Refused(f"this root says that it is {mine.host}, too", where=where, then=then)
        if host not in self._local.tree.bus().hosts:
            raise Refused(f"{host!r} is no other host of this bus", where="bus.yaml", then="add it under hosts:")

    def _said(self) -> Hello:
        """Who this is. A bus.yaml that cannot be used says nothing of who may write it, so no peer can mend it by a pass."""
        try:
            return self._local.hello()
        except Refused as error:
            copy = f"scp bus.yaml {self._local.tree.host}:{error.where}"
            then = f"mend it there, or copy the config host's over it, from its root: {copy}"
            raise Refused(error.what, where=error.where, then=then) from None

    def _may(self, path: str, size: int) -> None:
        why = self._why_not(path, size, self._peer)
        if why:
            raise Refused(why, where=path)

    def _list(self, body: bytes) -> bytes:
        """For each folder: its name, 1 if what follows is all of it, lines of new names, lines of those that went."""
        wanted = [text(field) for field in unpack(body)]
        answer: list[bytes | str] = []
        for folder, entries in self._local.listing(wanted or None).items():
            before = self._told.get(folder)
            if before != entries:
                self._told[folder] = dict(entries)
            new = entries.items() if before is None else () if before == entries else entries.items() - before.items()
            gone = () if before is None else before.keys() - entries.keys()
            answer += [
                folder,
                b"1" if before is None else b"",
                frames.joined(f"{n}\t{e[0]}\t{e[1]}" for n, e in new),
                frames.joined(gone),
            ]
        return pack(*answer)

    def _read(self, body: bytes) -> bytes:
        path, limit = texts(body, 2)
        return self._local.read(path, min(number(limit), MAX_READ))

    def _put(self, body: bytes) -> bytes:
        """One file: with the flag `now` it is there when this is answered, else it waits for the commit."""
        fields = unpack(body)
        if len(fields) != 4:
            raise frames.Garbled("a put has four fields")
        path, digest, now, data = text(fields[0]), text(fields[1]), fields[2], fields[3]
        self._may(path, len(data))
        if now:
            self._brought.append(path)
            return b"1" if self._local.put(path, data, digest) else b""
        self._bytes += len(data)
        if len(self._staged) >= MAX_STAGED or self._bytes > MAX_BATCH:
            raise Refused("too much in one batch", then="commit it first")
        self._staged.append((path, self._local.stage(path, data, digest)))
        return b"1" if self._staged[-1][1] else b""

    def _named(self, path: str, done: bool) -> bytes:
        self._brought.append(path)
        self._local.ring(path)
        return b"1" if done else b""

    def _commit(self, _: bytes) -> bytes:
        staged, self._staged, self._bytes = self._staged, [], 0
        named = self._local.commit(staged)
        self._brought += [path for path, _ in staged]
        self._local.ring()
        return bytes(named)

    def _advance(self, body: bytes) -> bytes:
        old, new = texts(body, 2)
        self._may(new, self._local.size(old))
        return self._named(new, self._local.advance(old, new))

    def _sweep(self, body: bytes) -> bytes:
        path, greater = texts(body, 2)
        return b"1" if self._local.sweep(path, greater) else b""

    def _edit(self, body: bytes) -> bytes:
        fields = unpack(body)
        if len(fields) != 3:
            raise frames.Garbled("an edit has three fields")
        path = text(fields[0])
        self._may(path, len(fields[2]))
        return self._named(path, self._local.edit(path, fields[2], text(fields[1])))

    def _replace(self, body: bytes) -> bytes:
        fields = unpack(body)
        if len(fields) != 2:
            raise frames.Garbled("a register has two fields")
        self._may(text(fields[0]), len(fields[1]))
        self._local.replace(text(fields[0]), fields[1])
        return b""

    def _append(self, body: bytes) -> bytes:
        fields = unpack(body)
        if len(fields) != 3:
            raise frames.Garbled("an append has three fields")
        path, offset = text(fields[0]), number(fields[1])
        self._may(path, offset + len(fields[2]))
        return b"%d" % self._local.append(path, offset, fields[2])

    def _piece(self, body: bytes) -> bytes:
        path, offset, limit = texts(body, 3)
        return self._local.piece(path, number(offset), number(limit))

    def _files(self, body: bytes) -> bytes:
        (path,) = texts(body, 1)
        return pack(*(part for name, size in self._local.files(path) for part in (name, str(size))))

    def _stow(self, body: bytes) -> bytes:
        fields = unpack(body)
        if len(fields) != 4:
            raise frames.Garbled("a piece has four fields")
        path, inner = text(fields[0]), text(fields[1])
        self._may(path, -1)
        self._local.stow(path, inner, number(fields[2]), fields[3])
        return b""

    def _settle(self, body: bytes) -> bytes:
        fields = [text(field) for field in unpack(body)]
        self._may(fields[0] if fields else "", -1)
        files = [(inner, number(size)) for inner, size in zip(fields[1::2], fields[2::2], strict=True)]
        return self._named(fields[0], self._local.settle(fields[0], files))
