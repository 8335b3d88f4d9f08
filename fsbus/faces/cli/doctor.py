"""`fsbus doctor`."""
from __future__ import annotations

import time

from fsbus.faces.cli import out

HELP = {"json": "as JSON", "no_links": "look at this host alone, not at the ones it dials"}


def doctor_(*, json: bool = False, no_links: bool = False) -> int:
    """What is wrong on this host and with its links, in the order in which things usually break, each with what mends
    it; exit code 1 if something fails.

    fsbus doctor
    fsbus doctor --no-links
    """
    from fsbus.core import doctor
    from fsbus.core.screen import safe_line, table
    from fsbus.duties.doctor import gather
    from fsbus.spool.tree import the_root

    root = the_root()
    facts = gather(root, time.time())
    checks = doctor.local(facts)
    if not no_links and doctor.has_links(facts):
        from fsbus.duties.linklook import links
        from fsbus.spool.tree import Tree

        checks += links(Tree(root))
    if json:
        out.as_json([{"check": c.name, "verdict": c.verdict, "says": c.says, "fix": c.fix} for c in checks])
    else:
        out.show(table([(c.verdict, safe_line(c.name), safe_line(out.typable(c.sentence()))) for c in checks]))
    return 1 if doctor.worst(checks) == doctor.FAIL else 0
