"""What the API answers about balances; see `payouts.api.shapes`."""

from typing import Literal

import msgspec

from payouts.api.words import BalanceAccount, Instant, Minor


class Funds(msgspec.Struct):
    """The money of one currency, by where it is."""

    currency: str
    available_minor: Minor
    reserved_minor: Minor
    in_transit_minor: Minor


class Balance(msgspec.Struct):
    """A partner's balances."""

    object: Literal["balance"]
    balances: list[Funds]


class BalanceEntry(msgspec.Struct):
    """One ledger line on a partner's account; `change_minor` is what it did to that balance."""

    id: str
    kind: str
    account: BalanceAccount
    change_minor: Minor
    currency: str
    payout_id: str | None
    created_at: Instant


class BalanceEntryPage(msgspec.Struct):
    """One page of entries, newest first."""

    object: Literal["list"]
    data: list[BalanceEntry]
    has_more: bool
    next_cursor: str | None
