"""Rotating an endpoint's secret: both sign until the receiver has shown that it knows the new one.

The proof is a message signed with the new secret alone and answered 2xx. It is asked for by itself
(a minute after the rotation, then ever less often) and on demand.
"""

import logging
from datetime import timedelta

from django.db import transaction

from atlaspay.core import clock
from atlaspay.core.errors import ConflictError
from webhooks import secret_box, services, signing
from webhooks.checks import book
from webhooks.models import Endpoint, EndpointCheck

log = logging.getLogger(__name__)

FIRST_PROOF_S = 60.0
_ROTATION = EndpointCheck.Kind.ROTATION


def rotate_secret(partner_id: str, endpoint_id: str, *, overlap_s: int | None = None) -> str:
    """Give the endpoint a new secret and return it, once.

    Messages carry both signatures until the receiver has proved that it knows the new one, and no
    longer than `overlap_s` seconds where that is given (0: not at all). An older overlap ends at
    once. Raises NotFoundError.
    """
    secret = signing.new_secret()
    with transaction.atomic():
        endpoint = services.locked(partner_id, endpoint_id)
        previous = secret_box.unseal(endpoint.secret_sealed, endpoint_id)
        endpoint.secret_sealed = secret_box.seal(secret, endpoint_id)
        endpoint.previous_secret_sealed = endpoint.previous_secret_until = None
        if overlap_s == 0:
            book.cancel_open(endpoint_id, _ROTATION)
        else:
            endpoint.previous_secret_sealed = secret_box.seal(
                previous, endpoint_id, secret_box.PREVIOUS
            )
            if overlap_s is not None:
                endpoint.previous_secret_until = clock.now() + timedelta(seconds=overlap_s)
            book.open_check(endpoint, _ROTATION, endpoint.url, delay_s=FIRST_PROOF_S)
        endpoint.save()
    log.info("webhook.secret_rotated", extra={"endpoint_id": endpoint_id})
    return secret


def prove_rotation(partner_id: str, endpoint_id: str) -> EndpointCheck:
    """Ask for the proof now; it ends the rotation where it succeeds.

    Raises NotFoundError, ConflictError (`no_rotation`, `endpoint_disabled`).
    """
    with transaction.atomic():
        endpoint = services.locked(partner_id, endpoint_id)
        _require_open(endpoint)
        services.require_enabled(endpoint)
        return book.open_check(endpoint, _ROTATION, endpoint.url)


def end_rotation(partner_id: str, endpoint_id: str) -> None:
    """Stop signing with the old secret now, proof or not.

    Raises NotFoundError, ConflictError (`no_rotation`).
    """
    with transaction.atomic():
        endpoint = services.locked(partner_id, endpoint_id)
        _require_open(endpoint)
        endpoint.previous_secret_sealed = endpoint.previous_secret_until = None
        endpoint.save()
        book.cancel_open(endpoint_id, _ROTATION)
    log.info("webhook.rotation_ended", extra={"endpoint_id": endpoint_id})


def is_open(endpoint: Endpoint) -> bool:
    """Say whether messages still carry the old secret's signature."""
    until = endpoint.previous_secret_until
    return endpoint.previous_secret_sealed is not None and (until is None or until > clock.now())


def _require_open(endpoint: Endpoint) -> None:
    if not is_open(endpoint):
        raise ConflictError("No rotation is under way.", code="no_rotation")
