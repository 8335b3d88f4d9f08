"""What stops a pass for a human: predicates over what two sides say of themselves, each a sentence or ''.

A plan cannot delete what it should not; it could send everything, or nothing for ever. So what looks like another
tree, an emptied one, or a clock that jumped is said, and a person decides. Clocks that are apart stop no merging: age
alone decides nothing then (`Rules.expire`).
"""
from __future__ import annotations

from collections.abc import Iterable

from fsbus.core.gathered import Listing
from fsbus.core.health import JUMP
from fsbus.core.moment import show_duration

APART = 300.0  # seconds two clocks may differ before age decides nothing
FEW = 20  # names that may all go between two passes without anybody wondering
NAMES_MOST = 200_000  # names in one listing


def other_bus(near: str, far: str, host: str) -> str:
    """Two buses never merge."""
    if near and near == far:
        return ""
    ids = f"its id is {far or 'missing'}, ours is {near or 'missing'}"
    return f"{host} has another bus: {ids}; look at `root` of {host} in bus.yaml"


def clocks(offset: float, host: str) -> str:
    """Whether the clocks are so far apart that nothing may expire; `offset`: theirs minus ours, in seconds."""
    if abs(offset) <= APART:
        return ""
    way = "ahead of" if offset > 0 else "behind"
    apart = f"the clock of {host} is {show_duration(abs(offset))} {way} ours"
    return f"{apart}: nothing expires until they agree; set the clocks with NTP"


def emptied(listing: Listing, before: int, host: str) -> str:
    """Whether a side that had names at the last good pass has none now: not mounted, another home, or wiped."""
    if before <= FEW or any(listing.values()):
        return ""
    return f"{host} has no names any more and had {before} at the last pass; if that is right: fsbus sync {host} --force"


def unlisted(folders: Iterable[str], listing: Listing) -> list[str]:
    """Those of these folders that a side cannot list, although it has their agent: what one agent lost stops no other."""
    agents = {folder.split("/")[1] for folder in listing}
    return [folder for folder in folders if folder not in listing and folder.split("/")[1] in agents]


def too_many(listing: Listing, host: str) -> str:
    """Whether a peer lists more than anybody has."""
    count = sum(map(len, listing.values()))
    if count <= NAMES_MOST:
        return ""
    return f"{host} lists {count} names, the limit is {NAMES_MOST}; a lower retention.results in bus.yaml archives more of them"


def jumped(wall: float, monotonic: float) -> str:
    """Whether our own clock jumped within a pass that took so many seconds by either clock: plan again."""
    if abs(wall - monotonic) <= JUMP:
        return ""
    return f"our clock jumped by {show_duration(abs(wall - monotonic))} during the pass: it is planned again"
