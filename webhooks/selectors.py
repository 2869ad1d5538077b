"""Reading endpoints, deliveries and the event feed. Everything is one partner's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from atlaspay.core.errors import InvalidRequestError, NotFoundError
from webhooks import sql
from webhooks.models import Delivery, Endpoint, EndpointCheck, Event

CHECKS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Feed:
    """A stretch of the event feed: exact bodies, oldest first, and where to go on."""

    bodies: list[bytes]
    next_after: str | None
    has_more: bool


# An event of a transaction that is still open could yet come before those that are shown; the
# horizon hides everything from the oldest open transaction on.
_FEED = """
SELECT id, body FROM webhooks_event
WHERE partner_id = %(partner)s
  AND (xid, position) > (%(xid)s, %(position)s)
  AND xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
ORDER BY xid, position LIMIT %(limit)s
"""


def endpoints_of(partner_id: str) -> QuerySet[Endpoint]:
    """Return a partner's endpoints, newest first (at most 20)."""
    found = Endpoint.objects.filter(partner_id=partner_id, deleted_at=None)
    return found.select_related("health").order_by("-id")


def endpoint_of(partner_id: str, endpoint_id: str) -> Endpoint:
    """Return one endpoint. Raises NotFoundError, also for another partner's."""
    endpoint = endpoints_of(partner_id).filter(pk=endpoint_id).first()
    if endpoint is None:
        raise NotFoundError("There is no such endpoint.")
    return endpoint


def checks_of(endpoint: Endpoint) -> QuerySet[EndpointCheck]:
    """Return an endpoint's latest checks, newest first (at most 50)."""
    return EndpointCheck.objects.filter(endpoint=endpoint).order_by("-id")[:CHECKS_SHOWN]


def deliveries_of(
    endpoint: Endpoint, *, state: str | None, before: str | None, limit: int
) -> tuple[Sequence[Delivery], bool]:
    """Return up to `limit` deliveries of an endpoint, newest first, and whether there are more."""
    found = Delivery.objects.filter(endpoint=endpoint).select_related("event").order_by("-id")
    if state:
        found = found.filter(state=state)
    if before:
        found = found.filter(id__lt=before)
    rows = list(found[: limit + 1])
    return rows[:limit], len(rows) > limit


def delivery_of(partner_id: str, delivery_id: str) -> Delivery:
    """Return one delivery with its attempts. Raises NotFoundError."""
    delivery = (
        Delivery.objects.filter(pk=delivery_id, partner_id=partner_id)
        .select_related("event", "endpoint")
        .prefetch_related("attempts")
        .first()
    )
    if delivery is None:
        raise NotFoundError("There is no such delivery.")
    return delivery


def feed(partner_id: str, *, after: str | None, limit: int) -> Feed:
    """Return the events after the event `after` (None: from the first).

    Raises InvalidRequestError (`event_unknown`) where `after` is no event of this partner.
    """
    place: dict[str, Any] = {"xid": 0, "position": 0}
    if after:
        found = Event.objects.filter(pk=after, partner_id=partner_id).values("xid", "position")
        known = found.first()
        if known is None:
            detail = "There is no such event; take `next_after` as it is."
            raise InvalidRequestError(
                detail,
                code="event_unknown",
                errors=[{"pointer": "/after", "code": "event_unknown", "detail": detail}],
            )
        place = dict(known)
    rows = sql.fetch(_FEED, {"partner": partner_id, "limit": limit + 1, **place})
    shown = rows[:limit]
    return Feed(
        bodies=[row["body"] for row in shown],
        next_after=shown[-1]["id"] if shown else after,
        has_more=len(rows) > limit,
    )
