"""What becomes of a rating when the service does not answer as it should: one outcome each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from openclaw_locust.failures import CLASSES
from tests.locust_run import NAME, RUN_TIME, Argument, Run, run, run_all
from tests.run.odd_service import OddService, Seen

LOAD: tuple[Argument, ...] = ("-u", 2, "-r", 50, "-t", RUN_TIME, "--pause", "50ms")
HASTY = ("--ack-timeout", "300ms")
CASES: dict[str, tuple[Argument, ...]] = {
    "silent": HASTY,
    "negative": (),
    "malformed": (),
    "wrong-item": (),
    "twice": ("--ack-id", "id"),
    "twice/one-item": ("--item-max", 1),
    "late": HASTY,
    "pushes": (),
    "other-words": HASTY,
    "other-words/at-the-end": ("-t", "2s", "--ack-timeout", "4s"),
    "only-id": ("--ack-id", "ref"),
    "close-1001": (),
    "close-1013": (),
    "reset": (),
}


@dataclass(frozen=True)
class Loaded:
    run: Run
    seen: Seen


@pytest.fixture(scope="module")
def loaded(odd: OddService, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Loaded]:
    """Every odd answer, each on its own path."""
    cases = {
        name: (*LOAD, *options, "--host", odd.url(f"/{name}")) for name, options in CASES.items()
    }
    runs = run_all(tmp_path_factory.mktemp("answers"), cases)
    return {name: Loaded(runs[name], odd.seen(f"/{name}")) for name in CASES}


@pytest.mark.parametrize("case", CASES)
def test_each_rating_that_the_service_read_has_exactly_one_outcome(
    loaded: dict[str, Loaded], case: str
) -> None:
    run, seen = loaded[case].run, loaded[case].seen
    assert "Traceback" not in run.stderr, str(run)
    assert run.count("ACK") == seen.ratings > 0, str(run)
    assert run.knows_of(seen.upgrades, users=2)
    assert f"this run sent {seen.ratings} to the target" in run.printed


@pytest.mark.parametrize("case", CASES)
def test_no_connection_outlives_the_run(
    loaded: dict[str, Loaded], odd: OddService, case: str
) -> None:
    assert loaded[case].seen.open == 0


@pytest.mark.parametrize(
    ("case", "name"),
    [
        ("silent", "app.ack.timeout"),
        ("negative", "app.ack.negative"),
        ("malformed", "app.ack.malformed"),
        ("wrong-item", "app.ack.mismatch"),
    ],
)
def test_a_service_that_never_answers_well_is_one_class_with_its_remedy(
    loaded: dict[str, Loaded], case: str, name: str
) -> None:
    run, seen = loaded[case].run.ended_with(1), loaded[case].seen
    assert run.errors == {("ACK", name): seen.ratings}
    (error,) = run.report_json["errors"]
    assert (error["class"], error["count"]) == (name, seen.ratings)
    assert CLASSES[name].remedy in run.printed
    assert CLASSES[name].remedy in run.markdown.replace("\\", "")
    assert run.verdict.startswith("FAILED (exit 1): nothing was measured: every ACK request failed")


@pytest.mark.parametrize("case", ["silent", "negative", "malformed", "wrong-item", "other-words"])
def test_a_failure_has_no_latency(loaded: dict[str, Loaded], case: str) -> None:
    run = loaded[case].run
    acks = next(row for row in run.report_json["percentiles"] if row["type"] == "ACK")
    assert [acks[key] for key in ("p50_ms", "p95_ms", "p99_ms", "max_ms")] == [None] * 4
    csv = run.rows["ACK", NAME]
    assert {float(csv[column]) for column in ("Max Response Time", "50%", "100%")} == {0}


def test_an_answer_in_other_words_is_not_a_missing_one(loaded: dict[str, Loaded]) -> None:
    run, seen = loaded["other-words"].run.ended_with(1), loaded["other-words"].seen
    # the last of each user: see the next test
    assert run.errors["ACK", "app.ack.unrecognised"] >= seen.ratings - 2
    assert CLASSES["app.ack.unrecognised"].remedy in run.printed


def test_an_answer_in_other_words_is_not_a_missing_one_at_the_end_of_the_run(
    loaded: dict[str, Loaded],
) -> None:
    run, seen = loaded["other-words/at-the-end"].run, loaded["other-words/at-the-end"].seen
    assert run.errors == {("ACK", "app.ack.unrecognised"): seen.ratings}, str(run)


def test_the_service_s_own_words_are_shown(loaded: dict[str, Loaded]) -> None:
    assert "no_such_item" in loaded["negative"].run.printed
    assert "no_such_item" in loaded["negative"].run.markdown.replace("\\", "")


def test_answers_in_other_words_give_the_option_to_set(loaded: dict[str, Loaded]) -> None:
    run = loaded["other-words"].run
    for text in (run.stderr, run.printed, run.markdown):
        assert "say how an ack looks with --ack-match PATH=VALUE" in text
        assert "stored" in text  # the sample to read the path and the value from
    assert any("--ack-match" in hint for hint in run.report_json["facts"]["hints"])


def test_the_same_service_passes_when_told_how_its_acks_look(
    loaded: dict[str, Loaded], odd: OddService, tmp_path: Path
) -> None:
    before = loaded["other-words"].seen.ratings
    load = (*LOAD, "--host", odd.url("/other-words"), "--ack-match", "status=stored")
    told = run(tmp_path, *load).ended_with(0)
    assert told.count("ACK") == odd.seen("/other-words").ratings - before
    assert told.errors == {}
    assert "--ack-match" not in told.markdown.partition("## Settings")[0]


def test_acks_are_matched_by_their_id(loaded: dict[str, Loaded]) -> None:
    run = loaded["only-id"].run.ended_with(0)
    assert run.errors == {}


def test_messages_that_are_no_answers_are_passed_over_and_counted(
    loaded: dict[str, Loaded],
) -> None:
    run, seen = loaded["pushes"].run.ended_with(0), loaded["pushes"].seen
    assert run.errors == {}
    assert f"{seen.ratings} messages were no answers and were passed over" in run.printed


def test_a_second_ack_is_a_duplicate_and_fails_no_rating(loaded: dict[str, Loaded]) -> None:
    run, seen = loaded["twice"].run.ended_with(99), loaded["twice"].seen
    assert run.failures("ACK") == 0
    # the last of each user may come after its close
    assert seen.ratings - 2 <= run.errors["STRAY", "app.ack.duplicate"] <= seen.ratings
    assert set(run.errors) == {("STRAY", "app.ack.duplicate")}
    assert CLASSES["app.ack.duplicate"].remedy in run.printed


def test_an_ack_that_came_before_a_rating_was_sent_does_not_settle_it(
    loaded: dict[str, Loaded],
) -> None:
    """All ratings are of one item: the second ack of one is there when the next is sent."""
    run, seen = loaded["twice/one-item"].run, loaded["twice/one-item"].seen
    assert float(run.rows["ACK", NAME]["Min Response Time"]) > 0
    assert run.failures("ACK") == 0, str(run)
    assert run.errors["STRAY", "app.ack.duplicate"] >= seen.ratings - 2


def test_a_second_ack_is_no_lost_connection(loaded: dict[str, Loaded]) -> None:
    run = loaded["twice"].run
    assert "lost" not in run.verdict
    assert "lost connections" not in run.printed


def test_an_ack_that_comes_too_late_settles_no_other_rating(loaded: dict[str, Loaded]) -> None:
    run, seen = loaded["late"].run, loaded["late"].seen
    assert seen.upgrades == 2  # the one ack names its item: nothing is in doubt
    assert run.errors == {("ACK", "app.ack.timeout"): 2}
    assert run.count("ACK") - run.failures("ACK") == seen.ratings - 2 > 2
    assert "2 acks came after the rating had been counted as failed" in run.printed
    assert run.exit_code == 99, str(run)


@pytest.mark.parametrize(
    ("case", "name"),
    [
        ("close-1001", "ws.close.going_away"),
        ("close-1013", "ws.close.try_later"),
        ("reset", "ws.abnormal.rst"),
    ],
)
def test_a_lost_connection_is_one_loss_and_each_pending_ack_is_lost_with_it(
    loaded: dict[str, Loaded], case: str, name: str
) -> None:
    run, seen = loaded[case].run.ended_with(99), loaded[case].seen
    losses = run.errors["WS", name]
    assert run.errors == {("WS", name): losses, ("ACK", "app.ack.lost_on_close"): losses}
    assert losses >= 2
    assert seen.upgrades > 2  # users come back
    # every third rating of a connection
    assert run.count("ACK") - losses == seen.ratings - losses >= 2 * losses
    for text in (run.printed, run.markdown.replace("\\", "")):
        assert CLASSES["app.ack.lost_on_close"].remedy in text
        assert CLASSES[name].remedy in text
