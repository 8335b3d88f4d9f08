"""From a host's name in bus.yaml to a link to it."""

from __future__ import annotations

from collections.abc import Callable

from fsbus.core.errors import FsbusError, Mute, NotFound, Refused
from fsbus.link import ssh
from fsbus.link.bulk import Way
from fsbus.link.limits import USUAL, Limits
from fsbus.link.remote import Remote
from fsbus.link.sftp import Sftp
from fsbus.spool.tree import Tree

DEFAULT_COMMAND = "fsbus"
DEFAULT_ROOT = "fsbus"  # below the home, where an SFTP session begins


def dial(tree: Tree, host: str, *, limits: Limits = USUAL, wake: Callable[[], None] | None = None) -> Remote:
    """A link to that host, on a connection of its own. Raises Unreachable, Refused, NotFound, BadUsage."""
    config = tree.bus()
    settings = settings_of(tree, host)
    line = ssh.serve_command(settings.get("command", DEFAULT_COMMAND), settings.get("root", ""))
    carrier = ssh.carry(settings["ssh"], line, config=config.sync_ssh_config, limits=limits)
    return Remote(carrier, tree.host, config.id, name=host, limits=limits, wake=wake)


def reach(tree: Tree, host: str) -> Remote | Sftp:
    """A link to that host for batches: fsbus if it answers there, else plain SFTP. Raises as `dial`."""
    try:
        return dial(tree, host)
    except Mute as error:
        try:
            return dial_sftp(tree, host)
        except FsbusError:
            raise error from None  # nothing there: what is missing is fsbus


def dial_sftp(tree: Tree, host: str, *, limits: Limits = USUAL) -> Sftp:
    """The same tree by plain SFTP, where no fsbus answers over there: slower, and nothing is told. Raises as `dial`."""
    settings = settings_of(tree, host)
    connection = ssh.login(settings["ssh"], config=tree.bus().sync_ssh_config, limits=limits)
    try:
        side = Sftp(connection.sftp(), settings.get("root") or DEFAULT_ROOT, tree, connection.close)
        _same_bus(side, tree, host)
        return side
    except BaseException:
        connection.close()
        raise


def _same_bus(side: Sftp, tree: Tree, host: str) -> None:
    try:
        there = side.hello()
    except FileNotFoundError:
        raise NotFound(f"there is no bus on {host}", where="bus.yaml", then="look at its `root:`, or: fsbus pair") from None
    if (there.host, there.bus) != (host, tree.bus().id):
        what = f"this should be {host}, but it is {there.host[:64]!r} of bus {there.bus[:40]!r}"
        raise Refused(what, where="bus.yaml", then="look at its `ssh:` and `root:`")


def way_of(tree: Tree, host: str) -> Way | None:
    """How rsync gets to that host, None if this one does not dial it."""
    settings = tree.bus().hosts.get(host, {})
    return Way(settings["ssh"], tree.bus().sync_ssh_config, settings.get("root", "")) if settings.get("ssh") else None


def settings_of(tree: Tree, host: str) -> dict[str, str]:
    """What bus.yaml says of a host that can be dialled. Raises NotFound, Refused."""
    hosts = tree.bus().hosts
    if host not in hosts:
        raise NotFound(f"there is no host {host!r}", where=f"{tree.root}/bus.yaml", then=f"there are: {', '.join(hosts)}")
    if not hosts[host].get("ssh"):
        raise Refused(f"{host} has no `ssh:`", where=f"{tree.root}/bus.yaml", then="add what `ssh` takes as its destination")
    return hosts[host]
