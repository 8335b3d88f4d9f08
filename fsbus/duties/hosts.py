"""Which hosts this one has to do with, as bus.yaml says it."""
from __future__ import annotations

from fsbus.core.errors import Refused
from fsbus.core.refusal import Refusal
from fsbus.core.topology import topology
from fsbus.spool.tree import Tree


def dialled(tree: Tree) -> tuple[str, ...]:
    """The hosts that this one dials. Raises Refused if bus.yaml describes no tree of links."""
    links = topology(tree.bus())
    if isinstance(links, Refusal):
        raise Refused(links.what, where=f"{tree.root}/bus.yaml", then=links.fix)
    return links.dials(tree.host)
