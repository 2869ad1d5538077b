"""Sending again by hand: one delivery, or what failed at an endpoint since an instant.

The message id stays the same, so a receiver knows what it has already seen. Locks the endpoint
first and deliveries second.
"""

import logging
from datetime import datetime, timedelta

from django.db import transaction

from atlaspay.core import clock, context
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


_REPLAY = """
UPDATE webhooks_delivery SET state = 'pending', step = 0, due_at = statement_timestamp()
WHERE id IN (
    SELECT d.id FROM webhooks_delivery d
    JOIN webhooks_endpoint e ON e.id = d.endpoint_id
    WHERE d.endpoint_id = %(endpoint)s AND d.state = ANY(%(states)s) AND d.claim_id IS NULL
      AND d.created_at >= %(since)s
      AND d.created_at >= statement_timestamp() - make_interval(days => %(days)s)
      AND e.status = 'enabled' AND e.deleted_at IS NULL
    ORDER BY d.id LIMIT %(limit)s FOR UPDATE OF d
)
"""
_REPLAY_SLICE = 1_000


def replayable(endpoint_id: str, *, since: datetime, states: list[str]) -> int:
    """Return how many deliveries `replay` would make due. Raises as `replay`."""
    _replay_target(endpoint_id)
    floor = max(since, clock.now() - timedelta(days=REPLAY_DAYS))
    return Delivery.objects.filter(
        endpoint_id=endpoint_id, state__in=states, claim_id=None, created_at__gte=floor
    ).count()


def replay(endpoint_id: str, *, since: datetime, states: list[str]) -> int:
    """Make all deliveries of an endpoint in these end states due again; return how many.

    In slices of a thousand, each its own transaction; the sender's window shapes the rate. Raises
    NotFoundError, ConflictError (`endpoint_disabled`).
    """
    _replay_target(endpoint_id)
    total = 0
    while True:
        with transaction.atomic():
            done = sql.run(
                _REPLAY,
                {
                    "endpoint": endpoint_id,
                    "states": states,
                    "since": since,
                    "days": REPLAY_DAYS,
                    "limit": _REPLAY_SLICE,
                },
            )
        total += done
        if done < _REPLAY_SLICE:
            break
    with transaction.atomic():
        services.close_breaker(endpoint_id)
    nudge(outbox.DELIVER_TASK, queue="webhooks")
    log.info("webhook.replayed", extra={"endpoint_id": endpoint_id, "count": total})
    return total


def _replay_target(endpoint_id: str) -> None:
    endpoint = Endpoint.objects.filter(pk=endpoint_id, deleted_at=None).first()
    if endpoint is None:
        raise NotFoundError("There is no such endpoint.")
    services.require_enabled(endpoint)
