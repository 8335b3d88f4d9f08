"""The table of a run as Markdown, and its place in the README: between `<!-- bench -->` and `<!-- /bench -->`."""

from pathlib import Path

from rows import Row, figure, times, verdict

OPEN, CLOSE = "<!-- bench -->", "<!-- /bench -->"
HEAD = ("bench", "what", "level", "median", "min..max", "x raw", "x fsbus", "wanted", "")


def told(row: Row) -> bool:
    """Whether a row belongs into the README: what has a bar, is compared with fsbus or is fsbus; no tails, no skipped peers."""
    if not row.samples:
        return bool(row.target)
    is_tail = row.name.endswith(", p99")
    return bool(row.target) or (not is_tail and (row.x_peer is not None or row.x_raw is not None))


def cells(row: Row) -> list[str]:
    """One line."""
    spread = f"{figure(min(row.samples))}..{figure(max(row.samples))}" if row.samples else ""
    name = f"**{row.name}**" if row.name.startswith(("fsbus", "bus.")) else row.name
    wanted = row.target.replace("<", "&lt;").replace(">", "&gt;")
    middle = f"{figure(row.value)} {row.unit}"
    return [row.bench, name, row.level, middle, spread, times(row.x_raw), times(row.x_peer), wanted, verdict(row)]


def table(rows: list[Row], caption: str) -> str:
    """Caption, picture, table."""
    lines = [HEAD, ["---", "---", "---", "---:", "---", "---:", "---:", "---", "---"], *(cells(r) for r in rows if told(r))]
    legend = "`x raw`: this row against the raw limit of its level; `x fsbus`: fsbus against this row; over 1 is better in both."
    picture = "![ratios to the raw limit](bin/bench.d/last.svg)"
    return "\n".join([caption, legend, "", picture, "", *("| " + " | ".join(line) + " |" for line in lines)])


def put(readme: Path, content: str) -> None:
    """Replace what lies between the markers; words that follow the table there are a person's, and stay."""
    before, opened, rest = readme.read_text().partition(OPEN)
    inside, closed, after = rest.partition(CLOSE)
    if not (opened and closed):
        raise ValueError(f"{readme.name} has no {OPEN} and {CLOSE}")
    _, has_table, words = inside.rpartition("|\n")
    content += f"\n\n{words.strip()}" if has_table and words.strip() else ""
    readme.write_text(f"{before}{OPEN}\n{content}\n{CLOSE}{after}")
