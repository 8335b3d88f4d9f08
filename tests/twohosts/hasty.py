"""`fsbus` with short time limits on its links, so that a test sees a dead one in seconds; otherwise the same program."""
from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # the fsbus beside these tests, whichever is installed

from fsbus.__main__ import main
from fsbus.link.limits import USUAL

HASTY = {"connect": 3.0, "handshake": 5.0, "login": 5.0, "channel": 5.0, "start": 10.0, "beat": 0.4, "answer": 4.0, "write": 2.0}

if __name__ == "__main__":
    for name, seconds in HASTY.items():
        object.__setattr__(USUAL, name, seconds)  # the one value that every dial takes by default
    sys.exit(main())
