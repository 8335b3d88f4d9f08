"""The picture of a run: one bar per row that has a ratio to the raw limit, grouped by bench, as a plain SVG without any library.

The scale is logarithmic, since the peers lie three powers of ten apart; the raw limit is the line at 1. Colours and text follow
the reader's light or dark theme.
"""

import math
from html import escape

from rows import Row, times

WIDTH, LABELS, RIGHT = 860, 330, 60  # px: all of it, the names on the left, the figures on the right
LINE, BAR, GAP = 17, 11, 30  # px: from bar to bar, a bar's height, above a group
LEAST, MOST = 0.001, 4.0  # ratios at the ends of the scale
TICKS = (0.001, 0.01, 0.1, 1.0)
STYLE = """
text { font: 11px ui-sans-serif, system-ui, sans-serif; fill: #24292f }
.head { font-weight: 600; font-size: 13px }
.small, .tick { fill: #6e7781 }
.fsbus { fill: #0969da }
.peer { fill: #afb8c1 }
.grid { stroke: #d0d7de }
.raw { stroke: #cf222e; stroke-dasharray: 3 3 }
@media (prefers-color-scheme: dark) {
 text { fill: #e6edf3 }
 .small, .tick { fill: #8b949e }
 .fsbus { fill: #4493f8 }
 .peer { fill: #57606a }
 .grid { stroke: #30363d }
 .raw { stroke: #f85149 }
}
"""


def place(ratio: float) -> float:
    """Where on the scale a ratio stands, in px."""
    within = min(MOST, max(LEAST, ratio))
    share = math.log(within / LEAST) / math.log(MOST / LEAST)
    return LABELS + share * (WIDTH - LABELS - RIGHT)


def groups(rows: list[Row]) -> dict[str, list[Row]]:
    """The rows that have a ratio, by bench and level; the best first."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row.x_raw:
            level = "D" if row.level == "D" else "P" if row.level else ""
            found.setdefault(f"{row.bench} {'at level ' + level if level else ''}".strip(), []).append(row)
    return {name: sorted(some, key=lambda row: -(row.x_raw or 0)) for name, some in found.items()}


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    """One line of words."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{escape(words)}</text>'


def bar(row: Row, y: float) -> str:
    """One row: its name, its bar, its figure."""
    end = place(row.x_raw or LEAST)
    kind = "fsbus" if row.name.startswith(("fsbus", "bus.")) else "peer"
    name = f"{row.name} ({row.level})" if row.level == "M" else row.name
    return "\n".join(
        [
            text(LABELS - 8, y + BAR - 2, name, "", "end"),
            f'<rect x="{LABELS}" y="{y}" width="{end - LABELS:.1f}" height="{BAR}" rx="2" class="{kind}"/>',
            text(end + 5, y + BAR - 2, f"{times(row.x_raw)}x", "small"),
        ]
    )


def grid(top: float, bottom: float) -> list[str]:
    """The lines of the scale; the raw limit is dashed."""
    lines = []
    for tick in TICKS:
        x, kind = place(tick), "raw" if tick == 1 else "grid"
        lines.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}" class="{kind}"/>')
        lines.append(text(x, bottom + 14, "raw limit" if tick == 1 else f"{tick:g}x", "tick", "middle"))
    return lines


def svg(rows: list[Row], caption: str) -> str:
    """The whole picture."""
    out, y = [], 44.0
    for name, some in groups(rows).items():
        y += GAP
        out.append(text(LABELS, y - 8, name, "head"))
        for row in some:
            out.append(bar(row, y))
            y += LINE
    height = round(y + 34)
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"<title>{escape('fsbus and its peers, as ratios to the raw limit')}</title>",
        f"<style>{STYLE}</style>",
        text(12, 20, "How near to the raw limit: longer is better, the scale is logarithmic", "head"),
        text(12, 38, caption, "small"),
    ]
    return "\n".join([*head, *grid(52, y), *out, "</svg>"]) + "\n"
