"""The folders of a bus: where it is, what is in it, and whose it is (DESIGN sections 2 and 3).

Paths are plain strings and nothing is read before it is asked for: `fsbus submit` pays for every line here.
"""
from __future__ import annotations

import os

from fsbus.core.errors import NotFound, Refused, as_typed
from fsbus.core.names import archive, is_agent
from fsbus.spool import careful, written
from fsbus.spool.folder import Folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fsbus.core.config import AgentConfig, BusConfig
    from fsbus.core.refusal import Refusal

CHANNELS = ("urgent", "inbox", "outbox")
FOLDERS = (*CHANNELS, "urgent/read", "inbox/rejected", "outbox/late", "runs")
TTL = 86400.0  # seconds; of an urgent message, as bus.yaml has it unless it says otherwise


class Tree:
    """One bus on this disk."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._host = self._real = ""
        self._agents = Folder(f"{root}/agents")
        self._sorted: tuple[list[str], list[str]] = ([], [])  # its names, and the agents among them in order
        self._cache: dict[str, tuple[careful.Looks, object]] = {}
        self._roles: dict[str, str] = {}  # who was found to have which
        self._refused: dict[str, tuple[object, str]] = {}  # the same, for `refused`
        self._configs: dict[str, tuple[object, AgentConfig | Refusal]] = {}  # what came of whose strings
        self._bus: tuple[object, BusConfig | Refusal] | None = None  # the same, of bus.yaml

    @property
    def host(self) -> str:
        """This host's name, from the one-line file `host`. Raises NotFound."""
        if not self._host:
            name = (careful.read_text(f"{self.root}/host") or "").strip()
            if not is_agent(name):
                path = f"{self.root}/host"
                raise NotFound("the file `host` does not name this host", where=path, then=f"echo NAME > {as_typed(path)}")
            self._host = name
        return self._host

    @property
    def real(self) -> str:
        """The root by the name that it has without symbolic links."""
        if not self._real:
            self._real = os.path.realpath(self.root)
        return self._real

    def agents(self) -> list[str]:
        """The names of all agents, in order. Raises NotFound if the folder agents/ is missing."""
        names = self._agents.names()
        if names is not self._sorted[0]:
            self._sorted = (names, sorted(filter(self.has, names)))
        if not self._sorted[1] and not os.path.isdir(self._agents.path):
            raise NotFound("the folder agents/ is missing", where=self.root, then="fsbus init makes it again")
        return self._sorted[1]

    def registered(self) -> list[str]:
        """Those that have an agent.yaml, which is the registration: of others a folder is left, perhaps with tasks in it."""
        return [name for name in self.agents() if os.path.exists(f"{self.root}/agents/{name}/agent.yaml")]

    def has(self, agent: str) -> bool:
        """Whether there is an agent of that name."""
        return is_agent(agent) and os.path.isdir(f"{self.root}/agents/{agent}")

    def folder(self, agent: str, channel: str) -> str:
        """An agent's channel, or `runs`."""
        return f"{self.root}/agents/{agent}/{channel}"

    def archive(self, key: str) -> str:
        """The folder of the day in a key, where its task or message lies in the end."""
        return f"{self.root}/{archive(key)}"

    def pause(self, agent: str) -> str:
        """The file PAUSE of an agent: while it exists, nothing new is started there."""
        return f"{self.root}/agents/{agent}/PAUSE"

    def node(self, name: str) -> str:
        """A path in this host's own folder, which is never copied."""
        return f"{self.root}/.node/{name}"

    def settings(self, agent: str) -> dict[str, object]:
        """An agent's `agent.yaml` as strings, {} if it cannot be read; cheap."""
        tree = self.strings(f"{self.root}/agents/{agent}/agent.yaml")
        return tree if isinstance(tree, dict) else {}

    def role(self, agent: str) -> str:
        """The role of an agent, '' if it has none that can be read."""
        return str(self.settings(agent).get("role", ""))

    def home(self, agent: str) -> str:
        """The host of an agent; this one for whoever has no agent.yaml that says so."""
        return str(self.settings(agent).get("home") or self.host)

    def with_role(self, role: str) -> str:
        """The first agent of that role, '' if there is none; the one that was found before, as long as it has it."""
        known = self._roles.get(role, "")
        if not known or self.role(known) != role:
            known = self._roles[role] = next((agent for agent in self.agents() if self.role(agent) == role), "")
        return known

    def timers(self) -> dict[str, str]:
        """The `timers` of bus.yaml as they are written, {} if they cannot be read; cheap."""
        return {str(k): str(v) for k, v in self.block("timers").items()}

    def sync_every(self) -> str:
        """How often other hosts are synced with, as bus.yaml writes it; cheap."""
        return str(self.block("sync").get("every") or "60s")

    def ttl(self) -> float:
        """How many seconds an urgent message lives: `urgent.ttl` of bus.yaml, a day if it cannot be read; cheap."""
        from fsbus.core.moment import duration

        written = self.block("urgent").get("ttl")
        found = duration(str(written)) if written else TTL
        return found if isinstance(found, float) else TTL

    def agent(self, name: str) -> AgentConfig | Refusal:
        """An agent's configuration, or why it cannot be used."""
        from fsbus.core.config import read_agent

        tree = self.strings(f"{self.root}/agents/{name}/agent.yaml")
        known = self._configs.get(name)
        if known is None or known[0] is not tree:
            known = self._configs[name] = (tree, written.understood(tree, lambda: read_agent(name, tree)))
        return known[1]

    def bus(self) -> BusConfig:
        """The configuration of the bus. Raises Refused with the line and the fix."""
        from fsbus.core.config import read_bus
        from fsbus.core.refusal import Refusal

        tree = self.strings(f"{self.root}/bus.yaml")
        if self._bus is None or self._bus[0] is not tree:
            self._bus = (tree, tree if isinstance(tree, Refusal) else read_bus(tree))
        found = self._bus[1]
        if isinstance(found, Refusal):
            raise Refused(f"bus.yaml cannot be used: {found.said()}", where=f"{self.root}/bus.yaml", then=found.fix)
        return found

    def refused(self, agent: str) -> str:
        """Why an agent.yaml cannot be used, '' if it can; cheap for most."""
        from fsbus.core import surely

        tree = self.strings(f"{self.root}/agents/{agent}/agent.yaml")
        known = self._refused.get(agent)
        if known is None or known[0] is not tree:
            known = self._refused[agent] = (tree, "" if surely.agent(tree) else self._why_not(agent))
        return known[1]

    def _why_not(self, agent: str) -> str:
        from fsbus.core.refusal import Refusal

        found = self.agent(agent)
        return found.sentence() if isinstance(found, Refusal) else ""

    def flaw(self) -> str:
        """Why bus.yaml cannot be used, or knows nothing of this host; '' if all is well; cheap where it surely is."""
        from fsbus.core import surely

        if not surely.bus(self.strings(f"{self.root}/bus.yaml")):
            try:
                self.bus()
            except Refused as error:
                return error.sentence()
        hosts = self.block("hosts")
        if not hosts or self.host in hosts:
            return ""
        known = f"this host is {self.host!r}, and bus.yaml knows {', '.join(map(str, hosts))}"
        return f"{known}; echo NAME > {as_typed(self.root + '/host')}, or add it under `hosts`"

    def block(self, name: str) -> dict[str, object]:
        """What bus.yaml has under this key, as strings; {} if it has nothing there, or cannot be read."""
        tree = self.strings(f"{self.root}/bus.yaml")
        block = tree.get(name) if isinstance(tree, dict) else None
        return block if isinstance(block, dict) else {}

    def strings(self, path: str) -> object:
        """A YAML file as a tree of strings, or a Refusal; read again only when it changed."""
        try:
            stamp = careful.looks(os.stat(path))
        except OSError:
            stamp = (0, 0, 0)
        cached = self._cache.get(path)
        if cached is None or cached[0] != stamp:
            cached = self._cache[path] = (stamp, written.strings(path))
        return cached[1]


def the_root(flag: str = "") -> str:
    """The bus that is meant: the flag, else $FSBUS_ROOT, else the nearest parent holding bus.yaml, else ~/fsbus.

    Raises NotFound where that takes the current directory, and it is gone.
    """
    chosen = flag or os.environ.get("FSBUS_ROOT", "")
    folder = absolute(chosen or ".")
    if chosen:
        return folder
    while not os.path.exists(f"{folder}/bus.yaml"):
        above = os.path.dirname(folder)
        if above == folder:
            return os.path.expanduser("~/fsbus")
        folder = above
    return folder


def absolute(path: str) -> str:
    """A path as it is from everywhere. Raises NotFound where it is relative, and the current directory is gone."""
    try:
        return os.path.abspath(os.path.expanduser(path))
    except FileNotFoundError:
        raise NotFound("the current directory is gone", then="cd to another one, or name the bus: --root ~/fsbus") from None


def open_tree(root: str) -> Tree:
    """The bus at `root`. Raises NotFound if there is none, Refused if others could write into it."""
    try:
        os.stat(f"{root}/bus.yaml")
        folder = os.stat(root)
    except PermissionError:
        raise Refused("this bus belongs to somebody else", where=root, then=f"look at it with: ls -ld {as_typed(root)}") from None
    except (OSError, ValueError):  # no path at all, such as one with a zero byte
        raise NotFound("there is no bus here", where=root, then=f"make one with: fsbus init {as_typed(root)}") from None
    if folder.st_mode & 0o022:
        raise Refused("other users could write into this bus", where=root, then=f"chmod go-w {as_typed(root)}")
    return Tree(root)
