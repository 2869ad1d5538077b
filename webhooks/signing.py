"""Standard Webhooks 1.0 signatures over the exact bytes sent: `v1` (HMAC) and `v1a` (Ed25519).

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hmac
import secrets
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SECRET_PREFIX = "whsec_"  # noqa: S105 - the public prefix of every secret
SECRET_BYTES = 32
SECRET_MIN, SECRET_MAX = 24, 64


def new_secret() -> str:
    """Return a fresh endpoint secret, `whsec_` and base64 of 32 random bytes."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def decode_secret(text: str) -> bytes:
    """Return the key bytes of a `whsec_` secret. Raises ValueError unless it has 24 to 64 bytes."""
    try:
        raw = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("the secret is not base64") from error
    if not SECRET_MIN <= len(raw) <= SECRET_MAX:
        raise ValueError(f"the secret has {len(raw)} bytes; it needs {SECRET_MIN} to {SECRET_MAX}")
    return raw


def sign(
    message_id: str,
    timestamp_s: int,
    body: bytes,
    *,
    keys: Sequence[bytes],
    private_key: Ed25519PrivateKey | None = None,
) -> str:
    """Return the `webhook-signature` header: one `v1` per key (newest first), then `v1a`."""
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    parts = ["v1," + _text(hmac.digest(key, signed, "sha256")) for key in keys]
    if private_key is not None:
        parts.append("v1a," + _text(private_key.sign(signed)))
    return " ".join(parts)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
