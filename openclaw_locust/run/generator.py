"""The generator's self-check inside a run: its lag goes into the series, the rest in a summary."""

from __future__ import annotations

from openclaw_locust.measure.generator import GeneratorProbe, GeneratorSummary
from openclaw_locust.measure.recorder import LOOP
from openclaw_locust.workload import Workload


class GeneratorWatch:
    """The probe of one process that sends load.

    Attributes:
        process: the process's label, by which its figures are found in the series.
    """

    def __init__(self, workload: Workload, process: str) -> None:
        self.process = process
        key = (LOOP, process)

        def on_lag(due_ns: int, lag_ns: int) -> None:
            workload.recorder.at(due_ns).record(key, lag_ns)

        zero_ns, warm_up_s = workload.recorder.zero_ns, workload.settings.warm_up_s
        self._probe = GeneratorProbe(process, zero_ns, warm_up_s, on_lag)
        self._probe.start()

    def summary(self) -> GeneratorSummary:
        """Return what is known so far."""
        return self._probe.summary()

    def stop(self) -> None:
        """Probe no longer; the summary stays."""
        self._probe.stop()
