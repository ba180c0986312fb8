"""Fixtures for every test: the embedded server."""

from collections.abc import Iterator

import pytest

from tests.embedded import Served, serve


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    """One TLS server with the defaults, shared by the tests that only talk to it."""
    with serve() as server:
        yield server
