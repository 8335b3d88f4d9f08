"""Fixtures for all tests."""
from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit import TestBus

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as with `&` in a script: what it starts would be deaf, too
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[TestBus]:
    """A new bus with the agents of skel/solo: dispatch, human, echo."""
    made = TestBus(tmp_path / "bus")
    yield made
    made.close()
