"""What automatic approval rests on: officers' record, what it let go today, how hold-outs ended."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection
from django.db.models import Sum

from compliance.models import AutoDay, AutoPolicy

Combination = tuple[str, ...]

# Only people's decisions count, and only on cases flagged by exactly these rules. An approval that
# was undone was none; a partner's own wish to stop a payout says nothing of the rule.
_RECORD = """
SELECT (SELECT array_agg(code ORDER BY code) FROM unnest(c.codes) AS code) AS combination,
    count(*) AS decided,
    count(*) FILTER (WHERE d.kind = 'approve' AND NOT EXISTS (
        SELECT 1 FROM compliance_decision u WHERE u.about_id = d.id)) AS approved
FROM compliance_decision d JOIN compliance_case c ON c.id = d.case_id
WHERE d.decided_at >= clock_timestamp() - %s * interval '1 day'
    AND d.stage IN ('final', 'confirmed') AND d.kind <> 'undo' AND d.user_id IS NOT NULL
    AND d.reason_code <> 'partner_withdrew' AND c.codes <@ %s::varchar[]
GROUP BY 1 ORDER BY 2 DESC, 1
"""
_HOLDOUTS = """
SELECT count(*) FILTER (WHERE c.state IN ('open', 'second')) AS waiting,
    count(*) FILTER (WHERE d.kind = 'approve') AS approved,
    count(*) FILTER (WHERE d.kind = 'reject') AS rejected
FROM compliance_case c LEFT JOIN compliance_decision d ON d.case_id = c.id
    AND d.stage IN ('final', 'confirmed') AND d.kind <> 'undo'
WHERE c.auto = 'holdout' AND c.opened_at >= %s
"""


@dataclass(frozen=True, slots=True)
class Record:
    """What officers decided on cases flagged by exactly this combination of rules."""

    combination: Combination
    decided: int
    approved: int


@dataclass(frozen=True, slots=True)
class Holdouts:
    """How the cases ended that were held out for people since a version was armed."""

    waiting: int
    approved: int
    rejected: int


def officers_record(codes: Iterable[str], days: int) -> dict[Combination, Record]:
    """Return officers' record of each combination of these rules over the last days."""
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, [days, sorted(codes)])
        return {tuple(row[0]): Record(tuple(row[0]), row[1], row[2]) for row in cursor.fetchall()}


def holdouts_since(at: datetime) -> Holdouts:
    """Return how hold-outs ended that were flagged since then."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLDOUTS, [at])
        waiting, approved, rejected = cursor.fetchone()
    return Holdouts(waiting, approved, rejected)


def spent_on(policy: AutoPolicy, day: date) -> dict[str, AutoDay]:
    """Return what a version let go on a day, by currency."""
    return {row.currency: row for row in AutoDay.objects.filter(policy=policy, day=day)}


def spent_by_others(policy: AutoPolicy, day: date) -> dict[str, tuple[int, int]]:
    """Return count and minor units of what all other versions let go on a day, by currency."""
    others = AutoDay.objects.filter(day=day).exclude(policy=policy).order_by()
    rows = others.values_list("currency").annotate(Sum("count"), Sum("total_minor"))
    return {currency: (count, total_minor) for currency, count, total_minor in rows}


def approved_by(policy: AutoPolicy) -> int:
    """Return how many payouts a version has let go in all."""
    total: dict[str, Any] = AutoDay.objects.filter(policy=policy).aggregate(count=Sum("count"))
    return total["count"] or 0
