"""Fixtures for the link: one sshd a test session and process, two new trees a test."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.link.pair import Pair, make_pair
from tests.link.sshd import Sshd


@pytest.fixture(scope="session")
def shared_sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """An sshd that no test stops or changes."""
    with Sshd(tmp_path_factory.mktemp("sshd")) as sshd:
        yield sshd


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    """An sshd of the test's own."""
    with Sshd(tmp_path) as made:
        yield made


@pytest.fixture
def pair(tmp_path: Path, shared_sshd: Sshd) -> Pair:
    """Two trees, and an sshd between them."""
    return make_pair(tmp_path, shared_sshd)
