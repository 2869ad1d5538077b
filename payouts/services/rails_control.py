"""Pausing and resuming a rail by hand or by the platform itself, and what a pause holds."""

import logging
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, Sum
from django.db.models.functions import Now

from atlaspay.core import context
from atlaspay.core.errors import InvalidRequestError
from atlaspay.core.nudge import nudge
from payouts.machine import State
from payouts.models import Payout, RailState
from payouts.pipeline import WAKE
from payouts.rails.registry import RAIL_NAMES

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Held:
    """What a pause holds: queued payouts of one currency and their sum in minor units."""

    currency: str
    count: int
    amount_minor: int


def is_paused(rail: str) -> bool:
    """Say whether a rail may not send now; read from the database each time it is asked."""
    return RailState.objects.filter(rail=rail, is_paused=True).exists()


def preview(rail: str) -> list[Held]:
    """Return what a pause of this rail would hold now, per currency."""
    rows = (
        Payout.objects.filter(state=State.QUEUED, rail=rail)
        .values_list("currency")
        .annotate(count=Count("id"), total=Sum("amount_minor"))
        .order_by("currency")
    )
    return [Held(currency, count, int(total)) for currency, count, total in rows]


def pause(rail: str, *, reason: str) -> RailState:
    """Stop claims of a rail; what is on the wire goes on. Safe to repeat: the first reason stays.

    Raises InvalidRequestError for an unknown rail or an empty reason. Permission is the door's.
    """
    return _set(rail, is_paused=True, reason=reason)


def resume(rail: str, *, reason: str) -> RailState:
    """Let a rail send again and wake the dispatchers. Raises as `pause`."""
    state = _set(rail, is_paused=False, reason=reason)
    nudge(WAKE[State.QUEUED])
    return state


def _set(rail: str, *, is_paused: bool, reason: str) -> RailState:
    if rail not in RAIL_NAMES:
        raise InvalidRequestError(f"There is no rail {rail!r}; known: {', '.join(RAIL_NAMES)}.")
    reason = reason.strip()[:200]
    if not reason:
        raise InvalidRequestError("Say why: a reason is needed.")
    with transaction.atomic():
        RailState.objects.bulk_create([RailState(rail=rail)], ignore_conflicts=True)
        state = RailState.objects.select_for_update().get(rail=rail)
        if state.is_paused != is_paused:
            state.is_paused = is_paused
            state.reason = reason
            state.actor = context.actor()[:80]
            state.changed_at = Now()
            state.save()
            state.refresh_from_db()
            log.warning(
                "rail.paused" if is_paused else "rail.resumed",
                extra={"rail": rail, "reason": reason},
            )
    return state
