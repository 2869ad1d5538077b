"""Cursor pages: newest first, by id, with an opaque signed cursor.

A cursor names the list it belongs to and the filters it was made under, so that one page of a
query cannot be continued with another query by mistake.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec
from django.core import signing

from atlaspay.core.errors import InvalidRequestError

LIMIT_DEFAULT = 25
LIMIT_MAX = 100
_SALT = "atlaspay.cursor"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some objects and, where there are more, the cursor of what follows."""

    rows: Sequence[T]
    next_cursor: str | None


def read_cursor(cursor: str, name: str, filters: Mapping[str, Any]) -> str | None:
    """Return the id after which the page begins, None for the first. Raises InvalidRequestError."""
    if not cursor:
        return None
    try:
        made_for, last_id = signing.loads(cursor, salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        raise _refused("This is no cursor of ours; take `next_cursor` as it is.") from None
    if made_for != _mark(name, filters):
        raise _refused("This cursor belongs to another list or to other filters.")
    return str(last_id)


def page_of(
    rows: Sequence[T],
    limit: int,
    name: str,
    filters: Mapping[str, Any],
    *,
    key: Callable[[T], str | int],
) -> Page[T]:
    """Return a page of `limit` rows out of up to `limit + 1` that were read."""
    if len(rows) <= limit:
        return Page(rows, None)
    kept = rows[:limit]
    cursor = signing.dumps([_mark(name, filters), str(key(kept[-1]))], salt=_SALT)
    return Page(kept, cursor)


def _mark(name: str, filters: Mapping[str, Any]) -> str:
    text = msgspec.json.encode([name, filters], order="deterministic", enc_hook=str)
    return hashlib.sha256(text).hexdigest()[:16]


def _refused(detail: str) -> InvalidRequestError:
    return InvalidRequestError(
        detail,
        code="invalid_cursor",
        errors=[{"pointer": "/cursor", "code": "invalid_cursor", "detail": detail}],
    )
