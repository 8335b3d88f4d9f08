"""File events of a Mac, by watchfiles; also of any other system that it knows and `inotify` does not."""
from __future__ import annotations

import os
from collections.abc import Generator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fsbus.spool.watcher import Stop

LOOK = 250  # ms between its looks at what the system told; less wakes an idle node more often, more costs latency


def batches(folders: list[str], seconds: float, stop: Stop) -> Generator[list[str], None, None]:
    """For `seconds`: the folders in which something changed since the last batch, one for each change.

    Raises what watchfiles raises: it has errors of its own, OSError, and ImportError where it is missing.
    """
    import watchfiles

    wait = int(seconds * 1000)
    for changes in watchfiles.watch(
        *folders, watch_filter=None, step=LOOK, debounce=LOOK, rust_timeout=wait, yield_on_timeout=True, recursive=False,
        stop_event=stop, raise_interrupt=False,
    ):  # fmt: skip
        if not changes:
            return
        yield [os.path.dirname(path) for _, path in changes]
