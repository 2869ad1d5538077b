"""Adding to the sums what the payouts' history says is new.

For each payout with rows in the window: what it came to after the window, less what it came to
before. A payout that is new in the window had come to nothing; one that only changed its lease
comes to the same and adds nothing.
"""

from collections.abc import Callable
from typing import Any

from django.db import connection

from atlaspay.core import clock, context, rollup_rebuild, rollups
from atlaspay.core.histogram import SQL_BOUNDS
from payouts.rollups.tables import PayoutRollup, PayoutRollupMark, PayoutTime, hours_since

PROMPT_S = 300

# `history_id + 0`: the planner would walk the whole history backwards by its key otherwise.
_FACTS = """
WITH touched AS MATERIALIZED (
    SELECT id, max(history_id) AS last_id, bool_or(history_type = '+') AS is_new
    FROM payouts_historicalpayout
    WHERE history_id > %(after)s AND history_id <= %(until)s
    GROUP BY id
), seen AS (
    SELECT 1 AS sign, h.id, h.state, h.rail, h.failure_code, h.returned_minor, h.screened_at,
           h.reviewed_at, h.queued_at, h.sent_at, h.final_at
    FROM touched t JOIN payouts_historicalpayout h ON h.history_id = t.last_id
    UNION ALL
    SELECT -1, o.*
    FROM touched t CROSS JOIN LATERAL (
        SELECT h.id, h.state, h.rail, h.failure_code, h.returned_minor, h.screened_at,
               h.reviewed_at, h.queued_at, h.sent_at, h.final_at
        FROM payouts_historicalpayout h
        WHERE h.id = t.id AND h.history_id <= %(after)s
        ORDER BY h.history_id + 0 DESC LIMIT 1
    ) o
    WHERE NOT t.is_new
), facts AS MATERIALIZED (
    SELECT s.sign, p.partner_id, p.currency, s.rail, s.state,
           date_trunc('hour', p.submitted_at, 'UTC') AS hour_at,
           CASE WHEN s.state IN ('failed', 'canceled', 'returned') THEN s.failure_code ELSE '' END
               AS failure_code,
           p.amount_minor, s.returned_minor, t.is_timed,
           (t.is_timed AND s.reviewed_at IS NOT NULL) AS is_reviewed,
           CASE WHEN t.is_timed THEN {from_start} END AS settle_ms,
           CASE WHEN t.is_timed THEN {screening} END AS screening_ms,
           CASE WHEN t.is_timed THEN {review} END AS review_ms,
           CASE WHEN t.is_timed THEN {queue} END AS queue_ms,
           CASE WHEN t.is_timed THEN {bank} END AS bank_ms
    FROM seen s JOIN payouts_payout p ON p.id = s.id
    CROSS JOIN LATERAL (
        SELECT s.state IN ('settled', 'returned') AND s.final_at IS NOT NULL AS is_timed
    ) t
)"""


def _ms(start: str, end: str) -> str:
    """Return SQL of the milliseconds between two instants, 0 where either is missing."""
    return f"coalesce(greatest(0, round(date_part('epoch', {end} - {start}) * 1000)), 0)::bigint"


# The stopwatches of `payouts.representation.timings_public`; waiting for `execute_at` is no part.
FACTS = _FACTS.format(
    from_start=_ms("greatest(p.submitted_at, p.execute_at)", "s.final_at"),
    screening=_ms("p.submitted_at", "s.screened_at"),
    review=_ms("s.screened_at", "s.reviewed_at"),
    queue=_ms("greatest(s.queued_at, p.execute_at)", "s.sent_at"),
    bank=_ms("s.sent_at", "s.final_at"),
)
_TIMES = ("settle_ms", "screening_ms", "review_ms", "queue_ms", "bank_ms")
_SUMS = {
    "payouts": "sum(sign)",
    "amount_minor": "sum(sign * amount_minor)",
    "returned_minor": "sum(sign * returned_minor)",
    "timed": "sum(sign) FILTER (WHERE is_timed)",
    "prompt": f"sum(sign) FILTER (WHERE settle_ms <= {PROMPT_S * 1000})",
    "reviewed": "sum(sign) FILTER (WHERE is_reviewed)",
    **{name: f"sum(sign * {name})" for name in _TIMES},
}
_KEY = "scope, grain, start_at, currency, rail, state, failure_code"
_TIME_KEY = "scope, grain, start_at, currency, rail, bucket"
_NAMES = ", ".join(_SUMS)
_FINE = ", ".join(f"coalesce({made}, 0)::bigint AS {name}" for name, made in _SUMS.items())
_COARSE = ", ".join(f"sum({name})::bigint AS {name}" for name in _SUMS)

# Summed once as finely as anything is kept, then put where it counts: what is few is copied.
_ROLL = f"""{FACTS}, fine AS MATERIALIZED (
    SELECT partner_id, hour_at, currency, rail, state, failure_code,
           width_bucket(settle_ms, {SQL_BOUNDS}) AS bucket, {_FINE}
    FROM facts GROUP BY 1, 2, 3, 4, 5, 6, 7
), placed AS MATERIALIZED (
    SELECT f.*, w.scope, g.grain, g.start_at
    FROM fine f
    CROSS JOIN LATERAL (VALUES (f.partner_id), ('')) AS w(scope)
    CROSS JOIN LATERAL (
        VALUES ('h', f.hour_at), ('d', date_trunc('day', f.hour_at, 'UTC')),
               ('w', date_trunc('week', f.hour_at, 'UTC'))
    ) AS g(grain, start_at)
    WHERE g.grain <> 'h' OR f.hour_at >= %(hours_since)s
), sums AS (
    INSERT INTO payouts_payoutrollup AS r (generation, {_KEY}, {_NAMES})
    SELECT %(generation)s, d.* FROM (
        SELECT {_KEY}, {_COARSE} FROM placed GROUP BY {_KEY}
    ) d
    WHERE ({_NAMES}) <> ({", ".join("0" for _ in _SUMS)})
    ON CONFLICT (generation, {_KEY}) DO UPDATE
    SET {", ".join(f"{name} = r.{name} + excluded.{name}" for name in _SUMS)}
), times AS (
    INSERT INTO payouts_payouttime AS r (generation, {_TIME_KEY}, payouts)
    SELECT %(generation)s, d.* FROM (
        SELECT {_TIME_KEY}, sum(payouts)::bigint AS payouts
        FROM placed WHERE bucket IS NOT NULL GROUP BY {_TIME_KEY}
    ) d
    WHERE d.payouts <> 0
    ON CONFLICT (generation, {_TIME_KEY}) DO UPDATE SET payouts = r.payouts + excluded.payouts
)
SELECT count(*) FROM touched
"""  # noqa: S608 - names of this file

_EMPTY = (
    "DELETE FROM payouts_payoutrollup WHERE generation = %(generation)s AND payouts = 0",
    "DELETE FROM payouts_payouttime WHERE generation = %(generation)s AND payouts = 0",
)


def roll(generation: int, after: int, until: int) -> int:
    """Add what history rows `after < history_id <= until` change; return how many payouts they
    are of. Not repeatable by itself: the mark moves in the caller's transaction.
    """
    values: dict[str, Any] = {
        "generation": generation,
        "after": after,
        "until": until,
        "hours_since": hours_since(clock.now()),
    }
    with connection.cursor() as cursor:
        cursor.execute(_ROLL, values)
        count: int = cursor.fetchone()[0]
        for statement in _EMPTY:
            cursor.execute(statement, values)
    return count


SOURCE = rollups.Source(
    name="payouts",
    marks=PayoutRollupMark,
    table="payouts_historicalpayout",
    column="history_id",
    roll=roll,
    sums=(PayoutRollup, PayoutTime),
)


def roll_up(*, budget_s: float | None = None) -> rollups.Ran:
    """Count what payouts came to since the last time. Safe twice, at once, or never."""
    with context.bind(actor="system:payouts.roll_up"):
        return rollups.run(SOURCE, budget_s=budget_s)


def rebuild(*, progress: Callable[[int], None] | None = None) -> rollup_rebuild.Rebuilt:
    """Count all payouts anew from their history, then let readers use that."""
    with context.bind(actor="system:rebuild_rollups"):
        return rollup_rebuild.rebuild(SOURCE, progress=progress)
