"""Pause and resume a rail by hand or by alarm, with a preview of what a pause would hold.

A pause stops new sends only: calls in flight end as they end, look-ups and callbacks go on, and
nothing that waits is failed by it. Doors check the permission `payouts.pause_rail`.
"""

import logging
import threading
import time
from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction
from django.db.models import Count, Sum
from django.db.models.functions import Now

from atlaspay.core import context
from atlaspay.core.errors import InvalidRequestError, NotFoundError
from atlaspay.core.nudge import nudge
from payouts.machine import State
from payouts.models import Payout, RailState
from payouts.pipeline import WAKE
from payouts.rails.registry import RAIL_NAMES

log = logging.getLogger(__name__)

REASON_LENGTH = 200
CACHE_S = 1.0


@dataclass(frozen=True, slots=True)
class Held:
    """How many payouts of one currency a pause holds, and their sum in minor units."""

    currency: str
    count: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Preview:
    """`queued` would stop now; `upstream` is still in screening or review and would stop later."""

    rail: str
    is_paused: bool
    queued: tuple[Held, ...]
    upstream: tuple[Held, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Change:
    """What a pause or resume did; `is_changed` is False where it was in that state already."""

    rail: str
    is_paused: bool
    is_changed: bool
    reason: str
    actor: str


def pause(rail: str, reason: str) -> Change:
    """Stop new sends over a rail, all workers within a second.

    Locks and writes the rail's row with its history. Safe to repeat: a paused rail keeps the first
    reason. Raises NotFoundError for a rail the product does not know, InvalidRequestError without a
    reason.
    """
    return _set(rail, reason, is_paused=True)


def resume(rail: str, reason: str) -> Change:
    """Let a rail send again and wake the dispatchers. Errors and repetition as with `pause`."""
    return _set(rail, reason, is_paused=False)


def is_paused(rail: str) -> bool:
    """Say whether a rail is paused, as of at most a second ago."""
    return rail in paused_rails()


def paused_rails() -> frozenset[str]:
    """Return the paused rails, as of at most a second ago in this process."""
    return _cache.get()


def forget() -> None:
    """Read the paused rails anew on the next question (tests; a change made elsewhere)."""
    _cache.forget()


def preview(rail: str) -> Preview:
    """Return what a pause of the rail would hold at this moment; raises NotFoundError."""
    _check_name(rail)
    return Preview(
        rail=rail,
        is_paused=RailState.objects.filter(rail=rail, is_paused=True).exists(),
        queued=_held(rail, [State.QUEUED]),
        upstream=_held(rail, [State.SCREENING, State.IN_REVIEW]),
    )


def _set(rail: str, reason: str, *, is_paused: bool) -> Change:
    _check_name(rail)
    reason = " ".join(reason.split())
    if not reason:
        detail = "Say why: the reason is shown to whoever meets the rail in this state."
        raise InvalidRequestError(detail, code="reason_missing")
    with transaction.atomic():
        RailState.objects.get_or_create(rail=rail)
        state = RailState.objects.select_for_update().get(rail=rail)
        is_changed = state.is_paused != is_paused
        if is_changed:
            state.is_paused = is_paused
            state.reason = reason[:REASON_LENGTH]
            state.actor = context.actor()
            state.changed_at = Now()
            state.save()
            if not is_paused:
                nudge(WAKE[State.QUEUED], queue="dispatch")
    _cache.forget()
    if is_changed:
        event = "rail.paused" if is_paused else "rail.resumed"
        log.warning(event, extra={"rail": rail, "reason": state.reason})
    return Change(rail, state.is_paused, is_changed, state.reason, state.actor)


def _check_name(rail: str) -> None:
    if rail not in RAIL_NAMES:
        known = ", ".join(RAIL_NAMES)
        raise NotFoundError(f"There is no rail {rail!r}; known are {known}.", code="rail_unknown")


def _held(rail: str, states: list[State]) -> tuple[Held, ...]:
    rows = (
        Payout.objects.filter(rail=rail, state__in=states, final_at=None)
        .values("currency")
        .annotate(count=Count("id"), amount=Sum("amount_minor"))
        .order_by("currency")
    )
    return tuple(Held(row["currency"], row["count"], row["amount"]) for row in rows)


class _Cache:
    """The paused rails, read again after a second; a thread that finds it stale reads once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until = 0.0
        self._rails: frozenset[str] = frozenset()

    def get(self) -> frozenset[str]:
        with self._lock:
            if time.monotonic() >= self._until:
                names = RailState.objects.filter(is_paused=True).values_list("rail", flat=True)
                self._rails = frozenset(names)
                self._until = time.monotonic() + CACHE_S
            return self._rails

    def forget(self) -> None:
        with self._lock:
            self._until = 0.0


_cache = _Cache()
