"""Fixtures for all tests."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit import TestBus


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[TestBus]:
    """A new bus with the agents of skel/solo: dispatch, human, echo."""
    made = TestBus(tmp_path / "bus")
    yield made
    made.close()
