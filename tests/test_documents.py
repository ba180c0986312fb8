"""The documents say what the code does."""

import re
from pathlib import Path

from openclaw_locust.failures import CLASSES
from openclaw_locust.options import OPTIONS
from openclaw_locust.report.markdown import escape
from openclaw_locust.verdict import EXIT_CODES

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def test_the_readme_has_a_row_for_each_option_with_its_variable_and_default():
    rows = re.findall(r"^\| `(--\S+?)(?: [^`]*)?` \| `(\w+)` \| (?:`([^`]*)`)? ?\|", README, re.M)
    assert rows == [(option.flag, option.variable, option.default or "") for option in OPTIONS]


def test_the_readme_has_a_row_for_each_exit_code():
    for code in (*EXIT_CODES.values(), 2):
        assert re.search(rf"^\| {code} \|", README, re.M)


def test_each_failure_class_has_its_row_with_what_it_means_and_what_to_do():
    text = (ROOT / "docs" / "failures.md").read_text()
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| `")]
    found = {row[0].split("`")[1]: row[2:4] for row in rows if len(row) == 6}
    assert found == {
        kind.name: [escape(kind.meaning), escape(kind.remedy)] for kind in CLASSES.values()
    }


def test_the_readme_begins_with_the_demo_and_the_tests():
    first_commands = re.search(r"```\n(.*?)```", README, re.S)
    assert first_commands is not None
    names = [line.split()[:2] for line in first_commands[1].strip().splitlines()]
    assert names == [["make", "demo"], ["make", "test"]]


def test_each_file_that_a_document_links_to_is_there():
    for document in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for link in re.findall(r"\]\(((?!http)[^)#]+)\)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name} links to {link}"
