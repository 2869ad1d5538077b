"""Judge the items of a batch: what is accepted and where it goes, what is refused and why.

Pure computing on one request: reads no table and changes nothing, so that the dry run and the
submission cannot differ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pycountry

from atlaspay.core.errors import FieldError, InvalidRequestError
from payouts.rails import names, routing
from payouts.rails.accounts import Destination, check_account
from payouts.rails.base import Capabilities
from payouts.services.intake_request import BatchRequest
from payouts.services.intake_schema import (
    METADATA_KEY_LENGTH,
    METADATA_VALUE_LENGTH,
    BatchHeader,
    ItemIn,
    escape,
    fault,
)

OTHERS_NAMED = 10
# ISO 3166-1, and the code banks use for Kosovo.
COUNTRIES = frozenset(country.alpha_2 for country in pycountry.countries) | {"XK"}


@dataclass(frozen=True, slots=True)
class Accepted:
    """One item that can be paid, with its checked account and the rail it goes over."""

    index: int
    item: ItemIn
    destination: Destination
    rail: str
    fallback_reason: str


@dataclass(slots=True)
class Judged:
    """The outcome for one batch. `rejections`: `{index, reference, errors}` in order of index."""

    accepted: list[Accepted] = field(default_factory=list)
    rejections: list[dict[str, Any]] = field(default_factory=list)

    @property
    def total_minor(self) -> int:
        """Sum of the accepted amounts in minor units of the batch's currency."""
        return sum(one.item.amount_minor for one in self.accepted)

    def errors(self) -> list[FieldError]:
        """All faults of all refused items, with their pointers."""
        return [error for rejection in self.rejections for error in rejection["errors"]]


def judge(request: BatchRequest, rails: Mapping[str, Capabilities]) -> Judged:
    """Judge every item; `rails` are those there are, in order of preference.

    Raises InvalidRequestError for a currency that no rail carries.
    """
    header, items = request.header, request.items
    check_currency(header.currency, rails)
    wrong = {index: list(found) for index, found in request.wrong.items()}
    for index, error in _doubled_references(items):
        wrong.setdefault(index, []).append(error)
    judged = Judged()
    for index, item in enumerate(request.read):
        faults = wrong.get(index) or []
        accepted = None
        if item is not None:
            accepted, found = _judge_one(index, item, items[index], header, rails)
            faults = faults + found
        if accepted is not None and not faults:
            judged.accepted.append(accepted)
        else:
            judged.rejections.append(
                {"index": index, "reference": _reference(items[index]), "errors": faults}
            )
    return judged


def check_currency(currency: str, rails: Mapping[str, Capabilities]) -> None:
    """Raise InvalidRequestError for a currency that no rail carries."""
    known = sorted({name for carries in rails.values() for name in carries.currencies})
    if currency not in known:
        detail = f"No rail pays in {currency}; known: {', '.join(known)}."
        errors = [fault("/currency", "currency_not_supported", detail)]
        raise InvalidRequestError(detail, errors=errors)


def _judge_one(
    index: int,
    item: ItemIn,
    raw: Mapping[str, Any],
    header: BatchHeader,
    rails: Mapping[str, Capabilities],
) -> tuple[Accepted | None, list[FieldError]]:
    at = f"/payouts/{index}"
    recipient = item.recipient
    faults = names.check_name(recipient.name, f"{at}/recipient/name")
    if recipient.country not in COUNTRIES:
        faults.append(
            fault(f"{at}/recipient/country", "unknown_country", "Not an ISO 3166-1 country code.")
        )
    if item.description:
        faults += names.check_text(item.description, f"{at}/description")
    if item.metadata:
        faults += _metadata_faults(item.metadata, f"{at}/metadata")
    account = raw["recipient"]["account"]
    destination, found = check_account(account, f"{at}/recipient/account")
    faults += found
    if destination is None:
        return None, faults
    choice, found = _route(item, destination, header, rails, at)
    faults += found
    if not faults:
        carries = rails[choice.rail]
        faults += names.check_wire_name(
            recipient.name, carries.charset, carries.name_length, f"{at}/recipient/name"
        )
    return Accepted(index, item, destination, choice.rail, choice.fallback_reason), faults


def _route(
    item: ItemIn,
    destination: Destination,
    header: BatchHeader,
    rails: Mapping[str, Capabilities],
    at: str,
) -> tuple[routing.Choice, list[FieldError]]:
    choice = routing.choose(
        rails,
        currency=header.currency,
        account_type=destination.account["type"],
        account_country=destination.country,
        amount_minor=item.amount_minor,
        requested=header.rail or "",
    )
    if header.rail:
        # A limit or a pause may be evaded over another rail; a rail that never fits is a mistake.
        code = routing.check_requested(
            rails,
            header.rail,
            currency=header.currency,
            account_type=destination.account["type"],
            account_country=destination.country,
            amount_minor=item.amount_minor,
        )
        if code in (routing.CURRENCY, routing.UNKNOWN_RAIL):
            return choice, [fault("/rail", code, routing.explain(code, header.rail))]
        if code in (routing.ACCOUNT_TYPE, routing.ACCOUNT_COUNTRY):
            where = f"{at}/recipient/account"
            return choice, [fault(where, code, routing.explain(code, header.rail))]
    if not choice.rail:
        return choice, [_no_rail(choice, header.currency, at)]
    return choice, []


def _no_rail(choice: routing.Choice, currency: str, at: str) -> FieldError:
    codes = {exclusion.code for exclusion in choice.exclusions}
    if routing.OVER_LIMIT in codes:
        detail = "The amount is above the limit of every rail that could carry it."
        return fault(f"{at}/amount_minor", routing.OVER_LIMIT, detail)
    if routing.ACCOUNT_COUNTRY in codes:
        detail = f"No rail pays {currency} to accounts in this country."
        return fault(f"{at}/recipient/account", routing.ACCOUNT_COUNTRY, detail)
    detail = f"No rail pays {currency} to an account of this type."
    return fault(f"{at}/recipient/account/type", routing.ACCOUNT_TYPE, detail)


def _metadata_faults(metadata: Mapping[str, str], at: str) -> list[FieldError]:
    found: list[FieldError] = []
    for name, value in metadata.items():
        pointer = f"{at}/{escape(name)}"
        if not 1 <= len(name) <= METADATA_KEY_LENGTH:
            limit = f"A key has 1 to {METADATA_KEY_LENGTH} characters."
            found.append(fault(pointer, "wrong_length", limit))
        elif not name.isprintable():
            found.append(fault(pointer, "control_character", "A key is printable text."))
        if len(value) > METADATA_VALUE_LENGTH:
            limit = f"A value has at most {METADATA_VALUE_LENGTH} characters."
            found.append(fault(pointer, "wrong_length", limit))
        elif not value.isprintable():
            found += names.check_text(value.replace("\n", " ").replace("\t", " "), pointer)
    return found


def _doubled_references(items: Sequence[Any]) -> list[tuple[int, FieldError]]:
    """Name every item whose reference another one has: which of them is meant, nobody can know."""
    places: dict[str, list[int]] = {}
    for index, item in enumerate(items):
        reference = _reference(item)
        if reference is not None:
            places.setdefault(reference, []).append(index)
    if len(places) == len(items):
        return []
    found = []
    for reference, indexes in places.items():
        for index in indexes if len(indexes) > 1 else ():
            # The first few: all of them for each of them would be the square of the batch.
            others = [str(other) for other in indexes[: OTHERS_NAMED + 1] if other != index]
            more = ", …" if len(indexes) > OTHERS_NAMED + 1 else ""
            detail = (
                f"The reference {reference[:64]!r} is used by item"
                f" {', '.join(others[:OTHERS_NAMED])}{more} of this batch too;"
                " a reference names one payout."
            )
            pointer = f"/payouts/{index}/reference"
            found.append((index, fault(pointer, "duplicate_reference", detail)))
    return found


def _reference(item: Any) -> str | None:
    reference = item.get("reference") if isinstance(item, dict) else None
    return reference[:64] if isinstance(reference, str) else None
