"""The outbox: what a partner is told is written in the transaction that makes it true.

The body is rendered once, here; the same bytes are signed, sent, resent and served by the feed.
Nothing in this file talks to a network.
"""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from django.db import transaction

from atlaspay.core import clock
from atlaspay.core.ids import encode, new_id
from atlaspay.core.nudge import nudge
from webhooks import sql
from webhooks.event_types import CATALOGUE, EVENT_VERSION

BODY_LIMIT = 64 * 1024
DELIVER_TASK = "webhooks.deliver"
# Fixed for ever: message ids must come out the same after a restore of the database.
MESSAGE_NAMESPACE = uuid.UUID("6f0c3c5e-7d0b-5c86-9a54-0b8f6e1c2d3a")


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to emit. `sequence` rises by one per object from 1; `prev_id` is its predecessor."""

    partner_id: str
    type: str
    object_id: str
    sequence: int
    prev_id: str | None
    data: dict[str, Any]
    id: str = field(default_factory=lambda: new_id("ev"))


class _Body(msgspec.Struct):
    id: str
    type: str
    version: int
    timestamp: str | None
    sequence: int
    prev_id: str | None
    data: dict[str, Any]


_encoder = msgspec.json.Encoder()

_ENDPOINTS = """
SELECT id, partner_id, event_types, mode FROM webhooks_endpoint
WHERE partner_id = ANY(%(partners)s) AND status = 'enabled' AND deleted_at IS NULL
"""

_INSERT = """
WITH e AS (
    INSERT INTO webhooks_event (id, partner_id, type, object_id, sequence, body)
    SELECT * FROM unnest(%(ids)b::text[], %(partners)b::text[], %(types)b::text[],
                         %(objects)b::text[], %(sequences)b::int[], %(bodies)b::bytea[])
), d AS (
    INSERT INTO webhooks_delivery (id, event_id, endpoint_id, partner_id, object_id, sequence,
                                   message_id, state, attempt_count, step, due_at, last_error,
                                   misconfigured)
    SELECT n.id, n.event_id, n.endpoint_id, n.partner_id, n.object_id, n.sequence, n.message_id,
           'pending', 0, 0, statement_timestamp(), '', false
    FROM unnest(%(delivery_ids)b::text[], %(delivery_events)b::text[],
                %(delivery_endpoints)b::text[], %(delivery_partners)b::text[],
                %(delivery_objects)b::text[], %(delivery_sequences)b::int[],
                %(message_ids)b::text[])
         AS n(id, event_id, endpoint_id, partner_id, object_id, sequence, message_id)
)
SELECT 1
"""


def message_id(endpoint_id: str, event_id: str) -> str:
    """Return the `webhook-id` of an event at an endpoint: the same for every attempt and replay."""
    return "msg_" + encode(uuid.uuid5(MESSAGE_NAMESPACE, f"{endpoint_id}|{event_id}").int)


def render(event: NewEvent, timestamp: str | None) -> bytes:
    """Return the body's bytes. Raises ValueError on an unknown type or a body over 64 KB."""
    if event.type not in CATALOGUE:
        raise ValueError(f"{event.type!r} is not in the catalogue of event types")
    body = _encoder.encode(
        _Body(
            id=event.id,
            type=event.type,
            version=EVENT_VERSION,
            timestamp=timestamp,
            sequence=event.sequence,
            prev_id=event.prev_id,
            data=event.data,
        )
    )
    if len(body) > BODY_LIMIT:
        raise ValueError(f"the body of {event.id} has {len(body)} bytes; the limit is {BODY_LIMIT}")
    return body


def emit(events: Sequence[NewEvent], *, only_endpoint_id: str | None = None) -> list[str]:
    """Write events and their deliveries to the partner's enabled, subscribed endpoints.

    Call it inside the transaction that makes the events true (asserted): two statements for one
    event or a thousand. `only_endpoint_id` sends to that endpoint alone, whatever it subscribes to.
    Locks nothing. Raises ValueError as `render`, IntegrityError where a sequence is used twice.
    Returns the ids of the deliveries; the worker is nudged after the commit.
    """
    if not events:
        return []
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("emit() belongs inside the transaction that makes the events true")
    timestamp = clock.rfc3339(clock.now())
    bodies = [render(event, timestamp) for event in events]
    receivers = _receivers({event.partner_id for event in events}, only_endpoint_id)
    pairs = [
        (event, endpoint_id)
        for event in events
        for endpoint_id, types in receivers.get(event.partner_id, ())
        if not types or event.type in types
    ]
    delivery_ids = [new_id("wd") for _ in pairs]
    sql.run(
        _INSERT,
        {
            "ids": [event.id for event in events],
            "partners": [event.partner_id for event in events],
            "types": [event.type for event in events],
            "objects": [event.object_id for event in events],
            "sequences": [event.sequence for event in events],
            "bodies": bodies,
            "delivery_ids": delivery_ids,
            "delivery_events": [event.id for event, _ in pairs],
            "delivery_endpoints": [endpoint_id for _, endpoint_id in pairs],
            "delivery_partners": [event.partner_id for event, _ in pairs],
            "delivery_objects": [event.object_id for event, _ in pairs],
            "delivery_sequences": [event.sequence for event, _ in pairs],
            "message_ids": [message_id(endpoint_id, event.id) for event, endpoint_id in pairs],
        },
    )
    if pairs:
        nudge(DELIVER_TASK, queue="webhooks")
    return delivery_ids


def _receivers(
    partner_ids: set[str], only_endpoint_id: str | None
) -> dict[str, list[tuple[str, frozenset[str]]]]:
    found: dict[str, list[tuple[str, frozenset[str]]]] = defaultdict(list)
    for row in sql.fetch(_ENDPOINTS, {"partners": list(partner_ids)}):
        if only_endpoint_id is None and row["mode"] == "live":
            found[row["partner_id"]].append((row["id"], frozenset(row["event_types"])))
        elif row["id"] == only_endpoint_id:
            found[row["partner_id"]].append((row["id"], frozenset()))
    return found
