"""Bearer authentication of partners' requests.

Keys are remembered for at most five seconds in each process, so a key that is revoked, or whose
partner is paused, goes on working for at most that long. Must not import `rest_framework.views`:
the settings load this module.
"""

import hmac
import time
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock

from django.db import connection
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from atlaspay.core import clock, context
from atlaspay.core.errors import (
    NotAuthenticatedError,
    PermissionRefusedError,
    RateLimitedError,
)
from atlaspay.core.peer import client_address
from partners import guesses, keys
from partners.keys import KeyFacts

REMEMBERED_S = 5.0
REMEMBERED_AT_MOST = 10_000
LAST_USED_STEP = timedelta(minutes=1)
REALM = 'Bearer realm="AtlasPay"'

_remembered: dict[str, tuple[float, KeyFacts]] = {}
_lock = Lock()


@dataclass(frozen=True, slots=True)
class ApiPrincipal:
    """Who calls: `request.user` of the partner API. No row of the staff's users is behind it."""

    key: KeyFacts

    is_authenticated = True
    is_active = True
    is_anonymous = False
    is_staff = False

    @property
    def pk(self) -> str:
        """The key's id."""
        return self.key.key_id

    @property
    def partner_id(self) -> str:
        """The partner whose objects this key sees."""
        return self.key.partner_id

    @property
    def scopes(self) -> frozenset[str]:
        """What the key may do."""
        return self.key.scopes

    def get_user(self) -> None:
        """Return no staff user: history knows a key by its actor, `key:<id>`."""

    def __str__(self) -> str:
        return f"key:{self.key.key_id}"


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer ap_test_…`. Raises NotAuthenticatedError (401),
    PermissionRefusedError (403: address), RateLimitedError (429: too many keys that do not work).
    """

    def authenticate(self, request: Request) -> tuple[ApiPrincipal, KeyFacts] | None:
        """Return the principal and the key, or None where the request brings no credentials."""
        header = request.META.get("HTTP_AUTHORIZATION", "")
        if not header:
            return None
        scheme, _, text = header.partition(" ")
        if scheme.lower() != "bearer":
            raise _refused(
                "The Authorization header must be: Bearer <your API key>.", code="not_authenticated"
            )
        try:
            key = verify(text.strip())
        except NotAuthenticatedError as refusal:
            wait_s = guesses.count(client_address(request._request))
            if wait_s:
                raise _too_many(refusal, wait_s) from None
            raise
        if key.networks and not _comes_from(key, request):
            raise PermissionRefusedError(
                "This key is limited to other network addresses.", code="address_not_allowed"
            )
        context.set_fields(actor=f"key:{key.key_id}")
        _touch(key)
        return ApiPrincipal(key), key

    def authenticate_header(self, request: Request) -> str:
        """Return the WWW-Authenticate value of a 401."""
        return REALM


def principal_of(request: Request) -> ApiPrincipal | None:
    """Return who calls, or None where it is nobody with a key."""
    user: object = request.user
    return user if isinstance(user, ApiPrincipal) else None


def verify(text: str) -> KeyFacts:
    """Return the key that `text` proves. Raises NotAuthenticatedError, the same for unknown prefix
    and wrong secret.
    """
    prefix = keys.split(text)
    key = _recall(prefix) if prefix else None
    if key is None or not hmac.compare_digest(key.secret_hash, keys.hash_of(text)):
        raise _refused("This is no API key of ours.", code="key_unknown")
    if key.revoked_at is not None:
        raise _refused("This API key was revoked.", code="key_revoked")
    if key.expires_at is not None and key.expires_at <= clock.now():
        raise _refused("This API key has expired.", code="key_expired")
    return key


def forget_all() -> None:
    """Drop what this process remembers of keys (tests, and the services that change keys)."""
    with _lock:
        _remembered.clear()


def _recall(prefix: str) -> KeyFacts | None:
    entry = _remembered.get(prefix)
    if entry and entry[0] > time.monotonic():
        return entry[1]
    key = keys.load(prefix)
    with _lock:
        if len(_remembered) >= REMEMBERED_AT_MOST:
            _remembered.clear()
        # Unknown prefixes are not kept: a stranger could fill the table with them.
        if key is None:
            _remembered.pop(prefix, None)
        else:
            _remembered[prefix] = (time.monotonic() + REMEMBERED_S, key)
    return key


def _comes_from(key: KeyFacts, request: Request) -> bool:
    address = client_address(request._request)
    return address is not None and any(address in network for network in key.networks)


def _touch(key: KeyFacts) -> None:
    """Note the use, at most once a minute. SKIP LOCKED: it waits for nobody who is changing the
    key.
    """
    now = clock.now()
    if key.last_used_at is not None and key.last_used_at > now - LAST_USED_STEP:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE partners_apikey SET last_used_at = %(now)s WHERE id IN ("
            " SELECT id FROM partners_apikey WHERE id = %(id)s"
            " AND (last_used_at IS NULL OR last_used_at <= %(before)s)"
            " FOR NO KEY UPDATE SKIP LOCKED)",
            {"now": now, "id": key.key_id, "before": now - LAST_USED_STEP},
        )
    _refresh(key.key_id)


def _refresh(key_id: str) -> None:
    """Make the next request read the key again, so that `_touch` runs once a minute and not for
    each.
    """
    with _lock:
        for prefix in [prefix for prefix, (_, key) in _remembered.items() if key.key_id == key_id]:
            del _remembered[prefix]


def _too_many(refusal: NotAuthenticatedError, wait_s: int) -> RateLimitedError:
    """Return the refusal of a key from an address that sent too many such: the reason stays
    readable, for it may be an honest partner with an expired key.
    """
    return RateLimitedError(
        f"{refusal.detail} Too many requests from your address had keys that do not work;"
        f" come back with one that does, or in {wait_s} s.",
        headers={"Retry-After": str(wait_s)},
    )


def _refused(detail: str, *, code: str) -> NotAuthenticatedError:
    challenge = REALM if code == "not_authenticated" else f'{REALM}, error="invalid_token"'
    return NotAuthenticatedError(detail, code=code, headers={"WWW-Authenticate": challenge})
