"""How long a bank asks us to wait, in whichever header it says so. Advice only: the throttle caps
it.

Retry-After as seconds or HTTP date (RFC 9110, 10.2.3), `RateLimit` and `RateLimit-Reset` (IETF
draft, delta seconds), `X-RateLimit-Reset` (custom: delta or Unix time).
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from atlaspay.core import clock

_SECONDS = re.compile(r"\d{1,9}(\.\d{1,6})?")
_RESET_PARAMETER = re.compile(r"(?:^|[;,\s])(?:t|reset)=(\d{1,9})(?:$|[;,\s])")
UNIX_TIME_FROM = 1_000_000_000


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds to wait, 0 for a moment in the past, None if no header says it readably.

    `headers` looks names up without regard to case (aiohttp's and requests' both do).
    """
    text = headers.get("Retry-After")
    if text is not None:
        found = _delta(text) if _SECONDS.fullmatch(text.strip()) else _date(text, headers)
        if found is not None:
            return found
    text = headers.get("RateLimit-Reset")
    if text is not None and (found := _delta(text)) is not None:
        return found
    if match := _RESET_PARAMETER.search(headers.get("RateLimit", "")):
        return float(match[1])
    text = headers.get("X-RateLimit-Reset")
    if text is not None and (found := _delta(text)) is not None:
        return found if found < UNIX_TIME_FROM else max(0.0, found - clock.now().timestamp())
    return None


def _delta(text: str) -> float | None:
    text = text.strip()
    return float(text) if _SECONDS.fullmatch(text) else None


def _date(text: str, headers: Mapping[str, str]) -> float | None:
    """Measure the date against the answer's own Date where it has one: clocks differ."""
    until = _parsed(text)
    if until is None:
        return None
    since = _parsed(headers.get("Date", "")) or clock.now()
    return float(max(0, math.ceil((until - since).total_seconds())))


def _parsed(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text.strip())
    except (TypeError, ValueError, OverflowError):
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
