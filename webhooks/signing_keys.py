"""The platform's Ed25519 keys: made once, sealed at rest, published as a key set.

A rotated key stays published for a week, so that a receiver that caches the set misses nothing.
"""

import base64
import hashlib
import threading
import time
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from django.db import connection, transaction
from django.db.models import Q

from atlaspay.core import clock, crypto
from webhooks.models import SigningKey

REMEMBERED_S = 60.0
PUBLISHED_AFTER_RETIREMENT = timedelta(days=7)
_LOCK_ID = 7_310_601  # advisory lock: two processes that start together make one key

_lock = threading.Lock()
_remembered: tuple[float, str, Ed25519PrivateKey] | None = None


def current() -> tuple[str, Ed25519PrivateKey]:
    """Return (key id, private key) that signs now; makes the first one. Remembered for a minute."""
    global _remembered
    with _lock:
        if _remembered is None or _remembered[0] < time.monotonic():
            row = _live() or rotate(only_if_none=True)
            private = Ed25519PrivateKey.from_private_bytes(
                crypto.unseal(bytes(row.private_sealed), place=_place(row.kid))
            )
            _remembered = (time.monotonic() + REMEMBERED_S, row.kid, private)
        return _remembered[1], _remembered[2]


def rotate(*, only_if_none: bool = False) -> SigningKey:
    """Make a new signing key and retire the present one. Locks: one advisory lock."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK_ID])
        if only_if_none and (present := _live()):
            return present
        SigningKey.objects.filter(retired_at=None).update(retired_at=clock.now())
        private = Ed25519PrivateKey.generate()
        public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        kid = _thumbprint(public)
        raw = private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        return SigningKey.objects.create(
            kid=kid, public_key=public, private_sealed=crypto.seal(raw, place=_place(kid))
        )


def key_set() -> dict[str, list[dict[str, Any]]]:
    """Return the JWKS (RFC 7517, OKP keys of RFC 8037) of the present and lately retired keys."""
    current()
    since = clock.now() - PUBLISHED_AFTER_RETIREMENT
    rows = SigningKey.objects.filter(Q(retired_at=None) | Q(retired_at__gt=since))
    return {
        "keys": [
            {
                "kty": "OKP",
                "crv": "Ed25519",
                "use": "sig",
                "alg": "EdDSA",
                "kid": row.kid,
                "x": _url64(bytes(row.public_key)),
            }
            for row in rows
        ]
    }


def forget() -> None:
    """Drop the remembered key of this process (after a rotation, and between tests)."""
    global _remembered
    with _lock:
        _remembered = None


def _live() -> SigningKey | None:
    return SigningKey.objects.filter(retired_at=None).order_by("-created_at").first()


def _place(kid: str) -> str:
    return f"webhooks_signingkey|private_sealed|{kid}"


def _thumbprint(public: bytes) -> str:
    # RFC 7638: SHA-256 of the required members in lexical order, without blanks.
    canonical = f'{{"crv":"Ed25519","kty":"OKP","x":"{_url64(public)}"}}'
    return _url64(hashlib.sha256(canonical.encode()).digest())


def _url64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
