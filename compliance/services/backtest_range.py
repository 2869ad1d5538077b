"""The range of a backtest as people choose it: the last so many days."""

from datetime import datetime, timedelta
from typing import TypedDict

from atlaspay.core import clock

CHOICES = (1, 7, 30, 90, 365)
DEFAULT_DAYS = 30


class Range(TypedDict):
    """From `since` to before `until`."""

    since: datetime
    until: datetime


def last_days(days: int | None) -> Range:
    """Return the last `days`; what is no choice is the default."""
    now = clock.now()
    chosen = days if days in CHOICES else DEFAULT_DAYS
    return Range(since=now - timedelta(days=chosen), until=now)
