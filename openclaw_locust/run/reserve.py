"""Descriptors that are put by, so that a process which has none left can still write its report."""

from __future__ import annotations

import io
import os

_COUNT = 8  # the import of pandas, the files of the report, and what runs beside it


class DescriptorReserve:
    """A few descriptors, held until they are needed."""

    def __init__(self) -> None:
        # files, because gevent's os.close closes a bare descriptor only in the loop's next round
        self._held: list[io.FileIO] = []
        for _ in range(_COUNT):
            try:
                self._held.append(io.FileIO(os.devnull))
            except OSError:
                break  # there are none left already; what is held must do

    def release(self) -> None:
        """Let them be used; a second time it does nothing."""
        while self._held:
            self._held.pop().close()
