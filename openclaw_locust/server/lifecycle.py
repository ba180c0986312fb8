"""The life of the server process: bind, say that it is ready, serve, end on a signal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import shlex
import signal
import socket
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from openclaw_locust.server import listening, own_files, pem_files, reporting, tls
from openclaw_locust.server.app import CLOSE_TIMEOUT_S, CountingServer, RatingService
from openclaw_locust.server.counts import Counts, write_record
from openclaw_locust.server.delay import DelayLine
from openclaw_locust.server.errors import ServerError
from openclaw_locust.server.faults.contexts import FaultyTls, prepare
from openclaw_locust.server.faults.dice import FaultClock
from openclaw_locust.server.faults.listener import FaultyListener
from openclaw_locust.server.faults.options import Faults
from openclaw_locust.server.faults.service import ServiceFaults
from openclaw_locust.server.latency import Latency

SHUTDOWN_S = CLOSE_TIMEOUT_S + 0.5
"""When the process ends at the latest after a signal, whatever the clients do."""


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What ``openclaw-locust serve`` was told.

    Attributes:
        host: the address or name to listen on; of a name, the first address.
        port: 0 takes a free one.
        files: certificates to serve with; None makes fresh ones.
        certs_folder: where the fresh ones go, or where earlier ones are; None is a temporary
            folder that goes away with the server.
        key: kind of the keys of fresh certificates; None is ecdsa.
        tls: the TLS choices; None serves plain HTTP and ``ws://``.
        ack_delay_s: seconds between a rating and its ack.
        ack_jitter_s: seconds by which the delay varies up and down, uniformly.
        faults: what it does wrong on purpose.
        record: where the counts and the latency of the acks go at the end, if anywhere.
        until_eof: end also when standard input ends.
    """

    host: str
    port: int
    files: pem_files.PemFiles | None
    certs_folder: Path | None
    key: str | None
    tls: tls.TlsChoices | None
    ack_delay_s: float
    ack_jitter_s: float
    faults: Faults
    record: Path | None
    until_eof: bool


def run(options: ServeOptions) -> None:
    """Serve until SIGTERM or SIGINT, or the end of standard input where that was asked for.

    Raises:
        ServerError: it cannot start, or cannot write its record.
    """
    _raise_fd_limit()
    _keep_read_buffers_in_the_heap()
    uvloop.run(_serve(options))


async def _serve(options: ServeOptions) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    # from here on a signal ends the server cleanly, also while it makes its certificates
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    reporting.report_on(loop)
    if options.until_eof:
        _watch_stdin(loop, stop)
    counts = Counts()
    latency = Latency() if options.record is not None else None
    delay_line: DelayLine | None = None
    temporary = contextlib.ExitStack()
    try:
        listener = listening.bind(options.host, options.port)
        files, context = options.files, None
        if options.tls is not None:
            if files is None:
                folder = options.certs_folder or _temporary_folder(temporary)
                files = own_files.find_or_make(folder, options.host, options.key)
            context = tls.make_context(files, options.tls)
        stalls, clock = options.faults.stalls, FaultClock()
        faulty_tls = _faulty_tls(options, files, clock)
        service_faults = ServiceFaults(options.faults, clock) if options.faults.others else None
        if service_faults is not None:
            counts.struck.append(service_faults.struck)
        if options.ack_delay_s or stalls or service_faults is not None:
            delay_line = DelayLine(loop, options.ack_delay_s, options.ack_jitter_s, stalls)
        service = RatingService(counts, delay_line, latency, service_faults)
        http = CountingServer(service, counts, delay_line, tls=context is not None)
        server: asyncio.AbstractServer | FaultyListener
        if context is not None and faulty_tls is not None:
            counts.struck.append(faulty_tls.dice.struck)
            server = FaultyListener(listener, http, counts, context, faulty_tls)
        else:
            server = await loop.create_server(
                http,
                sock=listener,
                backlog=listening.BACKLOG,
                ssl=context,
                ssl_handshake_timeout=tls.HANDSHAKE_S if context else None,
                ssl_shutdown_timeout=tls.SHUTDOWN_S if context else None,
            )
        crl = faulty_tls.crl if faulty_tls is not None else None
        say(_ready_line(options, listener, files if context else None, crl))
        await stop.wait()

        # a second signal ends the wait for the clients
        stop.clear()
        server.close()
        await _first_of(stop.wait(), _goodbye(service, http))
    finally:
        if delay_line is not None:
            delay_line.close()
        temporary.close()
    if context is not None:
        counts.tls_failed = counts.connections - counts.tls_full - counts.tls_resumed
    say(counts.line())
    if options.record is not None and latency is not None:
        _write_record(options.record, counts, latency)
    # the loop takes its signal handlers down before the process ends: a signal that comes so late
    # could only spoil the exit code
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))


def _temporary_folder(life: contextlib.ExitStack) -> Path:
    """Return a new private folder that goes away when ``life`` ends."""
    folder = tempfile.TemporaryDirectory(prefix="openclaw-locust-", ignore_cleanup_errors=True)
    return Path(life.enter_context(folder))


def _faulty_tls(
    options: ServeOptions, files: pem_files.PemFiles | None, clock: FaultClock
) -> FaultyTls | None:
    """Return what the faults of TLS need; None: there are none."""
    found = options.faults.at("hello")
    if not found:
        return None
    assert options.tls is not None and files is not None  # the options were checked
    return prepare(found, clock, files, options.tls, options.host)


def _write_record(path: Path, counts: Counts, latency: Latency) -> None:
    try:
        write_record(path, counts, latency)
    except OSError as exc:
        raise ServerError(f"cannot write --record {path}: {exc.strerror}") from None


async def _goodbye(service: RatingService, http: CountingServer) -> None:
    await service.close()
    await http.shutdown(timeout=0.1)


async def _first_of(*coroutines: Any) -> None:
    """Run until one ends or :data:`SHUTDOWN_S` have passed; the others are cancelled."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    _, pending = await asyncio.wait(tasks, timeout=SHUTDOWN_S, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    descriptor = sys.stdin.fileno()

    def on_readable() -> None:
        if not os.read(descriptor, 4096):
            loop.remove_reader(descriptor)
            stop.set()

    try:
        loop.add_reader(descriptor, on_readable)
    except OSError:
        raise ServerError("--until-eof needs a pipe as standard input") from None


def say(line: str) -> None:
    """Print one line to stdout at once; that nobody reads any more is no error."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        # or Python would complain again when it flushes at exit
        sys.stdout = None


def _ready_line(
    options: ServeOptions,
    listener: socket.socket,
    files: pem_files.PemFiles | None,
    crl: Path | None,
) -> str:
    scheme = "wss" if files else "ws"
    port = listener.getsockname()[1]
    line = f"ready {scheme}://{listening.url_host(options.host)}:{port}/rating"
    if files is not None:
        paths = {"ca": files.ca, "cert": files.client_cert, "key": files.client_key, "crl": crl}
        for name, path in paths.items():
            if path is not None and path.exists():
                line += f" {name}={shlex.quote(str(path.absolute()))}"
    return line


def _raise_fd_limit() -> None:
    """Allow as many open connections as this process may have: each is a descriptor."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _keep_read_buffers_in_the_heap() -> None:
    """Halve the CPU of a TLS read.

    uvloop reads TLS into a fresh buffer of 256 KiB. glibc maps a block of that size from the
    kernel and gives it back afterwards: three system calls for each message. Freeing one larger
    block raises glibc's threshold for that (mallopt(3), M_MMAP_THRESHOLD) for good. Measured:
    17 µs of CPU for each ack in place of 30.
    """
    bytearray(8 * 1024 * 1024)
