"""Words have one meaning each (DESIGN section 2), and some name nothing: no module and no class has one of them."""
from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

REPO = Path(__file__).parent.parent
NOTHING = {"manager", "handler", "helper", "helpers", "util", "utils", "common", "misc", "data"}
PLACES = ("fsbus", "tests", "bin/bench.d")


def named() -> list[tuple[str, str]]:
    """Every module, folder and class: its name and where it is."""
    found = []
    for place in PLACES:
        for path in sorted((REPO / place).rglob("*.py")):
            where = str(path.relative_to(REPO))
            found += [(part, where) for part in path.relative_to(REPO).with_suffix("").parts]
            tree = ast.parse(path.read_text())
            found += [(node.name, where) for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return found


def words(name: str) -> set[str]:
    """The words of a name, in whichever style it is written."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def test_no_module_and_no_class_is_named_by_a_word_that_says_nothing() -> None:
    assert [(name, where) for name, where in named() if words(name) & NOTHING] == []


@pytest.mark.parametrize("name", ["TaskManager", "io_utils", "HTTPHandler", "data", "Data", "misc2", "CommonTask"])
def test_such_a_word_is_found(name: str) -> None:
    assert words(name) & NOTHING


@pytest.mark.parametrize("name", ["Metadata", "update", "Database", "Manage", "commons"])
def test_a_word_that_only_holds_one_is_another_word(name: str) -> None:
    assert not words(name) & NOTHING
