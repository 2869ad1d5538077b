"""Looking through a partner's deliveries and events, newest first, by index however long the past.

For pages that people read; programs follow the feed (`selectors.feed`).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q

from atlaspay.core import ids
from webhooks import sql
from webhooks.models import Delivery, Endpoint, Event

# By how much an id's clock, or a transaction's end, may differ from the time of its events.
APART = timedelta(hours=1)
# Each endpoint's newest by its own index, then the newest of those: a partner has few endpoints.
_NEWEST = """
SELECT found.id
FROM unnest(%(endpoints)s::text[]) AS wanted(id)
CROSS JOIN LATERAL (
    SELECT d.id FROM webhooks_delivery d
    WHERE d.endpoint_id = wanted.id {more}
    ORDER BY d.id DESC LIMIT %(limit)s
) found
ORDER BY found.id DESC LIMIT %(limit)s
"""


def deliveries(
    partner_id: str,
    *,
    endpoint_id: str | None = None,
    states: Sequence[str] = (),
    object_ids: Sequence[str] | None = None,
    before: str | None = None,
    limit: int,
) -> tuple[list[Delivery], bool]:
    """Return up to `limit` deliveries, with event and endpoint, and whether there are more.

    Of all endpoints, deleted ones too, or of one; `object_ids` narrows to payouts and batches,
    `before` is the last delivery seen.
    """
    found = Delivery.objects.filter(partner_id=partner_id)
    if object_ids is not None:
        found = found.filter(event__object_id__in=object_ids, event__partner_id=partner_id)
        if endpoint_id is not None:
            found = found.filter(endpoint_id=endpoint_id)
        if states:
            found = found.filter(state__in=states)
        if before is not None:
            found = found.filter(id__lt=before)
    else:
        wanted = Endpoint.objects.filter(partner_id=partner_id)
        if endpoint_id is not None:
            wanted = wanted.filter(pk=endpoint_id)
        found = found.filter(
            pk__in=_newest(wanted.values_list("pk", flat=True), states, before, limit)
        )
    rows = list(found.select_related("event", "endpoint").order_by("-id")[: limit + 1])
    return rows[:limit], len(rows) > limit


def _newest(
    endpoint_ids: Iterable[str], states: Sequence[str], before: str | None, limit: int
) -> list[str]:
    more = "AND d.id < %(before)s" if before is not None else ""
    if states:
        # As literals, so that a plan made once still knows which partial index holds them.
        words = ", ".join(f"'{Delivery.State(state).value}'" for state in states)
        more += f" AND d.state IN ({words})"
    rows = sql.fetch(
        _NEWEST.format(more=more),
        {"endpoints": list(endpoint_ids), "before": before, "limit": limit + 1},
    )
    return [row["id"] for row in rows]


def deliveries_of_event(partner_id: str, event_id: str) -> list[Delivery]:
    """Return where an event went: one delivery an endpoint."""
    found = Delivery.objects.filter(partner_id=partner_id, event_id=event_id)
    return list(found.select_related("event", "endpoint").order_by("id"))


def waiting_count(endpoint: Endpoint) -> int:
    """Return how many deliveries wait for an endpoint now."""
    return Delivery.objects.filter(endpoint=endpoint, state=Delivery.State.PENDING).count()


def waiting_by_endpoint(partner_id: str) -> dict[str, int]:
    """Return how many deliveries wait for each endpoint; those with none are absent."""
    ids = Endpoint.objects.filter(partner_id=partner_id, deleted_at=None).values("pk")
    found = Delivery.objects.filter(endpoint__in=ids, state=Delivery.State.PENDING)
    return dict(found.order_by().values_list("endpoint").annotate(count=Count("pk")))


def changes_of(endpoint: Endpoint, *, limit: int) -> list[Any]:
    """Return the history rows of an endpoint, the latest first."""
    return list(endpoint.history.order_by("-history_id")[:limit])


def events(
    partner_id: str,
    *,
    type: str | None = None,
    object_ids: Sequence[str] | None = None,
    since_at: datetime | None = None,
    until_at: datetime | None = None,
    before: Event | None = None,
    limit: int,
) -> tuple[list[Event], bool]:
    """Return up to `limit` events without their bodies, in the feed's order backwards, and whether
    there are more. `before` is the last event seen; `until_at` is the first instant after.
    """
    found = Event.objects.filter(partner_id=partner_id)
    # Transactions are numbered as time goes on, and the feed's index goes by their numbers: those
    # written well before and after say where in it to look; the event's own time decides.
    if since_at is not None:
        found = found.filter(created_at__gte=since_at)
        outside = Event.objects.filter(id__lt=ids.floor("ev", since_at - APART)).order_by("-id")
        if (xid := outside.values_list("xid", flat=True).first()) is not None:
            found = found.filter(xid__gte=xid)
    if until_at is not None:
        found = found.filter(created_at__lt=until_at)
        outside = Event.objects.filter(id__gt=ids.floor("ev", until_at + APART)).order_by("id")
        if (xid := outside.values_list("xid", flat=True).first()) is not None:
            found = found.filter(xid__lte=xid)
    if type is not None:
        found = found.filter(type=type)
    if object_ids is not None:
        found = found.filter(object_id__in=object_ids)
    if before is not None:
        # The first condition says what the second implies, for the index.
        found = found.filter(xid__lte=before.xid).filter(
            Q(xid__lt=before.xid) | Q(position__lt=before.position)
        )
    rows = list(found.defer("body").order_by("-xid", "-position")[: limit + 1])
    return rows[:limit], len(rows) > limit
