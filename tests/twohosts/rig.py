"""Two roots on one machine that are two hosts: mac dials vps through a real sshd, with the real command line.

What every test asks at the end is `agree`: both trees hold the same names with the same contents, but for what
concerns the other host not at all; no attempt has two names on one host; no command was started twice.
"""
from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from fsbus.core.names import parse_message, parse_task
from tests.kit import PROC, TestBus, until
from tests.link.sshd import LOOPBACK, Sshd
from tests.twohosts.space import Space
from tests.twohosts.wire import Wire

HASTY = [sys.executable, str(Path(__file__).with_name("hasty.py"))]
CHANNELS = ("inbox", "outbox", "outbox/late", "urgent", "urgent/read")
NOTED = 'echo "$FSBUS_AGENT $FSBUS_KEY $FSBUS_ATTEMPT" >> $LOG'  # every script begins with it
FINE = f"{NOTED}; cat > /dev/null; echo fine"
CLUMSY = f'{NOTED}; cat > /dev/null; [ $FSBUS_ATTEMPT = 1 ] && {{ echo the port is taken >&2; exit 75; }}; echo fine'
TIMERS = {"ack": "3600s", "beat": "0.5s", "lease": "10s"}
HOMES = {"code": "vps", "research": "vps", "content": "vps", "infra": "mac"}


class Host(TestBus):
    """One host's root and its command line; with `hasty` its links have short time limits."""

    def __init__(self, root: Path, *init: str, stdin: str = "") -> None:
        self.root, self.name = root, init[init.index("--host") + 1]
        self._running = []
        self.command = HASTY
        self.fsbus("init", str(root), *init, stdin=stdin)

    def submit(self, *words: str) -> str:
        """`fsbus submit`: the key."""
        return self.fsbus("submit", *words).strip()

    def paths(self) -> list[str]:
        """Below the root, every file of the merged channels that a merge has to do with."""
        folders = [folder for channel in CHANNELS for folder in self.root.glob(f"agents/*/{channel}")]
        entries = [p for folder in folders for p in folder.iterdir() if p.name != "README.md"]
        files = [p for p in entries if not p.is_dir()]
        results = [p for p in entries if p.name[0].isdigit() and p.name.endswith(".files")]
        files += [Path(inner, name) for top in results for inner, _, names in os.walk(top) for name in names]  # it may move
        return sorted(str(p.relative_to(self.root)) for p in files if p.name[0] != "." or p.name.startswith(".brief-"))

    def names(self) -> dict[str, bytes]:
        """The same, each with its content; while nothing moves."""
        return {path: (self.root / path).read_bytes() for path in self.paths()}

    def tasks(self) -> list[str]:
        """The paths among them that are a task's own."""
        return [path for path in self.paths() if parse_task(path.rpartition("/")[2]) is not None]

    def final(self, key: str) -> str:
        """The state of its final result as this host knows it, '' while there is none."""
        mine = [path for path in self.tasks() if key in path and "/late/" not in path]
        found = [path for path in mine if path.startswith("agents/dispatch/outbox/")]
        assert len(found) < 2, found
        return found[0].split(".")[-2] if found else ""

    def link(self, host: str) -> dict[str, Any]:
        """What it knows about a link."""
        found: dict[str, Any] = yaml.safe_load((self.root / f".node/links/{host}.yaml").read_text())
        return found


class Two:
    """mac and vps. `wired`: between them is the tests' wire, that can be cut; `space`: vps is beyond a network of its own."""

    def __init__(
        self, tmp_path: Path, *, wired: bool = False, space: Space | None = None, under: str = "", **settings: Any
    ) -> None:
        """`under`: a folder inside of `vps`, for its root."""
        self.folder, self.log = tmp_path, tmp_path / "log.txt"
        (tmp_path / "home").mkdir()
        where = (space.address, space.prefix) if space is not None else (LOOPBACK, ())
        home = str(tmp_path / "home")  # nobody's own .bashrc, which a killed session leaves locked
        self.sshd = Sshd(tmp_path, "far", *where, HOME=home)
        self.sshd.start()
        self.wire = Wire(self.sshd.port) if wired else None
        self.net: Wire | Space | None = space or self.wire
        self.mac = Host(tmp_path / "mac", "--skel", "mac-vps", "--host", "mac")
        there = tmp_path / "vps" / under
        self.configure(there, **settings)
        for agent in HOMES:
            self.agent(agent, FINE)
        self.vps = Host(there, "--host", "vps", "--join", "-", stdin=(self.mac.root / "bus.yaml").read_text())
        self.sync()

    def __enter__(self) -> Two:
        return self

    def __exit__(self, *error: object) -> None:
        self.sshd.thaw() if self.sshd.process else None
        for host in (self.mac, self.vps):
            host.close()
        if self.wire is not None:
            self.wire.close()
        self.sshd.stop()

    def configure(self, root: Path, **settings: Any) -> None:
        """Write mac's bus.yaml; `vps=` are more settings of that host, the rest are keys of the file."""
        path = self.mac.root / "bus.yaml"
        facts = yaml.safe_load(path.read_text())
        far = {"ssh": "far", "root": str(root), "command": f"{sys.executable} -m fsbus"} | settings.pop("vps", {})
        facts |= {
            "hosts": {"mac": {}, "vps": far}, "sync": {"every": "1s", "ssh_config": str(self._ssh_config())},
            "timers": TIMERS, "backoff": "0.1s", **settings,
        }  # fmt: skip
        path.write_text(yaml.safe_dump(facts))

    def agent(self, name: str, body: str, **settings: Any) -> None:
        """An agent that runs this shell script at its home; `$LOG` is the log. Others hear of it by the next pass."""
        script = self.folder / f"{name}.sh"
        script.write_text(f"LOG={self.log}\n{body}\n")
        self.mac.agent(name, f"sh {script}", **({"home": HOMES[name], "accepts": name} | settings))

    def sync(self, *words: str, code: int = 0) -> str:
        """`fsbus sync` on mac; what it says."""
        done = self.mac.run("sync", *words)
        said = done.stdout + done.stderr
        assert done.returncode == code, said
        assert "Traceback" not in said, said
        return said

    def up(self) -> None:
        """Both nodes, until `down` or the end of the test."""
        self.processes = [host.up() for host in (self.vps, self.mac)]

    def down(self) -> None:
        """Both nodes end in good order; what mac did last goes over with two passes."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.communicate(timeout=30)

    def ended(self, keys: list[str], state: str = "done") -> None:
        """Wait until each of these has its final result on mac."""
        for key in keys:
            until(lambda key=key: self.mac.final(key), f"the end of {key}: {self.mac.tasks()}")
            assert self.mac.final(key) == state, self.mac.fsbus("trace", key)

    def started(self) -> Counter[str]:
        """How often each attempt's command was started, as `agent key attempt`."""
        return Counter(self.log.read_text().splitlines() if self.log.exists() else [])

    def agree(self, passes: int = 2) -> None:
        """So many passes, and then the trees are the same, nothing is doubled and another pass has nothing to do."""
        for _ in range(passes):
            self.sync()
        near, far = self.mac.names(), self.vps.names()
        known = {_key(path) for path in far}
        missing = [path for path in near.keys() - far.keys() if _key(path) in known or _concerns(path)]
        assert sorted(missing) == [], f"vps lacks {sorted(missing)}"
        assert sorted(far.keys() - near.keys()) == [], "mac lacks them"
        assert [path for path in near.keys() & far.keys() if near[path] != far[path]] == [], "other contents"
        for host in (self.mac, self.vps):
            doubled = Counter(_attempt(path) for path in host.tasks())
            assert [one for one, count in doubled.items() if count > 1] == [], host.tasks()
        assert "0 steps" in self.sync("--dry-run")
        assert {line: count for line, count in self.started().items() if count > 1} == {}

    def _ssh_config(self) -> Path:
        if self.wire is None:
            return self.sshd.ssh_config
        path, port = self.sshd.folder / "wired_config", f"Port {self.sshd.port}\n"
        path.write_text(self.sshd.ssh_config.read_text().replace(port, f"Port {self.wire.port}\n"))
        pinned = self.sshd.known_hosts.read_text()
        self.sshd.known_hosts.write_text(pinned + pinned.replace(f":{self.sshd.port} ", f":{self.wire.port} "))
        return path


def serving(sshd: Sshd) -> list[int]:
    """The far ends of links that this sshd started."""
    return [pid for pid in sshd.children() if b"--serve" in _words(pid) and b"python" in _words(pid)[0]]


def _words(pid: int) -> list[bytes]:
    try:
        return Path(f"{PROC}/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return [b""]


def _key(path: str) -> str:
    name = path.removeprefix("agents/").split("/outbox/")[-1].rpartition("/")[2] if ".files/" not in path else _files_name(path)
    if name.startswith(".brief-"):
        return name[7:32]
    return name[:25] if parse_message(name) is not None else name[2:27]


def _files_name(path: str) -> str:
    return next(part for part in path.split("/") if part.endswith(".files"))


def _attempt(path: str) -> str:
    name = parse_task(path.rpartition("/")[2])
    assert name is not None
    return f"{name.key}.a{name.attempt}"


def _concerns(path: str) -> bool:
    """Whether it is in a folder of an agent of vps."""
    return HOMES.get(path.split("/")[1]) == "vps"
