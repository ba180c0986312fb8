"""The options' texts, whatever source they came from, and what is read from one text alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from openclaw_locust.durations import format_duration, parse_duration
from openclaw_locust.options import OPTIONS
from openclaw_locust.sizes import parse_size

_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off", "")
_NUMBER = re.compile(r"\d{1,3}(\.\d+)?", re.ASCII)
_LARGEST_COUNT = 2**53  # whole numbers beyond it do not survive every JSON parser (RFC 8259, 6)


class SettingsError(ValueError):
    """An option is wrong; the text is one line that says what, and the mend."""


class OptionValues:
    """The options' texts, whatever source they came from."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._by_flag = {option.flag: option for option in OPTIONS}
        self._options = options

    def is_given(self, flag: str) -> bool:
        """Whether an option says something else than its default."""
        return self.text(flag) != (self._by_flag[flag].default or "")

    def _raw(self, flag: str) -> Any:
        option = self._by_flag[flag]
        value = self._options.get(option.dest)
        return option.default if value is None or value == "" else value

    def text(self, flag: str) -> str:
        """Return an option's text without blanks around it; empty when there is none."""
        value = self._raw(flag)
        return "" if value is None else str(value).strip()

    def switch(self, flag: str) -> bool:
        """Return whether a switch is on."""
        value = self._raw(flag)
        if not isinstance(value, str):
            return bool(value)
        word = value.strip().lower()
        if word not in _TRUE + _FALSE:
            raise SettingsError(f"{flag} {value!r} is neither yes nor no; write true or false")
        return word in _TRUE

    def many(self, flag: str) -> list[str]:
        """Return a repeated option, or the form's one text with commas."""
        value = self._raw(flag)
        parts = value.split(",") if isinstance(value, str) else list(value or ())
        return [text for part in parts if (text := str(part).strip())]

    def duration(self, flag: str, *, zero: bool = False) -> float:
        """Return a duration in seconds, longer than 0 unless ``zero``."""
        text = self.text(flag)
        try:
            seconds = parse_duration(text)
        except ValueError as error:
            raise SettingsError(f"{flag} {error}") from None
        if seconds <= 0 and not zero:
            default = format_duration(parse_duration(self._by_flag[flag].default or "1s"))
            raise SettingsError(f"{flag} {text!r} must be longer than 0; write e.g. {default}")
        return seconds

    def optional_duration(self, flag: str) -> float | None:
        """Return a duration in seconds, or None where nothing is given."""
        return self.duration(flag) if self.text(flag) else None

    def size(self, flag: str, least: int, most: int) -> int:
        """Return a size in bytes, within bounds."""
        text = self.text(flag)
        try:
            size = parse_size(text)
        except ValueError as error:
            raise SettingsError(f"{flag} {error}") from None
        if not least <= size <= most:
            raise SettingsError(f"{flag} {text!r} is out of bounds; write {least} to {most} bytes")
        return size

    def choice(self, flag: str, known: Sequence[str]) -> str:
        """Return an option's text, which is one of those that are known."""
        text = self.text(flag)
        if text.lower() not in known:
            raise SettingsError(f"{flag} {text!r} is unknown; write {' or '.join(known)}")
        return text.lower()

    def share(self, flag: str) -> float:
        """Return a share from 0 to 1, which is written in percent."""
        text = self.text(flag)
        number = text.removesuffix("%").strip()
        if not _NUMBER.fullmatch(number) or not 0 <= float(number) <= 100:
            raise SettingsError(f"{flag} {text!r} is no share; write one from 0% to 100%")
        return float(number) / 100

    def count(self, flag: str) -> int:
        """Return a whole number from 1 on."""
        text = self.text(flag)
        if not text.isdecimal() or len(text) > 16 or not 1 <= int(text) <= _LARGEST_COUNT:
            raise SettingsError(
                f"{flag} {text!r} is not a usable number; write one from 1 to {_LARGEST_COUNT}"
            )
        return int(text)

    def optional_count(self, flag: str) -> int | None:
        """Return a whole number, or None where nothing is given."""
        return self.count(flag) if self.text(flag) else None
