"""The options, read and validated: one line for each wrong value, and no secret anywhere."""

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from openclaw_locust.option_values import SettingsError
from openclaw_locust.options import OPTIONS, add_options
from openclaw_locust.rating.messages import parse_ack_match
from openclaw_locust.server.certificates import issue, make_ca
from openclaw_locust.settings import Settings, read_settings
from openclaw_locust.workload import Workload

HOST = "wss://rating.example.com/rating"


def read(host: str | None = HOST, **options: Any) -> Settings:
    return read_settings(options, host)


def refusal(host: str | None = HOST, **options: Any) -> str:
    """Return the one line that the options are refused with, whether by reading or by preparing."""
    with pytest.raises(SettingsError) as caught:
        Workload(read(host, **options))
    text = str(caught.value)
    assert text.isprintable()
    assert caught.value.__cause__ is None
    return text


# -- the table of options ------------------------------------------------------------------------


def test_each_option_is_there_once_and_says_what_it_is_for() -> None:
    for name in ("flag", "dest", "variable"):
        counts = Counter(getattr(option, name) for option in OPTIONS)
        assert set(counts.values()) == {1}
    for option in OPTIONS:
        assert option.variable == "LOCUST_" + option.flag.removeprefix("--").upper().replace(
            "-", "_"
        )
        assert option.help[0].isupper()
        assert option.help.endswith(".") or option.help.endswith(")")
        assert option.kind in ("text", "switch", "list")


def test_what_may_carry_a_secret_is_never_in_the_web_form() -> None:
    shown = {option.flag for option in OPTIONS if option.in_web_ui}
    assert not shown & {"--token", "--header", "--proxy", "--client-key-passphrase"}


class _Parser(argparse.ArgumentParser):
    """Locust's parser, as far as the options need it."""

    def add_argument(self, *args: Any, **kwargs: Any) -> argparse.Action:
        variable = kwargs.pop("env_var", None)
        in_form = kwargs.pop("include_in_web_ui", None)
        action = super().add_argument(*args, **kwargs)
        if args[0] != "-h":
            assert variable.startswith("LOCUST_")
            assert in_form in (True, False)
        return action


def from_command_line(*arguments: str) -> dict[str, Any]:
    parser = _Parser()
    add_options(parser)
    return vars(parser.parse_args(arguments))


def test_every_option_has_its_variable_and_works_on_the_command_line() -> None:
    assert set(from_command_line()) == {option.dest for option in OPTIONS}
    assert read_settings(from_command_line(), HOST) == read()


def test_texts_of_a_form_mean_the_same_as_the_command_line() -> None:
    command_line = from_command_line(
        "--insecure",
        "--tls-min=1.3",
        "--sni=other.example.com",
        "--connect-to=10.0.0.7:8443",
        "--subprotocol=a",
        "--subprotocol=b",
        "--dns-ttl=0",
        "--connect-timeout=1m30s",
        "--ack-timeout=0.5",
        "--ack-match=type=ack",
        "--ack-match=data.ok=true",
        "--ack-id=NONE",
        "--pause=0",
        "--connection-lifetime=5s",
        "--messages-per-connection=10",
        "--item-max=7",
    )
    form = {
        "insecure": "true",
        "tls_min": " 1.3 ",
        "sni": "other.example.com",
        "connect_to": "10.0.0.7:8443",
        "subprotocol": "a, b",
        "dns_ttl": "0",
        "connect_timeout": "90",
        "ack_timeout": "500ms",
        "ack_match": "type=ack,data.ok=true",
        "ack_id": "none",
        "pause": "0s",
        "connection_lifetime": "5",
        "messages_per_connection": "10",
        "item_max": "7",
        "tls_ca": "",
        "proxy": "",
    }
    from_form, from_line = read(**form), read_settings(command_line, HOST)
    fields = set(Settings.__slots__) - {"shown"}  # the spelling is the user's
    assert {name: getattr(from_form, name) for name in fields} == {
        name: getattr(from_line, name) for name in fields
    }
    assert from_line.connect_timeout_s == 90
    assert from_line.subprotocols == ("a", "b")
    assert from_line.ack_matches == (parse_ack_match("type=ack"), parse_ack_match("data.ok=true"))
    assert from_line.ack_id is None


@pytest.mark.parametrize("word", ["true", "True", "1", "yes", "on", True])
def test_a_switch_is_on_by_each_of_these_words(word: Any) -> None:
    assert not read(insecure=word).tls.verify


@pytest.mark.parametrize("word", ["false", "False", "0", "no", "off", "", " ", False, None])
def test_a_switch_is_off_by_each_of_these_words(word: Any) -> None:
    assert read(insecure=word).tls.verify


def test_defaults_are_those_of_the_table() -> None:
    settings = read()
    assert settings.target.shown == HOST
    assert settings.tls.verify
    assert settings.tls.min_version == "1.2"
    assert (settings.connect_timeout_s, settings.ack_timeout_s) == (10, 5)
    # each user class has a pause of its own
    assert (settings.dns_ttl_s, settings.pause_s, settings.item_max) == (60, None, 1000)
    assert (settings.handshake_mode, settings.http_path) == ("upgrade", "/health")
    assert (settings.tls_resume, settings.share_tickets) == (0, False)
    assert (settings.close, settings.source_ips) == ("polite", ())
    assert (settings.tls.min_version, settings.tls.max_version) == ("1.2", "1.3")
    assert (settings.connection_lifetime_s, settings.messages_per_connection) == (None, None)
    assert settings.ack_matches == (parse_ack_match("type=ack"),)
    assert settings.headers == ()
    assert settings.shown == {}


def test_a_proxy_variable_that_is_not_used_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert read().warnings == ()
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hush@proxy:3128")
    (warning,) = read().warnings
    assert warning == "HTTPS_PROXY is set and not used; give --proxy to go through a proxy"
    assert read(proxy="http://proxy:3128").warnings == ()


# -- wrong values --------------------------------------------------------------------------------

LONG = "9" * 5000

WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"host": None}, "there is no target", "give --host wss://"),
    ({"host": ""}, "there is no target", "--demo"),
    ({"host": "  "}, "there is no target", "--demo"),
    ({"host": "https://h/"}, "'https://h/' is not a WebSocket URL", "write wss://h/"),
    ({"tls_ca": "/nothing"}, "--tls-ca '/nothing' cannot be read", "name a PEM file"),
    ({"tls_ca": "/nothing", "insecure": True}, "--insecure and --tls-ca", "give one of them"),
    ({"tls_ca": "~nobody-here/ca.pem"}, "--tls-ca '~nobody-here", "write the path out"),
    ({"tls_crl": "/nothing"}, "--tls-crl '/nothing' cannot be read", "name a PEM file"),
    ({"tls_crl": "/dev/null"}, "--tls-crl '/dev/null' has no readable list", "openssl crl"),
    ({"tls_crl": "/x", "insecure": True}, "--insecure and --tls-crl", "give one of them"),
    ({"client_cert": "/nothing"}, "--client-cert '/nothing' cannot be read", "name a PEM file"),
    ({"client_cert": "/"}, "--client-cert '/' cannot be read", "name a PEM file"),
    ({"client_cert": "/proc/self/mem"}, "--client-cert '/proc/self/mem' cannot", "name a PEM"),
    ({"client_cert": "~nobody-here/c"}, "--client-cert '~nobody-here", "write the path out"),
    ({"client_key": "/nothing"}, "--client-key without --client-cert", "give the certificate"),
    ({"client_certs": "/nothing"}, "--client-certs '/nothing' cannot be read", "name a folder"),
    ({"client_certs": "~nobody-here"}, "--client-certs '~nobody-here", "write the path out"),
    ({"client_certs": "/", "client_cert": "x"}, "--client-certs and --client-cert", "give one"),
    ({"tls_min": "1.1"}, "--tls-min '1.1' is no supported version", "write 1.2 or 1.3"),
    ({"tls_max": "1.4"}, "--tls-max '1.4' is no supported version", "write 1.2 or 1.3"),
    ({"tls_min": "1.3", "tls_max": "1.2"}, "--tls-min 1.3 and --tls-max 1.2", "no version is left"),
    (
        {"tls_max": "1.2", "tls_ciphers": "TLS_AES_256_GCM_SHA384"},
        "--tls-ciphers has suites of TLS 1.3, which --tls-max 1.2 excludes",
        "leave one",
    ),
    (
        {"tls_ciphers": "TLS_NONSENSE"},
        "--tls-ciphers 'TLS_NONSENSE' has a suite",
        "TLS_AES_256_GCM_SHA384",
    ),
    ({"tls_ciphers": "NONSENSE"}, "--tls-ciphers 'NONSENSE' selects no cipher", "ECDHE+AESGCM"),
    ({"tls_resume": "101%"}, "--tls-resume '101%' is no share", "0% to 100%"),
    ({"tls_resume": "half"}, "--tls-resume 'half' is no share", "0% to 100%"),
    ({"tls_tickets": "twice"}, "--tls-tickets 'twice' is unknown", "once or shared"),
    ({"handshake_mode": "wrk"}, "--handshake-mode 'wrk' is unknown", "upgrade or tls or http"),
    ({"http_path": "health"}, "--http-path 'health' is no path", "/health"),
    ({"close": "fin"}, "--close 'fin' is unknown", "polite or reset"),
    ({"source_ip": ["127.1"]}, "--source-ip '127.1' is no address", "10.0.0.7"),
    ({"source_ip": ["192.0.2.7"]}, "--source-ip '192.0.2.7' is not an address", "ip addr"),
    (
        {"connect_rate": "1/s", "arrival_rate": "1/s"},
        "--arrival-rate and --connect-rate contradict each other",
        "give one",
    ),
    ({"connect_rate": "fast"}, "--connect-rate: 'fast' is no rate", "500/s"),
    ({"connect_rate": "10s:fast"}, "--connect-rate: stage '10s:fast'", "500/s"),
    ({"tls_ciphers": "nonsense"}, "--tls-ciphers 'nonsense'", "write an OpenSSL list"),
    ({"sni": "a b"}, "--sni 'a b' is not a host name", "write it like"),
    ({"sni": ".example.com"}, "--sni '.example.com' is not a host name", "write it like"),
    ({"sni": "a" * 64}, "--sni 'aaa", "write it like"),
    ({"connect_to": "h"}, "--connect-to 'h' is not an address", "write it like 10.0.0.7:8443"),
    ({"insecure": "maybe"}, "--insecure 'maybe' is neither yes nor no", "write true or false"),
    ({"header": ["X"]}, "--header without a colon", "write it like"),
    ({"header": ["A B: c"]}, "--header 'A B' is not a header", "write it like"),
    ({"header": ["Upgrade: h2c"]}, "--header Upgrade", "leave it out"),
    ({"token": "a\nb"}, "--token has a character that no header can carry", ""),
    ({"token": "☃"}, "--token has a character that no header can carry", ""),
    (
        {"token": "a", "header": ["authorization: b"]},
        "--token and an Authorization --header",
        "give one of them",
    ),
    ({"subprotocol": ["a b"]}, "--subprotocol 'a b' is not", "write one name"),
    ({"subprotocol": "a,a"}, "--subprotocol 'a' is there twice", "leave one of them out"),
    ({"proxy": "proxy:3128"}, "--proxy 'proxy:3128' is no HTTP proxy", "write http://host:port"),
    ({"dns_ttl": "soon"}, "--dns-ttl 'soon' is not a duration", "write it like 500ms"),
    ({"connect_timeout": "0"}, "--connect-timeout '0' must be longer", "write e.g. 10s"),
    ({"connect_timeout": "-1s"}, "--connect-timeout '-1s' is not a duration", "write it like"),
    ({"ack_timeout": "0s"}, "--ack-timeout '0s' must be longer", "write e.g. 5s"),
    ({"ack_timeout": LONG}, "--ack-timeout '999", "write it like 500ms"),
    ({"max_message": "big"}, "--max-message 'big' is not a size", "write it like 64KiB"),
    ({"max_message": "0"}, "--max-message '0' is out of bounds", "write 1 to 1073741824 bytes"),
    ({"max_message": "2GiB"}, "--max-message '2GiB' is out of bounds", "write 1 to 1073741824"),
    ({"pause": "1,5s"}, "--pause '1,5s' is not a duration", "write it like"),
    ({"connection_lifetime": "0"}, "--connection-lifetime '0' must be longer", "write e.g. 1s"),
    ({"ack_match": ["=ack"]}, "--ack-match '=ack' has no path", "write it like type=ack"),
    ({"ack_match": ["a..b=1"]}, "--ack-match 'a..b=1' has no path", "write it like type=ack"),
    ({"ack_id": "itemId"}, "--ack-id 'itemId' is a member of the rating itself", "name the one"),
    ({"messages_per_connection": "0"}, "--messages-per-connection '0' is not", "write one from 1"),
    ({"messages_per_connection": "1.5"}, "--messages-per-connection '1.5'", "write one from 1"),
    ({"item_max": "-3"}, "--item-max '-3' is not a usable number", "write one from 1"),
    ({"item_max": "many"}, "--item-max 'many' is not a usable number", "write one from 1"),
    ({"item_max": str(2**53 + 1)}, "--item-max '9007199254740993'", "write one from 1"),
    ({"item_max": LONG}, "--item-max '999", "write one from 1"),
]


@pytest.mark.parametrize(("options", "wrong", "mend"), WRONG, ids=lambda value: str(value)[:40])
def test_a_wrong_value_is_one_line_with_the_option_and_the_mend(
    options: dict[str, Any], wrong: str, mend: str
) -> None:
    said = refusal(**options)
    assert said.startswith(wrong)
    assert mend in said


def test_a_certificate_without_its_key_is_told_so(tmp_path: Path) -> None:
    cert = tmp_path / "cert.pem"
    cert.write_bytes(issue(make_ca(), ["user"], client=True).chain_pem)
    said = refusal(client_cert=str(cert))
    assert said == f"--client-cert '{cert}' has no key in it; give --client-key too"


def test_a_certificate_that_is_no_pem_is_told_so_even_without_a_key(tmp_path: Path) -> None:
    cert = tmp_path / "user.p12"
    cert.write_bytes(b"\x30\x82\x01\x00")
    assert "openssl pkcs12 -in FILE" in refusal(client_cert=str(cert))


def test_a_home_folder_is_written_with_a_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read(tls_ca="~/ca.pem").tls.ca == tmp_path / "ca.pem"


# -- secrets -------------------------------------------------------------------------------------

SECRETS: dict[str, Any] = {
    "host": "wss://me:hush1@h/p?token=hush2",
    "token": "hush3",
    "header": ["X-Api-Key: hush4", "Cookie: a=hush5", "X-Tenant: Bearer hush6"],
    "proxy": "http://me:hush7@proxy:3128",
    "client_key_passphrase": "hush8",
}


def test_no_secret_shows_in_the_settings() -> None:
    settings = read(**SECRETS)
    for text in (
        repr(settings),
        str(settings.shown),
        str(settings.warnings),
        settings.target.shown,
    ):
        assert "hush" not in text
    assert settings.shown["--token"] == "***"
    assert settings.shown["--proxy"] == "http://***@proxy:3128"
    assert settings.shown["--header"] == "X-Api-Key: ***, Cookie: ***, X-Tenant: ***"
    assert ("Authorization", "Bearer hush3") in settings.headers


def test_no_secret_shows_in_what_is_made_of_the_settings() -> None:
    workload = Workload(read(**SECRETS))
    assert "hush" not in repr(workload.endpoint)
    assert "Basic" not in repr(workload.endpoint)


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": "https://me:hush@h/"},
        {"host": "me:hush@h"},
        {"host": "wss://me:hush@h:x/"},
        {"token": "hush\n"[:4] + "\x07"},
        {"token": "hush☃"},
        {"header": ["Authorization Bearer hush"]},
        {"header": ["Authorization: hush\x07"]},
        {"header": ["A: b", "Connection: hush"]},
        {"proxy": "me:hush@proxy:3128"},
        {"proxy": "http://me:hush@proxy"},
        {"client_key_passphrase": "hush", "client_cert": "/nothing"},
    ],
    ids=str,
)
def test_no_refusal_repeats_a_secret(wrong: dict[str, Any]) -> None:
    assert "hush" not in refusal(**wrong)
