"""Sending again by hand: one delivery, or what failed at an endpoint since an instant.

The message id stays the same, so a receiver knows what it has already seen. Locks the endpoint
first and deliveries second.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from atlaspay.core import clock, context, ids
from atlaspay.core.errors import ConflictError, NotFoundError
from atlaspay.core.nudge import nudge
from webhooks import outbox, services, sql
from webhooks.models import Delivery, Endpoint

log = logging.getLogger(__name__)

REPLAY_DAYS = 30


def retry_delivery(partner_id: str | None, delivery_id: str) -> Delivery:
    """Make a delivery due now, with the whole schedule before it again; any state may be retried.

    Raises NotFoundError; ConflictError: `endpoint_disabled`, `delivery_in_flight`,
    `replay_expired` (30 days). Repeating is safe: the message id stays the same.
    """
    with transaction.atomic():
        found = Delivery.objects.filter(pk=delivery_id)
        if partner_id is not None:
            found = found.filter(partner_id=partner_id)
        endpoint_id = found.values_list("endpoint_id", flat=True).first()
        if endpoint_id is None:
            raise NotFoundError("There is no such delivery.")
        services.require_enabled(
            Endpoint.objects.select_for_update(no_key=True).get(pk=endpoint_id)
        )
        delivery = Delivery.objects.select_for_update(of=("self",)).get(pk=delivery_id)
        if delivery.claim_id is not None and delivery.due_at and delivery.due_at > sql.now():
            raise ConflictError(
                "An attempt is under way; look at its result first.",
                code="delivery_in_flight",
                headers={"Retry-After": "5"},
            )
        if delivery.created_at < clock.now() - timedelta(days=REPLAY_DAYS):
            raise ConflictError(
                f"Deliveries can be retried for {REPLAY_DAYS} days; use GET /v1/events.",
                code="replay_expired",
            )
        delivery.state = Delivery.State.PENDING
        delivery.step = 0
        delivery.due_at = sql.now()
        delivery.save(update_fields=["state", "step", "due_at"])
        services.close_breaker(endpoint_id)
        nudge(outbox.DELIVER_TASK, queue="webhooks")
    reason = context.current().reason
    log.info("webhook.retried", extra={"delivery_id": delivery_id, "reason": reason})
    return Delivery.objects.select_related("event").get(pk=delivery_id)


# In the order of the events: a microsecond apart, because the claim goes by due time.
_REPLAY = """
WITH chosen AS MATERIALIZED (
    SELECT d.id, row_number() OVER (ORDER BY d.id) AS turn FROM (
        SELECT d.id FROM webhooks_delivery d
        JOIN webhooks_endpoint e ON e.id = d.endpoint_id
        WHERE d.endpoint_id = %(endpoint)s AND d.id >= %(floor)s AND d.state = ANY(%(states)s)
          AND d.claim_id IS NULL AND d.created_at >= %(since)s
          AND d.created_at >= statement_timestamp() - make_interval(days => %(days)s)
          AND e.status = 'enabled' AND e.deleted_at IS NULL
        ORDER BY d.id LIMIT %(limit)s FOR UPDATE OF d
    ) d
)
UPDATE webhooks_delivery d
SET state = 'pending', step = 0,
    due_at = statement_timestamp() + make_interval(secs => chosen.turn / 1e6)
FROM chosen WHERE chosen.id = d.id
"""
_REPLAY_SLICE = 1_000
PER_REQUEST = 10_000
FAILED = (Delivery.State.EXHAUSTED.value, Delivery.State.CANCELED.value)


@dataclass(frozen=True, slots=True)
class Retried:
    """How many deliveries are due again, and whether others are left for another call."""

    count: int
    has_more: bool


def count_failed(partner_id: str, endpoint_id: str, *, since: datetime, states: list[str]) -> int:
    """Return how many deliveries `retry_failed` would make due; reads, changes nothing.

    Raises NotFoundError, ConflictError (`endpoint_disabled`).
    """
    return replayable(endpoint_id, since=since, states=states, partner_id=partner_id)


def retry_failed(
    partner_id: str, endpoint_id: str, *, since: datetime, states: list[str]
) -> Retried:
    """Make what failed at a partner's endpoint since an instant due again, 10,000 at most.

    Repeating is safe: what is due again has not failed any more, so that a second call takes up
    only what the first left over. Raises NotFoundError, ConflictError (`endpoint_disabled`).
    """
    count = replay(
        endpoint_id, since=since, states=states, partner_id=partner_id, at_most=PER_REQUEST
    )
    left = count == PER_REQUEST and replayable(
        endpoint_id, since=since, states=states, partner_id=partner_id
    )
    return Retried(count=count, has_more=bool(left))


def replayable(
    endpoint_id: str, *, since: datetime, states: list[str], partner_id: str | None = None
) -> int:
    """Return how many deliveries `replay` would make due. Raises as `replay`."""
    _replay_target(endpoint_id, partner_id)
    floor = max(since, clock.now() - timedelta(days=REPLAY_DAYS))
    return Delivery.objects.filter(
        endpoint_id=endpoint_id,
        id__gte=_id_floor(floor),
        state__in=states,
        claim_id=None,
        created_at__gte=floor,
    ).count()


def replay(
    endpoint_id: str,
    *,
    since: datetime,
    states: list[str],
    partner_id: str | None = None,
    at_most: int | None = None,
) -> int:
    """Make deliveries of an endpoint in these end states due again, oldest first; return how many.

    In slices of a thousand, each its own transaction; the sender's window shapes the rate. Raises
    NotFoundError (also for another partner's endpoint), ConflictError (`endpoint_disabled`).
    """
    _replay_target(endpoint_id, partner_id)
    total = 0
    while at_most is None or total < at_most:
        limit = _REPLAY_SLICE if at_most is None else min(_REPLAY_SLICE, at_most - total)
        with transaction.atomic():
            done = sql.run(
                _REPLAY,
                {
                    "endpoint": endpoint_id,
                    "states": states,
                    "since": since,
                    "floor": _id_floor(since),
                    "days": REPLAY_DAYS,
                    "limit": limit,
                },
            )
        total += done
        if done < limit:
            break
    with transaction.atomic():
        services.close_breaker(endpoint_id)
    nudge(outbox.DELIVER_TASK, queue="webhooks")
    reason = context.current().reason
    extra = {"endpoint_id": endpoint_id, "count": total, "reason": reason}
    log.info("webhook.replayed", extra=extra)
    return total


def _id_floor(since: datetime) -> str:
    """Return an id below those made since then, with room for clocks that differ by minutes."""
    return ids.floor("wd", since - timedelta(hours=1))


def _replay_target(endpoint_id: str, partner_id: str | None) -> None:
    found = Endpoint.objects.filter(pk=endpoint_id, deleted_at=None)
    if partner_id is not None:
        found = found.filter(partner_id=partner_id)
    endpoint = found.first()
    if endpoint is None:
        raise NotFoundError("There is no such endpoint.")
    services.require_enabled(endpoint)
