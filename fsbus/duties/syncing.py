"""`fsbus sync`: one pass to every host that this one dials, or to one of them, for cron and for people."""
from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from fsbus.core import guards
from fsbus.core.errors import FsbusError, NotFound, Refused
from fsbus.duties.hosts import dialled
from fsbus.link.dial import reach
from fsbus.link.passing import Pass
from fsbus.spool import linkfacts
from fsbus.spool.journal import Journal
from fsbus.spool.tree import Tree


def sync(tree: Tree, journal: Journal, host: str, dry_run: bool, force: bool) -> list[dict[str, Any]]:
    """What became of a pass to each host: counts, or `trouble` and its exit code. Raises NotFound, Refused."""
    hosts = dialled(tree)
    if host and host not in hosts:
        raise _not_dialled(tree, host, hosts)
    return [_one(tree, journal, name, dry_run, force) for name in ((host,) if host else hosts)]


def _one(tree: Tree, journal: Journal, host: str, dry_run: bool, force: bool) -> dict[str, Any]:
    try:
        far = reach(tree, host)
        try:
            return {"host": host, "exit_code": 0, **_pass(Pass(tree, journal, host, far, force), dry_run)}
        finally:
            far.close()
    except FsbusError as error:
        linkfacts.bad(tree, host, time.time(), error.sentence())
        return {"host": host, "exit_code": error.exit_code, "trouble": error.sentence(), "plan": []}


def _pass(one: Pass, dry_run: bool) -> dict[str, Any]:
    if dry_run:
        return {"plan": [step._asdict() for step in one.dry()]}
    done = asdict(one.run())
    done.pop("trouble")
    return done | {"round_trip": one.round_trip, "offset": one.offset, "clocks": guards.clocks(one.offset, one.host)}


def _not_dialled(tree: Tree, host: str, hosts: tuple[str, ...]) -> FsbusError:
    where = f"{tree.root}/bus.yaml"
    if host not in tree.bus().hosts:
        return NotFound(f"there is no host {host!r}", where=where, then=f"this one dials: {', '.join(hosts) or 'nobody'}")
    then = f"run it on the host that does; it needs `ssh:` under hosts.{host}"
    return Refused(f"{tree.host} does not dial {host}", where=where, then=then)
