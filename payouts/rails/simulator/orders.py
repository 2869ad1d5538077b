"""The order a client sends, and the checks a bank makes before it takes one.

A fault raises OrderError with a pointer (RFC 6901) to the field; nothing is stored for it.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from payouts.rails.simulator.directory import (
    RAIL_ACCOUNT_TYPE,
    RAIL_CURRENCY,
    choose_rail,
    is_routing_number,
)

RailName = Literal["rtp", "fednow", "sepa_inst", "fps", "auto"]
# No control characters: they have no place in a name and no spelling in XML 1.0.
_TEXT = r"^[^\x00-\x1f\x7f\ufffe\uffff]*\Z"
Name = Annotated[str, Meta(min_length=1, max_length=140, pattern=_TEXT)]
_IBAN_DIGITS = {ord(char): str(int(char, 36)) for char in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


class Iban(msgspec.Struct, tag="iban", tag_field="type", forbid_unknown_fields=True):
    iban: Annotated[str, Meta(pattern=r"^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}\Z")]

    @property
    def number(self) -> str:
        return self.iban


class UsAccount(msgspec.Struct, tag="us", tag_field="type", forbid_unknown_fields=True):
    routing_number: str
    account_number: Annotated[str, Meta(pattern=r"^[A-Za-z0-9]{4,17}\Z")]

    @property
    def number(self) -> str:
        return self.account_number


class UkAccount(msgspec.Struct, tag="uk", tag_field="type", forbid_unknown_fields=True):
    sort_code: Annotated[str, Meta(pattern=r"^[0-9]{6}\Z")]
    account_number: Annotated[str, Meta(pattern=r"^[0-9]{8}\Z")]

    @property
    def number(self) -> str:
        return self.account_number


class Creditor(msgspec.Struct, forbid_unknown_fields=True):
    name: Name
    account: Iban | UsAccount | UkAccount
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}\Z")] | None = None


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """The body of POST /v1/transfers; amounts in minor units."""

    rail: RailName
    amount_minor: Annotated[int, Meta(gt=0, le=10_000_000_000_000)]
    currency: Literal["EUR", "USD", "GBP"]
    debtor_account_id: Annotated[str, Meta(min_length=1, max_length=64)]
    creditor: Creditor
    end_to_end_id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9/?:().,'+ -]{1,35}\Z")]
    remittance: Annotated[str, Meta(max_length=140, pattern=_TEXT)] | None = None
    callback_url: Annotated[str, Meta(max_length=500, pattern=r"^https?://[^\s]+\Z")] | None = None


class OrderError(Exception):
    """The order cannot be taken; `pointer` names the field at fault."""

    def __init__(self, code: str, message: str, pointer: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.pointer = pointer


def is_iban(value: str) -> bool:
    """Tell whether the check digits of a well-formed IBAN are right (ISO 13616, modulus 97)."""
    return int((value[4:] + value[:4]).translate(_IBAN_DIGITS)) % 97 == 1


def check_account(account: Iban | UsAccount | UkAccount) -> None:
    """Raise OrderError if a checksum of the account is wrong."""
    if isinstance(account, Iban):
        if not is_iban(account.iban):
            raise OrderError(
                "invalid_iban", "The IBAN's check digits are wrong.", "/creditor/account/iban"
            )
    elif isinstance(account, UsAccount) and not is_routing_number(account.routing_number):
        raise OrderError(
            "invalid_routing_number",
            "The routing number is not nine digits with a valid ABA checksum.",
            "/creditor/account/routing_number",
        )


def rail_for(order: Order) -> str:
    """Return the rail that will carry the order; OrderError if rail, currency and account clash."""
    account = order.creditor.account
    check_account(account)
    routing_number = account.routing_number if isinstance(account, UsAccount) else None
    rail: str = order.rail
    if rail == "auto":
        rail = choose_rail(order.currency, routing_number)
    if RAIL_CURRENCY[rail] != order.currency:
        raise OrderError(
            "rail_currency_mismatch",
            f"{rail} carries {RAIL_CURRENCY[rail]}, not {order.currency}.",
            "/currency",
        )
    needed = RAIL_ACCOUNT_TYPE[rail]
    if needed != account.__struct_config__.tag:
        raise OrderError(
            "rail_account_mismatch",
            f"{rail} needs a creditor account of type {needed}.",
            "/creditor/account/type",
        )
    return rail
