"""Fixtures for two hosts."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.twohosts.rig import Two


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
