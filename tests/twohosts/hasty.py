"""`fsbus` with short time limits on its links and for word from there, so that a test sees what follows within seconds;
otherwise the same program.
"""
from __future__ import annotations

import os
import select
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # the fsbus beside these tests, whichever is installed

from fsbus.__main__ import main
from fsbus.duties import urgent
from fsbus.link.limits import USUAL

HASTY = {"connect": 3.0, "handshake": 5.0, "login": 5.0, "channel": 5.0, "start": 10.0, "beat": 0.6, "answer": 30.0, "write": 2.0}
AWAY = 3.0

if __name__ == "__main__":
    for name, seconds in HASTY.items():
        object.__setattr__(USUAL, name, seconds)  # the one value that every dial takes by default
    urgent.AWAY = AWAY
    if "FAKETIME" in os.environ:  # libfaketime 0.9.10 makes EINVAL of the absolute clock_nanosleep in which Python sleeps
        time.sleep = lambda seconds: select.select([], [], [], seconds) and None
    sys.exit(main())
