"""The one form in which a part of a file is hashed: JSON with sorted keys, no blanks, UTF-8.

Values are texts, integers, booleans, null, lists and objects; instants are RFC 3339 with
microseconds and Z, bytes are hex.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

NAME_DIGITS = 12


def canonical(value: Any) -> bytes:
    """Return the bytes of a value that are hashed."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode()


def digest(value: Any) -> str:
    """Return the SHA-256 of a value's canonical bytes, as hex."""
    return hashlib.sha256(canonical(value)).hexdigest()


def outline(section: Any) -> Any:
    """Return the first digits of the digest of each field of each record, so that a reader whose
    digest differs learns which field it is."""
    if isinstance(section, list):
        return [outline(record) for record in section]
    if isinstance(section, Mapping):
        return {name: digest(field)[:NAME_DIGITS] for name, field in section.items()}
    return digest(section)[:NAME_DIGITS]


def plain(value: Any) -> Any:
    """Turn what the database gives into JSON values."""
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(one) for one in value]
    return value


def instant(at: datetime) -> str:
    """Return RFC 3339 with microseconds and Z."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
