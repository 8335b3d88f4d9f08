"""The producer's process of the life bench: `produce.py MODULE SETTING PLACE N` submits N tasks and waits for their N results.

Prints {"seconds": first submit .. last result collected}. A few tasks go through before the clock starts, so that connections
are made and the worker is awake.
"""

import importlib
import json
import sys
import time
from pathlib import Path

from life import TEXT

WARM = 5  # tasks before the clock starts


def main(module: str, setting: str, place: str, n: str) -> None:
    """One timed round."""
    client = importlib.import_module(f"life.{module}").connect(Path(place), setting)
    client.collect([client.submit(TEXT) for _ in range(WARM)])
    start = time.perf_counter()
    handles = [client.submit(TEXT) for _ in range(int(n))]
    results = client.collect(handles)
    seconds = time.perf_counter() - start
    wrong = [r for r in results if TEXT.strip() not in r]
    if len(results) != int(n) or wrong:
        sys.exit(f"{len(results)} results for {n} tasks, {len(wrong)} of them not the text")
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
