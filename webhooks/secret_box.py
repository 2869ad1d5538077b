"""Endpoint secrets at rest: sealed for their row and column, opened only to sign."""

from atlaspay.core import crypto
from webhooks.signing import decode_secret

PRESENT, PREVIOUS = "secret_sealed", "previous_secret_sealed"


def seal(secret: str, endpoint_id: str, column: str = PRESENT) -> bytes:
    """Return the secret sealed for this endpoint's column."""
    return crypto.seal(secret.encode(), place=_place(endpoint_id, column))


def unseal(sealed: bytes | memoryview, endpoint_id: str, column: str = PRESENT) -> str:
    """Return the `whsec_` text. Raises SealError."""
    return crypto.unseal(bytes(sealed), place=_place(endpoint_id, column)).decode()


def keys(
    endpoint_id: str, present: bytes | memoryview, previous: bytes | memoryview | None
) -> tuple[bytes, ...]:
    """Return the signing keys, newest first. Raises SealError, ValueError."""
    found = [decode_secret(unseal(present, endpoint_id, PRESENT))]
    if previous is not None:
        found.append(decode_secret(unseal(previous, endpoint_id, PREVIOUS)))
    return tuple(found)


def _place(endpoint_id: str, column: str) -> str:
    return f"webhooks_endpoint|{column}|{endpoint_id}"
