"""Requests that may be repeated: the first answer to an Idempotency-Key is kept as long as the
object it made.

The key is looked up under its own lock and stored in the transaction that does the work, so there
is no moment in which the work is done and the answer is not kept. Only success is kept: a refused
or failed request may be sent again.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
from django.db import connection, transaction
from django.http import HttpRequest
from rest_framework.request import Request

from atlaspay.core.crypto import ring
from atlaspay.core.errors import (
    AtlasError,
    ConflictError,
    InvalidRequestError,
    ProblemError,
)
from partners.models import IdempotencyRecord

ITEMS = "payouts"
DIFFERING_AT_MOST = 20
_KEY = re.compile(r"[\x20-\x7e]{1,255}")
_PART_BYTES = 8
_CELL_BYTES = 4


@dataclass(frozen=True, slots=True)
class Replay:
    """The answer that was given to this key before."""

    status: int
    body: str
    object_id: str


class Slot:
    """One claimed key: either `replay` is set and nothing is to be done, or the work is ours and
    `store` ends it.
    """

    def __init__(self, record: IdempotencyRecord, replay: Replay | None) -> None:
        self._record = record
        self.replay = replay

    def store(self, status: int, body: str | bytes, object_id: str) -> None:
        """Keep a success answer for ever; `body` is the JSON exactly as the partner gets it."""
        if self.replay is not None or not 200 <= status < 300:
            raise AtlasError("only the first success of an idempotency key is kept")
        self._record.response_status = status
        self._record.response_body = body.decode() if isinstance(body, bytes) else body
        self._record.object_id = object_id
        self._record.save(force_insert=True)


def key_of(request: HttpRequest | Request) -> str:
    """Return the request's Idempotency-Key. Raises ProblemError (400) where it is missing
    or unfit.
    """
    key = request.headers.get("Idempotency-Key", "").strip()
    if not key:
        raise ProblemError(
            "Send an Idempotency-Key header, a new one for each new object (a UUID will do); then a"
            " request that got no answer can be repeated safely.",
            code="idempotency_key_missing",
        )
    if not _KEY.fullmatch(key):
        raise ProblemError(
            "An Idempotency-Key is 1 to 255 printable ASCII characters.",
            code="idempotency_key_invalid",
        )
    return key


@contextmanager
def claim(
    partner_id: str, key: str, operation: str, canonical_parts: Mapping[str, Any]
) -> Iterator[Slot]:
    """Claim a key inside the caller's transaction, until it ends.

    `canonical_parts`: the request as validated, by top-level field; `payouts` is a list of
    mappings. Raises ConflictError (409 `idempotency_in_progress`) while another request works
    under the key, and InvalidRequestError (422 `idempotency_key_reused`, with `object_id` and
    `differing`) where the key stands for another request.
    """
    if not transaction.get_connection().in_atomic_block:
        raise AtlasError("an idempotency key is claimed inside the transaction of its work")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))",
            [f"idempotency:{partner_id}:{key}"],
        )
        if not cursor.fetchone()[0]:
            raise ConflictError(
                "A request with this Idempotency-Key is still at work. Repeat yours in a second.",
                code="idempotency_in_progress",
                headers={"Retry-After": "1"},
            )
    # A statement of its own: its snapshot must be taken after the lock.
    record = IdempotencyRecord.objects.filter(partner_id=partner_id, key=key).first()
    mark = fingerprint(operation, canonical_parts)
    if record is None:
        fresh = IdempotencyRecord(
            partner_id=partner_id,
            key=key,
            operation=operation,
            fingerprint=mark,
            digests=digests(canonical_parts),
        )
        yield Slot(fresh, None)
        return
    if not hmac.compare_digest(bytes(record.fingerprint), mark):
        raise _reused(record, operation, canonical_parts)
    yield Slot(record, Replay(record.response_status, record.response_body, record.object_id))


def fingerprint(operation: str, parts: Mapping[str, Any]) -> bytes:
    """Return the HMAC of the canonical request: equal for equal values, whatever the order of
    members.
    """
    canonical = msgspec.json.encode([operation, parts], order="deterministic")
    return hmac.digest(ring().index_key, canonical, "sha256")


def digests(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return short keyed digests of each field, and of each field of each item, to tell later what
    differs.

    `{"fields": {name: base64 of 8 bytes}, "columns": [...], "cells": base64}`; `cells` has four
    bytes for each column of each item, row by row. They only name differences; sameness is the
    fingerprint's to say.
    """
    key = ring().index_key
    made: dict[str, Any] = {
        "fields": {
            name: base64.b64encode(_digest(key, value, _PART_BYTES)).decode()
            for name, value in parts.items()
            if name != ITEMS
        }
    }
    items: Sequence[Mapping[str, Any]] = parts.get(ITEMS) or ()
    columns = sorted({name for item in items for name in item})
    made["columns"] = columns
    made["cells"] = base64.b64encode(
        b"".join([_digest(key, item.get(name), _CELL_BYTES) for item in items for name in columns])
    ).decode()
    return made


def differing(before: Mapping[str, Any], parts: Mapping[str, Any]) -> list[str]:
    """Return JSON pointers of what differs between a stored request's digests and this one, at
    most twenty.
    """
    after = digests(parts)
    names = sorted(before["fields"].keys() | after["fields"].keys())
    found = [
        f"/{name}" for name in names if before["fields"].get(name) != after["fields"].get(name)
    ]
    rows_before, rows_after = _table(before), _table(after)
    absent = _digest(ring().index_key, None, _CELL_BYTES)
    columns = sorted({*before["columns"], *after["columns"]})
    for number in range(max(len(rows_before), len(rows_after))):
        if number >= len(rows_before) or number >= len(rows_after):
            found.append(f"/{ITEMS}/{number}")
        else:
            old, new = rows_before[number], rows_after[number]
            found += [
                f"/{ITEMS}/{number}/{name}"
                for name in columns
                if old.get(name, absent) != new.get(name, absent)
            ]
        if len(found) >= DIFFERING_AT_MOST:
            break
    return found[:DIFFERING_AT_MOST]


def _digest(key: bytes, value: object, size: int) -> bytes:
    return hmac.digest(key, msgspec.json.encode(value, order="deterministic"), hashlib.sha256)[
        :size
    ]


def _table(stored: Mapping[str, Any]) -> list[dict[str, bytes]]:
    cells, columns = base64.b64decode(stored["cells"]), stored["columns"]
    width = len(columns) * _CELL_BYTES
    if not width:
        return []
    return [
        {
            name: cells[row + n * _CELL_BYTES : row + (n + 1) * _CELL_BYTES]
            for n, name in enumerate(columns)
        }
        for row in range(0, len(cells), width)
    ]


def _reused(
    record: IdempotencyRecord, operation: str, parts: Mapping[str, Any]
) -> InvalidRequestError:
    other = differing(record.digests, parts)
    if record.operation != operation:
        detail = f"This Idempotency-Key was used for another operation, {record.operation}."
    else:
        detail = (
            "This Idempotency-Key was used for a request with other content."
            " Use a new key for a new request."
        )
    return InvalidRequestError(
        detail,
        code="idempotency_key_reused",
        extra={"object_id": record.object_id, "operation": record.operation, "differing": other},
    )
