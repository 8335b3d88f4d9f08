"""One figure of a benchmark, and the table it is printed in.

Ratios are of medians, so that a reader can check them with the two figures in the table. `x raw` and `x fsbus` always say how
many times *better* than the raw limit this row is (under 1: slower), or fsbus is than this row (over 1: fsbus is better).
"""

from dataclasses import asdict, dataclass, field
from statistics import median

LEVELS = {
    "M": "lost when the server dies",
    "P": "survives a kill of any process (page cache), not a power cut",
    "D": "survives a power cut (fsync before submit and result count)",
}


@dataclass(frozen=True)
class Target:
    """A bar on a ratio: `at_least` or `at_most` so much, judged once the ratio is known."""

    text: str  # as printed: ">= 5x"
    bound: float  # the ratio or value of the bar
    at_least: bool = True  # False: at most

    def met(self, got: float) -> bool:
        """Whether the figure reaches the bar."""
        return got >= self.bound if self.at_least else got <= self.bound


@dataclass
class Row:
    """One figure: medians over interleaved rounds, beside its raw limit and its peer."""

    bench: str  # which bench
    name: str  # what was measured, with the setting that matters
    unit: str  # of value
    samples: list[float] = field(default_factory=list)  # one per round
    level: str = ""  # M, P, D: see LEVELS
    x_raw: float | None = None  # this row against the raw limit
    x_peer: float | None = None  # fsbus against this row
    target: str = ""  # the bar, as printed
    met: bool | None = None  # whether it was reached; None: no bar here, or nothing measured
    note: str = ""  # why it was skipped, or what to know when reading it

    @property
    def value(self) -> float | None:
        """The median of the rounds."""
        return median(self.samples) if self.samples else None

    def judge(self, target: Target, got: float | None) -> None:
        """Set the bar beside the row and say whether `got` reaches it."""
        self.target = target.text
        self.met = None if got is None else target.met(got)

    def as_data(self) -> dict:
        """For --json."""
        spread = [min(self.samples), max(self.samples)] if self.samples else None
        return {**asdict(self), "value": self.value, "spread": spread}


def ratio(above: Row | None, below: Row | None) -> float | None:
    """The ratio of two medians, or None where either was not measured."""
    if above is None or below is None or above.value is None or not below.value:
        return None
    return above.value / below.value


def figure(number: float | None) -> str:
    """Three significant digits, thousands with commas."""
    if number is None:
        return "-"
    if number == 0 or abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if abs(number) >= 10 else f"{number:.2f}"


def times(number: float | None) -> str:
    """A ratio as printed."""
    if number is None:
        return ""
    return f"{number:.3f}" if number < 0.1 else f"{number:.2f}" if number < 10 else f"{number:.0f}"


def verdict(row: Row) -> str:
    """met, MISSED or nothing."""
    return {True: "met", False: "MISSED", None: "not measured" if row.target else ""}[row.met]


HEAD = ("what", "level", "median", "unit", "min..max", "x raw", "x fsbus", "target", "")
RIGHT = {2, 5, 6}  # columns of numbers


def cells(row: Row) -> tuple[str, ...]:
    """One line of the table."""
    spread = f"{figure(min(row.samples))}..{figure(max(row.samples))}" if row.samples else ""
    return (
        row.name,
        row.level,
        figure(row.value),
        row.unit,
        spread,
        times(row.x_raw),
        times(row.x_peer),
        row.target,
        verdict(row),
    )


def table(rows: list[Row]) -> str:
    """An aligned text table; notes follow under their rows."""
    lines = [HEAD, *(cells(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    out = []
    for i, line in enumerate(lines):
        text = "  ".join(c.rjust(w) if n in RIGHT else c.ljust(w) for n, (c, w) in enumerate(zip(line, widths, strict=True)))
        out.append("  " + text.rstrip())
        if i == 0:
            out.append("  " + "  ".join("-" * w for w in widths))
        elif rows[i - 1].note:
            out.append(f"      ^ {rows[i - 1].note}")
    return "\n".join(out)
