"""What bin/bench writes from its figures: the table, the picture, the README. Nothing is measured here."""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

REPO = Path(__file__).parent.parent
MAIN = REPO / "bin/bench.d/main.py"
SVG = "{http://www.w3.org/2000/svg}"
TEXT = "before\n<!-- bench -->\nold\n\n| a |\n|---|\n| 1 |\n\nWhat limits it: people.\n<!-- /bench -->\nafter\n"


def row(name: str, value: float, **more: object) -> dict[str, object]:
    """One figure as --json writes it."""
    fixed = {"bench": "urgent", "name": name, "unit": "us", "samples": [value], "level": "P"}
    return fixed | {"x_raw": None, "x_peer": None, "target": "", "met": None, "note": ""} | more


ROWS = [
    row("raw & <bare>", 200.0, x_peer=0.5, target="fsbus <= 2x", met=True),
    row("fsbus", 400.0, x_raw=0.5),
    row("redis-py pub/sub", 300.0, level="M", x_raw=0.667, x_peer=0.75, target="fsbus >= 1x", met=False),
    row("nats", 0.0, samples=[], note="skipped: not installed"),
    row("fsbus, p99", 900.0),
]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A README, and the figures of a run."""
    (tmp_path / "README.md").write_text(TEXT)
    machine = {"cpus": 2, "python": "3.11.0", "load": [0.1, 0, 0], "load after": [0.2, 0, 0], "when": "2026-11-22T00:00:00Z"}
    told = {"command": "bin/bench", "machine": machine, "versions": {}, "missing": {}, "disk": "on ext4; clean", "rows": ROWS}
    (tmp_path / "run.json").write_text(json.dumps(told))
    return tmp_path


def bench(checkout: Path, *words: str) -> str:
    """Run bench.d/main.py on the figures of that run."""
    command = [sys.executable, str(MAIN), "--from", str(checkout / "run.json"), *words]
    environ = {"BENCH_CHECKOUT": str(checkout), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, env=environ, check=True, capture_output=True, text=True).stdout


def test_the_picture_is_xml_with_a_bar_for_each_ratio(checkout: Path) -> None:
    bench(checkout, "--svg", str(checkout / "run.svg"))
    root = ElementTree.parse(checkout / "run.svg").getroot()
    bars = {bar.get("class"): float(bar.get("width", "")) for bar in root.iter(f"{SVG}rect")}
    words = [text.text for text in root.iter(f"{SVG}text")]
    assert root.tag == f"{SVG}svg"
    assert bars["peer"] > bars["fsbus"] > 0
    assert {"fsbus", "redis-py pub/sub (M)", "0.50x", "0.67x", "raw limit"} <= set(words)
    assert "prefers-color-scheme: dark" in (checkout / "run.svg").read_text()


def test_the_readme_gets_the_table_and_keeps_the_rest(checkout: Path) -> None:
    bench(checkout, "--readme")
    text = (checkout / "README.md").read_text()
    assert text.startswith("before\n<!-- bench -->\n`bin/bench` on 2 cores")
    assert text.endswith("\n\nWhat limits it: people.\n<!-- /bench -->\nafter\n")
    assert "| urgent | redis-py pub/sub | M | 300 us | 300..300 | 0.67 | 0.75 | fsbus &gt;= 1x | MISSED |" in text
    assert "| urgent | **fsbus** | P | 400 us |" in text
    assert "old" not in text
    assert "nats" not in text
    bench(checkout, "--readme")
    assert (checkout / "README.md").read_text() == text


def test_the_figures_come_out_as_they_went_in(checkout: Path) -> None:
    bench(checkout, "--json", str(checkout / "again.json"))
    told, again = (json.loads((checkout / name).read_text()) for name in ("run.json", "again.json"))
    for old, new in zip(told["rows"], again["rows"], strict=True):
        assert {name: new[name] for name in old} == old
    assert again["machine"] == told["machine"]


def test_the_stdout_table_says_why_a_peer_is_missing() -> None:
    code = (
        f"import sys, json; sys.path.insert(0, {str(MAIN.parent)!r}); from rows import Row, table;"
        "print(table([Row(**row) for row in json.load(sys.stdin)]))"
    )
    given = json.dumps(ROWS)
    out = subprocess.run([sys.executable, "-B", "-c", code], input=given, check=True, capture_output=True, text=True).stdout
    lines = out.splitlines()
    assert next(line for line in lines if "redis-py" in line).endswith("fsbus >= 1x  MISSED")
    assert lines[lines.index(next(line for line in lines if " nats" in line)) + 1].strip() == "^ skipped: not installed"
