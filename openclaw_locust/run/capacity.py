"""Before a run: whether this machine can carry the users that are asked for."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

from openclaw_locust.measure.machine import check_capacity
from openclaw_locust.option_values import SettingsError
from openclaw_locust.settings import Settings

logger = logging.getLogger("openclaw_locust")


def check_machine(options: Mapping[str, Any], settings: Settings) -> None:
    """Refuse what cannot work on this machine, and warn of what is tight.

    A master of workers elsewhere has no users of its own: each worker is asked
    (:func:`check_worker`).

    Args:
        options: Locust's, by name.
        settings: ours.

    Raises:
        SettingsError: the users need more than the machine has.
    """
    processes = int(options.get("processes") or 0)
    if processes < 0:
        processes = os.cpu_count() or 1
    if not options.get("master") or processes:
        _check(_users(options, settings), max(processes, 1), settings)


def check_worker(options: Mapping[str, Any], settings: Settings, workers: int) -> None:
    """Refuse, as :func:`check_machine`, a worker's own part of the users.

    Raises:
        SettingsError: they need more than its machine has.
    """
    _check(-(-_users(options, settings) // max(workers, 1)), 1, settings)


def _users(options: Mapping[str, Any], settings: Settings) -> int:
    if settings.stages is not None:
        return settings.stages.peak
    users = options.get("user_count") or options.get("num_users") or 1  # the form's, the option's
    try:
        return int(float(users))
    except ValueError:
        return 1  # what is no number, Locust refuses


def _check(users: int, processes: int, settings: Settings) -> None:
    for shortage in check_capacity(users, processes, sources=len(settings.source_ips)):
        if shortage.is_fatal:
            raise SettingsError(f"too many users for this machine: {shortage.text}")
        logger.warning(shortage.text)
