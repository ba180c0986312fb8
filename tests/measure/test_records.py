"""One process's records: what was negotiated, samples, and their bounds."""

from openclaw_locust.failures import SAMPLE_LENGTH, Failure
from openclaw_locust.measure.records import Records
from openclaw_locust.negotiated import Negotiated


def test_what_a_connection_reached_and_negotiated_is_counted() -> None:
    records = Records()
    records.connection("127.0.0.1", None)
    records.connection("::1", Negotiated("TLSv1.3", "AES"))
    assert records.addresses == {"127.0.0.1": 1, "::1": 1}
    assert records.negotiated == {Negotiated("TLSv1.3", "AES"): 1}


def test_a_connection_that_reached_nothing_names_no_address() -> None:
    records = Records()
    records.connection("", None)
    assert not records.addresses
    assert not records.negotiated


def test_the_first_and_the_last_words_of_a_failure_are_kept() -> None:
    records = Records()
    for words in ("", "one", "two", "three", ""):
        records.failure(Failure("http.overloaded", words))
    sample = records.failures["http.overloaded"]
    assert (sample.count, sample.first, sample.last) == (5, "one", "three")


def test_a_server_cannot_make_the_records_grow_with_its_words() -> None:
    records = Records()
    for number in range(2000):
        records.failure(Failure("ws.close.app", f"{number} " * 1000))
        records.push(f"{number} " * 1000)
    assert list(records.failures) == ["ws.close.app"]
    sample = records.failures["ws.close.app"]
    assert len(sample.first) <= SAMPLE_LENGTH
    assert len(sample.last) <= SAMPLE_LENGTH
    assert len(records.unrecognised) <= SAMPLE_LENGTH
    assert records.pushes == 2000


def test_the_first_message_that_is_no_answer_is_the_sample() -> None:
    records = Records()
    records.push('{"type":"hello"}\n')
    records.push('{"type":"other"}')
    assert records.unrecognised == '{"type":"hello"}·'
