"""Sums of deliveries by day and week, kept from the attempts, which are written once and stay until
`prune`: the sums outlive them.

Tests that a partner asked for do not count. An attempt whose sender died counts as tried; should
its answer turn up later, only another attempt makes the delivery count as delivered.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from functools import partial

from django.conf import settings

from atlaspay.core import clock, context, rollup_rebuild, rollups
from atlaspay.core.histogram import SQL_BOUNDS
from atlaspay.core.rollup_rebuild import Rebuilt
from webhooks import sql
from webhooks.figures import PROMISED_S
from webhooks.models import DeliveryRollup, DeliveryRollupMark, DeliveryTime

ROLL_UP_TASK = "webhooks.roll_up"

_NAMES = ("attempts", "tried", "first_delivered", "delivered", "prompt", "exhausted")
# A delivered one that was retried by hand is delivered a second time and counts once.
FACTS = """
SELECT d.partner_id, d.endpoint_id, date_trunc('day', d.event_at, 'UTC') AS day_at,
       a.number = 1 AS is_first, a.outcome = 'delivered' AND NOT before.delivered AS is_delivered,
       CASE WHEN before.delivered OR a.gave_up = before.gave_up THEN 0
            WHEN a.gave_up THEN 1 WHEN a.outcome = 'delivered' THEN -1 ELSE 0 END AS given_up,
       greatest(0, round(date_part('epoch',
           coalesce(a.started_at + a.duration_ms * interval '1 ms', a.created_at) - d.event_at)
           * 1000))::bigint AS latency_ms
FROM webhooks_deliveryattempt a JOIN webhooks_delivery d ON d.id = a.delivery_id
CROSS JOIN LATERAL (
    SELECT coalesce(bool_or(e.outcome = 'delivered'), false) AS delivered,
           coalesce(bool_or(e.gave_up), false) AS gave_up
    FROM webhooks_deliveryattempt e
    WHERE a.number > 1 AND e.delivery_id = a.delivery_id AND e.number < a.number
) before
WHERE a.id > %(after)s AND a.id <= %(until)s AND d.object_id <> d.endpoint_id
  AND d.event_at >= %(edge)s
"""
_ROLL = f"""
WITH fine AS MATERIALIZED (
    SELECT partner_id, endpoint_id, day_at,
           CASE WHEN is_delivered THEN width_bucket(latency_ms, {SQL_BOUNDS}) END AS bucket,
           count(*) AS attempts, count(*) FILTER (WHERE is_first) AS tried,
           count(*) FILTER (WHERE is_first AND is_delivered) AS first_delivered,
           count(*) FILTER (WHERE is_delivered) AS delivered,
           count(*) FILTER (WHERE is_delivered AND latency_ms <= {PROMISED_S * 1000}) AS prompt,
           sum(given_up) AS exhausted
    FROM ({FACTS}) f GROUP BY 1, 2, 3, 4
), placed AS MATERIALIZED (
    SELECT f.*, g.scope, g.grain, g.start_at FROM fine f
    CROSS JOIN LATERAL (VALUES
        (f.partner_id, 'd', f.day_at), ('', 'd', f.day_at), (f.endpoint_id, 'd', f.day_at),
        (f.partner_id, 'w', date_trunc('week', f.day_at, 'UTC')),
        ('', 'w', date_trunc('week', f.day_at, 'UTC'))
    ) AS g(scope, grain, start_at)
), sums AS (
    INSERT INTO webhooks_deliveryrollup AS r
        (generation, scope, grain, start_at, {", ".join(_NAMES)})
    SELECT %(generation)s, scope, grain, start_at, {", ".join(f"sum({n})" for n in _NAMES)}
    FROM placed GROUP BY scope, grain, start_at
    ON CONFLICT (generation, scope, grain, start_at) DO UPDATE
    SET {", ".join(f"{name} = r.{name} + excluded.{name}" for name in _NAMES)}
), times AS (
    INSERT INTO webhooks_deliverytime AS r (generation, scope, grain, start_at, bucket, deliveries)
    SELECT %(generation)s, scope, grain, start_at, bucket, sum(delivered)
    FROM placed WHERE bucket IS NOT NULL GROUP BY scope, grain, start_at, bucket
    ON CONFLICT (generation, scope, grain, start_at, bucket) DO UPDATE
    SET deliveries = r.deliveries + excluded.deliveries
)
SELECT coalesce(sum(attempts), 0) AS n FROM fine
"""  # noqa: S608 - names of this file

_CARRY_OVER = tuple(
    f"INSERT INTO {table} (generation, {names}) SELECT %(new)s, {names} FROM {table}"  # noqa: S608
    " WHERE generation = %(old)s AND start_at < %(edge)s"
    for table, names in (
        ("webhooks_deliveryrollup", f"scope, grain, start_at, {', '.join(_NAMES)}"),
        ("webhooks_deliverytime", "scope, grain, start_at, bucket, deliveries"),
    )
)
ALWAYS = datetime.fromisoformat("2000-01-01T00:00:00Z")


def roll(generation: int, after: int, until: int, *, edge: datetime = ALWAYS) -> int:
    """Add the attempts `after < id <= until` of events since `edge`; return how many."""
    values = {"generation": generation, "after": after, "until": until, "edge": edge}
    return int(sql.fetch(_ROLL, values)[0]["n"])


SOURCE = rollups.Source(
    name="webhooks",
    marks=DeliveryRollupMark,
    table="webhooks_deliveryattempt",
    column="id",
    roll=roll,
    sums=(DeliveryRollup, DeliveryTime),
)


def roll_up(*, budget_s: float | None = None) -> rollups.Ran:
    """Count what deliveries came to since the last time. Safe twice, at once, or never."""
    with context.bind(actor="system:webhooks.roll_up"):
        return rollups.run(SOURCE, budget_s=budget_s)


def rebuild(*, progress: Callable[[int], None] | None = None) -> Rebuilt:
    """Count deliveries anew for the weeks of which all are kept; older ones stay as they are."""
    kept = (clock.now() - timedelta(days=settings.ATLASPAY_DELIVERY_DAYS - 1)).date()
    edge = datetime.combine(kept + timedelta(days=-kept.weekday() % 7), time(), UTC)
    source = replace(SOURCE, roll=partial(roll, edge=edge))

    def carry_over(old: int, new: int) -> None:
        values = {"old": old, "new": new, "edge": edge}
        for statement in _CARRY_OVER:
            sql.run(statement, values)

    with context.bind(actor="system:rebuild_rollups"):
        return rollup_rebuild.rebuild(source, carry_over=carry_over, progress=progress)
