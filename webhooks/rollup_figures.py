"""Reading the sums of deliveries, and whether sending them is late."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from atlaspay.core import weeks
from webhooks import sql
from webhooks.models import DeliveryRollupMark

_SCOPE = """
generation = (SELECT generation FROM webhooks_deliveryrollupmark WHERE is_live)
AND scope = %(scope)s
"""
_WHERE = f"{_SCOPE} AND grain = 'd' AND start_at >= %(since_at)s AND start_at < %(until_at)s"
_NAMES = ("attempts", "tried", "first_delivered", "delivered", "prompt", "exhausted")
_SUMS = f"""
SELECT {", ".join(f"coalesce(sum({name}), 0)::bigint AS {name}" for name in _NAMES)}
FROM ({{rows}}) r
"""  # noqa: S608 - names of this file
_TIMES = """
SELECT bucket, sum(deliveries)::bigint AS count FROM ({rows}) r GROUP BY bucket
"""
_SUMS_BY_DAY = f"""
SELECT start_at, {", ".join(_NAMES)}
FROM webhooks_deliveryrollup WHERE {_WHERE} ORDER BY start_at
"""  # noqa: S608 - names of this file
_TIMES_BY_DAY = f"""
SELECT start_at, bucket, deliveries FROM webhooks_deliverytime WHERE {_WHERE}
"""  # noqa: S608 - names of this file
# A failing endpoint's own backlog is not the platform's; one index probe an endpoint.
_LATE = """
SELECT extract(epoch FROM statement_timestamp() - min(d.due_at))::float8 AS age_s
FROM webhooks_endpoint e
LEFT JOIN webhooks_endpointhealth h ON h.endpoint_id = e.id
CROSS JOIN LATERAL (
    SELECT x.due_at FROM webhooks_delivery x
    WHERE x.endpoint_id = e.id AND x.state = 'pending' AND x.attempt_count = 0
      AND x.due_at <= statement_timestamp()
    ORDER BY x.due_at LIMIT 1
) d
WHERE e.status = 'enabled' AND e.deleted_at IS NULL AND h.failing_since IS NULL
  AND (%(scope)s = '' OR e.partner_id = %(scope)s)
"""


@dataclass(frozen=True, slots=True)
class Deliveries:
    """What deliveries of some days came to; `times` counts them by bucket of
    `atlaspay.core.histogram`, from the event to the 2xx.
    """

    attempts: int
    tried: int
    first_delivered: int
    delivered: int
    prompt: int
    exhausted: int
    times: dict[int, int]


def deliveries(scope: str, since_at: datetime, until_at: datetime) -> Deliveries:
    """Return the sums of whole days (UTC) of a partner, or of all where `scope` is empty."""
    cut = weeks.pieces(since_at, until_at)
    found = []
    for statement, columns, table in (
        (_SUMS, ", ".join(_NAMES), "webhooks_deliveryrollup"),
        (_TIMES, "bucket, deliveries", "webhooks_deliverytime"),
    ):
        rows, values = weeks.union(columns, table, _SCOPE, cut)
        found.append(sql.fetch(statement.format(rows=rows), {**values, "scope": scope}))
    (sums,), times = found
    return Deliveries(**sums, times={row["bucket"]: row["count"] for row in times})


def by_day(scope: str, since_at: datetime, until_at: datetime) -> dict[date, Deliveries]:
    """Return the sums of each day (UTC) that had deliveries, oldest first; as `deliveries`."""
    values: dict[str, Any] = {"scope": scope, "since_at": since_at, "until_at": until_at}
    times: dict[datetime, dict[int, int]] = {}
    for row in sql.fetch(_TIMES_BY_DAY, values):
        times.setdefault(row["start_at"], {})[row["bucket"]] = row["deliveries"]
    found = {}
    for row in sql.fetch(_SUMS_BY_DAY, values):
        start_at = row.pop("start_at")
        found[start_at.astimezone(UTC).date()] = Deliveries(**row, times=times.get(start_at, {}))
    return found


def as_of() -> datetime | None:
    """Return the instant up to which all attempts are counted; None before the first count."""
    marks = DeliveryRollupMark.objects.filter(is_live=True)
    found: datetime | None = marks.values_list("as_of", flat=True).first()
    return found


def oldest_unsent_s(scope: str) -> float:
    """Return since how many seconds a first attempt at a healthy endpoint is due; 0 for none."""
    return float(sql.fetch(_LATE, {"scope": scope})[0]["age_s"] or 0.0)
