"""What a backtest reads of the past: payouts of a range by their ids, what became of them, and how
long officers take."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.db.models import QuerySet

from atlaspay.core.ids import encode
from compliance.services.backtest_tally import (
    APPROVED,
    DEFAULT_HANDLING_S,
    NEVER,
    OPEN,
    REJECTED,
    WITHDRAWN,
)
from payouts.models import Payout

# Ids carry the time they were made, which is the time of submission but for the clock of another
# process: a day either way is far beyond that.
_MARGIN = timedelta(days=1)
_DECISIONS_MAX = 5_000
_UNREAD = (
    "account_sealed",
    "metadata",
    "description",
    "fallback_reason",
    "failure_message",
)

# The newest case of each payout and the decision in effect on it.
_OUTCOMES = """
SELECT DISTINCT ON (c.payout_id) c.payout_id, c.state, d.kind
FROM compliance_case c
LEFT JOIN compliance_decision d
    ON d.case_id = c.id AND d.stage IN ('final', 'confirmed') AND d.kind <> 'undo'
WHERE c.payout_id = ANY(%s)
ORDER BY c.payout_id, c.id DESC
"""
_HANDLING = f"""
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY took) FROM (
    SELECT extract(epoch FROM decided_at - opened_at) AS took FROM compliance_decision
    WHERE user_id IS NOT NULL AND opened_at < decided_at AND kind <> 'undo'
        AND decided_at > now() - interval '90 days'
    ORDER BY position DESC LIMIT {_DECISIONS_MAX}) latest
"""  # noqa: S608 - constants only


def payouts_between(since: datetime, until: datetime) -> QuerySet[Payout]:
    """Return the screened payouts submitted from `since` to before `until`, in order of their
    ids."""
    return (
        Payout.objects.filter(
            id__gte=_first_id(since - _MARGIN),
            id__lt=_first_id(until + _MARGIN),
            submitted_at__gte=since,
            submitted_at__lt=until,
            screened_at__isnull=False,
        )
        .defer(*_UNREAD)
        .order_by("id")
    )


def outcomes(payout_ids: Sequence[str]) -> Mapping[str, str]:
    """Return what became of those that were ever flagged; one that is absent never was."""
    with connection.cursor() as cursor:
        cursor.execute(_OUTCOMES, [list(payout_ids)])
        return {row[0]: _outcome(row[1], row[2]) for row in cursor.fetchall()}


def handling_s() -> tuple[int, bool]:
    """Return the median seconds from taking a case to deciding it, and whether it was measured."""
    with connection.cursor() as cursor:
        cursor.execute(_HANDLING)
        median = cursor.fetchone()[0]
    return (DEFAULT_HANDLING_S, False) if median is None else (max(round(median), 1), True)


def _outcome(state: str, kind: str | None) -> str:
    if state == "withdrawn":
        return WITHDRAWN
    if state != "decided":
        return OPEN
    return REJECTED if kind == "reject" else APPROVED if kind else NEVER


def _first_id(at: datetime) -> str:
    """Return the lowest id a payout made at that time can have (RFC 9562, version 7)."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    milliseconds = max((at - epoch) // timedelta(milliseconds=1), 0)
    return f"po_{encode(milliseconds << 80)}"
