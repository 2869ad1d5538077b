"""What went to an account before, and how officers decided it."""

from collections.abc import Sequence

from compliance.models import Decision
from payouts.models import Payout

PAST_MAX = 50


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
