import os
import socket
import ssl
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.embedded import serve

NAMES = ["ca", "server", "client"]
FILES = sorted([f"{name}.pem" for name in NAMES] + [f"{name}-key.pem" for name in NAMES])


def certs(*args: str | Path, umask: int = 0o022) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "openclaw_locust.cli", "certs", *map(str, args)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        umask=umask,
    )


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names_of(path: Path) -> list[str]:
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return [str(name.value) for name in alternatives.value]


def test_it_makes_a_ca_a_server_and_a_client_and_says_what_comes_next(tmp_path: Path) -> None:
    out = tmp_path / "new folder" / "certs"
    done = certs(
        "--domain", "*.openclaw.example.com", "--domain", "192.0.2.7", "--out", out, umask=0
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in out.iterdir()) == FILES
    for path in out.iterdir():
        assert mode(path) == (0o600 if path.stem.endswith("-key") else 0o644)
    assert names_of(out / "server.pem") == [
        "*.openclaw.example.com",
        "192.0.2.7",
        "localhost",
        "127.0.0.1",
        "::1",
    ]
    assert f"next: openclaw-locust serve --certs '{out}'" in done.stdout


def test_a_server_serves_with_them_and_a_client_that_trusts_their_ca_connects(
    tmp_path: Path,
) -> None:
    assert certs("--domain", "rating.example.com", "--out", tmp_path / "c").returncode == 0
    before = {path: path.read_bytes() for path in (tmp_path / "c").iterdir()}
    with serve("--certs", tmp_path / "c") as server:
        assert server.ca == tmp_path / "c" / "ca.pem"
        context = ssl.create_default_context(cafile=str(server.ca))
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        with (
            socket.create_connection((server.host, server.port), timeout=10) as raw,
            context.wrap_socket(raw, server_hostname="rating.example.com") as connection,
        ):
            assert connection.version() == "TLSv1.3"
        server.stop()
    assert {path: path.read_bytes() for path in (tmp_path / "c").iterdir()} == before


def test_existing_files_stay_and_nothing_at_all_is_written(tmp_path: Path) -> None:
    (tmp_path / "client-key.pem").write_text("mine")
    done = certs("--out", tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        f"openclaw-locust certs: {tmp_path}/client-key.pem exists already: "
        "name another folder, or replace with --force\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["client-key.pem"]
    assert (tmp_path / "client-key.pem").read_text() == "mine"


def test_force_replaces_files_without_keeping_their_mode_or_following_links(
    tmp_path: Path,
) -> None:
    (tmp_path / "elsewhere").write_text("mine")
    out = tmp_path / "out"
    out.mkdir()
    (out / "ca-key.pem").symlink_to(tmp_path / "elsewhere")
    (out / "server-key.pem").write_text("old")
    (out / "server-key.pem").chmod(0o644)
    assert certs("--out", out, "--force").returncode == 0
    assert (tmp_path / "elsewhere").read_text() == "mine"
    assert not (out / "ca-key.pem").is_symlink()
    assert mode(out / "ca-key.pem") == mode(out / "server-key.pem") == 0o600


def test_each_client_gets_an_identity_of_its_own_and_older_ones_are_named(tmp_path: Path) -> None:
    done = certs("--out", tmp_path, "--clients", "3", "--key", "rsa2048", "--days", "7")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "clients").iterdir()) == sorted(
        f"client-{number}{part}.pem" for number in (1, 2, 3) for part in ("", "-key")
    )
    certificate = x509.load_pem_x509_certificate((tmp_path / "clients/client-2.pem").read_bytes())
    assert certificate.subject.rfc4514_string() == "CN=client-2"
    assert isinstance(certificate.public_key(), rsa.RSAPublicKey)
    again = certs("--out", tmp_path, "--clients", "2", "--force")
    assert "clients/ also holds 2 older files" in again.stdout
    assert "client-3-key.pem" in again.stdout


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--domain", "wss://x.example"], "--domain: 'wss://x.example' is neither"),
        (["--days", "0"], "--days '0': give a whole number from 1 to 3650"),
        (["--days", "x"], "--days 'x'"),
        (["--clients", "-1"], "--clients '-1'"),
    ],
)
def test_a_wrong_value_gets_one_line(tmp_path: Path, args: list[str], words: str) -> None:
    done = certs("--out", tmp_path / "c", *args)
    assert done.returncode == 2
    assert done.stderr.startswith(f"openclaw-locust certs: {words}")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "c").exists()


def test_a_folder_that_cannot_be_made_gets_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = certs("--out", tmp_path / "file" / "c")
    assert done.returncode == 2
    assert done.stderr.startswith(f"openclaw-locust certs: cannot write {tmp_path}/file")
    assert done.stderr.count("\n") == 1


def test_without_the_extra_it_says_how_to_install_it(tmp_path: Path) -> None:
    (tmp_path / "cryptography.py").write_text("raise ModuleNotFoundError(name='cryptography')")
    for command in (["certs", "--out", "c"], ["serve"]):
        done = subprocess.run(
            [sys.executable, "-m", "openclaw_locust.cli", *command],
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 2
        assert done.stderr == (
            f"openclaw-locust {command[0]}: cryptography is missing; "
            "run: pip install 'openclaw-locust[server]'\n"
        )
