"""Linux's timer as a descriptor, timerfd_create(2): nanoseconds, on the monotonic clock.

Event loops count their own timers in whole milliseconds. Python has this from 3.13 on. Knows no
event loop: whoever makes a timer watches its descriptor.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress

_CLOCK_MONOTONIC = 1  # what perf_counter_ns and monotonic_ns read on Linux
_ABSOLUTE = 1
_FLAGS = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)  # TFD_NONBLOCK and TFD_CLOEXEC are the same


class _Timespec(ctypes.Structure):
    _fields_ = (("sec", ctypes.c_long), ("nsec", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class TimerFd:
    """One timer.

    Attributes:
        descriptor: readable when the timer has fired.
    """

    def __init__(self) -> None:
        """Make a timer that is off.

        Raises:
            NotImplementedError: this is not Linux.
            OSError: the system has none left.
        """
        self._libc = ctypes.CDLL(None, use_errno=True)
        create = getattr(self._libc, "timerfd_create", None)
        if create is None:
            raise NotImplementedError("timerfd is Linux's")
        self.descriptor: int = create(_CLOCK_MONOTONIC, _FLAGS)
        if self.descriptor < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))

    def set(self, due_ns: int) -> None:
        """Fire once at a time of the monotonic clock, and not at an earlier one set before."""
        # 0 would turn it off
        spec = _Itimerspec(value=_Timespec(*divmod(max(1, due_ns), 1_000_000_000)))
        self._libc.timerfd_settime(self.descriptor, _ABSOLUTE, ctypes.byref(spec), None)

    def acknowledge(self) -> None:
        """Take back the readiness of the descriptor."""
        with suppress(BlockingIOError):  # it was set anew since the loop saw it
            os.read(self.descriptor, 8)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.descriptor)
