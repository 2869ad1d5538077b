"""Example objects of the API documentation."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

ENDPOINT_ID = OpenApiParameter("endpoint_id", OpenApiTypes.STR, OpenApiParameter.PATH)
DELIVERY_ID = OpenApiParameter("delivery_id", OpenApiTypes.STR, OpenApiParameter.PATH)
ENDPOINT: dict[str, Any] = {
    "id": "we_01jdq8m2k5x7v9wz3e4r5t6y7h",
    "object": "webhook_endpoint",
    "url": "https://shop.example/webhooks/atlaspay",
    "description": "Settlement service",
    "event_types": ["payout.settled", "payout.failed", "payout.returned"],
    "status": "enabled",
    "disabled_reason": "",
    "mode": "live",
    "proposed_url": None,
    "rotating": False,
    "previous_secret_until": None,
    "failing_since": None,
    "paused_until": None,
    "created_at": "2026-11-22T10:00:00.000Z",
    "updated_at": "2026-11-22T10:00:00.000Z",
}
DELIVERY: dict[str, Any] = {
    "id": "wd_01jdq8m2k5x7v9wz3e4r5t6y7k",
    "object": "webhook_delivery",
    "endpoint_id": ENDPOINT["id"],
    "event_id": "ev_01jdq8m2k5x7v9wz3e4r5t6y7j",
    "event_type": "payout.settled",
    "object_id": "po_01jdq8m2k5x7v9wz3e4r5t6y7m",
    "sequence": 2,
    "message_id": "msg_5v8x0z2b4d6f8h0k2m4n6p8r0t",
    "state": "pending",
    "attempt_count": 1,
    "next_attempt_at": "2026-11-22T10:00:03.412Z",
    "last_error": "http_503",
    "misconfigured": False,
    "replayable_until": "2026-12-22T10:00:00.000Z",
    "created_at": "2026-11-22T10:00:00.000Z",
    "delivered_at": None,
}
EVENT: dict[str, Any] = {
    "id": DELIVERY["event_id"],
    "type": "payout.settled",
    "version": 1,
    "timestamp": "2026-11-22T10:00:00.000Z",
    "sequence": 2,
    "prev_id": "ev_01jdq8m2k5x7v9wz3e4r5t6y7g",
    "data": {"payout": {"id": DELIVERY["object_id"], "status": "settled"}},
}
CHECK: dict[str, Any] = {
    "id": "wc_01jdq8m2k5x7v9wz3e4r5t6y7n",
    "object": "webhook_check",
    "endpoint_id": ENDPOINT["id"],
    "kind": "conformance",
    "url": ENDPOINT["url"],
    "state": "pending",
    "summary": "",
    "findings": [],
    "attempt_count": 0,
    "next_attempt_at": "2026-11-22T10:00:00.000Z",
    "created_at": "2026-11-22T10:00:00.000Z",
    "finished_at": None,
}
