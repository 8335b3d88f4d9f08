"""Fixtures for two hosts."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.twohosts.rig import Two
from tests.twohosts.space import NoSpace, Space


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    """mac and vps."""
    with Two(tmp_path) as made:
        yield made


@pytest.fixture
def wired(tmp_path: Path) -> Iterator[Two]:
    """mac and vps, and the tests' wire between them."""
    with Two(tmp_path, wired=True) as made:
        yield made


@pytest.fixture
def spaced(tmp_path: Path) -> Iterator[Two]:
    """mac and vps, and a real network between them."""
    try:
        space = Space()
    except NoSpace as error:
        pytest.skip(str(error))
    with space, Two(tmp_path, space=space) as made:
        yield made


@pytest.fixture
def lossy(tmp_path: Path) -> Iterator[Two]:
    """mac and vps, and between them what can lose: a real network where that can be had, else the tests' wire."""
    try:
        space: Space | None = Space()
    except NoSpace:
        space = None
    with space or nullcontext(), Two(tmp_path, wired=space is None, space=space) as made:
        yield made
