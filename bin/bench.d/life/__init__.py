"""The peers of the life-cycle bench: one module each.

A peer module has
    ENTRANTS                       list of Entrant: the settings in which it takes part
    serve(place, setting)          in the bench's process: a context manager around its server and worker; yields {env: value}
    connect(place, setting)        in the producer's process: an object with submit(text) -> handle, collect(handles) -> results

It is used as its users use it; where a setting was chosen in its favour (polling times, logging off) the module says so.
"""

from dataclasses import dataclass

TEXT = (
    "Bump the dependencies of the web shop, run the whole test suite, and write down what failed and why. ".ljust(199, ".") + "\n"
)


@dataclass(frozen=True)
class Entrant:
    """One peer in one setting."""

    name: str  # as printed
    level: str  # M, P or D, see rows.LEVELS
    setting: str  # what the module is told
    needs: tuple[str, ...] = ()  # packages and programs
    share: float = 1.0  # of the N tasks; under 1 for the very slow, whose rate does not depend on N
    role: str = "peer"  # fsbus, raw (the limit of its level), peer (compared), info (printed only)
    bar: float = 0.0  # fsbus must be so many times faster; 0: no target
    note: str = ""  # printed under the row


def same(text: str) -> str:
    """The task of every Python peer: give the text back."""
    return text
