"""What looks like a secret never shows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_locust.redact import is_secret, mask_header, mask_url

SECRET_NAMES = """
Authorization Proxy-Authorization X-Auth X-Api-Key apikey api_key access-key X-Access-Token token
refresh_token client_secret password passwd pwd pass pw Cookie Set-Cookie sessionid jsessionid sid
X-Amz-Signature X-Amz-Credential sig jwt key Ocp-Apim-Subscription-Key private_key X_KEY otp
"""
HARMLESS_NAMES = """
X-Tenant User-Agent Origin Accept item keyboard monkey bypass compass side design Retry-After
tenant trace
"""


@pytest.mark.parametrize("name", SECRET_NAMES.split())
def test_names_that_carry_secrets_are_known(name: str) -> None:
    assert is_secret(name)
    assert is_secret(name.upper())
    assert mask_header(f"{name}: hush") == f"{name}: ***"
    assert mask_url(f"wss://h/?{name}=hush") == f"wss://h/?{name}=***"


@pytest.mark.parametrize("name", HARMLESS_NAMES.split())
def test_other_names_are_shown(name: str) -> None:
    assert mask_header(f"{name}: value") == f"{name}: value"
    assert mask_url(f"wss://h/?{name}=value") == f"wss://h/?{name}=value"


@pytest.mark.parametrize("value", ["Bearer hush", "basic aHVzaA==", " Digest x=1"])
def test_credentials_are_masked_under_any_name(value: str) -> None:
    assert mask_header(f"X-Tenant:{value}") == "X-Tenant: ***"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("wss://h:8443/p;v=1?a=b#c=d", "wss://h:8443/p;v=1?a=b#c=d"),
        ("wss://me:hush@h/p", "wss://***@h/p"),
        ("wss://hush@h/p", "wss://***@h/p"),
        ("wss://me:hu@hush@h/p", "wss://***@h/p"),
        ("wss://h/p;token=hush;v=1?tok%65n=hush&a=b#jwt=hush", None),
        ("/login?next=/&sid=hush", "/login?next=/&sid=***"),
        ("/users/@me", "/users/@me"),
        ("", ""),
        # no proper URLs
        ("me:hush@h/p", "***@h/p"),
        ("wss://me:hu/hush@h/p?token=hush", "wss://***@h/p"),
        ("wss://me:hush?hush@h/p", "wss://***@h/p"),
        ("wss://[::1/p?token=hush", "wss://[::1/p"),
        ("wss://me:hush://@h:x/", "wss://***@h:x/"),
    ],
)
def test_a_url_is_shown_without_its_secrets(url: str, shown: str | None) -> None:
    assert "hush" not in mask_url(url)
    if shown is not None:
        assert mask_url(url) == shown


@given(st.text(max_size=20).filter(lambda text: not set(text) & set("/?#")), st.text(max_size=20))
def test_no_password_in_a_user_part_is_ever_shown(user: str, place: str) -> None:
    for url in (f"wss://{user}:hush@{place}", f"{user}:hush@{place}"):
        assert "hush" not in mask_url(url)
