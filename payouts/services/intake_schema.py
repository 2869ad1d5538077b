"""The compiled schema of a submitted batch, and the list of everything that does not fit it.

The fast path is one `msgspec.convert`; only a body that fails is walked field by field, so that
every fault of every item is named and not the first alone. Unknown fields are refused: a
misspelled optional field must not vanish.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from atlaspay.core.errors import FieldError, InvalidRequestError

ITEMS_MAX = 15_000
# A fault answers some ten bytes of body with hundreds: so many are named for one item, or for the
# header, and once so many are named in all, one for each further item.
FAULTS_OF_ONE, FAULTS_IN_FULL = 20, 5_000
MAX_AMOUNT_MINOR = 10**11
METADATA_KEYS = 20
# Beyond these an instant is a typing error, and some offsets leave the calendar.
YEARS = range(2000, 2201)
YEARS_SAID = f"The year is between {YEARS.start} and {YEARS.stop - 1}."
METADATA_KEY_LENGTH = 40
METADATA_VALUE_LENGTH = 500

RailName = Literal["rtp", "fednow", "sepa_inst", "fps"]
# A reference is what people type into a search box: visible ASCII, no spaces at the ends.
Reference = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[!-~](?:[ -~]*[!-~])?\Z")]
CurrencyCode = Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")]


class IbanAccount(msgspec.Struct, tag_field="type", tag="iban", forbid_unknown_fields=True):
    """An account by IBAN; spaces and lower case are accepted."""

    iban: Annotated[str, Meta(min_length=5, max_length=42)]


class UsAccount(msgspec.Struct, tag_field="type", tag="us", forbid_unknown_fields=True):
    """A US account by ABA routing number."""

    routing_number: Annotated[str, Meta(min_length=9, max_length=11)]
    account_number: Annotated[str, Meta(min_length=1, max_length=24)]


class UkAccount(msgspec.Struct, tag_field="type", tag="uk", forbid_unknown_fields=True):
    """A UK account by sort code."""

    sort_code: Annotated[str, Meta(min_length=6, max_length=8)]
    account_number: Annotated[str, Meta(min_length=1, max_length=12)]


AnyAccount = IbanAccount | UsAccount | UkAccount
_ACCOUNT_TYPES: dict[str, type[msgspec.Struct]] = {
    "iban": IbanAccount,
    "us": UsAccount,
    "uk": UkAccount,
}


class Recipient(msgspec.Struct, forbid_unknown_fields=True):
    """Who is paid. `country` is ISO 3166-1 alpha-2."""

    name: Annotated[str, Meta(min_length=1, max_length=140)]
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}\Z")]
    account: AnyAccount


class ItemIn(msgspec.Struct, forbid_unknown_fields=True):
    """One payout as submitted."""

    reference: Reference
    amount_minor: Annotated[int, Meta(ge=1, le=MAX_AMOUNT_MINOR)]
    recipient: Recipient
    description: Annotated[str, Meta(max_length=140)] = ""
    metadata: Annotated[dict[str, str], Meta(max_length=METADATA_KEYS)] = {}


class BatchHeader(msgspec.Struct, forbid_unknown_fields=True):
    """What a batch says beside its payouts."""

    reference: Reference
    currency: CurrencyCode
    rail: RailName | None = None
    execute_at: Annotated[datetime, Meta(tz=True)] | None = None
    atomic: bool = False


def read_header(parts: Mapping[str, Any]) -> tuple[BatchHeader | None, list[FieldError]]:
    """Return the batch's own fields, or None and what is wrong with them."""
    fields = {name: value for name, value in parts.items() if name != "payouts"}
    try:
        header = msgspec.convert(fields, BatchHeader)
    except msgspec.ValidationError:
        return None, list(islice(faults(fields, BatchHeader, ""), FAULTS_OF_ONE))
    if header.execute_at is not None:
        if header.execute_at.year not in YEARS:
            return None, [fault("/execute_at", "out_of_range", YEARS_SAID)]
        header.execute_at = header.execute_at.astimezone(UTC)
    return header, []


def read_items(items: list[Any]) -> tuple[list[ItemIn | None], dict[int, list[FieldError]]]:
    """Return the items in order, None in the place of those that do not fit, and their faults."""
    try:
        return list(msgspec.convert(items, list[ItemIn])), {}
    except msgspec.ValidationError:
        pass
    read: list[ItemIn | None] = []
    wrong: dict[int, list[FieldError]] = {}
    named = 0
    for index, item in enumerate(items):
        try:
            read.append(msgspec.convert(item, ItemIn))
        except msgspec.ValidationError:
            read.append(None)
            most = FAULTS_OF_ONE if named < FAULTS_IN_FULL else 1
            wrong[index] = list(islice(faults(item, ItemIn, f"/payouts/{index}"), most))
            named += len(wrong[index])
    return read, wrong


def faults(value: Any, kind: type[msgspec.Struct], pointer: str) -> Iterator[FieldError]:
    """Name every field of `value` that does not fit the struct, with its JSON pointer."""
    if not isinstance(value, dict):
        yield fault(pointer, "wrong_type", f"Expected an object, got {_kind_of(value)}.")
        return
    known = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    tag_field = kind.__struct_config__.tag_field
    for name in value:
        if name not in known and name != tag_field:
            words = ", ".join(sorted(known))
            yield fault(
                f"{pointer}/{escape(name)}", "unknown_field", f"Unknown field; known: {words}."
            )
    for name, field in known.items():
        at = f"{pointer}/{name}"
        if name not in value:
            if field.required:
                yield fault(at, "required", "This field is required.")
        elif field.type is AnyAccount:
            yield from _account_faults(value[name], at)
        elif isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from faults(value[name], field.type, at)
        else:
            yield from _value_faults(value[name], field.type, at)


def _account_faults(value: Any, pointer: str) -> Iterator[FieldError]:
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(value, dict):
        yield fault(pointer, "wrong_type", f"Expected an object, got {_kind_of(value)}.")
    elif kind is None:
        yield fault(f"{pointer}/type", "required", "This field is required: iban, us or uk.")
    elif not isinstance(kind, str) or kind not in _ACCOUNT_TYPES:
        yield fault(f"{pointer}/type", "invalid_choice", "The type is one of iban, us, uk.")
    else:
        yield from faults(value, _ACCOUNT_TYPES[kind], pointer)


def _value_faults(value: Any, kind: Any, pointer: str) -> Iterator[FieldError]:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        said, _, where = str(error).partition(" - at ")
        if isinstance(value, dict) and "key" not in where and "..." in where:
            wrong = [name for name, one in value.items() if not isinstance(one, str)]
            for name in wrong:
                got = _kind_of(value[name])
                at = f"{pointer}/{escape(name)}"
                yield fault(at, "wrong_type", f"Expected a text, got {got}.")
            return
        yield fault(pointer, _code(said, value, kind), _sentence(said, kind))


def _code(said: str, value: Any, kind: Any) -> str:
    if ", got" in said:
        return "wrong_type"
    if "length" in said:
        return "wrong_length"
    if said.startswith("Invalid enum value") or _choices(kind):
        return "invalid_choice"
    if isinstance(value, int):
        return "out_of_range"
    return "invalid_format"


def _choices(kind: Any) -> tuple[str, ...]:
    words = get_args(RailName)
    return words if kind == RailName | None or kind is RailName else ()


def _sentence(said: str, kind: Any) -> str:
    if choices := _choices(kind):
        return f"Expected one of {', '.join(choices)}."
    return said.replace("`", "").rstrip(".") + "."


def _kind_of(value: Any) -> str:
    if value is None:
        return "null"
    names = {dict: "an object", list: "an array", str: "a text", bool: "a boolean"}
    return names.get(type(value), "a number")


def fault(pointer: str, code: str, detail: str) -> FieldError:
    """Return one fault of the caller's input."""
    return {"pointer": pointer, "code": code, "detail": detail}


def too_many(count: str) -> InvalidRequestError:
    """Return the refusal of a batch with more payouts than one may have."""
    detail = f"A batch has at most {ITEMS_MAX} payouts; this has {count}. Split it."
    errors = [fault("/payouts", "wrong_length", detail)]
    return InvalidRequestError(detail, code="too_many_items", errors=errors)


def escape(name: Any) -> str:
    """Escape one step of a JSON pointer (RFC 6901); long names are cut."""
    return str(name)[:64].replace("~", "~0").replace("/", "~1")
