"""`fsbus` and `python -m fsbus`."""
from __future__ import annotations

import sys

from fsbus.faces.cli.edge import run


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
