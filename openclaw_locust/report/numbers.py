"""Numbers as people read them.

Figures are cut, never rounded up, so that what is shown is under a limit exactly when the figure
is: 99.96 ms shows as 99.9, not as 100. Locust's CSV cuts its percentiles the same way. Margins are
cut too: toward 0.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal

THIN_SPACE = "\N{NARROW NO-BREAK SPACE}"


def format_ms(value: float) -> str:
    """Return milliseconds without their unit: three digits, at most two decimals."""
    if abs(value) < 0.01:
        return "<0.01"
    if value == int(value):
        return _cut(value, 0)
    return _cut(value, 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0)


def format_count(value: int) -> str:
    """Return a count in groups of three digits."""
    return f"{value:,}".replace(",", THIN_SPACE)


def format_rate(value: float) -> str:
    """Return a rate with one decimal."""
    return _cut(value, 1) if value >= 0.1 or value == 0 else "<0.1"


def format_number(value: float) -> str:
    """Return a number with one decimal, or none where it is 0."""
    return _cut(value, 0 if value == int(value) else 1)


def format_seconds(value: float) -> str:
    """Return seconds with their unit, as a place on the run's time axis: ``12 s``."""
    return f"{format_number(value)} s"


def format_share(value: float) -> str:
    """Return a share of 1 in percent; what is there is never ``0 %``, and 100 % is all."""
    percent = float(Decimal(repr(value)) * 100)
    if percent == 0:
        return "0 %"
    if percent < 0.01:
        return "<0.01 %"
    whole = percent == int(percent)
    return _cut(percent, 0 if whole else 2 if percent < 10 else 1) + " %"


def _cut(value: float, decimals: int) -> str:
    number = Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-decimals), ROUND_DOWN)
    return f"{number:,}".replace(",", THIN_SPACE)
