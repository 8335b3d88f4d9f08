"""The peers of the urgent bench: one module each.

A peer module has
    ENTRANTS                               list of Entrant: the settings in which it takes part
    serve(place, setting)                  in the bench's process: a context manager around its server; yields {env: value}
    send(place, setting, texts)            in the sender's process: send each text as it comes out of `texts`, which sleeps
    receive(place, setting, ready, seen)   in the receiver's process: call ready(), then seen(text) for each, till that is False

`texts` stamps each text with the time at which it hands it over, `seen` takes the time at which it gets it back: what lies
between is the figure. A message counts as received once it is parsed and, where the peer knows such a thing, claimed.
"""

from dataclasses import dataclass

SIZE = 200  # bytes of a message


@dataclass(frozen=True)
class Entrant:
    """One peer in one setting."""

    name: str  # as printed
    level: str  # M, P or D, see rows.LEVELS
    setting: str  # what the module is told
    needs: tuple[str, ...] = ()  # packages and programs
    role: str = "peer"  # fsbus, raw (the limit of its level), loaded (fsbus beside a load), peer (compared), info (printed only)
    bar: float = 0.0  # fsbus must be so many times faster; 0: no target
    note: str = ""  # printed under the row
