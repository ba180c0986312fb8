"""The rating language: what is sent, and what an answer is recognised as."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openclaw_locust.rating.messages import (
    AckMatch,
    Answer,
    Rating,
    RatingLanguage,
    parse_ack_match,
)


def language(*matches: str, id_field: str | None = None) -> RatingLanguage:
    return RatingLanguage(tuple(map(parse_ack_match, matches or ("type=ack",))), id_field)


def recognise(document: Any, *matches: str, id_field: str | None = None) -> Answer:
    message = document if isinstance(document, bytes) else json.dumps(document).encode()
    return language(*matches, id_field=id_field).recognise(message)


# -- encoding ------------------------------------------------------------------------------------


def test_a_rating_is_encoded_as_the_article_writes_it() -> None:
    assert language().encode(Rating(7, 5)) == b'{"action":"rate","itemId":7,"score":5}'


def test_an_id_goes_out_only_where_there_is_a_member_for_it() -> None:
    rating = Rating(7, 5, 12)
    assert language().encode(rating) == b'{"action":"rate","itemId":7,"score":5}'
    assert json.loads(language(id_field="ref").encode(rating)) == {
        "action": "rate",
        "itemId": 7,
        "score": 5,
        "ref": 12,
    }
    assert b"ref" not in language(id_field="ref").encode(Rating(7, 5))


# -- recognising ---------------------------------------------------------------------------------


def test_the_usual_ack_names_its_item_and_score() -> None:
    answer = recognise({"type": "ack", "itemId": 7, "score": 5})
    assert answer == Answer("ack", None, 7, 5)


def test_an_ack_may_name_nothing() -> None:
    assert recognise({"type": "ack"}) == Answer("ack")


def test_the_id_is_looked_up_by_its_path() -> None:
    document = {"type": "ack", "id": 3, "data": {"ref": "x"}}
    assert recognise(document, id_field="id").id == 3
    assert recognise(document, id_field="data.ref").id == "x"
    assert recognise(document, id_field="nothing").id is None
    assert recognise(document).id is None


@pytest.mark.parametrize(
    ("match", "document", "wanted"),
    [
        ("type=ack", {"type": "ack"}, True),
        ("type=ack", {"type": "Ack"}, False),
        ("type=ack", {"type": "acknowledged"}, False),
        ("type=ack", {"type": ["ack"]}, False),
        ("type=ack", {"message": "ack"}, False),
        ("data.status=200", {"data": {"status": 200}}, True),
        ("data.status=200", {"data": {"status": "200"}}, True),
        ("data.status=200", {"data": {"status": 201}}, False),
        ("data.status=200", {"data": 200}, False),
        ("data.status=200", {"data.status": 200}, False),
        ("status=200", {"status": 200}, True),
        ("status=1", {"status": True}, False),
        ("status=0", {"status": False}, False),
        ("rate=1.5", {"rate": 1.5}, True),
        ("done=true", {"done": True}, True),
        ("done=true", {"done": "true"}, True),
        ("done=true", {"done": 1}, False),
        ("done=false", {"done": False}, True),
        ("fault=null", {"fault": None}, True),
        ("fault=null", {"fault": "null"}, True),
        ("fault=null", {}, False),
        ("ackId", {"ackId": 0}, True),
        ("ackId", {"ackId": ""}, True),
        ("ackId", {"ackId": None}, True),
        ("ackId", {}, False),
        ("a.b", {"a": {"b": 1}}, True),
        ("a.b", {"a": {}}, False),
        ("items.0.state=ok", {"items": [{"state": "ok"}]}, True),
        ("items.1.state=ok", {"items": [{"state": "ok"}]}, False),
        ("items.x=ok", {"items": ["ok"]}, False),
        ("state=", {"state": ""}, True),
        ("state=", {"state": "x"}, False),
        ("state=a=b", {"state": "a=b"}, True),
        ("state= ok", {"state": " ok"}, True),
        (" state =ok", {"state": "ok"}, True),
    ],
)
def test_an_ack_is_what_the_option_says(match: str, document: Any, wanted: bool) -> None:
    assert recognise(document, match).kind == ("ack" if wanted else "other")
    # and the same on the way that many conditions take
    assert recognise(document, match, match).kind == ("ack" if wanted else "other")


def test_all_conditions_must_hold() -> None:
    document = {"type": "ack", "data": {"state": "stored"}}
    assert recognise(document, "type=ack", "data.state=stored").kind == "ack"
    assert recognise(document, "type=ack", "data.state=queued").kind == "other"


def test_a_condition_without_a_value_asks_only_for_the_member() -> None:
    assert parse_ack_match("a.b") == AckMatch(("a", "b"), None)


@pytest.mark.parametrize("text", ["", "=", "=ack", ".a=1", "a.=1", "a..b"])
def test_a_condition_without_a_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^--ack-match '.*' has no path; write it like"):
        parse_ack_match(text)


@pytest.mark.parametrize(
    "document",
    [
        {"type": "error", "code": "invalid_score"},
        {"error": "rate limited"},
        {"error": {"code": 7}},
        {"type": "ack", "error": "x"},
        {"status": "error"},
        {"type": "ack", "ok": False},
        {"success": False},
    ],
)
def test_a_refusal_is_negative_and_keeps_the_words(document: Any) -> None:
    answer = recognise({**document, "itemId": 7, "id": 3}, id_field="id")
    assert (answer.kind, answer.id, answer.item, answer.score) == ("negative", 3, 7, None)
    assert answer.detail.startswith("{")


@pytest.mark.parametrize("document", [{"error": None}, {"error": ""}, {"error": False}, {"ok": 0}])
def test_an_empty_error_is_no_refusal(document: Any) -> None:
    assert recognise({"type": "ack", **document}).kind == "ack"


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"ack",
        b"{",
        b'{"type":"ack"',
        b"[]",
        b'"ack"',
        b"1",
        b"null",
        b"\xff\xfe",
        b'{"type":"\xff"}',
        b'{"type":"ack","itemId":"7"}',
        b'{"type":"ack","itemId":7.0}',
        b'{"type":"ack","itemId":true}',
        b'{"type":"ack","score":"5"}',
        b'{"type":"ack","score":[5]}',
        b"[" * 5000,
        b'{"a":' * 5000,
    ],
)
def test_what_is_no_proper_ack_is_malformed_and_keeps_its_words(message: bytes) -> None:
    answer = recognise(message)
    assert answer.kind == "malformed"
    assert answer.detail == message[:200].decode("utf-8", "replace")


@pytest.mark.parametrize("document", [{}, {"type": "push"}, {"itemId": 7}, {"message": "ack"}])
def test_anything_else_is_no_answer(document: Any) -> None:
    assert recognise(document).kind == "other"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "itemId", "score", "id", "error", "ok", "a"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.one_of(st.binary(max_size=40), JSON.map(lambda value: json.dumps(value).encode())))
@settings(deadline=None, max_examples=300)
def test_no_message_can_break_the_recognition(message: bytes) -> None:
    for each in (language(), language("a.0.type=1", "id", id_field="a.id")):
        answer = each.recognise(message)
        assert answer.kind in ("ack", "negative", "malformed", "other")
        assert answer.item is None or type(answer.item) is int
        assert answer.score is None or type(answer.score) is int


def test_a_dotted_id_is_sent_and_read_at_the_same_place():
    sent = json.loads(language(id_field="meta.id").encode(Rating(7, 5, 42)))
    assert sent == {"action": "rate", "itemId": 7, "score": 5, "meta": {"id": 42}}
    assert recognise(sent | {"type": "ack"}, id_field="meta.id").id == 42
