"""What ``--fault`` means, and what it refuses."""

import pytest

from openclaw_locust.server.errors import ServerError
from openclaw_locust.server.fault_options import Faults, Stall, parse_faults


def test_without_a_fault_there_is_none() -> None:
    assert parse_faults([]) == Faults(stalls=())


def test_a_stall_has_a_length_and_a_time_and_may_come_again() -> None:
    assert parse_faults(["stall=2s@10s", "stall=500ms@1m30s", "stall=1@0"]).stalls == (
        Stall(at_s=10, duration_s=2),
        Stall(at_s=90, duration_s=0.5),
        Stall(at_s=0, duration_s=1),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stal=2s@10s", "there is no fault 'stal'; the known ones are: stall=DURATION@TIME"),
        ("", "there is no fault ''; the known ones are: stall=DURATION@TIME"),
        ("stall", "its value is missing"),
        ("stall=2s", "'2s' does not say when: there is no @"),
        ("stall=2x@10s", "before the @, '2x' is no duration"),
        ("stall=2s@soon", "behind the @, 'soon' is no duration"),
        ("stall=2s@", "behind the @, the duration is missing"),
        ("stall=0s@1s", "before the @, '0s' is no time to stall for"),
        ("stall=2s@1s@2s", "behind the @, '1s@2s' is no duration"),
    ],
)
def test_a_wrong_fault_says_its_place_and_what_to_write(text: str, words: str) -> None:
    with pytest.raises(ServerError) as caught:
        parse_faults([text])
    line = str(caught.value)
    assert line.startswith(f"--fault {text!r}: ")
    assert words in line
    assert "stall=DURATION@TIME" in line
    assert "\n" not in line
