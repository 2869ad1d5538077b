"""Query parameters: typed, bounded, refused when unknown: a misspelled filter must not widen."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from atlaspay.core.errors import FieldError, InvalidRequestError
from payouts.api.words import PayoutStatus
from payouts.selectors.pages import LIMIT_DEFAULT, LIMIT_MAX
from payouts.services.intake_schema import (
    YEARS,
    YEARS_SAID,
    CurrencyCode,
    Reference,
    fault,
    faults,
)

T = TypeVar("T", bound=msgspec.Struct)

Limit = Annotated[int, Meta(ge=1, le=LIMIT_MAX, description="Objects a page.")]
Cursor = Annotated[
    str,
    Meta(
        max_length=300,
        pattern=r"^[A-Za-z0-9_:.-]*\Z",
        description="`next_cursor` of the page before, unchanged.",
    ),
]
At = Annotated[datetime, Meta(tz=True)]


class PageQuery(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What every list takes."""

    limit: Limit = LIMIT_DEFAULT
    cursor: Cursor = ""


class BatchesQuery(PageQuery, forbid_unknown_fields=True, kw_only=True):
    """Filters of the list of batches."""

    reference: Reference | None = None
    currency: CurrencyCode | None = None
    created_from: Annotated[At | None, Meta(description="At or after.")] = None
    created_until: Annotated[At | None, Meta(description="Before.")] = None


class PayoutsQuery(PageQuery, forbid_unknown_fields=True, kw_only=True):
    """Filters of a list of payouts."""

    status: Annotated[
        list[PayoutStatus] | None,
        Meta(
            description="One or several statuses, comma-separated.",
            extra_json_schema={"minItems": 1},
        ),
    ] = None
    reference: Reference | None = None
    currency: CurrencyCode | None = None
    submitted_from: Annotated[At | None, Meta(description="At or after.")] = None
    submitted_until: Annotated[At | None, Meta(description="Before.")] = None


class AllPayoutsQuery(PayoutsQuery, forbid_unknown_fields=True, kw_only=True):
    """Filters of the list of all payouts."""

    batch_id: Annotated[str, Meta(max_length=32, pattern=r"^bt_[0-9a-z]{26}\Z")] | None = None


class EntriesQuery(PageQuery, forbid_unknown_fields=True, kw_only=True):
    """Filters of the balance's entries."""

    currency: CurrencyCode | None = None
    account: Literal["available", "reserved", "in_transit"] | None = None


def read_query(params: Mapping[str, Any], kind: type[T]) -> T:
    """Return the parameters as `kind`, instants in UTC.

    Raises InvalidRequestError with `/<name>` as pointers.
    """
    given = {name: _value(name, params) for name in params}
    try:
        read = msgspec.convert(given, kind)
    except msgspec.ValidationError:
        raise _refused(list(faults(given, kind, ""))) from None
    wrong = []
    for name in read.__struct_fields__:
        value = getattr(read, name)
        if isinstance(value, datetime):
            if value.year in YEARS:
                setattr(read, name, value.astimezone(UTC))
            else:
                wrong.append(fault(f"/{name}", "out_of_range", YEARS_SAID))
    if wrong:
        raise _refused(wrong)
    return read


def _refused(found: list[FieldError]) -> InvalidRequestError:
    return InvalidRequestError("The query does not fit.", code="invalid_query", errors=found)


def _value(name: str, params: Mapping[str, Any]) -> Any:
    text = params[name]
    if name == "limit" and text.isascii() and text.isdigit() and len(text) <= 9:
        return int(text)
    return text.split(",") if name == "status" else text
