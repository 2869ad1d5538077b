"""A submitted batch as read from the wire: its header, its raw items, and what does not fit."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from atlaspay.core.errors import FieldError, InvalidRequestError
from payouts.services.intake_csv import read_csv
from payouts.services.intake_json import read_json
from payouts.services.intake_schema import (
    ITEMS_MAX,
    BatchHeader,
    ItemIn,
    fault,
    read_header,
    read_items,
    too_many,
)


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """`read[i]` is item `i` by the schema, or None where `wrong[i]` lists its faults."""

    parts: Mapping[str, Any]
    header: BatchHeader
    items: list[Any]
    read: list[ItemIn | None]
    wrong: Mapping[int, list[FieldError]]

    def canonical(self) -> Mapping[str, Any]:
        """Return the request for the idempotency digests, with every item as a mapping.

        Items outside the schema go in as one text: their members are anybody's, as many as they
        like, and numbers of any size.
        """
        if not self.wrong:
            return self.parts
        items = [
            {"item": json.dumps(item, sort_keys=True)} if index in self.wrong else item
            for index, item in enumerate(self.items)
        ]
        return {**self.parts, "payouts": items}

    def dump(self) -> bytes:
        """Return the request as JSON, to be stored."""
        return json.dumps(self.parts, ensure_ascii=False, separators=(",", ":")).encode()


def read_request(body: bytes, *, is_csv: bool, query: Mapping[str, str]) -> BatchRequest:
    """Read a body. Raises MalformedRequestError (400), InvalidRequestError (422: the header)."""
    if is_csv:
        return of_parts(read_csv(body, query))
    if query:
        known = "A JSON batch takes no query parameters; its fields are in the body."
        errors = [fault(f"/{name[:64]}", "unknown_parameter", known) for name in query]
        raise InvalidRequestError(known, errors=errors)
    return of_parts(read_json(body))


def of_parts(parts: Mapping[str, Any]) -> BatchRequest:
    """Return the request that plain values stand for. Raises InvalidRequestError (the header)."""
    items = parts["payouts"]
    if len(items) > ITEMS_MAX:
        raise too_many(str(len(items)))
    header, wrong_header = read_header(parts)
    read, wrong = read_items(items)
    if header is None:
        errors = [*wrong_header, *(error for found in wrong.values() for error in found)]
        raise InvalidRequestError("The batch's own fields are not valid.", errors=errors)
    return BatchRequest(parts, header, items, read, wrong)


__all__ = ["ITEMS_MAX", "BatchRequest", "of_parts", "read_request"]
