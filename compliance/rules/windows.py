"""Lengths of time in policies: `1h` to `90d`. Equal lengths have one spelling."""

import re

MAX_HOURS = 90 * 24
_TEXT = re.compile(r"([1-9]\d{0,3})([hd])", re.ASCII)


def hours_of(text: str) -> int | None:
    """Return the hours of `12h` or `7d`; None for anything else and beyond 90 days."""
    found = _TEXT.fullmatch(text)
    if found is None:
        return None
    hours = int(found[1]) * (24 if found[2] == "d" else 1)
    return hours if hours <= MAX_HOURS else None


def text_of(hours: int) -> str:
    """Return the one spelling of a length: days from two days on, hours below."""
    return f"{hours // 24}d" if hours > 24 and hours % 24 == 0 else f"{hours}h"


def words_of(hours: int) -> str:
    """Return the length in words, such as `24 hours`."""
    if hours > 24 and hours % 24 == 0:
        return f"{hours // 24} days"
    return "1 hour" if hours == 1 else f"{hours} hours"
