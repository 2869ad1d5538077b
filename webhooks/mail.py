"""Mails to partners and their people: a row written in the transaction of the fact;
`webhooks.mailing` sends it.

One mail per fact and hour or day, however many deliveries share the fate: `dedupe_key` is unique,
so that a fact told twice is one row.
"""

from datetime import datetime
from typing import Any

from atlaspay.core import clock
from atlaspay.core.nudge import nudge
from webhooks import sql
from webhooks.models import MailMessage

SEND_TASK = "webhooks.send_mail"
QUEUE = "chores"


# Keys of one kind and endpoint lie side by side in the unique index; ";" is the sign after ":".
_BAD_NEWS = """
SELECT 1 FROM webhooks_mailmessage m
JOIN unnest(ARRAY['exhausted:', 'misconfigured:', 'failing:']) AS k(kind)
  ON m.dedupe_key >= k.kind || %(endpoint)s || ':' AND m.dedupe_key < k.kind || %(endpoint)s || ';'
WHERE m.created_at >= %(since)s LIMIT 1
"""


def tell_exhausted(partner_id: str, endpoint_id: str, delivery_id: str) -> None:
    """Note that deliveries to an endpoint ended without success; one mail an hour."""
    write(
        partner_id,
        "delivery_exhausted",
        f"exhausted:{endpoint_id}:{clock.now():%Y%m%d%H}",
        {"endpoint_id": endpoint_id, "delivery_id": delivery_id},
    )


def tell_misconfigured(
    partner_id: str, endpoint_id: str, delivery_id: str, http_status: int
) -> None:
    """Note early that an endpoint answers 401, 403 or 404; one mail a day."""
    write(
        partner_id,
        "endpoint_misconfigured",
        f"misconfigured:{endpoint_id}:{clock.now():%Y%m%d}",
        {"endpoint_id": endpoint_id, "delivery_id": delivery_id, "http_status": http_status},
    )


def tell_failing(partner_id: str, endpoint_id: str, since: datetime, warning: int) -> None:
    """Warn (1: after a day, 2: after four) that an endpoint will be disabled after five."""
    write(
        partner_id,
        "endpoint_failing",
        f"failing:{endpoint_id}:{since:%Y%m%d%H%M%S}:{warning}",
        {"endpoint_id": endpoint_id, "failing_since": clock.rfc3339(since)},
    )


def tell_disabled(partner_id: str, endpoint_id: str, reason: str) -> None:
    """Note that we disabled an endpoint, and why."""
    write(
        partner_id,
        "endpoint_disabled",
        f"disabled:{endpoint_id}:{clock.now():%Y%m%d%H%M%S}",
        {"endpoint_id": endpoint_id, "reason": reason},
    )


def tell_recovered(partner_id: str, endpoint_id: str, since: datetime) -> None:
    """Note that an endpoint we sent bad news of since then receives again; else nothing."""
    if not sql.fetch(_BAD_NEWS, {"endpoint": endpoint_id, "since": since}):
        return
    write(
        partner_id,
        "endpoint_recovered",
        f"recovered:{endpoint_id}:{since:%Y%m%d%H%M%S}",
        {"endpoint_id": endpoint_id, "failing_since": clock.rfc3339(since)},
    )


def write(partner_id: str, kind: str, dedupe_key: str, context: dict[str, Any]) -> None:
    """Note a mail to be sent, once for each key. Secrets are no part of the context: whoever writes
    the mail (`webhooks.letters`) makes them when it is sent.
    """
    message = MailMessage(partner_id=partner_id, kind=kind, dedupe_key=dedupe_key, context=context)
    MailMessage.objects.bulk_create([message], ignore_conflicts=True)
    nudge(SEND_TASK, queue=QUEUE)
