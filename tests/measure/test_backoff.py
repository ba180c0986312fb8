"""How long a user stays away from a server that failed."""

from openclaw_locust.measure.backoff import BASE_S, CAP_S, RETRY_AFTER_CAP_S, Backoff


def test_the_delay_grows_from_short_to_its_cap_and_never_in_step() -> None:
    for _ in range(50):
        backoff = Backoff()
        for number in range(40):
            full = min(CAP_S, BASE_S * 2**number)
            assert full / 2 <= backoff.next_delay_s() <= full
    assert len({Backoff().next_delay_s() for _ in range(50)}) > 40


def test_it_starts_from_short_again_once_the_connection_was_useful() -> None:
    backoff = Backoff()
    for _ in range(10):
        backoff.next_delay_s()
    backoff.useful()
    assert backoff.next_delay_s() <= BASE_S


def test_what_the_server_asked_for_is_honoured_up_to_a_cap() -> None:
    assert Backoff().next_delay_s(12.0) == 12.0
    assert Backoff().next_delay_s(1e9) == RETRY_AFTER_CAP_S
    for nothing in (None, 0.0):
        assert Backoff().next_delay_s(nothing) <= BASE_S


def test_a_short_wish_does_not_shorten_the_delay() -> None:
    backoff = Backoff()
    for _ in range(10):
        backoff.next_delay_s()
    assert backoff.next_delay_s(0.01) >= CAP_S / 2
