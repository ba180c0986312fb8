"""What this machine lets a load generator have: CPU, descriptors and ports. Reads Linux's files.

Each function takes the root folder of these files, so that all layouts can be tested; what cannot
be read is taken for no limit.
"""

from __future__ import annotations

import math
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path("/")
RESERVED_DESCRIPTORS = 32
"""What a process needs beside its connections: files, pipes, the master, the loop."""

_TIGHT = 0.8
_ENOUGH_DESCRIPTORS = 1 << 20  # a limit can be 2**30, and some programs walk over all up to it
_UNLIMITED = sys.maxsize
_PORT_RANGE = "proc/sys/net/ipv4/ip_local_port_range"
_RESERVED_PORTS = "proc/sys/net/ipv4/ip_local_reserved_ports"


@dataclass(frozen=True, slots=True)
class CpuLimit:
    """How many CPUs this process may use, and what says so."""

    cpus: float
    source: str


@dataclass(frozen=True, slots=True)
class Shortage:
    """What the machine cannot carry, in one line with the mend.

    Attributes:
        text: the line.
        is_fatal: whether it cannot work at all; else it is only tight.
    """

    text: str
    is_fatal: bool


def cpu_limit(root: Path = ROOT) -> CpuLimit:
    """Return the smaller of the CPUs that the process is bound to and its containers' quotas."""
    limits = [CpuLimit(float(len(os.sched_getaffinity(0))), "CPUs that it is bound to")]
    for folder in _cgroups(root, "cpu"):
        quota = _quota(folder)
        if quota is not None:
            limits.append(CpuLimit(quota, "the container's CPU quota"))
    return min(limits, key=lambda limit: limit.cpus)


def throttled_us(root: Path = ROOT) -> int:
    """Return for how long the kernel has held the process's containers back so far, in µs.

    A control group counts what its own quota did, so those of all levels add up; each is a sum over
    the CPUs that the group was held back on, so it can grow faster than the time.
    """
    found = 0
    for folder in _cgroups(root, "cpu"):
        for line in _read(folder / "cpu.stat").splitlines():
            name, _, value = line.partition(" ")
            if name == "throttled_usec" and value.isdecimal():
                found += int(value)
            elif name == "throttled_time" and value.isdecimal():  # version 1 counts nanoseconds
                found += int(value) // 1000
    return found


def open_descriptors(root: Path = ROOT) -> int:
    """Return how many descriptors this process has open."""
    folder = root / "proc/self/fd"
    try:
        # The size is the number since Linux 6.2; a list of 10,000 takes 25 ms, which would make
        # the event loop late.
        return folder.stat().st_size or len(os.listdir(folder))  # noqa: PTH208
    except OSError:
        return 0


def descriptor_limit() -> int:
    """Return how many descriptors this process may have, after raising that as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _UNLIMITED
    wanted = _ENOUGH_DESCRIPTORS
    if hard != resource.RLIM_INFINITY:
        wanted = min(hard, wanted)
    if soft < wanted:
        with suppress(OSError, ValueError):  # then the soft limit is what there is
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return soft


def ephemeral_ports(root: Path = ROOT) -> int:
    """Return how many local ports connections to one address and port can have."""
    bounds = _read(root / _PORT_RANGE).split()
    if len(bounds) != 2 or not all(bound.isdecimal() for bound in bounds):
        return 65_535
    ports = range(int(bounds[0]), int(bounds[1]) + 1)
    reserved = 0
    for span in _read(root / _RESERVED_PORTS).strip().split(","):
        first, _, last = span.partition("-")
        if first.isdecimal() and (last or first).isdecimal():
            low, high = max(ports.start, int(first)), min(ports.stop - 1, int(last or first))
            reserved += max(0, high - low + 1)
    return len(ports) - reserved


def check_capacity(
    users: int, processes: int = 1, root: Path = ROOT, sources: int = 1
) -> list[Shortage]:
    """Return what this machine lacks for a number of users, one connection each.

    Args:
        users: all that run on this machine.
        processes: how many processes share them.
        root: of the files that are read.
        sources: how many addresses their connections go out from; each has all ports.
    """
    each = -(-users // max(processes, 1))
    needed, limit = each + RESERVED_DESCRIPTORS, descriptor_limit()
    enough = needed if needed > limit else math.ceil(needed / _TIGHT)
    found = [
        _shortage(
            needed,
            limit,
            f"{each} users in a process need {needed} descriptors, and it may have {limit}",
            f"raise the hard limit (as root: ulimit -n {enough}) or use more processes "
            "(--processes)",
        ),
        _shortage(
            users,
            ports := ephemeral_ports(root) * max(sources, 1),
            f"{users} connections to one address need as many local ports, and there are {ports}",
            "widen them (sysctl net.ipv4.ip_local_port_range), add addresses (--source-ip) or use "
            "more machines",
        ),
    ]
    return [shortage for shortage in found if shortage is not None]


def _shortage(needed: int, limit: int, what: str, mend: str) -> Shortage | None:
    if needed > limit:
        return Shortage(f"{what}; {mend}", is_fatal=True)
    if needed > _TIGHT * limit:
        return Shortage(f"{what}, which is tight; {mend}", is_fatal=False)
    return None


def _cgroups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of the process's control groups, its own first, then those above it."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            base = root / "sys/fs/cgroup"
        elif controller in controllers.split(","):
            base = root / "sys/fs/cgroup" / controllers
            if not base.is_dir():
                base = root / "sys/fs/cgroup" / controller
        else:
            continue
        inside = PurePosixPath(path.lstrip("/"))
        if ".." in inside.parts:  # the group of another namespace: only the root can be seen
            inside = PurePosixPath()
        for folder in (inside, *inside.parents):
            yield base / folder


def _quota(folder: Path) -> float | None:
    """Return the CPUs of one control group's quota, or None where it has none."""
    quota, _, period = _read(folder / "cpu.max").strip().partition(" ")  # version 2
    if not quota:
        quota = _read(folder / "cpu.cfs_quota_us").strip()  # version 1; -1 is none
        period = _read(folder / "cpu.cfs_period_us").strip()
    if quota.isdecimal() and period.isdecimal() and int(period):
        return int(quota) / int(period)
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
