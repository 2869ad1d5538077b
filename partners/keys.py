"""API keys as text and as what a request needs to know of them.

`ap_test_<prefix>_<secret>`: ten readable characters that find the row, forty random ones that
prove it (200 bits, so an HMAC with a server-side pepper is stored and no password hash).
"""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_network

from atlaspay.core.crypto import keyed_hash
from atlaspay.core.ids import ALPHABET
from partners.models import ApiKey, Partner

PREFIX_LENGTH = 10
SECRET_LENGTH = 40
_TEXT = re.compile(r"(ap_(?:test|live)_[0-9a-z]{8,12})_([0-9a-z]{32,64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """A key row with its partner's state, as it was when it was read; immutable, so it may be
    cached.
    """

    key_id: str
    partner_id: str
    partner_name: str
    partner_status: str
    mode: str
    secret_hash: bytes
    scopes: frozenset[str]
    networks: tuple[IPv4Network | IPv6Network, ...]
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    @property
    def partner_is_active(self) -> bool:
        """Say whether the partner may change anything now."""
        return self.partner_status == Partner.Status.ACTIVE


def new_text(mode: str) -> tuple[str, str]:
    """Return a new key's full text and its public prefix."""
    prefix = f"ap_{mode}_" + _random(PREFIX_LENGTH)
    return f"{prefix}_{_random(SECRET_LENGTH)}", prefix


def split(text: str) -> str | None:
    """Return the public prefix of a key's text, or None where it has not the shape of one."""
    found = _TEXT.fullmatch(text)
    return found[1] if found else None


def hash_of(text: str) -> bytes:
    """Return what is stored of a key's text."""
    return keyed_hash(text)


def load(prefix: str) -> KeyFacts | None:
    """Read a key by its public prefix: one indexed lookup."""
    row = (
        ApiKey.objects.filter(prefix=prefix)
        .values_list(
            "id",
            "partner_id",
            "partner__name",
            "partner__status",
            "mode",
            "secret_hash",
            "scopes",
            "cidrs",
            "expires_at",
            "revoked_at",
            "last_used_at",
        )
        .first()
    )
    if row is None:
        return None
    return KeyFacts(
        *row[:5],
        secret_hash=bytes(row[5]),
        scopes=frozenset(row[6]),
        networks=tuple(ip_network(cidr) for cidr in row[7]),
        expires_at=row[8],
        revoked_at=row[9],
        last_used_at=row[10],
    )


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
