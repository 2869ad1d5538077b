"""Which ledger lines each step of a payout writes. The only caller of `ledger.services`' posting
beside funding.

Signs are the ledger's: debit > 0, credit < 0. Each payout's lines sum to zero by themselves and
carry its id.
"""

from collections.abc import Iterable

from ledger import chart
from ledger.services import Line
from payouts.machine import State
from payouts.models import Payout, Return

RESERVED = "payouts.reserved"
RELEASED = "payouts.released"
IN_TRANSIT = "payouts.in_transit"
SETTLED = "payouts.settled"
RETURNED = "payouts.returned"


def _move(payout: Payout, debit: str, credit: str, amount_minor: int) -> tuple[Line, Line]:
    return (
        Line(debit, amount_minor, payout.currency, payout.id),
        Line(credit, -amount_minor, payout.currency, payout.id),
    )


def _holding(payout: Payout, state: str) -> str:
    """Return the account that holds the money of a payout in this state."""
    if state == State.SENT:
        return chart.partner_in_transit(payout.partner_id, payout.currency)
    return chart.partner_reserved(payout.partner_id, payout.currency)


def reserved(payouts: Iterable[Payout]) -> list[Line]:
    """Submit: available -> reserved."""
    lines: list[Line] = []
    for payout in payouts:
        available = chart.partner_available(payout.partner_id, payout.currency)
        lines += _move(
            payout,
            available,
            chart.partner_reserved(payout.partner_id, payout.currency),
            payout.amount_minor,
        )
    return lines


def released(payout: Payout, from_state: str) -> tuple[Line, Line]:
    """Failed or canceled: back to available from where the state held it."""
    available = chart.partner_available(payout.partner_id, payout.currency)
    return _move(payout, _holding(payout, from_state), available, payout.amount_minor)


def in_transit(payout: Payout) -> tuple[Line, Line]:
    """The bank accepted it: reserved -> in transit."""
    reserved_account = chart.partner_reserved(payout.partner_id, payout.currency)
    return _move(
        payout,
        reserved_account,
        chart.partner_in_transit(payout.partner_id, payout.currency),
        payout.amount_minor,
    )


def back_to_reserved(payout: Payout) -> tuple[Line, Line]:
    """Accepted, then refused, and another attempt follows: in transit -> reserved."""
    in_transit_account = chart.partner_in_transit(payout.partner_id, payout.currency)
    return _move(
        payout,
        in_transit_account,
        chart.partner_reserved(payout.partner_id, payout.currency),
        payout.amount_minor,
    )


def settled(payout: Payout, from_state: str, provider: str) -> tuple[Line, Line]:
    """Settled: from where the state held it -> out of our account at the bank."""
    return _move(
        payout,
        _holding(payout, from_state),
        chart.bank_cash(provider, payout.currency),
        payout.amount_minor,
    )


def returned(payout: Payout, came_back: Return, provider: str) -> tuple[Line, Line]:
    """Returned, in full or in part: our account at the bank -> available."""
    available = chart.partner_available(payout.partner_id, payout.currency)
    return _move(
        payout, chart.bank_cash(provider, payout.currency), available, came_back.amount_minor
    )
