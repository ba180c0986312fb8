"""What the machine allows: cgroups of both versions, ports, and limits that are too low."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from openclaw_locust.measure.machine import (
    check_capacity,
    cpu_limit,
    ephemeral_ports,
    open_descriptors,
    throttled_us,
)

BOUND = float(len(os.sched_getaffinity(0)))
V2 = "0::/kube/pod/app\n"
V1 = "4:cpu,cpuacct:/docker/abc\n3:memory:/docker/abc\n0::/\n"


def machine(root: Path, files: dict[str, str]) -> Path:
    """Lay out these files below a folder, by their paths from the root."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def cgroups(root: Path, own: str, files: dict[str, str]) -> Path:
    """Lay out a process's cgroup and the files below the place where cgroups are mounted."""
    below = {f"sys/fs/cgroup/{name}": content for name, content in files.items()}
    return machine(root, {"proc/self/cgroup": own, **below})


@pytest.mark.parametrize(
    ("own", "files", "cpus"),
    [
        (V2, {"kube/pod/app/cpu.max": "25000 100000\n"}, 0.25),
        (V2, {"kube/pod/app/cpu.max": "max 100000\n", "kube/cpu.max": "50000 100000\n"}, 0.5),
        (V2, {"kube/pod/app/cpu.max": "50000 100000\n", "kube/cpu.max": "30000 100000\n"}, 0.3),
        ("0::/\n", {"cpu.max": "10000 50000\n"}, 0.2),
        (
            "0::/../elsewhere\n",
            {"cpu.max": "20000 100000\n", "../elsewhere/cpu.max": "10000 100000\n"},
            0.2,
        ),
        ("0::/of/the/host\n", {"cpu.max": "40000 100000\n"}, 0.4),
    ],
    ids=["own", "above", "smallest", "namespace", "outside", "path of the host"],
)
def test_the_smallest_quota_of_version_2_is_the_limit(
    tmp_path: Path, own: str, files: dict[str, str], cpus: float
) -> None:
    limit = cpu_limit(cgroups(tmp_path, own, files))
    assert limit.cpus == pytest.approx(cpus)
    assert "quota" in limit.source


@pytest.mark.parametrize("mount", ["cpu,cpuacct", "cpu"])
@pytest.mark.parametrize("group", ["docker/abc/", "docker/", ""])
def test_a_quota_of_version_1_is_found_at_each_level_and_under_both_names(
    tmp_path: Path, mount: str, group: str
) -> None:
    folder = f"{mount}/{group}"
    files = {f"{folder}cpu.cfs_quota_us": "15000\n", f"{folder}cpu.cfs_period_us": "100000\n"}
    assert cpu_limit(cgroups(tmp_path, V1, files)).cpus == pytest.approx(0.15)


@pytest.mark.parametrize(
    ("own", "files"),
    [
        (V2, {"kube/pod/app/cpu.max": "max 100000\n"}),
        (V2, {"kube/pod/app/cpu.max": "100000000 100000\n"}),
        (V2, {"kube/pod/app/cpu.max": "nonsense\n"}),
        (V2, {"kube/pod/app/cpu.max": "5000 0\n"}),
        (V2, {"elsewhere/cpu.max": "5000 100000\n"}),
        (V1, {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}),
        (V1, {"cpu/cpu.cfs_quota_us": "5000\n"}),
        ("not a cgroup\n", {}),
        ("", {}),
    ],
    ids=[
        *("no quota", "more than it has", "unreadable", "no period", "not its own"),
        *("none in version 1", "half of version 1", "bad line", "empty"),
    ],
)
def test_without_a_quota_the_limit_is_what_the_process_is_bound_to(
    tmp_path: Path, own: str, files: dict[str, str]
) -> None:
    limit = cpu_limit(cgroups(tmp_path, own, files))
    assert limit.cpus == BOUND
    assert "bound" in limit.source


def test_a_process_that_is_bound_to_one_cpu_may_use_one() -> None:
    bind = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    code = "from openclaw_locust.measure.machine import *; print(cpu_limit().cpus <= 1)"
    assert _child(bind + code) == "True"


def test_what_cannot_be_read_is_no_limit(tmp_path: Path) -> None:
    root = cgroups(tmp_path / "folder", V2, {})
    (root / "sys/fs/cgroup/kube/pod/app/cpu.max").mkdir(parents=True)  # there, and unreadable
    assert cpu_limit(root).cpus == BOUND
    nothing = tmp_path / "nothing"
    assert cpu_limit(nothing).cpus == BOUND
    assert throttled_us(nothing) == 0
    assert open_descriptors(nothing) == 0


def test_throttled_time_is_in_microseconds_in_both_versions(tmp_path: Path) -> None:
    second = {"kube/pod/app/cpu.stat": "usage_usec 9\nnr_throttled 3\nthrottled_usec 1500\n"}
    assert throttled_us(cgroups(tmp_path / "2", V2, second)) == 1500
    first = {"cpu/docker/abc/cpu.stat": "nr_throttled 3\nthrottled_time 1500999\n"}
    assert throttled_us(cgroups(tmp_path / "1", V1, first)) == 1500


def test_a_level_that_was_never_the_worst_still_adds_to_the_throttled_time(tmp_path: Path) -> None:
    stat = {"kube/cpu.stat": "throttled_usec 900\n", "kube/pod/app/cpu.stat": "throttled_usec 20\n"}
    before = throttled_us(cgroups(tmp_path, V2, stat))
    stat["kube/pod/app/cpu.stat"] = "throttled_usec 50\n"
    assert throttled_us(cgroups(tmp_path, V2, stat)) - before == 30


@pytest.mark.parametrize(
    ("bounds", "reserved", "ports"),
    [
        ("32768\t60999\n", "\n", 28_232),
        ("1024\t65535\n", "8080,9000-9099\n", 64_411),
        ("50000\t50009\n", "49990-50004\n", 5),
        ("50000\t50009\n", "50008-60000\n", 8),
        ("50000\t50009\n", "80,443\n", 10),
        ("50000\t50009\n", "1-65535\n", 0),
        ("50000\t50009\n", "nonsense,50001\n", 9),
        ("50000\t50000\n", "\n", 1),
    ],
)
def test_reserved_ports_are_taken_out_of_the_range(
    tmp_path: Path, bounds: str, reserved: str, ports: int
) -> None:
    assert ephemeral_ports(_ports(tmp_path, bounds, reserved)) == ports


def test_an_unknown_range_of_ports_limits_nothing(tmp_path: Path) -> None:
    assert ephemeral_ports(tmp_path) == ephemeral_ports(_ports(tmp_path, "many\n")) == 65_535


@pytest.mark.parametrize(("users", "is_fatal"), [(81, False), (100, False), (101, True)])
def test_few_ports_are_tight_and_too_few_are_fatal(
    tmp_path: Path, users: int, is_fatal: bool
) -> None:
    (shortage,) = check_capacity(users, 1, _ports(tmp_path, "50000 50099\n"))
    assert shortage.is_fatal is is_fatal
    for part in (f"{users} connections", "100", "net.ipv4.ip_local_port_range", "more machines"):
        assert part in shortage.text
    assert "\n" not in shortage.text


def test_enough_ports_and_descriptors_are_no_shortage(tmp_path: Path) -> None:
    assert check_capacity(80, 1, _ports(tmp_path, "50000 50099\n")) == []
    assert check_capacity(160, 1, _ports(tmp_path, "50000 50099\n"), sources=2) == []


def test_processes_share_the_users_but_not_the_ports(tmp_path: Path) -> None:
    assert [each.is_fatal for each in check_capacity(101, 50, _ports(tmp_path, "50000 50099"))] == [
        True
    ]


def test_this_machine_can_carry_one_user() -> None:
    assert check_capacity(1) == []
    assert cpu_limit().cpus > 0
    assert throttled_us() >= 0


def test_each_open_descriptor_is_counted() -> None:
    before = open_descriptors()
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(20)]
    try:
        assert open_descriptors() - before == 20
    finally:
        for descriptor in opened:
            os.close(descriptor)


def test_without_the_kernels_count_the_descriptors_are_listed(tmp_path: Path) -> None:
    names = {f"proc/self/fd/{number}": "" for number in range(3)}
    root = machine(tmp_path, names)
    size = (root / "proc/self/fd").stat().st_size
    assert open_descriptors(root) == (size or 3)


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    code = (
        "from openclaw_locust.measure.machine import *\n"
        "print(descriptor_limit(), resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    assert _child(code, soft=100, hard=300) == "300 (300, 300)"


@pytest.mark.parametrize(
    ("users", "processes", "found", "enough"),
    [
        (208, 1, "", 0),
        (209, 1, "False 209 users in a process need 241 descriptors, and it may have 300", 302),
        (268, 1, "False 268 users in a process need 300 descriptors, and it may have 300", 375),
        (269, 1, "True 269 users in a process need 301 descriptors, and it may have 300", 301),
        (537, 2, "True 269 users in a process need 301 descriptors, and it may have 300", 301),
        (537, 3, "", 0),
    ],
)
def test_a_hard_limit_that_is_too_low_is_said_with_the_number_that_is_needed(
    users: int, processes: int, found: str, enough: int
) -> None:
    code = (
        "from openclaw_locust.measure.machine import *\n"
        f"for each in check_capacity({users}, {processes}): print(each.is_fatal, each.text)"
    )
    line = _child(code, soft=100, hard=300)
    assert line.startswith(found) if found else line == ""
    if found:
        assert len(line.splitlines()) == 1
        assert f"ulimit -n {enough})" in line
        assert "--processes" in line


def _ports(root: Path, bounds: str, reserved: str | None = None) -> Path:
    files = {"ip_local_port_range": bounds}
    if reserved is not None:
        files["ip_local_reserved_ports"] = reserved
    return machine(root, {f"proc/sys/net/ipv4/{name}": text for name, text in files.items()})


def _child(code: str, soft: int | None = None, hard: int | None = None) -> str:
    """Return what Python prints in a process of its own, which has its own limits."""
    limit = ""
    if soft is not None:
        limit = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))\n"
    done = subprocess.run(
        [sys.executable, "-c", limit + code], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()
