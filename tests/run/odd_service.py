"""A service that answers in odd ways, one for each path, and remembers what it got.

A process of its own, on plain ``ws://`` unless it is given a certificate. The first part of a path
says how it answers (``/good``); whole paths (``/good/for-one-test``) keep their own memories, so
many runs can load one service at the same time.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import subprocess
import sys
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# -- the tests' side -----------------------------------------------------------------------------


@dataclass(frozen=True)
class OddService:
    """A running service."""

    port: int
    scheme: str
    _control: int

    def url(self, path: str, user: str = "") -> str:
        """Return the URL of a path, with ``user`` (``name:password@``) in it."""
        return f"{self.scheme}://{user}127.0.0.1:{self.port}{path}"

    def seen(self, path: str) -> Seen:
        """Return what came to a path so far."""
        address = f"http://127.0.0.1:{self._control}{path}"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(address, timeout=10) as answer:
            seen = Seen(**json.load(answer))
        seen.requests = [(target, dict(headers)) for target, headers in seen.requests]
        return seen


@dataclass
class Seen:
    """What came to one path.

    Attributes:
        upgrades: connections that became a WebSocket.
        open: those of them that are open now.
        open_max: the most that were open at one time.
        ratings: messages read.
        codes: how clients closed, counted by close code; 1006 is without a close frame.
        items: how often each item was rated.
        requests: the requests of the upgrades: the target and the headers.
        subjects: the clients' certificates, counted by common name.
    """

    upgrades: int = 0
    open: int = 0
    open_max: int = 0
    ratings: int = 0
    codes: dict[str, int] = field(default_factory=Counter)
    items: dict[str, int] = field(default_factory=Counter)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    subjects: dict[str, int] = field(default_factory=Counter)


@contextmanager
def odd_service(
    cert: Path | None = None, key: Path | None = None, client_ca: Path | None = None
) -> Iterator[OddService]:
    """Run the service until the block ends; with a certificate it speaks TLS."""
    files = [str(path) for path in (cert, key, client_ca) if path is not None]
    process = subprocess.Popen(
        [sys.executable, __file__, *files],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        port, control = map(int, process.stdout.readline().split())
        yield OddService(port, "wss" if cert else "ws", control)
    finally:
        process.stdin.close()  # which ends it
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


# -- the service's side --------------------------------------------------------------------------

Socket = Any
Answer = Callable[[Socket, dict[str, Any], int], Awaitable[None]]
"""Answers one rating on a socket; the number counts the ratings of the connection from 1."""

ANSWERS: dict[str, Answer] = {}


def answers(path: str) -> Callable[[Answer], Answer]:
    """Let a function answer what comes to a path."""

    def register(answer: Answer) -> Answer:
        ANSWERS[path] = answer
        return answer

    return register


def ack(rating: dict[str, Any], **changes: Any) -> str:
    """Return the ack of the embedded server, with changes."""
    echo = {name: rating[name] for name in ("itemId", "score", "id") if name in rating}
    return json.dumps({"type": "ack", **echo, **changes})


@answers("/good")
async def _good(ws: Socket, rating: dict[str, Any], _: int) -> None:
    await ws.send_str(ack(rating))


@answers("/silent")
async def _silent(ws: Socket, rating: dict[str, Any], _: int) -> None:
    pass


@answers("/negative")
async def _negative(ws: Socket, rating: dict[str, Any], _: int) -> None:
    await ws.send_str(json.dumps({"type": "error", "code": "no_such_item"}))


@answers("/malformed")
async def _malformed(ws: Socket, rating: dict[str, Any], _: int) -> None:
    await ws.send_str('{"type": "ack", ')


@answers("/wrong-item")
async def _wrong_item(ws: Socket, rating: dict[str, Any], _: int) -> None:
    await ws.send_str(ack(rating, itemId=rating["itemId"] + 1_000_000))


@answers("/twice")
async def _twice(ws: Socket, rating: dict[str, Any], _: int) -> None:
    await ws.send_str(ack(rating))
    await ws.send_str(ack(rating))


@answers("/late")
async def _late(ws: Socket, rating: dict[str, Any], number: int) -> None:
    """Answer the first rating of a connection too late, the others at once."""
    if number == 1:
        asyncio.get_running_loop().create_task(_send_later(ws, ack(rating), 0.6))
    else:
        await ws.send_str(ack(rating))


@answers("/other-words")
async def _other_words(ws: Socket, rating: dict[str, Any], _: int) -> None:
    await ws.send_str(json.dumps({"status": "stored", "itemId": rating["itemId"]}))


@answers("/only-id")
async def _only_id(ws: Socket, rating: dict[str, Any], _: int) -> None:
    await ws.send_str(json.dumps({"type": "ack", "ref": rating["ref"]}))


@answers("/pushes")
async def _pushes(ws: Socket, rating: dict[str, Any], _: int) -> None:
    await ws.send_str(json.dumps({"type": "news", "itemId": rating["itemId"]}))
    await ws.send_str(ack(rating))


@answers("/close-1001")
async def _close_1001(ws: Socket, rating: dict[str, Any], number: int) -> None:
    await _ack_or_close(ws, rating, number, 1001)


@answers("/close-1013")
async def _close_1013(ws: Socket, rating: dict[str, Any], number: int) -> None:
    await _ack_or_close(ws, rating, number, 1013)


@answers("/reset")
async def _reset(ws: Socket, rating: dict[str, Any], number: int) -> None:
    if number < 3:
        await ws.send_str(ack(rating))
    else:
        transport = ws._req.transport
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()


@answers("/add")
async def _add(ws: Socket, request: dict[str, Any], _: int) -> None:
    """Answer in JSON-RPC, after a notification."""
    await ws.send_str(json.dumps({"jsonrpc": "2.0", "method": "tick"}))
    answer = {"jsonrpc": "2.0", "id": request["id"], "result": sum(request["params"])}
    await ws.send_str(json.dumps(answer))


@answers("/refuse-to-add")
async def _refuse_to_add(ws: Socket, request: dict[str, Any], _: int) -> None:
    error = {"code": -32601, "message": "there is no add"}
    await ws.send_str(json.dumps({"jsonrpc": "2.0", "id": request["id"], "error": error}))


async def _send_later(ws: Socket, text: str, delay_s: float) -> None:
    await asyncio.sleep(delay_s)
    if not ws.closed:
        await ws.send_str(text)


async def _ack_or_close(ws: Socket, rating: dict[str, Any], number: int, code: int) -> None:
    """Close in place of the third ack."""
    if number < 3:
        await ws.send_str(ack(rating))
    else:
        await ws.close(code=code, message=b"enough")


async def _serve(cert: str = "", key: str = "", client_ca: str = "") -> None:
    from aiohttp import WSMsgType, web

    seen: dict[str, Seen] = defaultdict(Seen)

    async def on_websocket(request: web.BaseRequest) -> web.StreamResponse:
        way = "/" + request.path.split("/")[1]
        if way not in ANSWERS:
            return web.Response(status=404)
        record, answer = seen[request.path], ANSWERS[way]
        record.requests.append((request.raw_path, dict(request.headers)))
        assert request.transport is not None
        if peer := request.transport.get_extra_info("peercert"):
            name = dict(pair for (pair,) in peer["subject"])["commonName"]
            record.subjects[name] = record.subjects.get(name, 0) + 1
        # the last that is offered: an unusual choice, and a proper one
        offered = request.headers.get("Sec-WebSocket-Protocol", "").split(", ")
        ws = web.WebSocketResponse(protocols=offered[-1:], compress=False, timeout=1.0)
        await ws.prepare(request)
        record.upgrades += 1
        record.open += 1
        record.open_max = max(record.open_max, record.open)
        number = 0
        async for message in ws:
            if message.type is WSMsgType.TEXT:
                rating = json.loads(message.data)
                number += 1
                record.ratings += 1
                item = str(rating.get("itemId"))
                record.items[item] = record.items.get(item, 0) + 1
                await answer(ws, rating, number)
        code = str(ws.close_code or 1006)
        record.codes[code] = record.codes.get(code, 0) + 1
        record.open -= 1
        return ws

    async def on_question(request: web.BaseRequest) -> web.Response:
        return web.json_response(vars(seen[request.path]))

    context = None
    if cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        if client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(client_ca)
    loop = asyncio.get_running_loop()
    service = await loop.create_server(
        web.Server(on_websocket, access_log=None), "127.0.0.1", 0, ssl=context
    )
    control = await loop.create_server(web.Server(on_question, access_log=None), "127.0.0.1", 0)
    print(*(server.sockets[0].getsockname()[1] for server in (service, control)), flush=True)
    over = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), over.set)
    await over.wait()


if __name__ == "__main__":
    asyncio.run(_serve(*sys.argv[1:]))
