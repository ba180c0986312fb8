"""What became of each case: read from the testsuite's own index, and judged.

The testsuite judges twice, what was exchanged and how the connection was closed. Here a case has
the worse of both, and one that the testsuite has no word on is a failure of the run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OK, NON_STRICT, INFORMATIONAL, FAILED, MISSING = VERDICTS = (
    "OK",
    "NON-STRICT",
    "INFORMATIONAL",
    "FAILED",
    "MISSING",
)
PASSED = (OK, NON_STRICT, INFORMATIONAL)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One case's outcome.

    Attributes:
        name: the case, like ``9.1.6``.
        verdict: one of :data:`VERDICTS`.
        said: the testsuite's words, where the case is not OK: what was exchanged, and the close.
        ended: how the connection ended, in the client's words.
    """

    name: str
    verdict: str
    said: str
    ended: str

    @property
    def section(self) -> int:
        """The first part of the name."""
        return int(self.name.partition(".")[0])

    @property
    def passed(self) -> bool:
        """Whether the run can be a success with it."""
        return self.verdict in PASSED


def read_outcomes(index: Path, agent: str, ended: Mapping[str, str]) -> list[Outcome]:
    """Read the testsuite's index.

    Args:
        index: its ``index.json``; where it is not there, every case is missing.
        agent: the client's name in it.
        ended: each case that should be in it, in order, with how it ended for the client.
    """
    try:
        judged = json.loads(index.read_text(encoding="utf-8")).get(agent, {})
    except FileNotFoundError:
        judged = {}
    return [_outcome(name, judged.get(name), words) for name, words in ended.items()]


def _outcome(name: str, entry: Mapping[str, Any] | None, ended: str) -> Outcome:
    if entry is None:
        return Outcome(name, MISSING, "not judged", ended)
    behavior, closing = str(entry["behavior"]), str(entry["behaviorClose"])
    verdict = max((_rank(behavior), _rank(closing)), key=VERDICTS.index)
    said = "" if verdict == OK else f"{behavior}, close {closing}"
    return Outcome(name, verdict, said, ended)


def _rank(word: str) -> str:
    """Return the verdict of one word; what is neither right nor allowed has failed.

    (UNCLEAN, WRONG CODE, UNIMPLEMENTED and others are the testsuite's milder words.)
    """
    return word if word in PASSED else FAILED


def is_success(outcomes: Iterable[Outcome]) -> bool:
    """Whether there were cases and none of them failed or is missing."""
    all_of_them = list(outcomes)
    return bool(all_of_them) and all(outcome.passed for outcome in all_of_them)
