"""HdrHistogram's encoding and log, beside HdrHistogram's own libraries for Python and Java."""

import base64
import io
import struct
import tracemalloc
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from hypothesis import given
from hypothesis import strategies as st

from openclaw_locust.measure.hdr import (
    BUCKETS,
    LogLine,
    decode_base64,
    decode_counts,
    encode_base64,
    encode_counts,
    write_log,
)
from openclaw_locust.measure.histogram import HIGHEST_US, Histogram, bucket_of, highest_us

STARTED_S = 1_700_000_000.25
HEADERS = struct.Struct(">IIIIQQd")

durations_us = st.integers(0, 32).flatmap(lambda bits: st.integers(0, min(HIGHEST_US, 1 << bits)))
# in each byte length of a number, so also beyond what a run would ever count
numbers = st.integers(0, 61).flatmap(lambda bits: st.integers(1, 1 << bits))
histograms = st.dictionaries(durations_us, numbers, max_size=60)


def histogram(counts_by_us: dict[int, int]) -> Histogram:
    made = Histogram()
    for us, count in counts_by_us.items():
        made.counts[bucket_of(us)] = made.counts.get(bucket_of(us), 0) + count
    made.max_us = max(counts_by_us, default=0)
    return made


def theirs(counts_by_us: dict[int, int]) -> HdrHistogram:
    made = HdrHistogram(1, HIGHEST_US, 3)
    for us, count in counts_by_us.items():
        assert made.record_value(us, count)
    return made


def nonzero(other: HdrHistogram) -> dict[int, int]:
    return {bucket: count for bucket, count in enumerate(other.counts) if count}


def payload_of(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text)[8:])[HEADERS.size :]


# -- the same as the library's -----------------------------------------------------------------


def test_the_array_of_counts_is_as_long_as_the_librarys():
    assert HdrHistogram(1, HIGHEST_US, 3).counts_len == BUCKETS


@given(histograms)
def test_the_library_reads_what_we_wrote(counts_by_us):
    ours = histogram(counts_by_us)
    read = HdrHistogram.decode(encode_base64(ours))
    assert nonzero(read) == ours.counts
    assert read.get_total_count() == ours.total
    assert (read.lowest_trackable_value, read.highest_trackable_value) == (1, HIGHEST_US)
    assert read.significant_figures == 3
    assert read.int_to_double_conversion_ratio == 1.0


@given(histograms)
def test_we_read_what_the_library_wrote(counts_by_us):
    ours = histogram(counts_by_us)
    text = theirs(counts_by_us).encode().decode()
    assert decode_base64(text, max_us=ours.max_us) == ours
    assert decode_base64(text).max_us == highest_us(bucket_of(ours.max_us))


JAVA_COUNTS = {1: 1, 3: 2, 7: 1_000_000, 19_999: 1, 250_000: 1, 900_000_000: 1}
JAVA_PAYLOAD = bytes.fromhex("000200040580897ab15302fd3a02a3bc0102")
JAVA_TEXT = "HISTFAAAADF42pNpmSzMwMAgxAABzFCaEURcm7yEwf4DVISJgYW1obNqYzDTXyumxXsYmQDPtgnI"


def test_the_counts_are_the_java_librarys_byte_for_byte():
    assert encode_counts(histogram(JAVA_COUNTS)) == JAVA_PAYLOAD == payload_of(JAVA_TEXT)
    assert decode_base64(JAVA_TEXT, max_us=900_000_000) == histogram(JAVA_COUNTS)
    assert encode_base64(histogram(JAVA_COUNTS))[:8] == JAVA_TEXT[:8] == "HISTFAAA"


@given(histograms)
def test_the_counts_are_no_longer_than_the_python_librarys(counts_by_us):
    # not the same bytes: it writes a single 0 as a run of one
    text = theirs(counts_by_us).encode().decode()
    assert len(encode_counts(histogram(counts_by_us))) == len(payload_of(text))


@given(histograms)
def test_what_is_written_is_read_back(counts_by_us):
    ours = histogram(counts_by_us)
    assert decode_counts(encode_counts(ours)) == ours.counts
    assert decode_base64(encode_base64(ours), max_us=ours.max_us) == ours


@pytest.mark.parametrize("count", [2**56 - 1, 2**56, 2**62, 2**63 - 1])
def test_the_greatest_counts_have_nine_bytes(count):
    ours = histogram({7: count})
    assert len(encode_counts(ours)) == 1 + (8 if count < 2**55 else 9)
    assert decode_counts(encode_counts(ours)) == {7: count}


def test_more_than_an_hour_keeps_its_exact_maximum():
    ours = Histogram()
    ours.record_ns(2 * HIGHEST_US * 1000)
    assert decode_base64(encode_base64(ours), max_us=ours.max_us) == ours


def test_a_histogram_for_another_highest_value_has_the_same_buckets():
    longer = HdrHistogram(1, 24 * HIGHEST_US, 3)
    longer.record_value(250_000, 3)
    assert decode_base64(longer.encode().decode()).counts == {bucket_of(250_000): 3}


def test_zeros_behind_the_last_count_are_read_over():
    assert decode_counts(b"\x02\x00\x00\x03") == {0: 1}


# -- what is refused ---------------------------------------------------------------------------

WHOLE = histogram({1: 3, 19_999: 2, 250_000: 70, 900_000_000: 1})
TEXT = encode_base64(WHOLE)


def wrapped(inner: bytes, cookie: int = 0x1C849314) -> str:
    return resized(zlib.compress(inner), cookie)


def resized(compressed: bytes, cookie: int = 0x1C849314) -> str:
    return base64.b64encode(struct.pack(">II", cookie, len(compressed)) + compressed).decode()


def inner(
    payload: bytes = b"\x02",
    *,
    cookie: int = 0x1C849313,
    length: int | None = None,
    offset: int = 0,
    digits: int = 3,
    lowest: int = 1,
    ratio: float = 1.0,
) -> bytes:
    length = len(payload) if length is None else length
    return HEADERS.pack(cookie, length, offset, digits, lowest, HIGHEST_US, ratio) + payload


def test_the_test_makes_texts_that_are_read():
    assert decode_base64(wrapped(inner(b"\x02\x04"))).counts == {0: 1, 1: 2}


DATA = base64.b64decode(TEXT)
REFUSED = {
    "nothing": ("", "shorter than its header"),
    "no base64": ("HISTFAAA!", "base64"),
    "no ASCII": ("HISTFAAÄ", "base64"),
    "a line end behind it": (TEXT + "\n", "base64"),
    "half a header": (base64.b64encode(DATA[:7]).decode(), "shorter than its header"),
    "another cookie": (wrapped(inner(), cookie=0x1C849302), "begins with 0x1c849302"),
    "cut off": (base64.b64encode(DATA[:-1]).decode(), "bytes instead of"),
    "too long": (base64.b64encode(DATA + b"\0").decode(), "bytes instead of"),
    "no checksum": (resized(DATA[8:-4]), "compressed part has another length"),
    "more behind the checksum": (resized(DATA[8:] + b"x"), "compressed part has another length"),
    "another inner cookie": (wrapped(inner(cookie=0x1C849301)), "begins with 0x1c849301"),
    "half an inner header": (wrapped(inner()[:39]), "shorter than its inner header"),
    "two digits": (wrapped(inner(digits=2)), "of 2 digits"),
    "another lowest value": (wrapped(inner(lowest=1000)), "from 1000"),
    "shifted": (wrapped(inner(offset=1024)), "offset 1024"),
    "a ratio": (wrapped(inner(ratio=0.5)), "ratio 0.5"),
    "fewer counts than said": (wrapped(inner(length=9)), "1 bytes of counts instead of 9"),
    "more counts than said": (wrapped(inner(b"\x02\x02", length=1)), "2 bytes of counts"),
    "a number cut off": (wrapped(inner(b"\x02\x80")), "in the middle of a number"),
    "one bucket too many": (wrapped(inner(b"\x02" * (BUCKETS + 1))), "beyond its 23552 buckets"),
    "a bomb": (wrapped(bytes(50_000_000)), "longer than"),
    "the library's two digits": (HdrHistogram(1, 1000, 2).encode().decode(), "of 2 digits"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_text_that_is_no_histogram_of_ours_is_refused_in_one_line(case):
    text, words = REFUSED[case]
    with pytest.raises(ValueError, match=words) as caught:
        decode_base64(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("max_us", [-1, 0, 899_000_000, 901_000_000, 2 * HIGHEST_US])
def test_a_maximum_of_another_bucket_is_refused(max_us):
    with pytest.raises(ValueError, match="not the maximum"):
        decode_base64(TEXT, max_us=max_us)


def test_a_run_of_zeros_up_to_the_last_bucket_is_read_and_one_more_is_refused():
    whole = encode_counts(histogram({HIGHEST_US: 1}))
    assert decode_counts(whole) == {bucket_of(HIGHEST_US): 1}
    last = zeros(BUCKETS - 1) + b"\x02"
    assert decode_counts(last) == {BUCKETS - 1: 1}
    for beyond in (zeros(BUCKETS) + b"\x02", zeros(BUCKETS + 1), b"\xff" * 9):
        with pytest.raises(ValueError, match="beyond its 23552 buckets"):
            decode_counts(beyond)


def zeros(run: int) -> bytes:
    number = 2 * run - 1
    return bytes([number & 0x7F | 0x80, number >> 7 & 0x7F | 0x80, number >> 14])


@given(st.binary(max_size=300))
def test_any_bytes_are_counts_or_a_value_error(payload):
    only_value_error(decode_counts, payload)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda b: base64.b64encode(b).decode()))
def test_any_text_is_a_histogram_or_a_value_error(text):
    only_value_error(decode_base64, text)


@given(st.integers(0, len(TEXT) - 1), st.characters(max_codepoint=0x17F))
def test_a_text_with_one_character_changed_is_a_histogram_or_a_value_error(place, character):
    only_value_error(decode_base64, TEXT[:place] + character + TEXT[place + 1 :])


@given(st.integers(0, len(payload_of(TEXT)) - 1), st.binary(max_size=3))
def test_counts_with_some_bytes_changed_are_counts_or_a_value_error(place, octets):
    payload = payload_of(TEXT)
    changed = payload[:place] + octets + payload[place + 1 :]
    only_value_error(decode_counts, changed)
    only_value_error(decode_base64, wrapped(inner(changed)))


def only_value_error(decode: Callable[[str | bytes], object], damaged: str | bytes) -> None:
    try:
        read = decode(damaged)
    except ValueError as error:
        assert str(error)
        assert "\n" not in str(error)
        return
    counts = read.counts if isinstance(read, Histogram) else read
    assert all(0 <= bucket < BUCKETS and 0 < counts[bucket] < 2**63 for bucket in counts)


def test_a_bomb_costs_no_more_memory_than_a_full_histogram():
    bomb, _ = REFUSED["a bomb"]
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="longer than"):
            decode_base64(bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


# -- the log -----------------------------------------------------------------------------------


def written(lines: Iterable[LogLine], started_s: float = STARTED_S) -> str:
    file = io.StringIO()
    write_log(file, started_s, lines)
    return file.getvalue()


def read_by_the_library(path: Path, text: str) -> list[HdrHistogram]:
    path.write_text(text, encoding="utf-8")
    reader = HistogramLogReader(str(path), HdrHistogram(1, HIGHEST_US, 3))
    found = []
    try:
        while (interval := reader.get_next_interval_histogram()) is not None:
            found.append(interval)
    finally:
        reader.close()
    assert reader.get_start_time_sec() == STARTED_S
    assert reader.base_time_sec == STARTED_S
    return found


def test_the_log_is_read_by_the_library_interval_by_interval(tmp_path):
    lines = [
        LogLine(tag, second, 1, histogram({second * 1000 + 17: second + 1, 250_000: weight}))
        for second in range(0, 400, 100)
        for weight, tag in enumerate(("ack", "service", "tls"), start=1)
    ]
    found = read_by_the_library(tmp_path / "run.hlog", written(lines))
    assert len(found) == len(lines)
    for line, read in zip(lines, found, strict=True):
        assert read.get_tag() == line.tag
        assert read.get_start_time_stamp() == (STARTED_S + line.start_s) * 1000
        assert read.get_end_time_stamp() == (STARTED_S + line.start_s + line.length_s) * 1000
        assert nonzero(read) == line.histogram.counts


def test_a_window_of_the_log_is_read_relative_to_its_start(tmp_path):
    path = tmp_path / "run.hlog"
    path.write_text(written(LogLine("ack", s, 1, histogram({s: 1})) for s in range(10)))
    reader = HistogramLogReader(str(path), HdrHistogram(1, HIGHEST_US, 3))
    found = []
    while (interval := reader.get_next_interval_histogram(3, 5)) is not None:
        found += nonzero(interval)
    reader.close()
    assert found == [3, 4, 5]


def test_the_log_is_spelled_as_the_format_says():
    line = LogLine("ack", 0, 1, histogram({12_345: 1}))
    first, *comments, legend, interval = written([line]).splitlines()
    assert first == "#[Histogram log format version 1.2]"
    assert (
        "#[StartTime: 1700000000.250 (seconds since epoch), 2023-11-14T22:13:20.250+00:00]"
        in comments
    )
    assert "#[BaseTime: 1700000000.250 (seconds since epoch)]" in comments
    assert all(comment.startswith("#") for comment in comments)
    names = ("StartTimestamp", "Interval_Length", "Interval_Max", "Interval_Compressed_Histogram")
    assert legend == ",".join(f'"{name}"' for name in names)
    assert interval == f"Tag=ack,0.000,1.000,12.345,{encode_base64(line.histogram)}"


def test_the_begin_is_one_time_in_both_spellings():
    text = written([], 1_700_000_000.9996)
    assert "#[StartTime: 1700000001.000 (seconds since epoch), 2023-11-14T22:13:21.000+00" in text


def test_a_log_of_nothing_is_its_header_alone(tmp_path):
    assert read_by_the_library(tmp_path / "empty.hlog", written([])) == []


@given(st.text(st.characters(codec=None)))
def test_no_tag_breaks_its_line(tag):
    line = LogLine(tag, 2, 1, WHOLE)
    text = written([line])
    text.encode()  # a lone surrogate could not be written
    last = text.splitlines()[-1]
    spelled, *fields = last.split(",")
    assert fields == ["2.000", "1.000", "900000.000", TEXT]
    assert spelled.startswith("Tag=")
    assert len(spelled) == len("Tag=") + max(1, len(tag))
    assert len(spelled.split()) == 1


@pytest.mark.parametrize(
    ("tag", "shown"),
    [
        ("ack", "ack"),
        ("tls.failed", "tls.failed"),
        ("Größe", "Größe"),
        ("GET /a, b", "GET_/a__b"),
        ("a\r\nTag=b", "a__Tag=b"),
        ("a\u2028b\x1b[0m", "a_b_[0m"),
        ("", "_"),
    ],
)
def test_what_would_break_a_line_is_an_underscore_in_the_tag(tmp_path, tag, shown):
    (read,) = read_by_the_library(tmp_path / "run.hlog", written([LogLine(tag, 0, 1, WHOLE)]))
    assert read.get_tag() == shown
    assert nonzero(read) == WHOLE.counts
