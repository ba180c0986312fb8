import json

import pytest

from openclaw_locust.server.messages import ERRORS, BadMessageError, ack_for, refuse_binary


@pytest.mark.parametrize(
    ("message", "ack"),
    [
        ('{"action":"rate","itemId":7,"score":1}', '{"type":"ack","itemId":7,"score":1}'),
        (
            '{"score":5,"itemId":0,"action":"rate","more":[]}',
            '{"type":"ack","itemId":0,"score":5}',
        ),
        ('{"action":"rate","itemId":-3,"score":2}', '{"type":"ack","itemId":-3,"score":2}'),
        (
            '{"action":"rate","itemId":18446744073709551615,"score":2}',
            '{"type":"ack","itemId":18446744073709551615,"score":2}',
        ),
    ],
)
def test_a_rating_is_answered_with_its_item_and_score(message: str, ack: str) -> None:
    assert ack_for(message) == ack.encode()
    assert ack_for(message.encode()) == ack.encode()


@pytest.mark.parametrize(
    "tag",
    [
        '"a"',
        '""',
        '"é\\n\\"☃"',
        "0",
        "-1",
        "18446744073709551616",
        "123456789012345678901234567890",
        "1.0",
        "1.50",
        "1e3",
        "-0.0",
    ],
)
def test_the_id_comes_back_as_it_was_written(tag: str) -> None:
    message = f'{{"action":"rate","itemId":7,"score":1,"id":{tag}}}'
    answer = ack_for(message)
    assert json.loads(answer)["id"] == json.loads(tag)
    if not tag.startswith('"'):
        assert f'"id":{tag},'.encode() in answer


@pytest.mark.parametrize(
    ("message", "code", "echo"),
    [
        ("", "invalid_json", {}),
        ("rate", "invalid_json", {}),
        ('{"action":"rate","itemId":7,"score":1', "invalid_json", {}),
        (b'{"action":"rate","itemId":7,"score":1,"id":"\xff"}', "invalid_json", {}),
        ('{"id":"\\ud800"}', "invalid_json", {}),
        ('{"score":NaN}', "invalid_json", {}),
        ('{"id":1e999}', "invalid_json", {}),
        ("[" * 2000, "invalid_json", {}),
        ('{"id":1.5,"x":' + "[" * 1000 + "]" * 1000 + "}", "invalid_json", {}),
        ("[]", "invalid_message", {}),
        ("null", "invalid_message", {}),
        ('"rate"', "invalid_message", {}),
        ("5", "invalid_message", {}),
        ("{}", "invalid_action", {}),
        ('{"action":"RATE","itemId":7,"score":1}', "invalid_action", {"itemId": 7}),
        (
            '{"action":["rate"],"itemId":7,"score":1,"id":4}',
            "invalid_action",
            {"id": 4, "itemId": 7},
        ),
        ('{"action":"rate","score":1,"id":"x"}', "invalid_item", {"id": "x"}),
        ('{"action":"rate","itemId":true,"score":1}', "invalid_item", {}),
        ('{"action":"rate","itemId":7.0,"score":1}', "invalid_item", {}),
        ('{"action":"rate","itemId":"7","score":1}', "invalid_item", {}),
        ('{"action":"rate","itemId":18446744073709551616,"score":1}', "invalid_item", {}),
        ('{"action":"rate","itemId":7}', "invalid_score", {"itemId": 7}),
        ('{"action":"rate","itemId":7,"score":0}', "invalid_score", {"itemId": 7}),
        ('{"action":"rate","itemId":7,"score":6}', "invalid_score", {"itemId": 7}),
        ('{"action":"rate","itemId":7,"score":true}', "invalid_score", {"itemId": 7}),
        ('{"action":"rate","itemId":7,"score":4.0}', "invalid_score", {"itemId": 7}),
        ('{"action":"rate","itemId":7,"score":"4"}', "invalid_score", {"itemId": 7}),
        (
            '{"itemId":7,"score":9,"action":"rate","id":2.5}',
            "invalid_score",
            {"id": 2.5, "itemId": 7},
        ),
        ('{"action":"rate","itemId":7,"score":1,"id":null}', "invalid_id", {"itemId": 7}),
        ('{"action":"rate","itemId":7,"score":1,"id":true}', "invalid_id", {"itemId": 7}),
        ('{"action":"rate","itemId":7,"score":1,"id":{}}', "invalid_id", {"itemId": 7}),
    ],
)
def test_a_bad_message_is_refused_with_a_code_and_what_could_be_read_of_it(
    message: str | bytes, code: str, echo: dict[str, object]
) -> None:
    with pytest.raises(BadMessageError) as caught:
        ack_for(message)
    assert caught.value.code == code
    assert json.loads(caught.value.answer) == {
        "type": "error",
        **echo,
        "code": code,
        "message": ERRORS[code],
    }


def test_a_binary_message_is_refused() -> None:
    with pytest.raises(BadMessageError, match="not_text"):
        refuse_binary()
