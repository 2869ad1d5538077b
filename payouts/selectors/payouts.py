"""Reads of payouts, always of one partner's."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from atlaspay.core.errors import NotFoundError
from atlaspay.core.ids import encode
from payouts.machine import FINAL_STATES
from payouts.models import Attempt, Payout, Return
from payouts.rails import failures
from payouts.representation import instant
from payouts.selectors.pages import LIMIT_DEFAULT, Page, page_of, read_cursor
from payouts.wording import STATES_OF_STATUS

# Ids carry the clock of the web process, `submitted_at` the database's: no two drift this far.
CLOCK_SLACK = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class PayoutFilter:
    """What a list of payouts is narrowed to; empty values narrow nothing."""

    statuses: Sequence[str] = ()
    reference: str = ""
    batch_id: str = ""
    currency: str = ""
    submitted_from: datetime | None = None
    submitted_until: datetime | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the filter as plain values, for the cursor."""
        return {
            "statuses": sorted(self.statuses),
            "reference": self.reference,
            "batch_id": self.batch_id,
            "currency": self.currency,
            "from": str(self.submitted_from or ""),
            "until": str(self.submitted_until or ""),
        }


def with_the_bank(payouts: Iterable[Payout]) -> frozenset[str]:
    """Return the ids of those, not on their way here, of which the bank said later that it has
    them: their money may have moved. No query where none was ever sent.
    """
    sent = [payout.id for payout in payouts if payout.attempt_count]
    if not sent:
        return frozenset()
    found = Attempt.objects.filter(payout__in=sent, state=Attempt.State.UNKNOWN)
    return frozenset(found.values_list("payout_id", flat=True))


def payout_of(partner_id: str, payout_id: str) -> Payout:
    """Return a partner's payout. Raises NotFoundError, also for another partner's."""
    payout = Payout.objects.filter(partner_id=partner_id, id=payout_id).first()
    if payout is None:
        raise NotFoundError(f"There is no payout {payout_id[:40]}.")
    return payout


def payouts_page(
    partner_id: str, wanted: PayoutFilter, *, cursor: str = "", limit: int = LIMIT_DEFAULT
) -> Page[Payout]:
    """Return one page of a partner's payouts, newest first. Raises InvalidRequestError (cursor)."""
    filters = wanted.as_dict()
    rows = Payout.objects.filter(_condition(partner_id, wanted))
    if before := read_cursor(cursor, "payouts", filters):
        rows = rows.filter(id__lt=before)
    found = list(rows.order_by("-id")[: limit + 1])
    return page_of(found, limit, "payouts", filters, key=lambda payout: payout.id)


def returns_of(payout: Payout) -> list[dict[str, Any]]:
    """Return what came back of a payout, oldest first, as partners see it."""
    return [
        {
            "id": one.id,
            "amount_minor": one.amount_minor,
            "currency": one.currency,
            "reason": failures.explain(one.canonical_code).code,
            "returned_at": instant(one.returned_at),
        }
        for one in Return.objects.filter(payout=payout).order_by("returned_at", "id")
    ]


def _condition(partner_id: str, wanted: PayoutFilter) -> Q:
    condition = Q(partner_id=partner_id)
    if wanted.statuses:
        states = [state for status in wanted.statuses for state in STATES_OF_STATUS[status]]
        condition &= Q(state__in=states)
        if FINAL_STATES.isdisjoint(states):
            # In the words of the index of what has not ended: there are few, of however many.
            condition &= Q(final_at=None)
    if wanted.reference:
        condition &= Q(reference=wanted.reference)
    if wanted.batch_id:
        condition &= Q(batch_id=wanted.batch_id)
    if wanted.currency:
        condition &= Q(currency=wanted.currency)
    # The ids rise with time: their index narrows the scan, the column decides.
    if wanted.submitted_from:
        first = _id_at(wanted.submitted_from - CLOCK_SLACK)
        condition &= Q(id__gte=first, submitted_at__gte=wanted.submitted_from)
    if wanted.submitted_until:
        last = _id_at(wanted.submitted_until + CLOCK_SLACK)
        condition &= Q(id__lt=last, submitted_at__lt=wanted.submitted_until)
    return condition


def _id_at(at: datetime) -> str:
    """Return the smallest payout id that could have been made at an instant."""
    return f"po_{encode(int(at.timestamp() * 1000) << 80)}"
