"""Read a CSV batch into the same plain values as a JSON one: one row a payout, flattened columns.

What a batch says beside its rows (reference, currency, rail, execute_at, atomic) comes as query
parameters. The values are handed on as they are; the schema judges both forms.
"""

import csv
import io
import re
from collections.abc import Mapping
from typing import Any

from atlaspay.core.errors import FieldError, InvalidRequestError, MalformedRequestError
from atlaspay.core.parsers import check_text, loads
from payouts.services.intake_schema import ITEMS_MAX, fault, too_many

PARAMETERS = ("reference", "currency", "rail", "execute_at", "atomic")
REQUIRED_COLUMNS = (
    "reference",
    "amount_minor",
    "recipient_name",
    "recipient_country",
    "account_type",
)
ACCOUNT_COLUMNS: dict[str, tuple[str, ...]] = {
    "iban": ("iban",),
    "us": ("routing_number", "account_number"),
    "uk": ("sort_code", "account_number"),
}
COLUMNS = (
    *REQUIRED_COLUMNS,
    "currency",
    "iban",
    "routing_number",
    "account_number",
    "sort_code",
    "description",
    "metadata",
)
_WHOLE = re.compile(r"-?[0-9]{1,20}")
_BOOLEANS = {"true": True, "false": False}


def read_csv(body: bytes, query: Mapping[str, str]) -> dict[str, Any]:
    """Return the batch as an object; item `i` is row `i` after the header.

    Where the query names no currency, the one of the `currency` column is the batch's; a row of
    another is left with a `currency` of its own, which the schema refuses by name.
    Raises MalformedRequestError (400) for what is no CSV, InvalidRequestError (422) for its header.
    """
    rows = _rows(body)
    header = next(rows, None)
    if not header:
        raise MalformedRequestError("The body is empty: a CSV batch begins with a header line.")
    if len(header) > len(COLUMNS):
        raise MalformedRequestError(
            f"The header has {len(header)} columns; there are {len(COLUMNS)}."
        )
    _check_header(header)
    parts = _batch_fields(query)
    items: list[dict[str, Any]] = []
    currency = parts.get("currency")
    for row in rows:
        if not row:
            continue
        if len(row) != len(header):
            raise MalformedRequestError(
                f"Row {len(items) + 1} after the header has {len(row)} cells,"
                f" the header has {len(header)}."
            )
        if len(items) == ITEMS_MAX:
            raise too_many(f"more than {ITEMS_MAX}")
        cells = dict(zip(header, row, strict=True))
        currency = currency or cells.get("currency") or None
        items.append(_item(cells, currency))
    if currency:
        parts["currency"] = currency
    if not items:
        raise InvalidRequestError(
            "The CSV has no rows after its header.",
            errors=[fault("/payouts", "wrong_length", "A batch has at least one payout.")],
        )
    return {**parts, "payouts": items}


def _rows(body: bytes) -> Any:
    text = check_text(body).removeprefix("\ufeff")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise MalformedRequestError(f"Line {reader.line_num} is not CSV: {error}.") from None


def _check_header(header: list[str]) -> None:
    wrong: list[FieldError] = [
        fault("", "unknown_field", f"Unknown column {name[:64]!r}; known: {', '.join(COLUMNS)}.")
        for name in header
        if name not in COLUMNS
    ]
    wrong += [
        fault("", "duplicate_field", f"The column {name!r} appears twice.")
        for name in sorted({name for name in header if header.count(name) > 1})
    ]
    wrong += [
        fault("", "required", f"The column {name!r} is missing.")
        for name in REQUIRED_COLUMNS
        if name not in header
    ]
    if wrong:
        raise InvalidRequestError("The CSV header does not fit.", errors=wrong)


def _batch_fields(query: Mapping[str, str]) -> dict[str, Any]:
    wrong = [
        fault(f"/{name[:64]}", "unknown_field", f"Unknown query parameter; known: {PARAMETERS}.")
        for name in query
        if name not in PARAMETERS
    ]
    if wrong:
        raise InvalidRequestError("The query does not fit.", errors=wrong)
    parts: dict[str, Any] = {name: value for name, value in query.items() if value}
    if "atomic" in parts:
        parts["atomic"] = _BOOLEANS.get(parts["atomic"], parts["atomic"])
    return parts


def _item(cells: Mapping[str, str], currency: str | None) -> dict[str, Any]:
    """Return one row as an item; empty cells are absent fields."""
    filled = {name: value for name, value in cells.items() if value}
    account = {"type": filled.pop("account_type")} if "account_type" in filled else {}
    for name in ("iban", "routing_number", "account_number", "sort_code"):
        if name in filled:
            account[name] = filled.pop(name)
    recipient: dict[str, Any] = {"account": account}
    for column, name in (("recipient_name", "name"), ("recipient_country", "country")):
        if column in filled:
            recipient[name] = filled.pop(column)
    item: dict[str, Any] = {**filled, "recipient": recipient}
    if item.get("currency") == currency:
        item.pop("currency", None)
    amount = item.get("amount_minor", "")
    if _WHOLE.fullmatch(amount):
        item["amount_minor"] = int(amount)
    if "metadata" in item:
        item["metadata"] = _metadata(item["metadata"])
    return item


def _metadata(text: str) -> Any:
    try:
        return loads(text.encode())
    except MalformedRequestError:
        return text
