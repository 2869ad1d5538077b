"""A partner's money as the ledger has it: balances per currency, and the entries behind them."""

from dataclasses import dataclass

from ledger import chart
from ledger import selectors as ledger
from ledger.selectors import Entry
from payouts.selectors.pages import LIMIT_DEFAULT, Page, page_of, read_cursor

ROLES = ("available", "reserved", "in_transit")


@dataclass(frozen=True, slots=True)
class Funds:
    """Minor units of one currency, by where they are."""

    currency: str
    available_minor: int
    reserved_minor: int
    in_transit_minor: int


def funds_of(partner_id: str) -> list[Funds]:
    """Return a partner's balances, one a currency it has ever had, by currency."""
    totals: dict[str, dict[str, int]] = {}
    for name, amount_minor in ledger.balances(chart.partner_prefix(partner_id)).items():
        _, _, role, currency = name.split(":")
        totals.setdefault(currency, dict.fromkeys(ROLES, 0))[role] = amount_minor
    return [
        Funds(currency, roles["available"], roles["reserved"], roles["in_transit"])
        for currency, roles in sorted(totals.items())
    ]


def available_minor(partner_id: str, currency: str) -> int:
    """Return what a partner may spend of a currency, in minor units."""
    return ledger.balance(chart.partner_available(partner_id, currency))


def entries_page(
    partner_id: str,
    *,
    currency: str = "",
    account: str = "",
    cursor: str = "",
    limit: int = LIMIT_DEFAULT,
) -> Page[Entry]:
    """Return one page of the entries on a partner's accounts, newest first.

    `account`: available, reserved or in_transit. Raises InvalidRequestError (cursor).
    """
    filters = {"currency": currency, "account": account}
    before = read_cursor(cursor, "balance_entries", filters)
    names = [
        name
        for name in ledger.balances(chart.partner_prefix(partner_id))
        if (not currency or name.endswith(f":{currency}"))
        and (not account or f":{account}:" in name)
    ]
    before_id = int(before) if before else None
    rows = ledger.entries(names, before_id=before_id, limit=limit + 1)
    return page_of(rows, limit, "balance_entries", filters, key=lambda entry: entry.id)
