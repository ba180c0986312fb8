"""Every failure class produced for real, and written down: ``docs/failures.md``.

``make failures`` runs it, as root because some classes need a network namespace of their own. Each
class has a run of Locust against a server with one fault, or in a place where one thing is wrong;
the report of that run must have the class. Not collected by pytest: it takes minutes, and each
class has a test of its own nearer to where it arises.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openclaw_locust.failures import CLASSES, PHASES, FailureClass
from openclaw_locust.report.markdown import escape
from openclaw_locust.server.faults.kinds import OCCASIONS
from tests.embedded import serve
from tests.locust_run import ROOT, Run, _environment
from tests.wire.client import full_backlog

DOCUMENT = ROOT / "docs" / "failures.md"
LOCUSTFILES = Path(__file__).parent
RATING = "locustfiles/rating.py"
LOAD = "-u 1 -t 3s --ack-timeout 500ms --connect-timeout 1s"
PAUSE = "--pause 200ms"
AT_ONE_TIME = 4
LIMIT_S = 60.0


@dataclass(frozen=True)
class Case:
    """How a class is produced.

    Attributes:
        options: of Locust, beside the target; ``{…}`` as :func:`produce` fills them.
        server: options of the embedded server; None: none is started.
        around: a shell's lines before Locust, in a network namespace of its own; None: without one.
        file: the locustfile.
        words: what the document says in place of the command, where that is no command.
        seen: how the class shows, where it has no row in the error table.
    """

    options: str = ""
    server: str | None = None
    around: str | None = None
    file: str = RATING
    words: str = ""
    seen: Callable[[Run], str] | None = None


_LOOPBACK = "ip link set lo up"
_RESOLVER = (
    "mount --bind {folder}/resolv.conf /etc/resolv.conf; "
    "{python} {here}/resolver.py {{kind}} > {folder}/dns & "
    "until grep -q ready {folder}/dns; do sleep 0.1; done"
)


def _dns(kind: str) -> Case:
    around = f"{_LOOPBACK}; {_RESOLVER.replace('{{kind}}', kind)}"
    words = (
        f"a name whose server says {kind}" if kind != "silent" else "a name server that is silent"
    )
    return Case("--host wss://rating.example.com/rating", around=around, words=words)


def _ledger_late(run: Run) -> str:
    late = run.report_json["ledger"]["outcomes"]["late"]
    return f"ledger: {late} late" if late else ""


NOWHERE = "wss://127.0.0.1:1/rating"

CASES: dict[str, Case] = {
    "gen.fd_limit": Case(
        server="",
        file="tests/failures/hungry_locustfile.py",
        words="a locustfile that opens files until there are no descriptors left",
    ),
    "gen.port_exhausted": Case(
        "-u 3 -r 10",
        server="here",
        around=f"{_LOOPBACK}; sysctl -qw net.ipv4.ip_local_port_range='40000 40003'; {{serve}}; "
        "{python} {here}/holder.py $PORT 3 & sleep 1",
        words="four local ports, of which somebody else holds three",
    ),
    "gen.source_ip": Case("--source-ip ::1", server=""),
    "gen.local_reject": Case(
        "--host wss://198.51.100.1/rating",
        around=f"{_LOOPBACK}; ip route add prohibit 198.51.100.1",
        words="a route that prohibits the address (`ip route add prohibit`)",
    ),
    "gen.stopped": Case(
        "--stop-timeout 1 -t 1s --ack-timeout 30s",
        server="--ack-delay 20s",
    ),
    "gen.unsent": Case("--arrival-rate 20/s -t 6s --ack-timeout 1s", server="--ack-delay 900ms"),
    "dns.nxdomain": _dns("nxdomain"),
    "dns.no_address": _dns("nodata"),
    "dns.temporary": Case(
        "--host wss://rating.example.com/rating",
        around="mount --bind {folder}/resolv.conf /etc/resolv.conf",
        words="no way to any name server",
    ),
    "dns.timeout": _dns("silent"),
    "proxy.unreachable": Case(f"--host {NOWHERE} --proxy http://127.0.0.1:1"),
    "tcp.refused": Case(f"--host {NOWHERE}"),
    "tcp.timeout": Case(
        "--host wss://127.0.0.1:{full}/rating", words="a listener with a full backlog"
    ),
    "tcp.unreachable": Case(
        "--host wss://198.51.100.1/rating", around=_LOOPBACK, words="no route to the address"
    ),
    "tls.cipher_not_offered": Case(
        "--tls-ciphers ECDHE-RSA-AES256-GCM-SHA384", server="--tls-max 1.2 --key ecdsa"
    ),
    "tls.cert.revoked": Case("--tls-crl {crl}", server="--fault tls.cert.revoked"),
    "ws.not_open": Case(
        server="",
        file="tests/failures/early_locustfile.py",
        words="a locustfile that receives before it connects",
    ),
    "ws.send_blocked": Case(
        server="--fault ws.send_blocked",
        file="tests/failures/large_locustfile.py",
        words="`serve --fault ws.send_blocked`, and ratings of 60 kB",
    ),
    "app.ack.late": Case("-t 8s", server="--fault app.ack.late", seen=_ledger_late),
    "app.script": Case(
        server="", file="tests/failures/broken_locustfile.py", words="a locustfile with an error"
    ),
}
"""What needs more than a fault of the server."""

NOT_PRODUCED = {
    "gen.memory": "ENOMEM and ENOBUFS: the kernel gives them only when memory is really out.",
    "tcp.reset": "A RST as the answer to a SYN reads as refused, and later ones belong to TLS.",
    "tcp.other": "An errno that has no class; none is known that a connect can be made to give.",
}
"""Why there is no command for a class; those that arise from an errno have a test on the errno."""


def case_of(name: str) -> Case:
    """Return how a class is produced."""
    if name in CASES:
        return CASES[name]
    fault = f"--fault {name}"
    if name.startswith("proxy."):
        return Case(f"--host {NOWHERE} --proxy {{plain}}", server=f"--no-tls {fault}")
    return Case(server=fault)


@dataclass(frozen=True)
class Produced:
    """What a run showed of a class; without a count it did not show it."""

    kind: FailureClass
    command: str
    count: int = 0
    seen: str = ""
    problem: str = ""


def produce(name: str) -> Produced:
    """Run Locust so that the class arises."""
    kind, case = CLASSES[name], case_of(name)
    shown = _shown(case)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="failures-")))
        (folder / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        places = {
            "folder": folder,
            "here": LOCUSTFILES,
            "python": sys.executable,
            "crl": "",
            "plain": "",
        }
        options = case.options
        if "{full}" in options:
            places["full"] = stack.enter_context(full_backlog("127.0.0.1"))
        target = ""
        if case.server is not None and case.around is None:
            server = stack.enter_context(serve(*shlex.split(case.server)))
            places["plain"] = f"http://127.0.0.1:{server.port}"
            if server.ca is not None:
                target = f"--host {server.url} --tls-ca {server.ca}"
                places["crl"] = server.crl or ""
        elif case.around is not None:
            openclaw = f"{sys.executable} -m openclaw_locust.cli"
            places["serve"] = (
                f"{openclaw} serve --port 18443 --certs {folder}/certs > {folder}/ready & "
                f"until grep -q ready {folder}/ready; do sleep 0.1; done; PORT=18443"
            )
            if case.server is not None:
                target = f"--host wss://127.0.0.1:18443/rating --tls-ca {folder}/certs/ca.pem"
        command = (
            f"{sys.executable} -m locust -f {ROOT / case.file} --headless --only-summary "
            f"--csv {folder}/run {LOAD} {'' if '--arrival' in options else PAUSE} {target} "
            f"{options.format(**places)}"
        )
        if case.around is not None:
            lines = f"{case.around.format(**places)}; exec timeout 40 {command}"
            command = f"unshare --net --mount --pid --fork --kill-child sh -c {shlex.quote(lines)}"
        try:
            done = subprocess.run(
                shlex.split(command),
                cwd=folder,
                env={**_environment({}), "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Produced(kind, shown, problem="no end in time")
        run = Run(done.returncode, done.stdout, done.stderr, folder / "run")
        return _judge(kind, case, shown, run)


def _judge(kind: FailureClass, case: Case, shown: str, run: Run) -> Produced:
    tail = " / ".join((run.stdout + run.stderr).splitlines()[-3:])
    if "Traceback" in run.stdout + run.stderr and case.file == RATING:
        return Produced(kind, shown, problem=f"a traceback: {tail}")
    if not run.prefix.with_name("run_results.json").exists():
        return Produced(kind, shown, problem=f"no results: {tail}")
    if case.seen is not None:
        seen = case.seen(run)
        return Produced(kind, shown, int(bool(seen)), seen, "" if seen else tail)
    errors: list[dict[str, Any]] = run.report_json["errors"]
    row = next((row for row in errors if row["class"] == kind.name), None)
    if row is None:
        found = ", ".join(row["class"] for row in errors)
        return Produced(kind, shown, problem=f"seen instead: {found or 'nothing'} {tail}")
    return Produced(kind, shown, int(row["count"]), row["sample"] or "")


def _shown(case: Case) -> str:
    """Return what produces a class, for people."""
    if case.words:
        return case.words
    options = case.options.format(full="PORT", crl="crl.pem", plain="http://127.0.0.1:8443")
    parts = [f"`serve {case.server}`"] if case.server else []
    if options:
        parts.append(f"`{options}`")
    return ", ".join(parts)


HEAD = """# Failure classes

Each failure has one class: that of the first phase that failed, in the peer's own words. The report
shows it with its meaning, its remedy and what was seen; `openclaw-locust failures NAME` prints the
same. *Refusals* are the answers of a service that works; they stand apart in the report, and count
as errors, but not as `faults` (`--threshold 'faults < 1%'`).

`make failures` produces every class for real and writes this file. *Seen with* is what produces a
class: `serve …` is `openclaw-locust serve …` with Locust's `locustfiles/rating.py` against it, an
option is one of Locust's. What was seen is of Python {python} with {openssl}.

| phase | which is |
| --- | --- |
| `gen` | this machine, the load generator |
| `dns` | resolving the host's name |
| `proxy` | the tunnel through `--proxy` |
| `tcp` | the TCP connect |
| `tls` | the TLS handshake; also an alert that comes with the first read, as TLS 1.3 refuses late |
| `http` | the upgrade to WebSocket |
| `ws` | the open WebSocket |
| `app` | the ratings and their acks |
"""

_WHERE = {
    "server": "server",
    "network": "network",
    "settings": "options",
    "generator": "this machine",
}


def document(produced: dict[str, Produced]) -> str:
    """Return the whole file."""
    import platform
    import ssl

    parts = [
        HEAD.format(python=platform.python_version(), openssl=ssl.OPENSSL_VERSION[:14].strip())
    ]
    for phase in PHASES:
        kinds = [kind for kind in CLASSES.values() if kind.phase == phase]
        rows = ["| Class | Look at | What it means | What to do | Seen with | What was seen |"]
        rows.append("| --- | --- | --- | --- | --- | --- |")
        rows += [_row(kind, produced.get(kind.name)) for kind in kinds]
        parts.append(f"## {phase}\n\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def _row(kind: FailureClass, found: Produced | None) -> str:
    name = f"`{kind.name}`" + (" (refusal)" if kind.is_refusal else "")
    if found is None:
        how, seen = "not produced", escape(NOT_PRODUCED[kind.name])
    else:
        how, seen = found.command, escape(found.seen)
    cells = [name, _WHERE[kind.fault], escape(kind.meaning), escape(kind.remedy), how, seen]
    return f"| {' | '.join(cells)} |"


def main(names: list[str]) -> int:
    """Produce the classes named, or all; write the document when it was all."""
    wanted = names or [name for name in CLASSES if name not in NOT_PRODUCED]
    unknown = [name for name in OCCASIONS if name not in CLASSES]
    assert not unknown, unknown
    with ThreadPoolExecutor(AT_ONE_TIME) as pool:
        produced = {}
        for found in pool.map(produce, wanted):
            produced[found.kind.name] = found
            result = f"{found.count} {found.seen}" if found.count else f"MISSED: {found.problem}"
            print(f"{found.kind.name:28} {result}"[:200], flush=True)
    missed = [name for name, found in produced.items() if not found.count]
    print(f"{len(produced) - len(missed)} of {len(produced)} produced")
    if missed:
        print("missed: " + ", ".join(missed))
        return 1
    if not names:
        DOCUMENT.write_text(document(produced), "utf-8")
        print(f"written to {DOCUMENT.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
