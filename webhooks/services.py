"""Everything that changes endpoints: the API, the console, commands and the sender call it.

Each function opens its own transaction and locks the endpoint; `webhooks.resend` has deliveries.
"""

import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from atlaspay.core import clock, crypto
from atlaspay.core.errors import ConflictError, FieldError, InvalidRequestError, NotFoundError
from atlaspay.core.ids import new_id
from partners.models import Partner
from webhooks import event_types, guard, mail, outbox, signing
from webhooks.models import Delivery, Endpoint, EndpointHealth, Event

log = logging.getLogger(__name__)

ENDPOINTS_PER_PARTNER = 20
OVERLAP_S = 24 * 3600
GONE = "It answered 410 Gone."
DEAD = "No delivery succeeded for five days."


def create_endpoint(
    partner_id: str, *, url: str, description: str = "", types: Iterable[str] = ()
) -> tuple[Endpoint, str]:
    """Create an endpoint and return it with its secret, which is never shown again.

    Locks the partner row against a 21st endpoint. Raises InvalidRequestError (faults of the input),
    ConflictError (`endpoint_limit_reached`).
    """
    chosen = _checked(url, list(types))
    secret = signing.new_secret()
    with transaction.atomic():
        Partner.objects.select_for_update(no_key=True).get(pk=partner_id)
        present = Endpoint.objects.filter(partner_id=partner_id, deleted_at=None).count()
        if present >= ENDPOINTS_PER_PARTNER:
            raise ConflictError(
                f"You have {present} endpoints, the most there can be; delete one first.",
                code="endpoint_limit_reached",
            )
        endpoint_id = new_id("we")
        endpoint = Endpoint.objects.create(
            id=endpoint_id,
            partner_id=partner_id,
            url=url,
            description=description,
            event_types=chosen,
            secret_sealed=_seal(secret, endpoint_id, "secret_sealed"),
        )
    log.info("webhook.endpoint_created", extra={"endpoint_id": endpoint.pk})
    return endpoint, secret


def update_endpoint(partner_id: str, endpoint_id: str, changes: dict[str, Any]) -> Endpoint:
    """Change `url`, `description`, `event_types` or `status`; other names are ignored.

    A new URL, and enabling, start the endpoint's health afresh. Raises NotFoundError,
    InvalidRequestError.
    """
    with transaction.atomic():
        endpoint = _locked(partner_id, endpoint_id)
        types = list(changes.get("event_types", endpoint.event_types))
        endpoint.event_types = _checked(changes.get("url", endpoint.url), types)
        is_new_start = changes.get("url", endpoint.url) != endpoint.url
        endpoint.url = changes.get("url", endpoint.url)
        endpoint.description = changes.get("description", endpoint.description)
        status = changes.get("status", endpoint.status)
        if status != endpoint.status:
            endpoint.status = status
            endpoint.disabled_reason = "" if status == "enabled" else "Disabled by you."
            is_new_start = is_new_start or status == "enabled"
        endpoint.save()
        if is_new_start:
            EndpointHealth.objects.filter(pk=endpoint_id).delete()
    return endpoint


def delete_endpoint(partner_id: str, endpoint_id: str) -> None:
    """Delete an endpoint; what waits for it is canceled, its past stays readable by delivery id."""
    with transaction.atomic():
        endpoint = _locked(partner_id, endpoint_id)
        endpoint.status = Endpoint.Status.DISABLED
        endpoint.disabled_reason = "Deleted by you."
        endpoint.deleted_at = clock.now()
        endpoint.save()
    log.info("webhook.endpoint_deleted", extra={"endpoint_id": endpoint_id})


def rotate_secret(partner_id: str, endpoint_id: str, *, overlap_s: int = OVERLAP_S) -> str:
    """Give the endpoint a new secret and return it, once.

    For `overlap_s` seconds messages carry both signatures; an older overlap ends at once.
    """
    secret = signing.new_secret()
    with transaction.atomic():
        endpoint = _locked(partner_id, endpoint_id)
        previous = crypto.unseal(
            bytes(endpoint.secret_sealed), place=_place(endpoint_id, "secret_sealed")
        ).decode()
        endpoint.secret_sealed = _seal(secret, endpoint_id, "secret_sealed")
        if overlap_s > 0:
            endpoint.previous_secret_sealed = _seal(previous, endpoint_id, "previous_secret_sealed")
            endpoint.previous_secret_until = clock.now() + timedelta(seconds=overlap_s)
        else:
            endpoint.previous_secret_sealed = endpoint.previous_secret_until = None
        endpoint.save()
    log.info("webhook.secret_rotated", extra={"endpoint_id": endpoint_id})
    return secret


def send_test(partner_id: str, endpoint_id: str) -> Delivery:
    """Emit an `endpoint.test` event to this endpoint alone and return its delivery.

    Raises NotFoundError, ConflictError (`endpoint_disabled`).
    """
    with transaction.atomic():
        endpoint = _locked(partner_id, endpoint_id)
        require_enabled(endpoint)
        last = (
            Event.objects.filter(object_id=endpoint_id).order_by("-sequence").only("id", "sequence")
        ).first()
        event = outbox.NewEvent(
            partner_id=endpoint.partner_id,
            type="endpoint.test",
            object_id=endpoint_id,
            sequence=last.sequence + 1 if last else 1,
            prev_id=last.pk if last else None,
            data={"endpoint": {"id": endpoint_id, "url": endpoint.url}},
        )
        close_breaker(endpoint_id)
        (delivery_id,) = outbox.emit([event], only_endpoint_id=endpoint_id)
    return Delivery.objects.select_related("event").get(pk=delivery_id)


def disable_gone(endpoint_id: str) -> None:
    """Disable an endpoint that answered 410, and tell the partner."""
    _disable(endpoint_id, GONE)


def disable_dead(endpoint_id: str) -> None:
    """Disable an endpoint after five days without a success, and tell the partner."""
    _disable(endpoint_id, DEAD)


def _disable(endpoint_id: str, reason: str) -> None:
    with transaction.atomic():
        endpoint = Endpoint.objects.select_for_update(no_key=True).get(pk=endpoint_id)
        if endpoint.status == Endpoint.Status.DISABLED:
            return
        endpoint.status = Endpoint.Status.DISABLED
        endpoint.disabled_reason = reason
        endpoint.save()
        mail.tell_disabled(endpoint.partner_id, endpoint_id, reason)
    log.warning("webhook.endpoint_disabled", extra={"endpoint_id": endpoint_id, "reason": reason})


def _checked(url: str, types: list[str]) -> list[str]:
    faults = guard.url_faults(url, allow_private=settings.WEBHOOKS_ALLOW_PRIVATE)
    faults += [
        FieldError(
            pointer=f"/event_types/{types.index(name)}",
            code="event_type_unknown",
            detail=f"{name[:60]!r} is not an event you can subscribe to.",
        )
        for name in event_types.unknown(types)
    ]
    if faults:
        raise InvalidRequestError("The endpoint was not saved; see errors.", errors=faults)
    return sorted(set(types))


def _locked(partner_id: str, endpoint_id: str) -> Endpoint:
    endpoint = (
        Endpoint.objects.select_for_update(no_key=True)
        .filter(pk=endpoint_id, partner_id=partner_id, deleted_at=None)
        .first()
    )
    if endpoint is None:
        raise NotFoundError("There is no such endpoint.")
    return endpoint


def require_enabled(endpoint: Endpoint) -> None:
    """Raise ConflictError (`endpoint_disabled`) unless the endpoint receives events."""
    if endpoint.status != Endpoint.Status.ENABLED or endpoint.deleted_at is not None:
        raise ConflictError("The endpoint is disabled; enable it first.", code="endpoint_disabled")


def close_breaker(endpoint_id: str) -> None:
    """Let the next call go out now; with trips on record it is a single probe."""
    EndpointHealth.objects.filter(pk=endpoint_id).update(breaker_open_until=None)


def _seal(secret: str, endpoint_id: str, column: str) -> bytes:
    return crypto.seal(secret.encode(), place=_place(endpoint_id, column))


def _place(endpoint_id: str, column: str) -> str:
    return f"webhooks_endpoint|{column}|{endpoint_id}"
