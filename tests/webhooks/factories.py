"""Endpoints with their secrets, events on their way, and time that jumps."""

from django.db import transaction
from django.db.models.functions import Now

from atlaspay.core.ids import new_id
from atlaspay.core.redis import client as redis_client
from partners.models import Partner
from tests.factories import PartnerFactory
from webhooks import outbox, services
from webhooks.delivery import lanes
from webhooks.models import Delivery, DeliveryAttempt, Endpoint


def make_endpoint(
    url: str = "http://127.0.0.1:9/ok",
    *,
    partner: Partner | None = None,
    types: tuple[str, ...] = (),
) -> Endpoint:
    """Return a live endpoint; its secret, which no row holds in clear, is on `.secret`."""
    partner = partner or PartnerFactory()
    endpoint, secret = services.create_endpoint(partner.id, url=url, types=types, is_vouched=True)
    endpoint.secret = secret
    return endpoint


def emit(
    partner: Partner | str,
    type: str = "payout.settled",
    *,
    object_id: str = "",
    sequence: int = 1,
    prev_id: str | None = None,
    data: dict | None = None,
) -> str:
    """Emit one event in a transaction of its own and return its id."""
    event = outbox.NewEvent(
        partner_id=getattr(partner, "id", partner),
        type=type,
        object_id=object_id or new_id("po"),
        sequence=sequence,
        prev_id=prev_id,
        data=data or {"payout": {"amount_minor": 1230, "currency": "EUR"}},
    )
    with transaction.atomic():
        outbox.emit([event])
    return event.id


def emit_many(partner: Partner, count: int) -> None:
    """Emit `count` events of as many payouts."""
    with transaction.atomic():
        outbox.emit(
            [
                outbox.NewEvent(partner.id, "payout.settled", new_id("po"), 1, None, {"payout": {}})
                for _ in range(count)
            ]
        )


def jump_to_next_attempt() -> None:
    """Make every waiting delivery due now, whatever its delay; claimed ones lose their lease, and
    a sender that died its lanes.
    """
    Delivery.objects.filter(state="pending").update(due_at=Now())
    for key in redis_client().scan_iter(lanes.KEY + "*"):
        redis_client().delete(key)


def only_delivery() -> Delivery:
    """Return the one delivery there is."""
    return Delivery.objects.get()


def outcomes(delivery: Delivery) -> list[tuple[int, str, int | None]]:
    """Return (number, outcome, status) of the delivery's attempts."""
    attempts = DeliveryAttempt.objects.filter(delivery=delivery).order_by("number")
    return list(attempts.values_list("number", "outcome", "http_status"))
