"""The decision chain recomputed in Python, independent of the trigger that wrote it.

hash(n) = SHA-256( netstrings of: hash(n-1) as hex, position, id, case, payout, kind, reason code,
internal text, partner text, actor, user id, before, after, facts hash as hex, policy, request id,
decided_at in microseconds since 1970 UTC; and from format 2 on: stage, about, four_eyes joined by
commas, bulk id, opened_at in microseconds )

A netstring is `<length in UTF-8 bytes>:<text>,`; NULL is `-,`. JSON is taken as PostgreSQL prints
`jsonb`. hash(0) is the SHA-256 of `atlaspay decision chain`. Positions count from 1 without gaps.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

GENESIS = hashlib.sha256(b"atlaspay decision chain").digest()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_READ = """
SELECT position, id, case_id, payout_id, kind, reason_code, internal_text, partner_text, actor,
    user_id, before::text, after::text, evidence::text, facts_hash, policy_id, request_id,
    decided_at, prev_hash, hash, format, stage, about_id, array_to_string(four_eyes, ','), bulk_id,
    opened_at
FROM compliance_decision WHERE position > %s ORDER BY position LIMIT %s
"""
_PAGE = 2_000
_FORMAT_1 = 19
FORMATS = (1, 2)


@dataclass(frozen=True, slots=True)
class Link:
    """One row of the chain and what is wrong with it; `fault` is empty where nothing is."""

    position: int
    decision_id: str
    hash_hex: str
    fault: str


def netstring(value: object) -> bytes:
    """Encode one value; None has a form of its own, so that no text can be taken for it."""
    if value is None:
        return b"-,"
    raw = str(value).encode()
    return b"%d:%s," % (len(raw), raw)


def microseconds(at: datetime) -> int:
    """Return whole microseconds since 1970 UTC."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def links() -> Iterator[Link]:
    """Yield every row in order with its fault, reading in pages; the caller stops where it
    likes."""
    position, previous = 0, GENESIS
    while found := page(position, previous, _PAGE):
        yield from found
        position, previous = found[-1].position, bytes.fromhex(found[-1].hash_hex)


def page(after: int, previous: bytes, limit: int) -> list[Link]:
    """Return up to `limit` rows behind position `after`, whose hash is `previous`."""
    with connection.cursor() as cursor:
        cursor.execute(_READ, [after, limit])
        found = cursor.fetchall()
    made = []
    for row in found:
        made.append(Link(row[0], row[1], bytes(row[18]).hex(), _fault(row, after + 1, previous)))
        after, previous = row[0], bytes(row[18])
    return made


def _fault(row: tuple[Any, ...], expected: int, previous: bytes) -> str:
    first, (version, stage, about, four_eyes, bulk_id, opened_at) = row[:_FORMAT_1], row[_FORMAT_1:]
    position, *plain, before, after, evidence, facts_hash, policy, request_id, at, prev, own = first
    if position != expected:
        return f"position {expected} is missing: the next row is {position}"
    if bytes(prev) != previous:
        return "does not follow the row before it"
    if hashlib.sha256(evidence.encode()).digest() != bytes(facts_hash):
        return "the evidence is not what was hashed"
    parts = [
        previous.hex(),
        position,
        *plain,
        before,
        after,
        bytes(facts_hash).hex(),
        policy,
        request_id,
        microseconds(at),
    ]
    if version not in FORMATS:
        return f"its format {version} is unknown"
    if version > 1:
        opened = None if opened_at is None else microseconds(opened_at)
        parts += [stage, about, four_eyes, bulk_id, opened]
    if hashlib.sha256(b"".join(netstring(part) for part in parts)).digest() != bytes(own):
        return "the row is not what was hashed"
    return ""
