"""Encryption at rest and blind indexes for account numbers; keyed hashes for API keys.

A sealed value is `version(1) key_id(1) nonce(12) ciphertext+tag`, AES-256-GCM, with
`table|column|row id` as associated data, so that a value copied to another row does not open.
Rotation: put the new key first in `ATLASPAY_DATA_KEYS`; old ones go on opening what they sealed.
"""

import base64
import hashlib
import hmac
import os
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from atlaspay.core.errors import AtlasError

_VERSION = 1


class SealError(AtlasError):
    """A sealed value does not open: wrong key, wrong row, or changed bytes."""


@dataclass(frozen=True)
class KeyRing:
    """Data keys by id, the first is the one that seals; `index_key` and `pepper` are separate
    secrets.
    """

    sealing_id: int
    keys: dict[int, AESGCM]
    index_key: bytes
    pepper: bytes


def parse_keys(text: str) -> list[tuple[int, bytes]]:
    """Read `id:base64,…`; ids 0-255, keys of 32 bytes. Raises ValueError with a sentence."""
    pairs = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        key_id, _, encoded = item.partition(":")
        raw = base64.b64decode(encoded, validate=True)
        if not key_id.isdigit() or int(key_id) > 255 or len(raw) != 32:
            raise ValueError("each data key is <id 0-255>:<base64 of 32 bytes>")
        pairs.append((int(key_id), raw))
    if not pairs:
        raise ValueError("at least one data key is needed")
    if len({key_id for key_id, _ in pairs}) < len(pairs):
        raise ValueError("each data key has an id of its own")
    return pairs


@lru_cache(maxsize=4)
def _ring(keys_text: str, index_text: str, pepper_text: str) -> KeyRing:
    pairs = parse_keys(keys_text)
    return KeyRing(
        sealing_id=pairs[0][0],
        keys={key_id: AESGCM(raw) for key_id, raw in pairs},
        index_key=hashlib.sha256(b"index|" + index_text.encode()).digest(),
        pepper=hashlib.sha256(b"pepper|" + pepper_text.encode()).digest(),
    )


def ring() -> KeyRing:
    """Return the key ring of the settings (cached)."""
    return _ring(
        settings.ATLASPAY_DATA_KEYS, settings.ATLASPAY_INDEX_KEY, settings.ATLASPAY_KEY_PEPPER
    )


def seal(plain: bytes, *, place: str) -> bytes:
    """Encrypt `plain` for one place (`table|column|row id`)."""
    keys = ring()
    nonce = os.urandom(12)
    body = keys.keys[keys.sealing_id].encrypt(nonce, plain, place.encode())
    return bytes((_VERSION, keys.sealing_id)) + nonce + body


def unseal(sealed: bytes | memoryview, *, place: str) -> bytes:
    """Decrypt what `seal` made for the same place. Raises SealError."""
    sealed = bytes(sealed)
    if len(sealed) < 30 or sealed[0] != _VERSION:
        raise SealError("not a sealed value")
    key = ring().keys.get(sealed[1])
    if key is None:
        raise SealError(f"data key {sealed[1]} is not in ATLASPAY_DATA_KEYS")
    try:
        return key.decrypt(sealed[2:14], sealed[14:], place.encode())
    except InvalidTag:
        raise SealError("the sealed value does not belong here or was changed") from None


def blind_index(text: str) -> bytes:
    """Return 16 bytes that are equal for equal texts and tell nothing without the index key."""
    return hmac.digest(ring().index_key, text.encode(), "sha256")[:16]


def keyed_hash(secret: str) -> bytes:
    """Return the 32-byte HMAC under which an API key is stored (high-entropy input, so no password
    hash).
    """
    return hmac.digest(ring().pepper, secret.encode(), "sha256")
