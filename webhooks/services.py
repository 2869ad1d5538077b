"""Everything that changes endpoints: the API, the console, commands and the sender call it.

Each function opens its own transaction and locks the endpoint; `webhooks.resend` has deliveries.
"""

import logging
from collections.abc import Iterable
from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.db import transaction

from atlaspay.core import clock
from atlaspay.core.errors import ConflictError, FieldError, InvalidRequestError, NotFoundError
from atlaspay.core.ids import new_id
from partners.models import Partner
from webhooks import event_types, guard, mail, outbox, secret_box, signing
from webhooks.checks import book
from webhooks.models import Delivery, Endpoint, EndpointCheck, EndpointHealth, Event

log = logging.getLogger(__name__)

ENDPOINTS_PER_PARTNER = 20
GONE = "It answered 410 Gone."
DEAD = "No delivery succeeded for five days."
REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CONFORMANCE = EndpointCheck.Kind.CONFORMANCE


def create_endpoint(
    partner_id: str,
    *,
    url: str,
    description: str = "",
    types: Iterable[str] = (),
    is_vouched: bool = False,
) -> tuple[Endpoint, str]:
    """Create an endpoint and return it with its secret, which is never shown again.

    It is in test mode until it has passed its check, which is written here and run by a worker;
    `is_vouched` spares it the check (our own programs' receivers, never a partner's wish). Locks
    the partner row against a 21st endpoint. Raises InvalidRequestError (faults of the input),
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
            mode=Endpoint.Mode.LIVE if is_vouched else Endpoint.Mode.TEST,
            secret_sealed=secret_box.seal(secret, endpoint_id),
        )
        if not is_vouched:
            book.open_check(endpoint, _CONFORMANCE, url)
    log.info("webhook.endpoint_created", extra={"endpoint_id": endpoint.pk})
    return endpoint, secret


def update_endpoint(partner_id: str, endpoint_id: str, changes: dict[str, Any]) -> Endpoint:
    """Change `url`, `description`, `event_types` or `status`; other names are ignored.

    A new URL is checked first: a live, enabled endpoint keeps its present one until the new one
    has passed; any other, one that is enabled by the same change too, takes it at once, and is in
    test mode until then: what waits for it waits on. Enabling starts the endpoint's health afresh.
    Raises NotFoundError, InvalidRequestError.
    """
    with transaction.atomic():
        endpoint = locked(partner_id, endpoint_id)
        url = changes.get("url", endpoint.url)
        endpoint.event_types = _checked(url, list(changes.get("event_types", endpoint.event_types)))
        endpoint.description = changes.get("description", endpoint.description)
        status = changes.get("status", endpoint.status)
        # One that this very change enables has no URL yet that events go to.
        is_live = endpoint.mode == Endpoint.Mode.LIVE
        is_receiving = is_live and endpoint.status == status == Endpoint.Status.ENABLED
        is_new_start = False
        if status != endpoint.status:
            endpoint.status = status
            endpoint.disabled_reason = "" if status == "enabled" else "Disabled by you."
            is_new_start = status == "enabled"
        if "url" in changes:
            is_taken = _take_url(endpoint, url, is_receiving=is_receiving)
            is_new_start = is_taken or is_new_start
        endpoint.save()
        if is_new_start:
            book.start_afresh(endpoint_id)
    return endpoint


def _take_url(endpoint: Endpoint, url: str, *, is_receiving: bool) -> bool:
    """Take a URL, or propose it where one receives events; say whether it was taken and is new. The
    caller saves.
    """
    if url == endpoint.url:
        if endpoint.proposed_url:
            endpoint.proposed_url = ""
            book.cancel_open(endpoint.pk, _CONFORMANCE)
        return False
    if is_receiving:
        endpoint.proposed_url = url
    else:
        endpoint.url, endpoint.proposed_url = url, ""
        endpoint.mode = Endpoint.Mode.TEST
    book.open_check(endpoint, _CONFORMANCE, url)
    return not is_receiving


def check_endpoint(partner_id: str, endpoint_id: str) -> EndpointCheck:
    """Start a check of the endpoint, of its proposed URL where it has one; one runs at a time.

    A live endpoint that fails stays live: asking must not cost events. Raises NotFoundError.
    """
    with transaction.atomic():
        endpoint = locked(partner_id, endpoint_id)
        url = endpoint.proposed_url or endpoint.url
        return book.open_check(endpoint, _CONFORMANCE, url)


def adopt_redirect(partner_id: str, delivery_id: str) -> Endpoint:
    """Propose the address that a delivery's last answer redirected to as the endpoint's URL.

    Raises NotFoundError, ConflictError (`no_redirect`), InvalidRequestError (the address may not
    be an endpoint's).
    """
    delivery = Delivery.objects.filter(pk=delivery_id, partner_id=partner_id).first()
    if delivery is None:
        raise NotFoundError("There is no such delivery.")
    target = redirect_target(delivery)
    if target is None:
        raise ConflictError("The last answer was no redirect to another URL.", code="no_redirect")
    return update_endpoint(partner_id, delivery.endpoint_id, {"url": target})


def redirect_target(delivery: Delivery) -> str | None:
    """Return the absolute URL that the last attempt was redirected to, None where it was not."""
    last = max(delivery.attempts.all(), key=lambda attempt: attempt.number, default=None)
    if last is None or last.http_status not in REDIRECTS:
        return None
    location = str(last.response_headers.get("location", "")).strip()
    if not location:
        return None
    try:
        return urljoin(delivery.endpoint.url, location)
    except ValueError:
        return None


def delete_endpoint(partner_id: str, endpoint_id: str) -> None:
    """Delete an endpoint; what waits for it is canceled, its past stays readable by delivery id."""
    with transaction.atomic():
        endpoint = locked(partner_id, endpoint_id)
        endpoint.status = Endpoint.Status.DISABLED
        endpoint.disabled_reason = "Deleted by you."
        endpoint.deleted_at = clock.now()
        endpoint.save()
        book.cancel_open(endpoint_id)
    log.info("webhook.endpoint_deleted", extra={"endpoint_id": endpoint_id})


def send_test(partner_id: str, endpoint_id: str) -> Delivery:
    """Emit an `endpoint.test` event to this endpoint alone and return its delivery.

    Raises NotFoundError, ConflictError (`endpoint_disabled`).
    """
    with transaction.atomic():
        endpoint = locked(partner_id, endpoint_id)
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


def locked(partner_id: str, endpoint_id: str) -> Endpoint:
    """Return the partner's endpoint, locked. Raises NotFoundError."""
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
