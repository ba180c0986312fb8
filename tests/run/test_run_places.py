"""Classes that are no server's doing: each in a network of its own where one thing is wrong."""

from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.failures.table import AT_ONE_TIME, CASES, Produced, produce


def has_namespaces() -> bool:
    """Say whether networks of one's own can be made here: as root, with the tools for it."""
    if not all(map(shutil.which, ("unshare", "ip", "sysctl", "mount"))):
        return False
    command = ["unshare", "--net", "--mount", "ip", "link", "set", "lo", "up"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


PLACES = [name for name, case in CASES.items() if case.around is not None]


@pytest.fixture(scope="module")
def produced() -> dict[str, Produced]:
    if not has_namespaces():
        pytest.skip("needs a network namespace: root, unshare, ip, sysctl")
    with ThreadPoolExecutor(AT_ONE_TIME) as pool:
        return dict(zip(PLACES, pool.map(produce, PLACES), strict=True))


@pytest.mark.parametrize("name", PLACES)
def test_a_wrong_place_has_its_class_in_the_report(
    produced: dict[str, Produced], name: str
) -> None:
    assert produced[name].count > 0, produced[name].problem
