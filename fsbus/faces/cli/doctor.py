"""`fsbus doctor`."""
from __future__ import annotations

import os
import time

from fsbus.faces.cli import out

HELP = {"json": "as JSON"}


def doctor_(*, json: bool = False) -> int:
    """What is wrong on this host, in the order in which things usually break, each with what mends it; exit code 1 if
    something fails.

    fsbus doctor
    """
    from fsbus.core import doctor
    from fsbus.core.screen import table
    from fsbus.duties.doctor import gather
    from fsbus.spool.tree import find_root

    root = find_root("", os.environ.get("FSBUS_ROOT", ""), os.getcwd(), os.path.expanduser("~"))
    checks = doctor.local(gather(root, time.time()))
    if json:
        out.as_json([{"check": c.name, "verdict": c.verdict, "says": c.says, "fix": c.fix} for c in checks])
    else:
        out.show(table([(c.verdict, c.name, c.sentence()) for c in checks]))
    return 1 if doctor.worst(checks) == doctor.FAIL else 0
