"""The target's URL taken apart, and addresses and proxies likewise."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openclaw_locust.wire.proxy import parse_proxy
from openclaw_locust.wire.target import Target, join_address, parse_address, parse_target

LONG_LABEL = "a" * 63

# url: Host header, server name, request line's resource
URLS = {
    "wss://rating.example.com/rating": ("rating.example.com", "rating.example.com", "/rating"),
    "wss://rating.example.com": ("rating.example.com", "rating.example.com", "/"),
    "wss://rating.example.com:443/": ("rating.example.com", "rating.example.com", "/"),
    "wss://rating.example.com:80/": ("rating.example.com:80", "rating.example.com", "/"),
    "ws://rating.example.com:80/": ("rating.example.com", "rating.example.com", "/"),
    "ws://rating.example.com:443/": ("rating.example.com:443", "rating.example.com", "/"),
    "wss://rating.example.com:/": ("rating.example.com", "rating.example.com", "/"),
    "WSS://Rating.Example.COM/Rating": ("rating.example.com", "rating.example.com", "/Rating"),
    "wss://rating.example.com./": ("rating.example.com", "rating.example.com", "/"),
    "wss://[::1]:8443/rating": ("[::1]:8443", "::1", "/rating"),
    "wss://[2001:DB8::1]/": ("[2001:db8::1]", "2001:db8::1", "/"),
    "wss://[fe80::1%25eth0]:1/": ("[fe80::1]:1", "fe80::1", "/"),
    "wss://[fe80::1%eth0]/": ("[fe80::1]", "fe80::1", "/"),
    "wss://192.0.2.7:9/": ("192.0.2.7:9", "192.0.2.7", "/"),
    "wss://bücher.example/": ("xn--bcher-kva.example", "xn--bcher-kva.example", "/"),
    "wss://faß.example/": ("xn--fa-hia.example", "xn--fa-hia.example", "/"),
    "wss://例え。テスト/": ("xn--r8jz45g.xn--zckzah", "xn--r8jz45g.xn--zckzah", "/"),
    "wss://my_host-1/": ("my_host-1", "my_host-1", "/"),
    f"wss://{LONG_LABEL}.example/": (f"{LONG_LABEL}.example", f"{LONG_LABEL}.example", "/"),
    "wss://h/a;p=1;q/b?x=1&y=%20+z&empty=": ("h", "h", "/a;p=1;q/b?x=1&y=%20+z&empty="),
    "wss://h/a%2Fb%zz": ("h", "h", "/a%2Fb%zz"),
    "wss://h//a/../b/./": ("h", "h", "//a/../b/./"),
    "wss://h/a b?c d": ("h", "h", "/a%20b?c%20d"),
    "wss://h/Grüße?ö=ä": ("h", "h", "/Gr%C3%BC%C3%9Fe?%C3%B6=%C3%A4"),
    "wss://h/users/@me": ("h", "h", "/users/@me"),
    "wss://h?x=1": ("h", "h", "/?x=1"),
    "wss://h/p?": ("h", "h", "/p?"),
    "  wss://h/p  ": ("h", "h", "/p"),
}


@pytest.mark.parametrize("url", URLS)
def test_what_goes_out_for_a_url(url: str) -> None:
    target = parse_target(url)
    assert (target.host_header, target.server_name, target.resource) == URLS[url]


def test_ports_and_schemes_have_their_defaults() -> None:
    ports = {url: parse_target(url).port for url in ("wss://h", "ws://h", "wss://h:8443")}
    assert ports == {"wss://h": 443, "ws://h": 80, "wss://h:8443": 8443}
    assert parse_target("wss://h").secure
    assert not parse_target("ws://h").secure


def test_the_name_that_is_looked_up_keeps_its_trailing_dot_and_its_zone() -> None:
    assert parse_target("wss://h.example./").host == "h.example."
    assert parse_target("wss://[fe80::1%25eth0]/").host == "fe80::1%eth0"


def test_the_user_part_becomes_basic_authorization() -> None:
    def credentials(url: str) -> str | None:
        value = parse_target(url).authorization
        return base64.b64decode(value.removeprefix("Basic ")).decode() if value else value

    assert credentials("wss://user:pass@h/") == "user:pass"
    assert credentials("wss://us%40er:p%2Fw%3A@h/") == "us@er:p/w:"
    assert credentials("wss://user@h/") == "user:"
    assert credentials("wss://a@b:c@h/") == "a@b:c"
    assert credentials("wss://ü:ß@h/") == "ü:ß"
    assert credentials("wss://@h/") is None
    assert credentials("wss://h/") is None


@pytest.mark.parametrize(
    "url",
    [
        "wss://hush:hush@h/p",
        "wss://h/p?token=hush&a=b",
        "wss://h/p?a=b&api_key=hush",
        "wss://h/p?access%5Ftoken=hush",
        "wss://h/p;jwt=hush/q",
        "wss://h/p?X-Amz-Signature=hush&sid=hush",
    ],
)
def test_no_secret_of_a_url_is_shown(url: str) -> None:
    target = parse_target(url)
    assert "hush" not in target.shown
    assert "aHVzaDpodXNo" not in repr(target)  # hush:hush in base64
    assert "***" in target.shown


def test_what_is_no_secret_is_shown() -> None:
    url = "wss://h:8443/p;v=1?tenant=blue&keyboard=de"
    assert parse_target(url).shown == url


WRONG_URLS = {
    "https://rating.example.com/r": "write wss://rating.example.com/r",
    "http://rating.example.com/r": "write wss://rating.example.com/r, or ws://",
    "ftp://h/": "write it like wss://",
    "rating.example.com": "write it like wss://",
    "localhost:8443/rating": "write it like wss://",
    "//h/": "write it like wss://",
    "wss:/h/": "write it like wss://",
    "wss://": "write it like wss://",
    "wss:///rating": "write it like wss://",
    "wss://:8443/": "write it like wss://",
    "wss://h/#part": "write %23",
    "wss://h/p#": "write %23",
    "wss://h:0/": "has port 0; name the port",
    "wss://h:70000/": "name one from 1 to 65535",
    "wss://h:x/": "name one from 1 to 65535",
    "wss://h:-1/": "name one from 1 to 65535",
    "wss://[::1/": "write an IPv6 address like wss://[::1]/",
    "wss://::1/": "name one from 1 to 65535",
    "wss://[::1]x/": "write an IPv6 address like wss://[::1]/",
    "wss://[::g]/": "write an IPv6 address like wss://[::1]/",
    "wss://h x/": "unusable host name 'h x'; check its spelling",
    "wss://*.example.com/": "check its spelling",
    "wss://.h/": "check its spelling",
    "wss://./": "check its spelling",
    "wss://a..b/": "check its spelling",
    "wss://h%41/": "check its spelling",
    f"wss://{LONG_LABEL}a/": "check its spelling",
    "wss://" + ".".join([LONG_LABEL] * 4) + "/": "check its spelling",
    "wss://ü..b/": "unusable host name",
    "wss://☃\u2060a b/": "unusable host name",
    "wss://h/\n": "write the URL on one line",
    "wss://h/\0": "write the URL on one line",
    "ws\ts://h/": "write the URL on one line",
    "wss://h/\udcff": "write the URL on one line",
}


@pytest.mark.parametrize("url", WRONG_URLS)
def test_a_wrong_url_is_refused_in_one_line_with_the_mend(url: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_target(url)
    assert WRONG_URLS[url] in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "url",
    [
        "user:hush@rating.example.com/rating",
        "https://user:hush@h/",
        "wss://user:hush@h:70000/",
        "wss://user:hu/hush@h/",
        "wss://user:1hu?hush@h/",
        "wss://user:hush#hush@h/",
        "wss://user:hush://@h:x/",
        "wss://user:hush@[::1/",
        "wss://user:℀hush@h/",
        "wss://user:hush@a..b/",
        "wss://user:hush@h/\n",
        "wss://h:x/?token=hush",
        "wss://h/p#token=hush",
        "https://h/p?token=hush",
    ],
)
def test_no_message_about_a_url_has_its_secrets(url: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_target(url)
    assert "hush" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@given(st.text(max_size=30))
@settings(deadline=None, max_examples=300)
def test_any_text_is_a_target_or_a_one_line_refusal(text: str) -> None:
    for url in (text, f"wss://{text}", f"wss://h/{text}", f"wss://{text}@h/"):
        try:
            target = parse_target(url)
        except ValueError as error:
            assert not isinstance(error, UnicodeError)
            assert str(error).isprintable()
        else:
            assert isinstance(target, Target)
            assert f"{target.resource}{target.host_header}".isascii()
            assert not set(" \r\n") & set(target.resource + target.host_header)


# -- addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("10.0.0.7:8443", ("10.0.0.7", 8443)),
        ("[::1]:8443", ("::1", 8443)),
        (" node-1.example.com:1 ", ("node-1.example.com", 1)),
        ("bücher.example:443", ("xn--bcher-kva.example", 443)),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, wanted: tuple[str, int]) -> None:
    assert parse_address(text, "--connect-to") == wanted


NO_ADDRESSES = """h :1 h: h:0 h:70000 h:x h:-1 ::1:8443 [::1] [::1:80 [h]:1 wss://h:1 h:1/p h:²"""


@pytest.mark.parametrize("text", ["", "h /:1", "h:" + "9" * 5000, *NO_ADDRESSES.split()])
def test_what_is_no_address_is_refused_with_the_option(text: str) -> None:
    with pytest.raises(ValueError, match=r"^--connect-to '.* is not an address; write it like"):
        parse_address(text, "--connect-to")


def test_a_joined_address_has_brackets_where_they_are_needed() -> None:
    assert join_address("::1", 80) == "[::1]:80"
    assert join_address("h", 80) == "h:80"
    assert parse_target("wss://[::1]:8443/").address == "[::1]:8443"


# -- the proxy's URL -----------------------------------------------------------------------------


def test_a_proxy_has_host_port_and_hidden_credentials() -> None:
    proxy = parse_proxy("http://us%40er:hush@[::1]:3128/")
    assert (proxy.host, proxy.port) == ("::1", 3128)
    assert proxy.authorization == "Basic " + base64.b64encode(b"us@er:hush").decode()
    assert "Basic" not in repr(proxy)
    assert parse_proxy("http://proxy:1").authorization is None


@pytest.mark.parametrize(
    "url",
    [
        "user:hush@proxy:3128",
        "http://user:hush@proxy",
        "http://user:hush@proxy:x",
        "http://user:hu/hush@proxy:1",
        "https://user:hush@proxy:1",
        "socks5://user:hush@proxy:1",
        "http://user:hush@pro xy:1",
        "http://user:hush@:1",
        "http://user:hush@proxy:1/path",
        "proxy:3128",
        "",
    ],
)
def test_what_is_no_proxy_is_refused_without_its_secrets(url: str) -> None:
    with pytest.raises(
        ValueError, match=r"^--proxy '.*' is no HTTP proxy; write http://host:port$"
    ) as caught:
        parse_proxy(url)
    assert "hush" not in str(caught.value)
