"""Servers with faults, one for each test, started before their turn: most of a start is waiting."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.embedded import Served, serve

Args = tuple[str, ...]
_AHEAD = 6


def of(*faults: str, tls: bool = True) -> Args:
    """Return the arguments of a server with these faults."""
    options = [part for fault in faults for part in ("--fault", fault)]
    return (*options, *(() if tls else ("--no-tls",)))


class Bench:
    """Servers that will be asked for in a known order."""

    def __init__(self, order: Sequence[Args]) -> None:
        self._order = list(order)
        self._pool = ThreadPoolExecutor(_AHEAD)
        self._started: list[Future[tuple[AbstractContextManager[Served], Served]]] = []

    @contextmanager
    def next(self, args: Args) -> Iterator[Served]:
        """Give the next server for the block, which is the one with ``args``."""
        while len(self._started) < _AHEAD and self._order:
            self._started.append(self._pool.submit(_start, self._order.pop(0)))
        life, served = self._started.pop(0).result()
        assert served.process.args[-len(args) :] == list(args)  # type: ignore[index]
        try:
            yield served
        finally:
            self._pool.submit(life.__exit__, None, None, None)

    def close(self) -> None:
        """End those that were started and not asked for."""
        for started in self._started:
            life, _ = started.result()
            self._pool.submit(life.__exit__, None, None, None)
        self._pool.shutdown()


def _start(args: Args) -> tuple[AbstractContextManager[Served], Served]:
    life = serve(*args)
    return life, life.__enter__()


@contextmanager
def bench_for(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Make the bench of a module whose tests have their server's arguments as ``args``."""
    order = [
        item.callspec.params["args"]
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and item.module is request.module
        and "args" in getattr(getattr(item, "callspec", None), "params", {})
    ]
    bench = Bench(order)
    try:
        yield bench
    finally:
        bench.close()
