"""What a bench is given."""

import sys
from dataclasses import dataclass

from place import Place


@dataclass(frozen=True)
class Context:
    """Sizes, places, and what is missing."""

    quick: bool  # small sizes, few rounds
    place: Place  # gives fresh trees on the real disk
    missing: dict[str, str]  # {package or program: why it is not here}

    def pick(self, full: int, quick: int) -> int:
        """A size, by --quick."""
        return quick if self.quick else full

    def lacks(self, *needs: str) -> str:
        """Why something cannot run here, or the empty string."""
        return "; ".join(f"{n}: {self.missing[n]}" for n in needs if n in self.missing)

    def say(self, text: str) -> None:
        """Progress, on stderr."""
        print(f"bench: {text}", file=sys.stderr, flush=True)
