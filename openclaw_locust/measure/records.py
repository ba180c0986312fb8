"""One process's own records: what Locust's statistics have no place for.

What TLS negotiated, one sample for each failure class, and answers that belong to no outcome; times
are in the series. Bounded: nothing here grows with the number of requests or with a server's words.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from openclaw_locust.failures import Failure, harmless
from openclaw_locust.negotiated import Negotiated


@dataclass(slots=True)
class FailureSample:
    """What was seen of one class: how often, and the first and the last words."""

    count: int = 0
    first: str = ""
    last: str = ""


@dataclass(slots=True)
class Records:
    """The records of one run in one process.

    Attributes:
        negotiated: connections by what TLS agreed on.
        addresses: connections by the address reached.
        failures: a sample for each failure class.
        sends: messages sent that an answer was expected for.
        acks: answers recognised as acks.
        late_acks: acks that came after their send had been counted as timed out.
        pushes: messages that were no answers.
        unrecognised: the first message that was no answer, as a sample.
        subprotocol_ignored: connections where the server chose none of the offered subprotocols.
        offered: handshakes that offered a session; how many were resumed is in ``negotiated``.
        lacking: handshakes that should have offered one and had none: a user's first, say.
        tickets: session tickets that came, on the connections where they were counted.
        counted: those connections.
        retried: handshakes that the server sent back for another key share: one more round trip.
        unclosed: connections that the server did not close when told the end, in the time it had.
    """

    negotiated: Counter[Negotiated] = field(default_factory=Counter)
    addresses: Counter[str] = field(default_factory=Counter)
    failures: dict[str, FailureSample] = field(default_factory=dict)
    sends: int = 0
    acks: int = 0
    late_acks: int = 0
    pushes: int = 0
    unrecognised: str = ""
    subprotocol_ignored: int = 0
    offered: int = 0
    lacking: int = 0
    tickets: int = 0
    counted: int = 0
    retried: int = 0
    unclosed: int = 0

    def push(self, words: str) -> None:
        """Count a message that is no answer; the first one is kept as a sample."""
        self.pushes += 1
        self.unrecognised = self.unrecognised or harmless(words)

    def unrecognised_hint(self) -> str | None:
        """Return what to do when messages come and none of them looks like an ack."""
        if self.acks or not self.unrecognised:
            return None
        return (
            f"{self.pushes} of the first messages look like no ack, and none does; the first one: "
            f"{self.unrecognised} - say how an ack looks with --ack-match PATH=VALUE"
        )

    def connection(self, address: str, negotiated: Negotiated | None) -> None:
        """Record what one connection attempt reached and negotiated, as far as it came."""
        if address:
            self.addresses[address] += 1
        if negotiated is not None:
            self.negotiated[negotiated] += 1

    def failure(self, failure: Failure) -> None:
        """Keep the words of a failure as its class's sample."""
        sample = self.failures.setdefault(failure.kind.name, FailureSample())
        sample.count += 1
        if failure.detail:
            sample.first = sample.first or failure.detail
            sample.last = failure.detail

    def merge(self, other: Records) -> None:
        """Add another process's records to these."""
        self.negotiated.update(other.negotiated)
        self.addresses.update(other.addresses)
        for name, seen in other.failures.items():
            sample = self.failures.setdefault(name, FailureSample())
            sample.count += seen.count
            sample.first = sample.first or seen.first
            sample.last = seen.last or sample.last
        for counter in _COUNTERS:
            setattr(self, counter, getattr(self, counter) + getattr(other, counter))
        self.unrecognised = self.unrecognised or other.unrecognised

    def to_plain(self) -> dict[str, Any]:
        """Return the records as plain types, for the way to the master."""
        return {
            **{name: getattr(self, name) for name in _COUNTERS},
            "unrecognised": self.unrecognised,
            "negotiated": [[*key, count] for key, count in self.negotiated.items()],
            "addresses": dict(self.addresses),
            "failures": {name: asdict(seen) for name, seen in self.failures.items()},
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Records:
        """Return the records that :meth:`to_plain` made; an empty dict gives empty records."""
        records = cls(**{name: plain[name] for name in _COUNTERS if name in plain})
        records.unrecognised = plain.get("unrecognised", "")
        for *facts, count in plain.get("negotiated", []):
            records.negotiated[Negotiated(*facts)] = count
        records.addresses.update(plain.get("addresses", {}))
        for name, seen in plain.get("failures", {}).items():
            records.failures[name] = FailureSample(**seen)
        return records


_COUNTERS = (
    "sends",
    "acks",
    "late_acks",
    "pushes",
    "subprotocol_ignored",
    "offered",
    "lacking",
    "tickets",
    "counted",
    "retried",
    "unclosed",
)
