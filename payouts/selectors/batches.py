"""Reads of batches, always of one partner's; counters are computed from the payouts."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Sum

from atlaspay.core.errors import NotFoundError
from payouts.models import Batch, Payout
from payouts.representation import Counters
from payouts.selectors.pages import LIMIT_DEFAULT, Page, page_of, read_cursor


@dataclass(frozen=True, slots=True)
class BatchFilter:
    """What a list of batches is narrowed to; empty values narrow nothing."""

    reference: str = ""
    currency: str = ""
    created_from: datetime | None = None
    created_until: datetime | None = None

    def as_dict(self) -> dict[str, str]:
        """Return the filter as text, for the cursor."""
        return {
            "reference": self.reference,
            "currency": self.currency,
            "from": str(self.created_from or ""),
            "until": str(self.created_until or ""),
        }


def counters_of(batch_ids: Iterable[str]) -> dict[str, Counters]:
    """Return `{batch id: {state: (count, sum in minor units)}}`; empty batches are absent."""
    rows = (
        Payout.objects.filter(batch_id__in=list(batch_ids))
        .values_list("batch_id", "state")
        .annotate(count=Count("id"), total=Sum("amount_minor"))
        .order_by()
    )
    made: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
    for batch_id, state, count, total in rows:
        made[batch_id][state] = (count, int(total))
    return dict(made)


def batch_of(partner_id: str, batch_id: str) -> Batch:
    """Return a partner's batch. Raises NotFoundError, also for another partner's."""
    batch = Batch.objects.filter(partner_id=partner_id, id=batch_id).first()
    if batch is None:
        raise NotFoundError(f"There is no batch {batch_id[:40]}.")
    return batch


def batches_page(
    partner_id: str, wanted: BatchFilter, *, cursor: str = "", limit: int = LIMIT_DEFAULT
) -> Page[Batch]:
    """Return one page of a partner's batches, newest first, their refused items not loaded.

    Raises InvalidRequestError (cursor).
    """
    filters = wanted.as_dict()
    rows = Batch.objects.filter(partner_id=partner_id).defer("rejections")
    if before := read_cursor(cursor, "batches", filters):
        rows = rows.filter(id__lt=before)
    if wanted.reference:
        rows = rows.filter(reference=wanted.reference)
    if wanted.currency:
        rows = rows.filter(currency=wanted.currency)
    if wanted.created_from:
        rows = rows.filter(created_at__gte=wanted.created_from)
    if wanted.created_until:
        rows = rows.filter(created_at__lt=wanted.created_until)
    found = list(rows.order_by("-id")[: limit + 1])
    return page_of(found, limit, "batches", filters, key=lambda batch: batch.id)
