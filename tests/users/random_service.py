"""A service that answers each rating in a way drawn by lot, and counts what it did.

A process of its own on plain ``ws://``, byte by byte, because most of its ways no library has. The
lots of a connection are drawn with a seed made of its path and its number, so the same runs meet
the same ways.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import random
import socket
import struct
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

ACK_TIMEOUT_S = 0.15
"""What the client is to be told."""

# -- the tests' side -----------------------------------------------------------------------------


@dataclass
class Done:
    """What the service did on one path.

    Attributes:
        ratings: how many it read.
        connections: how many became a WebSocket.
        ways: how often it answered in each way.
    """

    ratings: int = 0
    connections: int = 0
    ways: Counter[str] = field(default_factory=Counter)


@dataclass
class RandomService:
    """A running service.

    Attributes:
        port: where it listens.
        done: what it did on each path, once it has ended.
    """

    port: int
    done: dict[str, Done] = field(default_factory=dict)


@contextmanager
def random_service() -> Iterator[RandomService]:
    """Run the service until the block ends."""
    command = [sys.executable, __file__]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        service = RandomService(int(process.stdout.readline()))
        yield service
        counts, _ = process.communicate(timeout=20)  # closes its stdin, which ends it
        for path, (ratings, connections, ways) in json.loads(counts).items():
            service.done[path] = Done(ratings, connections, Counter(ways))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


# -- the service's side --------------------------------------------------------------------------

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _BINARY, _CLOSE, _PING = 1, 2, 8, 9
_NOBODY = 10**9


class Gone(Exception):
    """This connection is over."""


def frame(payload: bytes, opcode: int = _TEXT, *, fin: bool = True) -> bytes:
    """Return a short server frame."""
    return bytes((0x80 * fin | opcode, len(payload))) + payload


class Connection:
    """One WebSocket and the ways in which it may answer."""

    def __init__(self, writer: asyncio.StreamWriter, lots: random.Random) -> None:
        self.writer, self.lots = writer, lots
        self.held: list[bytes] = []
        self.behind: list[bytes] | None = None  # what waits for the rest of a frame that was cut
        self.later: set[asyncio.Task[None]] = set()

    def say(self, *frames: bytes) -> None:
        """Send frames; nothing may come between the two parts of one that was cut."""
        if self.behind is None:
            self.writer.write(b"".join(frames))
        else:
            self.behind += frames

    def answer(self, rating: dict[str, Any], ways: Counter[str]) -> None:
        """Answer a rating in a way drawn by lot, and count the way."""
        (way,) = self.lots.choices(list(WAYS), WEIGHTS)
        ways[way] += 1
        WAYS[way][1](self, rating)
        if way != "held":
            self.say(*map(frame, self.held))
            self.held.clear()

    def end(self) -> None:
        self.writer.close()
        raise Gone

    # -- acks, sooner or later ------------------------------------------------------------------

    def right(self, rating: dict[str, Any]) -> None:
        self.say(frame(ack(rating)))

    def in_fragments(self, rating: dict[str, Any]) -> None:
        message = ack(rating)
        first, second = sorted(self.lots.choices(range(len(message) + 1), k=2))
        self.say(frame(message[:first], fin=False), frame(b"still there?", _PING))
        self.say(frame(message[first:second], 0, fin=False), frame(message[second:], 0))

    def cut_in_two(self, rating: dict[str, Any]) -> None:
        whole = frame(ack(rating))
        place = self.lots.randrange(len(whole))
        if self.behind is not None:  # one at a time
            self.say(whole)
            return
        self.say(whole[:place])
        self.behind = []
        self.after(0.01, whole[place:], ends_cut=True)

    def behind_a_push(self, rating: dict[str, Any]) -> None:
        self.say(frame(b'{"type":"news"}'), frame(b"", _PING), frame(ack(rating)))

    def in_binary(self, rating: dict[str, Any]) -> None:
        self.say(frame(ack(rating), _BINARY))

    def twice(self, rating: dict[str, Any]) -> None:
        self.say(frame(ack(rating)) * 2)

    def late(self, rating: dict[str, Any]) -> None:
        self.after(2 * ACK_TIMEOUT_S, frame(ack(rating)))

    def held_back(self, rating: dict[str, Any]) -> None:
        """Answer behind the next rating's answer."""
        self.held.append(ack(rating))

    def after(self, delay_s: float, data: bytes, *, ends_cut: bool = False) -> None:
        task = asyncio.get_running_loop().create_task(self._say_after(delay_s, data, ends_cut))
        self.later.add(task)
        task.add_done_callback(self.later.discard)

    async def _say_after(self, delay_s: float, data: bytes, ends_cut: bool) -> None:
        await asyncio.sleep(delay_s)
        if ends_cut and self.behind is not None:
            data += b"".join(self.behind)
            self.behind = None
        self.say(data)

    # -- no acks ---------------------------------------------------------------------------------

    def not_at_all(self, rating: dict[str, Any]) -> None:
        pass

    def with_a_push(self, rating: dict[str, Any]) -> None:
        self.say(frame(b'{"type":"news","itemId":%d}' % rating["itemId"]))

    def with_a_refusal(self, rating: dict[str, Any]) -> None:
        self.say(frame(ack(rating, type="error", code="no_such_item")))

    def without_json(self, rating: dict[str, Any]) -> None:
        garbage = [b"", b"{", b"[]", b"\0", b"nul", b'{"type":"ack","itemId":"1"}', b"[" * 100]
        self.say(frame(self.lots.choice(garbage)))

    def of_another_item(self, rating: dict[str, Any]) -> None:
        self.say(frame(ack(rating, itemId=_NOBODY)))

    def of_another_score(self, rating: dict[str, Any]) -> None:
        self.say(frame(ack(rating, score=rating["score"] + 5)))

    def of_nobody_and_then_right(self, rating: dict[str, Any]) -> None:
        changes = {name: _NOBODY for name in ("id", "itemId") if name in rating}
        self.say(frame(ack(rating, **changes)), frame(ack(rating)))

    # -- ends ------------------------------------------------------------------------------------

    def with_a_close(self, rating: dict[str, Any]) -> None:
        codes = [*range(990, 1020), 2999, 3000, 3003, 3008, 3500, 4000, 4999, 5000, 65535]
        code = struct.pack("!H", self.lots.choice(codes))
        reason = self.lots.choice([b"", b"=1+1", "Tschüß\u202e".encode(), b"\xff", b"x" * 100])
        self.say(frame(self.lots.choice([b"", code + reason]), _CLOSE))
        self.end()

    def with_an_ack_and_a_close(self, rating: dict[str, Any]) -> None:
        self.say(frame(ack(rating)))
        self.with_a_close(rating)

    def with_a_fin(self, rating: dict[str, Any]) -> None:
        self.end()

    def with_a_reset(self, rating: dict[str, Any]) -> None:
        linger = struct.pack("ii", 1, 0)
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()
        raise Gone

    def with_wrong_frames(self, rating: dict[str, Any]) -> None:
        wrong = [
            b"\x81\x82maskhi",
            b"\xff\xff",
            b"\x81\x7e\x00\x01x",
            b"\x00\x01x",
            b"\x81\x01\xff",
        ]
        self.say(self.lots.choice([*wrong, b"\x82\x7f" + b"\xff" * 8, self.lots.randbytes(50)]))
        self.end()


WAYS: dict[str, tuple[int, Callable[[Connection, dict[str, Any]], None]]] = {
    "right": (40, Connection.right),
    "fragments": (6, Connection.in_fragments),
    "cut": (4, Connection.cut_in_two),
    "push first": (4, Connection.behind_a_push),
    "binary": (3, Connection.in_binary),
    "twice": (4, Connection.twice),
    "late": (4, Connection.late),
    "held": (4, Connection.held_back),
    "silence": (3, Connection.not_at_all),
    "push": (3, Connection.with_a_push),
    "refusal": (4, Connection.with_a_refusal),
    "garbage": (4, Connection.without_json),
    "another item": (3, Connection.of_another_item),
    "another score": (3, Connection.of_another_score),
    "nobody": (3, Connection.of_nobody_and_then_right),
    "close": (4, Connection.with_a_close),
    "ack, close": (2, Connection.with_an_ack_and_a_close),
    "fin": (2, Connection.with_a_fin),
    "reset": (2, Connection.with_a_reset),
    "wrong frames": (3, Connection.with_wrong_frames),
}
"""Each way with how often it is drawn."""

WEIGHTS = [weight for weight, _ in WAYS.values()]

RIGHT = ("right", "fragments", "cut", "push first", "binary", "twice", "ack, close")
"""The ways that give a rating its ack in time; ``nobody`` gives it too late."""

WRONG = ("another item", "another score", "nobody")
"""The ways that have one ack that fits no rating."""

UPGRADES = [
    b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 429 Slowly\r\nContent-Length: 4\r\n\r\nslow",
    b"HTTP/1.1 302 x\r\nLocation: http://[\r\n\r\n",
    b"SSH-2.0-x\r\n",
    b"",
]
"""What comes in place of one upgrade in twenty."""


def ack(rating: dict[str, Any], **changes: Any) -> bytes:
    """Return the ack of a rating, with changes."""
    echo = {name: rating[name] for name in ("itemId", "score", "id") if name in rating}
    return json.dumps({"type": "ack", **echo, **changes}).encode()


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return opcode and payload of a short client frame."""
    first, second = await reader.readexactly(2)
    mask = await reader.readexactly(4)
    masked = await reader.readexactly(second & 0x7F)
    return first & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(masked))


async def serve() -> None:
    """Serve until stdin ends, then print what was done."""
    done: dict[str, Done] = defaultdict(Done)
    numbers: Counter[str] = Counter()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ")[1].decode()
        record = done[path]
        numbers[path] += 1
        lots = random.Random(f"{path} {numbers[path]}")
        if lots.random() < 1 / 20:
            writer.write(lots.choice(UPGRADES))
            return
        key = head.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %b\r\n\r\n"
            % base64.b64encode(hashlib.sha1(key + _GUID).digest())
        )
        record.connections += 1
        connection = Connection(writer, lots)
        while True:
            opcode, payload = await read_frame(reader)
            if opcode == _CLOSE:
                writer.write(frame(payload[:2], _CLOSE))
                return
            if opcode == _TEXT:
                record.ratings += 1
                connection.answer(json.loads(payload), record.ways)

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(Gone, OSError, asyncio.IncompleteReadError):
            await talk(reader, writer)
        writer.close()

    server = await asyncio.start_server(on_connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    over = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), over.set)
    await over.wait()
    counts = {path: (each.ratings, each.connections, each.ways) for path, each in done.items()}
    print(json.dumps(counts), flush=True)


if __name__ == "__main__":
    asyncio.run(serve())
