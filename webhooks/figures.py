"""What we promise of deliveries, as it was kept: per day, for one partner.

The promise: 99 % of events within 30 s, 99.9 % within 75 h, the first attempt within 5 s (p99).
Tests that a partner asked for do not count.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from atlaspay.core import clock, ids
from webhooks import sql
from webhooks.models import Endpoint

DAYS_DEFAULT, DAYS_MAX = 7, 31
PROMISED_S = 30

_DAYS = """
SELECT (d.event_at AT TIME ZONE 'UTC')::date AS on_day,
       count(*) AS events,
       count(*) FILTER (WHERE d.state = 'delivered') AS delivered,
       count(*) FILTER (WHERE d.delivered_at - d.event_at <= make_interval(secs => %(promised)s))
           AS delivered_promptly,
       count(*) FILTER (WHERE d.state = 'pending') AS pending,
       count(*) FILTER (WHERE d.state = 'exhausted') AS exhausted,
       count(*) FILTER (WHERE d.state IN ('canceled', 'superseded')) AS dropped,
       percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (
           ORDER BY extract(epoch FROM d.delivered_at - d.event_at)) AS latency_s,
       percentile_cont(0.99) WITHIN GROUP (
           ORDER BY extract(epoch FROM a.started_at - d.event_at)) AS first_attempt_p99_s
FROM webhooks_delivery d
LEFT JOIN webhooks_deliveryattempt a ON a.delivery_id = d.id AND a.number = 1
WHERE d.endpoint_id = ANY(%(endpoints)s) AND d.id >= %(floor)s
  AND d.event_at >= %(from_at)s AND d.event_at < %(until_at)s
  AND d.object_id <> d.endpoint_id
GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class DayFigures:
    """One day (UTC) of a partner's deliveries. Latencies in seconds from event to 2xx; None where
    nothing was delivered. `delivered_share` and `prompt_share` (30 s) are of those that ended.
    """

    on_day: date
    events: int
    delivered: int
    pending: int
    exhausted: int
    dropped: int
    delivered_share: float | None
    prompt_share: float | None
    latency_p50_s: float | None
    latency_p95_s: float | None
    latency_p99_s: float | None
    first_attempt_p99_s: float | None


def delivery_figures(
    partner_id: str, *, days: int = DAYS_DEFAULT, endpoint_id: str | None = None
) -> list[DayFigures]:
    """Return the last `days` days (UTC, today included) that had events, oldest first.

    Of all endpoints, deleted ones too, or of one. Reads by index from the first day on.
    """
    first_on = clock.now().date() - timedelta(days=days - 1)
    from_at = datetime.combine(first_on, time(), UTC)
    owned = Endpoint.objects.filter(partner_id=partner_id)
    if endpoint_id is not None:
        owned = owned.filter(pk=endpoint_id)
    rows = sql.fetch(
        _DAYS,
        {
            "endpoints": list(owned.values_list("pk", flat=True)),
            "floor": ids.floor("wd", from_at - timedelta(hours=1)),
            "from_at": from_at,
            "until_at": clock.now() + timedelta(days=1),
            "promised": float(PROMISED_S),
        },
    )
    return [_day(row) for row in rows]


def _day(row: sql.Row) -> DayFigures:
    ended = row["delivered"] + row["exhausted"]
    p50, p95, p99 = row["latency_s"] or (None, None, None)
    return DayFigures(
        on_day=row["on_day"],
        events=row["events"],
        delivered=row["delivered"],
        pending=row["pending"],
        exhausted=row["exhausted"],
        dropped=row["dropped"],
        delivered_share=_share(row["delivered"], ended),
        prompt_share=_share(row["delivered_promptly"], ended),
        latency_p50_s=_rounded(p50),
        latency_p95_s=_rounded(p95),
        latency_p99_s=_rounded(p99),
        first_attempt_p99_s=_rounded(row["first_attempt_p99_s"]),
    )


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 5) if whole else None


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(float(seconds), 3)
