"""The fixture of these tests."""
from __future__ import annotations

import pytest

from tests.dispatch.rig import Rig
from tests.kit import TestBus


@pytest.fixture
def rig(bus: TestBus) -> Rig:
    """A bus with short timers."""
    return Rig(bus)
