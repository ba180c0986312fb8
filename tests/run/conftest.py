"""Fixtures for the tests of whole runs."""

from collections.abc import Iterator

import pytest

from tests.run.odd_service import OddService, odd_service


@pytest.fixture(scope="session")
def odd() -> Iterator[OddService]:
    """One odd service over ``ws://``; each path keeps its own memory."""
    with odd_service() as service:
        yield service
