"""How officers work: pace, how often they are overturned, how often two of them agree; and what is
late."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Now

from compliance.models import Case

# `own` are the judgements of a person (proposed or final), `answers` what they said as second
# officers. A judgement is overturned when it was declined or undone; a proposal shares the fate of
# its confirmation. Handling time runs from the claim to the decision and is unknown without one.
_OFFICERS = """
WITH made AS (
    SELECT d.id, d.user_id, d.kind, d.stage, d.decided_at,
        extract(epoch FROM d.decided_at - d.opened_at) AS handled_s,
        EXISTS (SELECT 1 FROM compliance_decision a WHERE a.about_id = d.id
            AND (a.stage = 'declined' OR a.kind = 'undo' OR EXISTS (
                SELECT 1 FROM compliance_decision u WHERE u.about_id = a.id))) AS is_overturned
    FROM compliance_decision d
    WHERE d.user_id IS NOT NULL AND d.kind <> 'undo' AND d.decided_at >= %s AND d.decided_at < %s
)
SELECT m.user_id, u.username, count(*) AS decisions,
    count(DISTINCT (m.decided_at AT TIME ZONE 'UTC')::date) AS days,
    count(*) FILTER (WHERE m.kind IN ('approve', 'override')
        AND m.stage IN ('final', 'proposed')) AS approved,
    count(*) FILTER (WHERE m.kind = 'reject') AS rejected,
    count(*) FILTER (WHERE m.stage IN ('confirmed', 'declined')) AS answers,
    count(*) FILTER (WHERE m.stage IN ('final', 'proposed')) AS own,
    count(*) FILTER (WHERE m.stage IN ('final', 'proposed') AND m.is_overturned) AS overturned,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY m.handled_s) AS median_s,
    count(b.id) FILTER (WHERE b.reviewed_at IS NOT NULL) AS reviewed,
    count(b.id) FILTER (WHERE b.reviewed_at IS NOT NULL AND b.opinion = m.kind) AS agreed
FROM made m JOIN auth_user u ON u.id = m.user_id
    LEFT JOIN compliance_blindreview b ON b.decision_id = m.id
GROUP BY m.user_id, u.username ORDER BY decisions DESC, u.username
"""
_SLA = """
SELECT
    count(*) FILTER (WHERE c.state = 'decided' AND c.closed_at <= c.due_at) AS in_time,
    count(*) FILTER (WHERE c.state = 'decided' AND c.closed_at > c.due_at) AS late,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM c.closed_at - c.opened_at))
        FILTER (WHERE c.state = 'decided') AS median_s
FROM compliance_case c
WHERE c.state IN ('decided', 'withdrawn') AND c.closed_at >= %s AND c.closed_at < %s
"""


@dataclass(frozen=True, slots=True)
class Officer:
    """One person's figures over a range of time; `median_s` is None where no claim was timed."""

    user_id: int
    username: str
    decisions: int
    days: int
    approved: int
    rejected: int
    answers: int
    own: int
    overturned: int
    median_s: float | None
    reviewed: int
    agreed: int

    @property
    def a_day(self) -> float:
        """Return decisions a day on which any were made."""
        return self.decisions / self.days if self.days else 0.0

    @property
    def overturn_rate(self) -> float | None:
        """Return the share of own judgements that were declined or undone, 0 to 1."""
        return self.overturned / self.own if self.own else None

    @property
    def agreement(self) -> float | None:
        """Return the share of blind second looks that came to the same, 0 to 1."""
        return self.agreed / self.reviewed if self.reviewed else None


@dataclass(frozen=True, slots=True)
class Punctuality:
    """Cases decided within their time and after it, and the median from flag to decision."""

    in_time: int
    late: int
    median_s: float | None


def officers_between(since: datetime, until: datetime) -> list[Officer]:
    """Return each person's figures for decisions from `since` up to `until`, busiest first."""
    with connection.cursor() as cursor:
        cursor.execute(_OFFICERS, [since, until])
        return [Officer(*row) for row in cursor.fetchall()]


def punctuality_between(since: datetime, until: datetime) -> Punctuality:
    """Return how many cases closed in that time were decided by their due time."""
    with connection.cursor() as cursor:
        cursor.execute(_SLA, [since, until])
        return Punctuality(*cursor.fetchone())


def overdue_cases(*, within: timedelta = timedelta(0)) -> QuerySet[Case]:
    """Return waiting cases whose time is up, or will be within that time; oldest breach first."""
    return Case.objects.filter(state__in=Case.WAITING, due_at__lt=Now() + within).order_by(
        "due_at", "id"
    )
