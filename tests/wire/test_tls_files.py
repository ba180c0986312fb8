"""Certificates, keys and the rest of what TLS is made of: used, or refused with the mend."""

import os
import pty
import ssl
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)

from openclaw_locust.server.certificates import issue, make_ca
from openclaw_locust.wire.identities import Identity, find_identities
from openclaw_locust.wire.tls import TlsContexts, TlsProfile
from tests.wire.conftest import Pki


def refusal(make: Callable[[], object]) -> str:
    """Return the one line of a ValueError."""
    with pytest.raises(ValueError) as caught:
        make()
    text = str(caught.value)
    assert text.isprintable()
    assert not isinstance(caught.value, UnicodeError)
    return text


def trusted(ca: Path) -> int:
    """Return how many certificates a context trusts with this ``--tls-ca``."""
    return len(TlsContexts(TlsProfile(ca=ca)).context(0).get_ca_certs())


# -- whom we trust -------------------------------------------------------------------------------


def test_without_a_ca_certifi_is_trusted_and_named() -> None:
    contexts = TlsContexts(TlsProfile())
    assert "certifi" in contexts.trust
    assert len(contexts.context(0).get_ca_certs()) > 50
    assert contexts.context(0).verify_mode == ssl.CERT_REQUIRED
    assert contexts.context(0).check_hostname


def test_without_verification_it_says_so() -> None:
    contexts = TlsContexts(TlsProfile(verify=False))
    assert contexts.trust == "none: certificate NOT verified"
    assert contexts.context(0).verify_mode == ssl.CERT_NONE


def test_a_ca_file_is_the_only_thing_trusted(pki: Pki) -> None:
    contexts = TlsContexts(TlsProfile(ca=pki.ca))
    assert contexts.trust == f"{pki.ca} (1 certificate)"
    assert trusted(pki.ca) == 1


def test_a_ca_may_be_der_or_have_windows_line_ends_or_words_around_it(
    pki: Pki, tmp_path: Path
) -> None:
    pem = pki.ca.read_bytes()
    forms = {
        "der": pki.authority.certificate.public_bytes(Encoding.DER),
        "crlf": pem.replace(b"\n", b"\r\n"),
        "words": b"# Our CA, r\xe4diation-proof\n\n" + pem + b"\nthe end",
        "trusted": pem.replace(b" CERTIFICATE", b" TRUSTED CERTIFICATE"),
    }
    for name, data in forms.items():
        path = tmp_path / name
        path.write_bytes(data)
        assert trusted(path) == 1, name


def test_a_ca_folder_needs_no_hash_links(pki: Pki, tmp_path: Path) -> None:
    (tmp_path / "one.crt").write_bytes(pki.ca.read_bytes())
    (tmp_path / "two.txt").write_bytes(pki.other_ca.read_bytes())
    assert trusted(tmp_path) == 2


def test_a_ca_folder_may_hold_other_things_too(pki: Pki, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(pki.ca.read_bytes())
    (tmp_path / "key.pem").write_bytes(pki.client_key.read_bytes())
    (tmp_path / "readme").write_text("not a certificate")
    (tmp_path / "empty").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    (tmp_path / "unreadable").symlink_to("/proc/self/mem")  # reading it is an I/O error
    assert trusted(tmp_path) == 1


@pytest.mark.parametrize(
    "broken",
    [
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nr\xe4\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n",
        b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
    ],
)
def test_a_bundle_with_one_broken_entry_still_serves(
    pki: Pki, tmp_path: Path, broken: bytes
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(pki.other_ca.read_bytes() + broken + pki.ca.read_bytes())
    assert trusted(bundle) == 2


def test_an_expired_ca_in_a_bundle_does_no_harm(pki: Pki, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(make_ca(days=-1 / 48).chain_pem + pki.ca.read_bytes())
    assert trusted(bundle) == 2


def test_a_missing_ca_is_named_with_the_mend(tmp_path: Path) -> None:
    said = refusal(lambda: TlsContexts(TlsProfile(ca=tmp_path / "nothing.pem")))
    assert said == (
        f"--tls-ca '{tmp_path}/nothing.pem' cannot be read: No such file or directory; "
        "name a PEM file or a folder of them"
    )


def test_an_unreadable_ca_is_named_with_the_mend(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").symlink_to("/proc/self/mem")
    said = refusal(lambda: TlsContexts(TlsProfile(ca=tmp_path / "ca.pem")))
    assert said.startswith(f"--tls-ca '{tmp_path}/ca.pem' cannot be read: ")


def test_a_ca_without_certificates_is_refused_and_pkcs12_gets_its_command(
    pki: Pki, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.pem").touch()
    (tmp_path / "words.pem").write_text("not a certificate")
    (tmp_path / "ca.p12").write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"ca", None, None, [pki.authority.certificate], BestAvailableEncryption(b"hush")
        )
    )
    for name in ("folder", "empty.pem", "words.pem", "ca.p12"):
        path = tmp_path / name
        said = refusal(lambda path=path: TlsContexts(TlsProfile(ca=path)))  # type: ignore[misc]
        assert said.startswith(f"--tls-ca '{path}' has no readable certificate; name a PEM file ")
        assert "openssl pkcs12 -in FILE" in said


# -- who we are ----------------------------------------------------------------------------------


def identified(cert: Path, key: Path, passphrase: str | None = None) -> TlsContexts:
    identity = Identity(cert, key)
    return TlsContexts(TlsProfile(verify=False, identities=(identity,), key_passphrase=passphrase))


def encrypted(pki: Pki, path: Path, form: PrivateFormat = PrivateFormat.PKCS8) -> Path:
    """Write the client's key with the passphrase ``hush``."""
    private = load_pem_private_key(pki.client_key.read_bytes(), None)
    path.write_bytes(private.private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"hush")))
    return path


def test_a_certificate_and_its_key_are_taken_from_two_files_or_one(
    pki: Pki, tmp_path: Path
) -> None:
    identified(pki.client, pki.client_key)
    both = tmp_path / "both.pem"
    both.write_bytes(pki.client_key.read_bytes() + pki.client.read_bytes())
    identified(both, both)


def test_a_key_that_does_not_belong_is_named(pki: Pki, tmp_path: Path) -> None:
    other = tmp_path / "other-key.pem"
    other.write_bytes(issue(pki.authority, ["other"], client=True).key_pem)
    assert refusal(lambda: identified(pki.client, other)) == (
        f"the key '{other}' does not belong to the certificate '{pki.client}'; name its own key"
    )


def test_missing_files_of_an_identity_are_named(pki: Pki, tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.pem"
    said = refusal(lambda: identified(nothing, pki.client_key))
    assert said.startswith(f"--client-cert '{nothing}' cannot be read: No such file or directory;")
    said = refusal(lambda: identified(pki.client, nothing))
    assert said.startswith(f"--client-key '{nothing}' cannot be read: No such file or directory;")
    said = refusal(lambda: identified(tmp_path, pki.client_key))
    assert said.startswith(f"--client-cert '{tmp_path}' cannot be read: Is a directory;")


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_an_encrypted_key_wants_its_passphrase(
    pki: Pki, tmp_path: Path, form: PrivateFormat
) -> None:
    key = encrypted(pki, tmp_path / "key.pem", form)
    identified(pki.client, key, "hush")
    start = f"--client-key '{key}' cannot be opened: "
    mend = "; set LOCUST_CLIENT_KEY_PASSPHRASE"
    assert refusal(lambda: identified(pki.client, key)) == start + "it has a passphrase" + mend
    said = refusal(lambda: identified(pki.client, key, "guess"))
    assert said == start + "the passphrase given is wrong" + mend


def test_a_passphrase_longer_than_openssl_takes_is_refused(pki: Pki, tmp_path: Path) -> None:
    key = encrypted(pki, tmp_path / "key.pem")
    said = refusal(lambda: identified(pki.client, key, "hush" * 1000))
    assert said.startswith("--client-key-passphrase is longer than")
    assert "hush" not in said


def test_a_broken_certificate_is_blamed_even_where_the_key_is_encrypted(
    pki: Pki, tmp_path: Path
) -> None:
    key, cert = encrypted(pki, tmp_path / "key.pem"), tmp_path / "cert.pem"
    cert.write_text("not a certificate")
    said = refusal(lambda: identified(cert, key, "hush"))
    assert said.startswith(f"--client-cert '{cert}' is not usable PEM")


def test_pkcs12_and_der_get_their_command(pki: Pki, tmp_path: Path) -> None:
    issued = issue(pki.authority, ["user"], client=True)
    bundle, der = tmp_path / "user.p12", tmp_path / "user.der"
    bundle.write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"user", issued.key, issued.certificate, None, BestAvailableEncryption(b"hush")
        )
    )
    der.write_bytes(issued.certificate.public_bytes(Encoding.DER))
    for cert, key in ((bundle, bundle), (der, pki.client_key)):
        said = refusal(lambda cert=cert, key=key: identified(cert, key))  # type: ignore[misc]
        assert said.startswith(f"--client-cert '{cert}' is not usable PEM")
        assert "openssl pkcs12 -in FILE -nodes" in said


def test_a_key_that_is_no_key_is_blamed(pki: Pki, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text("not a key")
    assert refusal(lambda: identified(pki.client, key)).startswith(
        f"--client-key '{key}' is not usable PEM"
    )


def test_an_encrypted_key_never_asks_on_the_terminal(pki: Pki, tmp_path: Path) -> None:
    key = encrypted(pki, tmp_path / "key.pem")
    script = textwrap.dedent(f"""
        from pathlib import Path
        from openclaw_locust.wire.identities import Identity
        from openclaw_locust.wire.tls import TlsContexts, TlsProfile
        identity = Identity(Path({str(pki.client)!r}), Path({str(key)!r}))
        try:
            TlsContexts(TlsProfile(verify=False, identities=(identity,)))
        except ValueError as error:
            print("refused:", error)
    """)
    master, slave = pty.openpty()
    with os.fdopen(master, "rb", buffering=0) as terminal:
        # a session of its own, with this terminal: where OpenSSL would ask and wait
        process = subprocess.run(
            ["setsid", "--ctty", "--wait", sys.executable, "-c", script],
            stdin=slave,
            stdout=subprocess.PIPE,
            stderr=slave,
            timeout=60,
            check=False,
        )
        os.write(slave, b"\nend\n")
        os.close(slave)
        shown = b""
        while b"end" not in shown:
            shown += terminal.read(1024)
    assert process.stdout.startswith(b"refused: --client-key")
    assert b"pass phrase" not in shown.lower()


def test_a_profile_does_not_show_its_passphrase() -> None:
    assert "hush" not in repr(TlsProfile(key_passphrase="hush"))


# -- many identities -----------------------------------------------------------------------------


def add_identity(pki: Pki, folder: Path, cert: str, key: str) -> None:
    issued = issue(pki.authority, [cert], client=True)
    (folder / cert).write_bytes(issued.chain_pem)
    (folder / key).write_bytes(issued.key_pem)


def test_a_folder_of_identities_is_read_in_pairs(pki: Pki, tmp_path: Path) -> None:
    add_identity(pki, tmp_path, "b.pem", "b-key.pem")
    add_identity(pki, tmp_path, "a.crt", "a.key")
    add_identity(pki, tmp_path, "c.d.pem", "c.d.key")
    (tmp_path / "readme.txt").write_text("nothing")
    found = find_identities(tmp_path)
    assert [(identity.cert.name, identity.key.name) for identity in found] == [
        ("a.crt", "a.key"),
        ("b.pem", "b-key.pem"),
        ("c.d.pem", "c.d.key"),
    ]


def test_users_take_the_identities_in_turns_and_share_contexts(pki: Pki, tmp_path: Path) -> None:
    add_identity(pki, tmp_path, "a.pem", "a-key.pem")
    add_identity(pki, tmp_path, "b.pem", "b-key.pem")
    contexts = TlsContexts(TlsProfile(verify=False, identities=find_identities(tmp_path)))
    first, second, third = (contexts.context(number) for number in range(3))
    assert first is third
    assert first is not second


def test_a_broken_identity_is_found_before_the_run(pki: Pki, tmp_path: Path) -> None:
    add_identity(pki, tmp_path, "a.pem", "a-key.pem")
    add_identity(pki, tmp_path, "b.pem", "b-key.pem")
    (tmp_path / "b-key.pem").write_bytes((tmp_path / "a-key.pem").read_bytes())
    identities = find_identities(tmp_path)
    said = refusal(lambda: TlsContexts(TlsProfile(verify=False, identities=identities)))
    assert said.startswith(f"the key '{tmp_path}/b-key.pem' does not belong")


def test_a_folder_of_identities_is_refused_where_pairs_are_missing(
    pki: Pki, tmp_path: Path
) -> None:
    assert "has no certificates; put pairs of NAME.pem and NAME-key.pem" in refusal(
        lambda: find_identities(tmp_path)
    )
    add_identity(pki, tmp_path, "a.pem", "a-key.pem")
    (tmp_path / "a-key.pem").unlink()
    said = refusal(lambda: find_identities(tmp_path))
    assert "has no key beside it; put it there as a-key.pem or a.key" in said
    said = refusal(lambda: find_identities(tmp_path / "nothing"))
    assert "cannot be read: No such file or directory" in said


# -- the rest ------------------------------------------------------------------------------------


def test_versions_and_ciphers_are_as_asked() -> None:
    context = TlsContexts(
        TlsProfile(verify=False, min_version="1.3", ciphers="ECDHE-RSA-AES256-GCM-SHA384")
    ).context(0)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_3
    names = [each["name"] for each in context.get_ciphers() if each["protocol"] == "TLSv1.2"]
    assert names == ["ECDHE-RSA-AES256-GCM-SHA384"]


@pytest.mark.parametrize(
    ("ciphers", "mend"),
    [
        ("nonsense", "write an OpenSSL list such as ECDHE+AESGCM"),
        ("\0", "write an OpenSSL list such as ECDHE+AESGCM"),
    ],
)
def test_ciphers_that_select_nothing_are_refused(ciphers: str, mend: str) -> None:
    said = refusal(lambda: TlsContexts(TlsProfile(verify=False, ciphers=ciphers)))
    assert said.startswith(f"--tls-ciphers {ciphers!r} selects no cipher; {mend}")


def test_a_key_log_that_cannot_be_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "no" / "folder"))
    assert refusal(lambda: TlsContexts(TlsProfile(verify=False))) == (
        f"SSLKEYLOGFILE '{tmp_path}/no/folder' cannot be written: No such file or directory"
    )
