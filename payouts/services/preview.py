"""The dry run: what would happen to a batch, by the code that submits it, with nothing changed."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from atlaspay.core import clock
from atlaspay.core.crypto import blind_index
from payouts.machine import State
from payouts.models import Payout
from payouts.representation import instant
from payouts.selectors.balance import available_minor
from payouts.services import banking
from payouts.services.intake import reference_taken
from payouts.services.intake_accept import execute_at_faults
from payouts.services.intake_items import Accepted, Judged, judge
from payouts.services.intake_request import read_request

DUPLICATE_WINDOW = timedelta(hours=24)
# AtlasPay charges nothing for a payout; the field is there so that a fee will be no surprise.
FEE_MINOR = 0


def preview(
    partner_id: str,
    body: bytes,
    *,
    is_csv: bool = False,
    query: Mapping[str, str] | None = None,
    charge: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Return what submitting this body would do: rail and fee per item, refusals, doubles, funds.

    `charge` is told how many items there are before they are judged, and may refuse. Raises
    MalformedRequestError and InvalidRequestError for a body whose own fields do not fit, and what
    `charge` raises.
    """
    request = read_request(body, is_csv=is_csv, query=query or {})
    if charge is not None:
        charge(len(request.items))
    header = request.header
    judged = judge(request, banking.capabilities())
    errors = list(execute_at_faults(header, clock.now()))
    taken = reference_taken(partner_id, header.reference)
    if taken is not None:
        errors += taken.errors
    available = available_minor(partner_id, header.currency)
    required = judged.total_minor
    shortfall = max(0, required - available)
    is_whole = not judged.rejections or (bool(judged.accepted) and not header.atomic)
    return {
        "object": "batch_preview",
        "reference": header.reference,
        "currency": header.currency,
        "would_be_accepted": is_whole and not errors and not shortfall,
        "errors": errors,
        "item_count": len(request.items),
        "accepted_count": len(judged.accepted),
        "accepted_minor": required,
        "rejected_count": len(judged.rejections),
        "rejected": judged.rejections,
        "items": [_item(one) for one in judged.accepted],
        "fee_minor": FEE_MINOR * len(judged.accepted),
        "funds": {
            "currency": header.currency,
            "available_minor": available,
            "required_minor": required,
            "shortfall_minor": shortfall,
        },
        "suspected_duplicates": suspected_duplicates(partner_id, judged),
    }


def suspected_duplicates(partner_id: str, judged: Judged) -> list[dict[str, Any]]:
    """Name items that pay the same amount to the same account as another, here or in the last day.

    Payouts that failed or were canceled are no twins.
    """
    by_key: dict[tuple[bytes, int], list[Accepted]] = defaultdict(list)
    for one in judged.accepted:
        key = (blind_index(one.destination.canonical), one.item.amount_minor)
        by_key[key].append(one)
    twins = (
        Payout.objects.filter(
            partner_id=partner_id,
            account_index__in={index for index, _ in by_key},
            submitted_at__gte=clock.now() - DUPLICATE_WINDOW,
        )
        .exclude(state__in=[State.FAILED, State.CANCELED])
        .order_by("-id")
        .values_list("account_index", "amount_minor", "id", "batch_id", "submitted_at")
    )
    found: dict[int, dict[str, Any]] = {}
    for index, amount_minor, payout_id, batch_id, submitted_at in twins:
        for one in by_key.get((bytes(index), amount_minor), ()):
            found.setdefault(
                one.index,
                {
                    **_twin(one),
                    "payout_id": payout_id,
                    "batch_id": batch_id,
                    "submitted_at": instant(submitted_at),
                },
            )
    for same in by_key.values():
        for one in same[1:]:
            entry = found.setdefault(one.index, _twin(one))
            entry["twin_index"] = same[0].index
    return [found[index] for index in sorted(found)]


def _twin(one: Accepted) -> dict[str, Any]:
    return {
        "index": one.index,
        "reference": one.item.reference,
        "twin_index": None,
        "payout_id": None,
        "batch_id": None,
        "submitted_at": None,
    }


def _item(one: Accepted) -> dict[str, Any]:
    return {
        "index": one.index,
        "reference": one.item.reference,
        "amount_minor": one.item.amount_minor,
        "rail": one.rail,
        "fallback_reason": one.fallback_reason or None,
        "fee_minor": FEE_MINOR,
    }
