"""What came in and what was decided: the flow of a day, by the hour, and the queue's figures."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import connection

from atlaspay.core.clock import now
from atlaspay.core.ids import encode

HOURS = 12
COUNT_MAX = 20_000

# Ids carry the time they were made at: the primary key finds a day's cases without another index.
_OPENED = """
SELECT date_trunc('hour', opened_at), count(*) FROM compliance_case
WHERE id >= %s AND opened_at >= %s GROUP BY 1
"""
_DECIDED = """
SELECT date_trunc('hour', decided_at), count(*), count(*) FILTER (WHERE user_id IS NULL),
    count(*) FILTER (WHERE kind = 'reject'),
    array_agg(extract(epoch FROM decided_at - opened_at)::float8)
        FILTER (WHERE opened_at IS NOT NULL)
FROM compliance_decision
WHERE decided_at >= %s AND stage IN ('final', 'confirmed') AND kind <> 'undo' GROUP BY 1
"""
_FIGURES = """
SELECT count(*), count(*) FILTER (WHERE due_at < clock_timestamp()),
    count(*) FILTER (WHERE state = 'second'), count(*) FILTER (WHERE escalated_at IS NOT NULL),
    count(*) FILTER (WHERE assignee_id = %s), min(opened_at)
FROM (SELECT due_at, state, escalated_at, assignee_id, opened_at FROM compliance_case
    WHERE state IN ('open', 'second') ORDER BY due_at, id LIMIT %s) c
"""


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour: cases opened, cases decided, and how many of those automatically."""

    at: datetime
    opened: int
    decided: int
    automatic: int


@dataclass(frozen=True, slots=True)
class Flow:
    """The last hours, and today's sums. `median_s` is how long officers had a case they decided
    today, None where nobody decided one."""

    hours: list[Hour]
    opened: int
    decided: int
    automatic: int
    rejected: int
    median_s: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """What waits now; each stops at `COUNT_MAX`."""

    waiting: int
    late: int
    second: int
    escalated: int
    mine: int
    oldest_at: datetime | None


def flow() -> Flow:
    """Return the flow of today and of the last hours, in UTC; two queries."""
    this_hour = now().replace(minute=0, second=0, microsecond=0)
    today = this_hour.replace(hour=0)
    first = min(today, this_hour - timedelta(hours=HOURS - 1))
    with connection.cursor() as cursor:
        cursor.execute(_OPENED, [_id_at(first), first])
        opened = dict(cursor.fetchall())
        cursor.execute(_DECIDED, [first])
        decided = {row[0]: row[1:] for row in cursor.fetchall()}
    of_today = [row for at, row in decided.items() if at >= today]
    took = sorted(seconds for row in of_today for seconds in row[3] or ())
    hours = []
    for back in range(HOURS - 1, -1, -1):
        at = this_hour - timedelta(hours=back)
        count, automatic = decided.get(at, (0, 0))[:2]
        hours.append(Hour(at, opened.get(at, 0), count, automatic))
    return Flow(
        hours=hours,
        opened=sum(count for at, count in opened.items() if at >= today),
        decided=sum(row[0] for row in of_today),
        automatic=sum(row[1] for row in of_today),
        rejected=sum(row[2] for row in of_today),
        median_s=took[len(took) // 2] if took else None,
    )


def figures(user: User) -> Figures:
    """Count what waits, most pressing first, up to a bound; one query."""
    with connection.cursor() as cursor:
        cursor.execute(_FIGURES, [user.pk, COUNT_MAX])
        return Figures(*cursor.fetchone())


def _id_at(at: datetime) -> str:
    """Return the least case id of an instant, an hour earlier for clocks that differ."""
    return f"cs_{encode(int((at - timedelta(hours=1)).timestamp() * 1000) << 80)}"
