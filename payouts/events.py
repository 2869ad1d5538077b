"""What partners are told: events with the same representation of a payout that the API gives.

Each payout counts its own events (`sequence`) and links the one before (`prev_id`), so that a
receiver sees a gap or a stale message without a clock.
"""

from datetime import datetime
from typing import Any

from payouts.models import Batch, Payout
from payouts.representation import payout_public
from webhooks.outbox import NewEvent


def payout_event(
    event_type: str, payout: Payout, *, now: datetime, extra: dict[str, Any]
) -> NewEvent:
    """Make the next event of a payout and count it on the object."""
    payout.event_count += 1
    event = NewEvent(
        partner_id=payout.partner_id,
        type=event_type,
        object_id=payout.id,
        sequence=payout.event_count,
        prev_id=payout.last_event_id or None,
        data={"payout": payout_public(payout, now=now), **extra},
    )
    payout.last_event_id = event.id
    return event


def batch_event(event_type: str, batch: Batch, data: dict[str, Any]) -> NewEvent:
    """Make the next event of a batch and count it on the object."""
    batch.event_count += 1
    event = NewEvent(
        partner_id=batch.partner_id,
        type=event_type,
        object_id=batch.id,
        sequence=batch.event_count,
        prev_id=batch.last_event_id or None,
        data={"batch": data},
    )
    batch.last_event_id = event.id
    return event
