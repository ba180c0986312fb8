"""The master's accounts: what belongs to the run, what is missing, and whose it is."""

from openclaw_locust.distributed.accounts import Accounts
from openclaw_locust.distributed.messages import ReportMark
from openclaw_locust.failures import Failure
from openclaw_locust.measure.recorder import Recorder
from openclaw_locust.measure.records import Records
from openclaw_locust.negotiated import Negotiated

RUN = "this-run"


def mark(requests: int, run: str = RUN, sends: int = 0, clock: float = 0.2) -> ReportMark:
    recorder = Recorder(0)
    recorder.at(0).sends += sends
    series = recorder.drain(0).to_plain()
    return ReportMark(run, requests, Records(sends=sends).to_plain(), series, {}, clock)


def accounts() -> Accounts:
    found = Accounts(RUN)
    found.expect("a", "host (index 0)")
    return found


def test_nothing_is_missing_when_each_report_and_the_last_word_have_come():
    found = accounts()
    assert found.report("a", "host (index 0)", mark(10), 10, now_s=1)
    assert found.report("a", "host (index 0)", mark(15), 5, now_s=4)
    found.last_word("a", "host (index 0)", mark(15), now_s=5)
    assert found.silent() == []
    assert found.gaps(5) == []
    assert found.shares() == ["worker host (index 0): 15 requests"]


def test_a_worker_without_a_last_word_is_named_with_the_time_of_its_last_report():
    found = accounts()
    found.report("a", "host (index 0)", mark(10), 10, now_s=1)
    assert found.silent() == ["a"]
    (line,) = found.gaps(4.5)
    assert "worker host (index 0) did not answer at the end" in line
    assert "3.5 s before the end" in line


def test_a_worker_that_never_reported_is_named():
    (line,) = accounts().gaps(9)
    assert "worker host (index 0)" in line
    assert "it never reported" in line


def test_a_report_that_was_lost_on_the_way_is_counted_exactly():
    found = accounts()
    found.report("a", "host (index 0)", mark(10), 10, now_s=1)
    found.report("a", "host (index 0)", mark(40), 7, now_s=7)  # the second, of 23, never came
    found.last_word("a", "host (index 0)", mark(40), now_s=8)
    (line,) = found.gaps(8)
    assert "measured 40 requests, and 23 of them were lost on the way" in line


def test_reports_and_words_of_another_run_do_not_count():
    found = accounts()
    assert not found.report("a", "host (index 0)", mark(99, run="old"), 99, now_s=1)
    assert not found.report("b", "stranger", None, 5, now_s=1)
    found.last_word("a", "host (index 0)", mark(99, run="old"), now_s=2)
    assert found.silent() == ["a"]
    assert found.records().sends == 0
    assert list(found.workers) == ["a"]


def test_a_worker_that_joins_late_has_an_account_with_its_first_report():
    found = accounts()
    assert found.report("late", "host (index 1)", mark(3), 3, now_s=5)
    assert found.silent() == ["a", "late"]


def test_records_are_the_sum_of_the_latest_of_each_worker():
    found = accounts()
    found.report("a", "host (index 0)", mark(1, sends=1), 1, now_s=1)
    found.report("a", "host (index 0)", mark(5, sends=5), 4, now_s=4)
    found.report("b", "host (index 1)", mark(2, sends=2), 2, now_s=4)
    assert found.records().sends == 7


def test_after_a_reset_the_shares_begin_anew_and_the_gaps_stay_exact():
    found = accounts()
    found.report("a", "host (index 0)", mark(10), 10, now_s=1)
    found.reset()
    found.report("a", "host (index 0)", mark(14), 4, now_s=4)
    found.last_word("a", "host (index 0)", mark(14), now_s=5)
    assert found.shares() == ["worker host (index 0): 4 requests"]
    assert found.gaps(5) == []


def test_records_come_through_the_way_to_the_master_unchanged_and_add_up():
    records = Records(sends=3, acks=2, pushes=1, unrecognised="hello")
    records.connection("127.0.0.1", Negotiated("TLSv1.3", "AES", resumed=True))
    records.offered = records.tickets = 1
    records.failure(Failure("app.ack.timeout", "late"))
    assert Records.from_plain(records.to_plain()) == records
    whole = Records()
    whole.merge(records)
    whole.merge(records)
    assert (whole.sends, whole.acks, whole.offered, whole.tickets) == (6, 4, 2, 2)
    assert whole.negotiated == {Negotiated("TLSv1.3", "AES", resumed=True): 2}
    assert whole.failures["app.ack.timeout"].count == 2


def test_the_series_is_the_sum_of_all_reports_and_begins_anew_at_a_reset():
    found = accounts()
    found.report("a", "host (index 0)", mark(1, sends=1), 1, now_s=1)
    found.report("b", "host (index 1)", mark(2, sends=2), 2, now_s=4)
    found.last_word("b", "host (index 1)", mark(2, sends=4), now_s=5)
    assert found.series.window().sends == 7
    found.report("b", "host (index 1)", mark(9, run="old", sends=9), 9, now_s=6)
    assert found.series.window().sends == 7
    found.reset()
    assert found.series.window().sends == 0


def test_how_the_clocks_were_aligned_is_said_with_the_largest_error():
    found = accounts()
    found.report("a", "host (index 0)", mark(1, clock=0.21), 1, now_s=1)
    found.report("b", "host (index 1)", mark(1, clock=0.4), 1, now_s=1)
    assert found.clocks() == "workers' seconds are the master's within 0.4 ms"
    found.report("b", "host (index 1)", mark(1, clock=-1.0), 1, now_s=2)
    assert "of 1 as far as the machines' own clocks agree" in found.clocks()


def test_a_mark_that_is_none_is_no_mark():
    for plain in (None, "x", {}, {"run": "r"}, {"run": "r", "surprise": 1}):
        assert ReportMark.from_plain(plain) is None
