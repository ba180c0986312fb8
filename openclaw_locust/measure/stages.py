"""Stages as k6 spells them, ``1m:100,3m:1000,1m:0``: a target as a pure function of time.

Each stage moves linearly from the last target to its own; a stage of ``0s`` jumps. No clock here.
"""

from __future__ import annotations

from dataclasses import dataclass

from openclaw_locust.durations import format_duration, parse_duration


@dataclass(frozen=True, slots=True)
class Stage:
    """Move to ``target`` within ``duration_s`` seconds."""

    duration_s: float
    target: int


@dataclass(frozen=True, slots=True)
class Stages:
    """A run's stages, in order, from 0."""

    stages: tuple[Stage, ...]

    @property
    def duration_s(self) -> float:
        """How long all stages take together, in seconds."""
        return sum(stage.duration_s for stage in self.stages)

    @property
    def peak(self) -> int:
        """The highest target."""
        return max(stage.target for stage in self.stages)

    def target_at(self, elapsed_s: float) -> int | None:
        """Return the target, rounded to a whole number; None when the stages are over.

        At the very border of two stages the later one counts, so that a jump is immediate.
        """
        start_s, last = 0.0, 0
        for stage in self.stages:
            end_s = start_s + stage.duration_s
            if elapsed_s < end_s:
                share = (elapsed_s - start_s) / stage.duration_s
                return round(last + (stage.target - last) * share)
            start_s, last = end_s, stage.target
        return None

    def __str__(self) -> str:
        """Return the spelling that :func:`parse_stages` reads back."""
        return ",".join(f"{format_duration(s.duration_s)}:{s.target}" for s in self.stages)


def parse_stages(text: str) -> Stages:
    """Read ``<duration>:<target>`` stages, separated by commas.

    Raises:
        ValueError: it is not a list of stages; the message says which stage is wrong and the mend.
    """
    stages = []
    for part in text.split(","):
        duration, colon, target = part.strip().partition(":")
        if not colon or not target.strip().isdecimal():
            raise ValueError(
                f"stage {part.strip()!r} is not a duration and a whole number; "
                "write stages like 1m:100,3m:1000,1m:0"
            )
        try:
            duration_s = parse_duration(duration)
        except ValueError as error:
            raise ValueError(f"stage {part.strip()!r}: {error}") from None
        stages.append(Stage(duration_s, int(target)))
    found = Stages(tuple(stages))
    if found.duration_s <= 0:
        raise ValueError("the stages take no time at all; give at least one a duration")
    if found.peak == 0:
        raise ValueError("the stages have no users at all; give at least one a target above 0")
    return found
