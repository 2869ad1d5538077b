"""The accounts and moves that the ledger's tests share."""

from ledger.chart import bank_cash, partner_available, partner_in_transit, partner_reserved
from ledger.services import Line

AVAILABLE = partner_available("pt_a", "EUR")
RESERVED = partner_reserved("pt_a", "EUR")
IN_TRANSIT = partner_in_transit("pt_a", "EUR")
CASH = bank_cash("sandbox", "EUR")


def move(debit: str, credit: str, amount_minor: int, reference: str) -> list[Line]:
    """Return the two lines that debit one account and credit the other."""
    return [
        Line(debit, amount_minor, "EUR", reference),
        Line(credit, -amount_minor, "EUR", reference),
    ]
