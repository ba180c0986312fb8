"""Messages: whatever a service says is some answer, and what we encode comes back."""

import json

import orjson
from hypothesis import example, given, settings
from hypothesis import strategies as st

from openclaw_locust.failures import CLASSES
from openclaw_locust.rating.ledger import OK, PUSH, Ledger, Pending
from openclaw_locust.rating.messages import (
    DEFAULT_ACK_MATCH,
    OWN_MEMBERS,
    AckMatch,
    Answer,
    Rating,
    RatingLanguage,
    parse_ack_match,
)
from openclaw_locust.server.messages import ERRORS, BadMessageError, ack_for

BOUNDED = settings(deadline=None, derandomize=True)

USUAL = RatingLanguage((parse_ack_match(DEFAULT_ACK_MATCH),), None)
WITH_ID = RatingLanguage((parse_ack_match(DEFAULT_ACK_MATCH),), "id")
LANGUAGES = (
    USUAL,
    WITH_ID,
    RatingLanguage((parse_ack_match("0.type"), parse_ack_match("a=1e400")), "a.0.id"),
    RatingLanguage((parse_ack_match("ok=true"), parse_ack_match("itemId")), "itemId"),
)

# -- anything ------------------------------------------------------------------------------------

NAMES = st.sampled_from(
    ["type", "itemId", "score", "id", "error", "ok", "success", "status", "a", "0", ""]
) | st.text(max_size=3)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(["ack", "error", "", "\0", "\u2028", "😀"]),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=5),
)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=15,
)
KEYS = st.sampled_from([b"type", b"itemId", b"score", b"id", b"ok", b"a", b"\\u0069d"])
NUMBERS = [b"1", b"-0", b"1.0", b"1e400", b"9" * 400, b"NaN", b"Infinity", b"01", b"1_0"]
SPELLINGS = [*NUMBERS, b'"ack"', b"true", b"null", b"[]", b"{}", b'"\\ud800"', b'"\xff"', b""]
SPELLED_BY_HAND = st.lists(  # some members twice
    st.builds(b'"%b":%b'.__mod__, st.tuples(KEYS, st.sampled_from(SPELLINGS))), max_size=6
).map(lambda members: b"{" + b",".join(members) + b"}")
MESSAGES = st.one_of(
    DOCUMENTS.map(lambda document: json.dumps(document).encode("utf-8", "surrogatepass")),
    SPELLED_BY_HAND,
    st.binary(max_size=60),
)


@given(MESSAGES)
@example(b"")
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b'{"type":"ack","id":' + b"[" * 1000 + b"]" * 1000 + b"}")
@example(b'{"type":"ack","itemId":' + b"9" * 100_000 + b"}")
@example(b'{"type":"ack","itemId":1,"itemId":"x"}')
@example(b'\xef\xbb\xbf{"type":"ack"}')
@settings(BOUNDED, max_examples=1000)
def test_whatever_comes_is_some_answer_and_settles_a_send_or_none(message: bytes) -> None:
    for language in LANGUAGES:
        answer = language.recognise(message)
        assert answer == language.recognise(message)
        assert answer.kind in ("ack", "negative", "malformed", "other")
        assert type(answer.item) in (int, type(None))
        assert type(answer.score) in (int, type(None))
        assert len(answer.detail) <= 200
        if answer.kind == "ack":
            assert type(orjson.loads(message)) is dict
        for expired in (False, True):
            settled, outcome = settle_with(answer, expired=expired)
            assert settled or outcome in (PUSH, "app.ack.mismatch")
            assert outcome in (OK, PUSH) or outcome in CLASSES


def settle_with(answer: Answer, *, expired: bool) -> tuple[bool, str]:
    """Let a ledger of one send take an answer, and then the same answer again."""
    ledger = Ledger()
    pending = Pending(0, 0, "row", 1, 1, 1)
    ledger.add(pending)
    if expired:
        ledger.expire(pending)
    settled, outcome = ledger.settle(answer)
    _, again = ledger.settle(answer)
    assert again in (PUSH, "app.ack.mismatch", "app.ack.duplicate", "app.ack.late")
    return settled is not None, outcome


@given(st.text(max_size=20), MESSAGES)
@example("9" * 5000 + ".a=1", b'{"0":1}')
@example("a." + "9" * 5000, b'{"a":[1]}')
@example("a=" + "9" * 5000, b'{"a":1}')
@example("a=" + "[" * 5000, b'{"a":[1]}')
@example("a.²", b'{"a":[1,2,3]}')
@settings(BOUNDED, max_examples=200)
def test_any_condition_is_read_or_refused_and_then_never_fails(text: str, message: bytes) -> None:
    try:
        match = parse_ack_match(text)
    except ValueError as error:
        assert str(error).startswith("--ack-match ")
        return
    assert isinstance(match, AckMatch)
    assert RatingLanguage((match, match), None).recognise(message).kind in (
        "ack",
        "negative",
        "malformed",
        "other",
    )


# -- there and back ------------------------------------------------------------------------------

INT64 = st.integers(-(2**63), 2**63 - 1)
RATINGS = st.builds(Rating, INT64, st.integers(1, 5), st.none() | st.integers(1, 2**53))


@given(st.lists(RATINGS, min_size=1, max_size=6, unique_by=lambda rating: rating.id), st.data())
@settings(BOUNDED, max_examples=150)
def test_the_server_s_ack_of_a_rating_settles_that_rating_in_any_order(
    ratings: list[Rating], data: st.DataObject
) -> None:
    ledger = Ledger()
    sends = {}
    for rating in ratings:
        pending = Pending(0, 0, "row", rating.id, rating.item, rating.score)
        ledger.add(pending)
        sends[rating] = pending
    for rating in data.draw(st.permutations(ratings)):
        answer = WITH_ID.recognise(ack_for(WITH_ID.encode(rating)))
        assert answer == Answer("ack", rating.id, rating.item, rating.score)
        if rating.id is not None:
            assert ledger.settle(answer) == (sends[rating], OK)
        else:
            assert USUAL.recognise(ack_for(USUAL.encode(rating))) == answer


@given(RATINGS, st.lists(st.sampled_from(["x", "data", "0", "id"]), min_size=1, max_size=4))
@settings(BOUNDED)
def test_an_id_is_found_where_it_was_put(rating: Rating, path: list[str]) -> None:
    language = RatingLanguage((parse_ack_match("action=rate"),), ".".join(path))
    message = language.encode(rating)
    assert language.recognise(message) == Answer("ack", rating.id, rating.item, rating.score)
    assert set(OWN_MEMBERS) <= set(orjson.loads(message))


@given(MESSAGES)
@example(b'{"action":"rate","itemId":1,"score":6,"id":1}')
@example(b'{"action":"rate","itemId":1,"score":1,"id":1e400}')
@example(b'{"action":"rate","itemId":1,"score":1,"id":' + b"9" * 5000 + b"}")
@settings(BOUNDED, max_examples=200)
def test_the_server_s_refusal_of_anything_is_negative(message: bytes) -> None:
    try:
        answer = ack_for(message)
    except BadMessageError as error:
        refused = WITH_ID.recognise(error.answer)
        assert refused.kind == "negative"
        assert error.code in ERRORS
        assert error.code in refused.detail or len(error.answer) > 200
    else:
        assert WITH_ID.recognise(answer).kind == "ack"
