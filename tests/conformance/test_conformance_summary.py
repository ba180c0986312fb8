"""What the conformance run makes of the testsuite's verdicts. The run itself is no pytest test."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.outcomes import VERDICTS, Outcome, is_success, read_outcomes
from tests.conformance.summary import Versions, document, exception_table, section_table

ROOT = Path(__file__).resolve().parents[2]


def judged(folder: Path, **cases: tuple[str, str]) -> Path:
    """Write an index as the testsuite does; ``_1_2=(…)`` is case 1.2."""
    index = folder / "index.json"
    entries = {
        name[1:].replace("_", "."): {"behavior": behavior, "behaviorClose": closing}
        for name, (behavior, closing) in cases.items()
    }
    index.write_text(json.dumps({"us": entries}))
    return index


@pytest.mark.parametrize(
    ("behavior", "closing", "verdict"),
    [
        ("OK", "OK", "OK"),
        ("NON-STRICT", "OK", "NON-STRICT"),
        ("INFORMATIONAL", "INFORMATIONAL", "INFORMATIONAL"),
        ("FAILED", "OK", "FAILED"),
        ("OK", "FAILED", "FAILED"),
        ("OK", "UNCLEAN", "FAILED"),
        ("OK", "WRONG CODE", "FAILED"),
        ("UNIMPLEMENTED", "OK", "FAILED"),
    ],
)
def test_a_case_has_the_worse_of_its_two_verdicts(tmp_path, behavior, closing, verdict):
    index = judged(tmp_path, _1_2=(behavior, closing))
    (outcome,) = read_outcomes(index, "us", {"1.2": "ws.close.normal"})
    assert outcome.verdict == verdict
    assert is_success([outcome]) == (verdict != "FAILED")


def test_a_case_that_was_not_judged_fails_the_run(tmp_path):
    index = judged(tmp_path, _1_1=("OK", "OK"))
    outcomes = read_outcomes(index, "us", {"1.1": "ws.close.normal", "1.2": "not played"})
    assert [outcome.verdict for outcome in outcomes] == ["OK", "MISSING"]
    assert not is_success(outcomes)


def test_without_reports_every_case_is_missing(tmp_path):
    outcomes = read_outcomes(tmp_path / "index.json", "us", {"1.1": "", "1.2": ""})
    assert {outcome.verdict for outcome in outcomes} == {"MISSING"}


def test_a_run_without_cases_is_no_success():
    assert not is_success([])


def test_the_table_counts_each_section():
    cases = [("1.1", "OK"), ("9.1.1", "OK"), ("9.1.2", "FAILED"), ("10.1", "NON-STRICT")]
    rows = section_table([Outcome(name, verdict, "", "") for name, verdict in cases])[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert cells == [
        ["1", "framing", "1", "1", "0", "0", "0", "0"],
        ["9", "limits and performance", "2", "1", "0", "0", "1", "0"],
        ["10", "fragments of any size", "1", "0", "1", "0", "0", "0"],
        ["all", "", "4", "2", "1", "0", "1", "0"],
    ]


def test_each_case_that_is_not_ok_is_named_with_what_the_client_saw():
    outcomes = [Outcome("1.1", "OK", "", ""), Outcome("1.2", "FAILED", "FAILED, close OK", "a|b")]
    text = "\n".join(exception_table(outcomes))
    assert "1.1" not in text
    assert "| 1.2  | FAILED  | FAILED, close OK | a\\|b" in text


def test_the_document_gives_each_case_that_is_not_ok_its_reason_and_a_failed_one_none():
    late, unknown = Outcome("6.4.1", "NON-STRICT", "", ""), Outcome("1.1", "NON-STRICT", "", "")
    failed, fine = Outcome("6.4.2", "FAILED", "", ""), Outcome("6.4.2", "OK", "", "")
    by_scheme = {"ws": [unknown, late, fine], "wss": [late, failed]}
    text = document(Versions("1.0", "2.0", "3.0", "4.0"), by_scheme)
    assert "| 6.4.1 | NON-STRICT | Text that is not UTF-8" in text
    assert "| 1.1 | NON-STRICT | To be looked into. |" in text
    assert "| 6.4.2 | FAILED | To be looked into. |" in text


def test_the_committed_document_has_no_failed_and_no_missing_case():
    text = (ROOT / "docs" / "conformance.md").read_text()
    sums = [line.strip("|").split("|")[3:] for line in text.splitlines() if line[:6] == "| all "]
    assert len(sums) == 2
    for counts in sums:
        by_verdict = dict(zip(VERDICTS, map(int, counts), strict=True))
        assert by_verdict["OK"] > 250
        assert by_verdict["FAILED"] == by_verdict["MISSING"] == 0


def test_where_the_testsuite_cannot_be_had_one_line_says_the_mend(tmp_path):
    bare = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.conformance.run"],
        check=False,
        cwd=ROOT,
        env={**{k: v for k, v in os.environ.items() if k != "PYENV_ROOT"}, **bare},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "Python 2.7" in line
    assert "pyenv install" in line
