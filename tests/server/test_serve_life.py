"""How the server starts, what it refuses, and how it ends."""

import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest
import websocket

from tests.embedded import serve


def refused(*args: str | Path) -> str:
    """Run a server that must not start; return its one line."""
    done = subprocess.run(
        [sys.executable, "-m", "openclaw_locust.cli", "serve", "--port", "0", *map(str, args)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("openclaw-locust serve: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_and_open_connections_are_told_1001(
    number: signal.Signals,
) -> None:
    with serve() as server:
        assert server.ca is not None
        folder = server.ca.parent
        connection = websocket.create_connection(
            server.url, timeout=10, sslopt={"ca_certs": str(server.ca)}
        )
        server.process.send_signal(number)
        opcode, data = connection.recv_data()
        assert (opcode, data[:2]) == (websocket.ABNF.OPCODE_CLOSE, (1001).to_bytes(2, "big"))
        connection.close()
        assert server.stop() == 0
        assert server.stderr == ""
        assert server.stdout.count("\n") == 2
        assert not folder.exists()


def test_a_client_that_ignores_the_close_does_not_hold_it_up() -> None:
    with serve() as server:
        connection = websocket.create_connection(
            server.url, timeout=10, sslopt={"ca_certs": str(server.ca)}
        )
        assert server.stop() == 0
        connection.shutdown()


def test_a_second_signal_ends_it_as_cleanly() -> None:
    with serve() as server:
        connection = websocket.create_connection(
            server.url, timeout=10, sslopt={"ca_certs": str(server.ca)}
        )
        server.process.send_signal(signal.SIGINT)
        opcode, _ = connection.recv_data()  # it is on its way out, and waits for this client
        assert opcode == websocket.ABNF.OPCODE_CLOSE
        assert server.stop(signal.SIGINT) == 0
        assert server.stderr == ""
        connection.shutdown()


def test_it_ends_with_the_program_that_started_it() -> None:
    with serve() as server:
        assert server.process.stdin is not None
        server.process.stdin.close()
        assert server.process.wait(10) == 0
        assert server.stderr == ""


def test_idle_http_connections_do_not_hold_it_up() -> None:
    with serve("--no-tls") as server, socket.create_connection((server.host, server.port)):
        assert server.stop() == 0


def test_a_taken_port_is_one_line_that_says_so() -> None:
    with serve() as server:
        line = refused("--port", str(server.port))
        assert f"port {server.port} of 127.0.0.1 is taken" in line


def test_it_listens_on_loopback_unless_told_otherwise() -> None:
    with serve("--no-tls") as server:
        assert server.host == "127.0.0.1"
        with pytest.raises(ConnectionRefusedError):
            # another address of this machine, all the same: 127.0.0.0/8 is loopback
            socket.create_connection(("127.0.0.2", server.port), timeout=10)
    with serve("--no-tls", "--host", "0.0.0.0") as server:
        socket.create_connection(("127.0.0.2", server.port), timeout=10).close()
        assert server.url.startswith("ws://127.0.0.1:")


def test_its_folder_may_have_blanks_and_serves_again(tmp_path: Path) -> None:
    folder = tmp_path / "my certs"
    with serve("--certs", folder) as server:
        assert server.ca == folder / "ca.pem"
        assert server.client_key == folder / "client-key.pem"
        made = (folder / "ca.pem").read_bytes()
        assert f"ca='{folder}/ca.pem'" in server.stdout
    with serve("--certs", folder) as server:
        assert (folder / "ca.pem").read_bytes() == made
    assert "has its certificates already" in refused("--certs", folder, "--key", "ecdsa")
    (folder / "server.pem").unlink()
    assert "has only some of ca.pem, ca-key.pem, server.pem" in refused("--certs", folder)


def test_it_serves_with_given_files(tmp_path: Path) -> None:
    with serve("--certs", tmp_path):
        pass
    files = ["--cert", tmp_path / "server.pem", "--cert-key", tmp_path / "server-key.pem"]
    with serve(*files) as server:
        assert server.ca is None
    with serve(*files, "--ca", tmp_path / "ca.pem", "--mtls") as server:
        assert server.ca == tmp_path / "ca.pem"
        context = ssl.create_default_context(cafile=str(server.ca))
        context.load_cert_chain(tmp_path / "client.pem", tmp_path / "client-key.pem")
        websocket.create_connection(server.url, timeout=10, sslopt={"context": context}).close()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--port", "65536"], "--port '65536' is no port"),
        (["--port", "x"], "--port 'x' is no port"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1"),
        (["--host", "no.such.host.invalid"], "--host no.such.host.invalid"),
        (["--ack-delay", "soon"], "--ack-delay: 'soon' is not a duration"),
        (["--ack-delay", "1ms", "--ack-jitter", "2ms"], "--ack-jitter is larger than --ack-delay"),
        (["--record", "/no/such/folder/record.json"], "there is no folder /no/such/folder"),
        (["--fault", "stal=1s@1s"], "there is no fault 'stal'; `openclaw-locust failures` lists"),
        (["--fault", "stall=1s"], "--fault 'stall=1s': it does not say when"),
        (["--no-tls", "--mtls"], "--mtls means nothing with --no-tls"),
        (["--tls-min", "1.3", "--tls-max", "1.2"], "--tls-min 1.3 is above --tls-max 1.2"),
        (["--cert", "x.pem"], "--cert and --cert-key go together"),
        (["--ca", "x.pem"], "--ca goes with --cert"),
        (["--cert", "x.pem", "--cert-key", "y.pem", "--key", "ecdsa"], "--key is about"),
        (["--cert", "x.pem", "--cert-key", "y.pem", "--mtls"], "--mtls with --cert needs"),
        (["--cert", "no.pem", "--cert-key", "no.pem"], "cannot read no.pem: No such file"),
        (["--until-eof"], "--until-eof needs a pipe"),
    ],
)
def test_a_wrong_option_is_one_line_that_says_what_to_do(args: list[str], words: str) -> None:
    assert words in refused(*args)


def test_files_that_do_not_fit_are_one_line_each(tmp_path: Path) -> None:
    with serve("--certs", tmp_path):
        pass
    cert, key, other = (tmp_path / f"{name}.pem" for name in ("server", "server-key", "client-key"))
    assert f"the key {other} does not belong to" in refused("--cert", cert, "--cert-key", other)
    assert "not a certificate and its" in refused("--cert", key, "--cert-key", key)
    (tmp_path / "empty.pem").write_text("")
    line = refused("--cert", cert, "--cert-key", key, "--ca", tmp_path / "empty.pem", "--mtls")
    assert "empty.pem holds no certificate" in line
    sealed = tmp_path / "sealed.pem"
    sealed.write_bytes(_encrypted(key.read_bytes()))
    assert "key is encrypted" in refused("--cert", cert, "--cert-key", sealed)


def _encrypted(pem: bytes) -> bytes:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(pem, password=None)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )


def test_neither_locust_nor_gevent_is_loaded() -> None:
    code = (
        "import sys; from openclaw_locust import cli; "
        "from openclaw_locust.server import lifecycle; "
        "print([name for name in ('locust', 'gevent') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[]\n"


def test_signals_that_come_while_it_ends_change_nothing() -> None:
    with serve("--no-tls") as server:
        server.process.send_signal(signal.SIGTERM)
        while server.process.poll() is None:
            server.process.send_signal(signal.SIGINT)
            time.sleep(0.002)
        assert server.process.returncode == 0
        assert server.stderr == ""
