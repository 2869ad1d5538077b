"""What one endpoint's answers say about its health: breaker, window of parallel calls. Pure.

Five connection failures or timeouts in a row open the breaker for 30 s, doubling to ten minutes;
then one probe goes out. A 429 or 503 with `Retry-After` pauses the endpoint as it asks. What waits
meanwhile spends no attempts.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

TRIP_AT = 5
OPEN_S, OPEN_MAX_S = 30, 600
WINDOW_START, WINDOW_MAX = 4, 16


class Sign(Enum):
    """One answer, as far as health goes."""

    OK = "ok"
    ANSWERED = "answered"  # a status other than 2xx: reachable, no success
    OVERLOADED = "overloaded"  # 429 or 5xx
    UNREACHABLE = "unreachable"  # no connection, or no answer in time


@dataclass(frozen=True, slots=True)
class Health:
    """State of one endpoint; the defaults are those of an endpoint never heard of."""

    failing_since: datetime | None = None
    streak: int = 0
    breaker_trips: int = 0
    breaker_open_until: datetime | None = None
    window: int = WINDOW_START
    warnings_sent: int = 0

    @property
    def is_probing(self) -> bool:
        """Say whether only one call may go out until a success."""
        return self.breaker_trips > 0


def after(
    health: Health,
    signs: Iterable[Sign],
    now: datetime,
    *,
    retry_after_s: float | None = None,
    is_saturated: bool = False,
) -> Health:
    """Return the health after these answers, oldest first; `retry_after_s` is the longest asked."""
    grew = False
    for sign in signs:
        if sign is Sign.OK:
            window = health.window
            if is_saturated and not grew:
                window, grew = min(WINDOW_MAX, window + 1), True
            health = Health(window=window)
            continue
        health = replace(health, failing_since=health.failing_since or now)
        if sign is Sign.ANSWERED:
            health = replace(health, streak=0, breaker_trips=0)
        elif sign is Sign.OVERLOADED:
            health = replace(health, streak=0, breaker_trips=0, window=max(1, health.window // 2))
        else:
            health = _unreachable(health, now)
    if retry_after_s:
        pause = now + timedelta(seconds=min(retry_after_s, OPEN_MAX_S))
        until = health.breaker_open_until
        health = replace(health, breaker_open_until=max(until, pause) if until else pause)
    return health


def _unreachable(health: Health, now: datetime) -> Health:
    health = replace(health, streak=health.streak + 1, window=max(1, health.window // 2))
    is_open = health.breaker_open_until is not None and health.breaker_open_until > now
    if health.streak < TRIP_AT or is_open:
        return health
    open_s = min(OPEN_S * 2**health.breaker_trips, OPEN_MAX_S)
    return replace(
        health,
        breaker_trips=min(health.breaker_trips + 1, 10),
        breaker_open_until=now + timedelta(seconds=open_s),
    )
