"""HdrHistogram's own encoding (V2) of our histograms, both ways, and its log (format 1.2).

The bare counts travel from worker to master; the whole, compressed and in base64, is what every
HdrHistogram library reads (``HISTFAAA…``). Values are µs. What is read is never trusted: damaged
input costs a ``ValueError`` of one line, and never more memory than a full histogram.

The source is the Java library: ``AbstractHistogram.encodeIntoByteBuffer``, ``ZigZagEncoding``,
``HistogramLogWriter`` and ``HistogramLogReader``.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO

from openclaw_locust.measure.histogram import HIGHEST_US, Histogram, bucket_of, highest_us

BUCKETS = 23 << 10
"""The length of HdrHistogram's array of counts for 1 to :data:`HIGHEST_US` and 3 digits."""

_OUTER = struct.Struct(">II")  # cookie, bytes that follow
_OUTER_COOKIE = 0x1C849304 | 0x10
_INNER = struct.Struct(">IIIIQQd")  # the same two, offset, digits, lowest, highest, ratio
_INNER_COOKIE = 0x1C849303 | 0x10
_DIGITS = 3
_LONGEST = _INNER.size + 9 * BUCKETS  # a count has 9 bytes at most


def encode_counts(histogram: Histogram) -> bytes:
    """Return the counts up to the last that is not 0: V2's payload, without its headers.

    Each is a ZigZag LEB128-64b9B number; a negative one stands for that many buckets of 0. The
    exact maximum is not in it.
    """
    counts = histogram.counts
    payload = bytearray()
    append = payload.append  # most numbers are small: a byte, without a call of ours
    next_bucket = 0
    for bucket in sorted(counts):
        if zeros := bucket - next_bucket:
            number = 2 * zeros - 1 if zeros > 1 else 0
            if number < 0x80:
                append(number)
            else:
                _append_number(payload, number)
        number = 2 * counts[bucket]
        if number < 0x80:
            append(number)
        else:
            _append_number(payload, number)
        next_bucket = bucket + 1
    return bytes(payload)


def decode_counts(payload: bytes) -> dict[int, int]:
    """Return the counts that are not 0, by bucket, of a payload that any V2 encoder made.

    Raises:
        ValueError: the last number is cut off, or there are more than :data:`BUCKETS`.
    """
    counts: dict[int, int] = {}
    bucket = 0
    octets = iter(payload)
    for octet in octets:
        number = octet if octet < 0x80 else _rest_of_number(octet, octets)
        if number & 1:
            bucket += (number + 1) >> 1
        else:
            if number:
                counts[bucket] = number >> 1
            bucket += 1
        if bucket > BUCKETS:
            raise ValueError(f"the histogram's counts go beyond its {BUCKETS} buckets")
    return counts


def encode_base64(histogram: Histogram) -> str:
    """Return the histogram as the text that every HdrHistogram library reads."""
    counts = encode_counts(histogram)
    inner = _INNER.pack(_INNER_COOKIE, len(counts), 0, _DIGITS, 1, HIGHEST_US, 1.0)
    compressed = zlib.compress(inner + counts)
    return base64.b64encode(_OUTER.pack(_OUTER_COOKIE, len(compressed)) + compressed).decode()


def decode_base64(text: str, *, max_us: int | None = None) -> Histogram:
    """Return the histogram of a text that any HdrHistogram library wrote.

    Args:
        text: V2, compressed, in base64; 3 digits, the lowest value 1, whatever the highest.
        max_us: the exact maximum, which is not in the text; the longest duration of the highest
            bucket when it is not given.

    Raises:
        ValueError: it is no such text, or the maximum is not of the highest bucket.
    """
    histogram = Histogram()
    histogram.counts = counts = decode_counts(_payload(_inflated(text)))
    top = max(counts, default=0)
    if max_us is None:
        max_us = highest_us(top)
    elif top not in (bucket_of(max_us), bucket_of(min(max_us, HIGHEST_US))):
        raise ValueError(f"{max_us} µs is not the maximum of this histogram")
    histogram.max_us = max_us
    return histogram


@dataclass(frozen=True, slots=True)
class LogLine:
    """One interval of one metric.

    Attributes:
        tag: the metric; every comma, blank, line end and unprintable character is written as ``_``.
        start_s: seconds since the run's begin.
        length_s: seconds.
        histogram: what was recorded in it.
    """

    tag: str
    start_s: float
    length_s: float
    histogram: Histogram


def write_log(file: TextIO, started_s: float, lines: Iterable[LogLine]) -> None:
    """Write HdrHistogram's log, format 1.2.

    The times of the lines are relative to ``BaseTime``, which is written beside ``StartTime``:
    readers take times for absolute when there is no ``BaseTime``, unless they lie more than a year
    before ``StartTime``. Each interval's maximum is in ms and exact.

    Args:
        file: open for UTF-8.
        started_s: the run's begin, in seconds since the epoch.
        lines: in the order of their begin: at the first one behind the window that they were
            asked for, readers stop.
    """
    started_s = round(started_s, 3)
    date = datetime.fromtimestamp(started_s, UTC).isoformat(timespec="milliseconds")
    file.write(
        "#[Histogram log format version 1.2]\n"
        "#[Values are microseconds: HistogramLogProcessor -outputValueUnitRatio 1000 shows ms;"
        " -tag chooses the metric]\n"
        f"#[StartTime: {started_s:.3f} (seconds since epoch), {date}]\n"
        f"#[BaseTime: {started_s:.3f} (seconds since epoch)]\n"
        '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"\n'
    )
    for line in lines:
        file.write(
            f"Tag={_tag(line.tag)},{line.start_s:.3f},{line.length_s:.3f},"
            f"{line.histogram.max_us / 1000:.3f},{encode_base64(line.histogram)}\n"
        )


def _append_number(payload: bytearray, number: int) -> None:
    """Append an unsigned 64-bit number: 7 bits in each byte, the lowest first, 8 in the ninth."""
    for _ in range(8):
        if number < 0x80:
            break
        payload.append(number & 0x7F | 0x80)
        number >>= 7
    payload.append(number)


def _rest_of_number(first: int, octets: Iterator[int]) -> int:
    """Return the number that begins with a byte that says there is more."""
    number = first & 0x7F
    try:
        for shift in range(7, 56, 7):
            octet = next(octets)
            number |= (octet & 0x7F) << shift
            if octet < 0x80:
                return number
        return number | next(octets) << 56
    except StopIteration:
        raise ValueError("the histogram's counts end in the middle of a number") from None


def _inflated(text: str) -> bytes:
    """Return what the outer header and zlib are wrapped around."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise ValueError(f"no histogram in base64: {error}") from None
    if len(data) < _OUTER.size:
        raise ValueError("no histogram: shorter than its header")
    cookie, length = _OUTER.unpack_from(data)
    if cookie != _OUTER_COOKIE:
        raise ValueError(f"no compressed HdrHistogram V2: it begins with {cookie:#010x}")
    if length != len(data) - _OUTER.size:
        raise ValueError(
            f"the histogram is damaged: {len(data) - _OUTER.size} bytes instead of {length}"
        )
    inflater = zlib.decompressobj()
    try:
        inflated = inflater.decompress(data[_OUTER.size :], _LONGEST + 1)
    except zlib.error as error:
        raise ValueError(f"the histogram is damaged: {error}") from None
    if len(inflated) > _LONGEST:
        raise ValueError(f"the histogram is longer than {_LONGEST} bytes")
    if not inflater.eof or inflater.unused_data:
        raise ValueError("the histogram is damaged: its compressed part has another length")
    return inflated


def _payload(inflated: bytes) -> bytes:
    """Return what is behind the inner header."""
    if len(inflated) < _INNER.size:
        raise ValueError("the histogram is damaged: shorter than its inner header")
    cookie, length, offset, digits, lowest, _, ratio = _INNER.unpack_from(inflated)
    if cookie != _INNER_COOKIE:
        raise ValueError(f"no HdrHistogram V2: its inner header begins with {cookie:#010x}")
    if (offset, digits, lowest, ratio) != (0, _DIGITS, 1, 1.0):
        raise ValueError(
            f"a histogram of {digits} digits from {lowest}, ratio {ratio:g}, offset {offset}; "
            "only 3 digits from 1 without ratio and offset are read"
        )
    if length != len(inflated) - _INNER.size:
        raise ValueError(
            f"the histogram is damaged: {len(inflated) - _INNER.size} bytes of counts "
            f"instead of {length}"
        )
    return inflated[_INNER.size :]


def _tag(text: str) -> str:
    plain = ("_" if c in " ," or not c.isprintable() else c for c in text)
    return "".join(plain) or "_"
