"""Locust's CSV writer: neither a full disk nor the end of the run may make it die.

At the first error Locust's writer dies with two tracebacks, and when Locust closes its files, it
dies of another one, with an exit code of its own. And nobody ends the writer, so that it may wake
after its files were closed. So its files are handed to it inside others that keep an error in place
of raising it. Nothing of Locust's code is replaced.
"""

from __future__ import annotations

import csv
import gc
import logging
from collections.abc import Callable
from typing import Any, TextIO

from locust.stats import StatsCSVFileWriter

logger = logging.getLogger("openclaw_locust")

_STEMS = ("requests", "stats_history", "failures", "exceptions")


class LenientFile:
    """A text file that takes nothing more after its first error or its end, and keeps the error.

    Attributes:
        name: its path.
        error: why it is cut; None when it is not.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.name = file.name
        self.error: OSError | None = None
        self._takes = True

    def write(self, text: str) -> int:
        """Write, as a file does."""
        return self._try(self._file.write, text)

    def tell(self) -> int:
        """Return the position, as a file does; 0 after an error."""
        return self._try(self._file.tell)

    def seek(self, position: int) -> int:
        """Move, as a file does."""
        return self._try(self._file.seek, position)

    def truncate(self) -> int:
        """Cut at the position, as a file does."""
        return self._try(self._file.truncate)

    def flush(self) -> None:
        """Flush, as a file does."""
        self._try(self._file.flush)

    def close(self) -> None:
        """Close; what an error left in the buffer is lost."""
        self._takes = False
        try:
            self._file.close()
        except OSError as error:
            self._keep(error)

    def _try(self, action: Callable[..., int | None], *args: Any) -> int:
        if not self._takes:
            return 0
        try:
            return action(*args) or 0
        except OSError as error:
            self._keep(error)
            return 0

    def _keep(self, error: OSError) -> None:
        self._takes = False
        if self.error is None:
            self.error = error
            logger.error(f"{self.problem}; the run goes on")

    @property
    def problem(self) -> str:
        """What is wrong with it, in one line."""
        reason = self.error.strerror if self.error is not None else "nothing"
        return f"{self.name} is cut, it could not be written: {reason}"


class CsvFiles:
    """The files of this process's CSV writer, if it has one."""

    def __init__(self) -> None:
        self._files: list[LenientFile] = []
        # nothing but a local variable of Locust's refers to it
        for writer in gc.get_objects():
            if not isinstance(writer, StatsCSVFileWriter):
                continue
            for stem in _STEMS:
                file = LenientFile(getattr(writer, f"{stem}_csv_filehandle"))
                setattr(writer, f"{stem}_csv_filehandle", file)
                setattr(writer, f"{stem}_csv_writer", csv.writer(file))
                self._files.append(file)

    def problems(self) -> list[str]:
        """Return a line for each file that is cut, down to what was written just now."""
        for file in self._files:
            file.flush()
        return [file.problem for file in self._files if file.error is not None]
