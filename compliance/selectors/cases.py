"""What a case page shows beside the case: the account's past, the partner's past, the twin."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Q

from compliance.models import Case, Decision
from payouts.models import Payout

PAST_MAX = 50


@dataclass(frozen=True, slots=True)
class PartnerRecord:
    """How a partner's flagged payouts ended so far."""

    still_open: int
    approved: int
    rejected: int


def past_of_account(payout: Payout) -> list[Payout]:
    """Return the latest payouts to the same account, this one left out, newest first."""
    return list(
        Payout.objects.filter(account_index=payout.account_index)
        .exclude(id=payout.id)
        .select_related("partner")
        .defer("account_sealed", "metadata")
        .order_by("-submitted_at", "-id")[:PAST_MAX]
    )


def decisions_on(payouts: Sequence[Payout]) -> dict[str, Decision]:
    """Return the decision of each of these payouts that had one, by payout id."""
    found = Decision.objects.filter(
        payout__in=[payout.id for payout in payouts], stage__in=Decision.TAKES_EFFECT
    ).order_by("position")
    return {decision.payout_id: decision for decision in found.defer("evidence")}


def partner_record(partner_id: str) -> PartnerRecord:
    """Count a partner's open cases and how its decided ones ended."""
    still_open = Case.objects.filter(partner_id=partner_id, state__in=Case.WAITING).count()
    decided = Decision.objects.filter(
        payout__partner_id=partner_id, stage__in=Decision.TAKES_EFFECT
    ).aggregate(
        approved=Count("id", filter=Q(kind__in=[Decision.Kind.APPROVE, Decision.Kind.OVERRIDE])),
        rejected=Count("id", filter=Q(kind=Decision.Kind.REJECT)),
    )
    return PartnerRecord(still_open, decided["approved"], decided["rejected"])


def twin_of(case: Case) -> Payout | None:
    """Return the payout that a duplicate finding points at."""
    findings = [] if case.run is None else case.run.findings
    twin_id = next(
        (
            finding["trace"]["twin_id"]
            for finding in findings
            if "twin_id" in finding["trace"]
        ),
        "",
    )
    if not twin_id:
        return None
    return Payout.objects.select_related("batch").filter(id=twin_id).first()
