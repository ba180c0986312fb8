"""``openclaw-locust failures``: the classes for people."""

import pytest

from openclaw_locust import cli
from openclaw_locust.failures import CLASSES
from openclaw_locust.server.faults.kinds import OCCASIONS


def said(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    assert cli.main(["failures", *args]) == 0
    return capsys.readouterr().out


def test_without_a_name_each_class_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys).splitlines()
    assert [line.split()[0] for line in lines] == list(CLASSES)
    assert all(kind.meaning in line for kind, line in zip(CLASSES.values(), lines, strict=True))


def test_a_class_is_told_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    text = said(capsys, "TLS.cert.Expired")
    assert max(map(len, text.splitlines())) <= 60
    words = " ".join(text.split())
    kind = CLASSES["tls.cert.expired"]
    for part in (kind.meaning, kind.remedy, "Look first at: the server."):
        assert part in words
    assert "To see it: openclaw-locust serve --fault tls.cert.expired" in words
    assert "refusal" not in words


def test_a_refusal_is_said_to_be_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert "A refusal: the service works and says no." in said(capsys, "http.rate_limited")


@pytest.mark.parametrize("name", ["tls.cert", "tls.cert."])
def test_the_beginning_of_names_tells_all_of_them(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    heads = [line for line in said(capsys, name).splitlines() if line[:1].strip()]
    assert heads == [each for each in CLASSES if each.startswith("tls.cert.")]


def test_the_name_of_a_fault_finds_its_class(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "ack.loss").startswith("app.ack.timeout\n")
    for name in OCCASIONS:
        assert f"--fault {name}" in " ".join(said(capsys, name).split())


def test_an_unknown_class_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["failures", "tls.cert.exp"]) == 2
    line = capsys.readouterr().err
    assert line.startswith("openclaw-locust failures: there is no class 'tls.cert.exp'; they begin")
    assert line.count("\n") == 1
