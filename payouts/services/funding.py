"""A partner's money comes in: the bank's account grows, and so does what the partner may spend.

The second caller of `ledger.services` beside the unit of work; it moves no payout.
"""

import re
from dataclasses import dataclass

from django.db import connection, transaction

from atlaspay.core.errors import ConflictError, InvalidRequestError, NotFoundError
from atlaspay.core.ids import new_id
from atlaspay.core.money import EXPONENTS, MAX_MINOR, display, exponent
from ledger import chart, selectors
from ledger.services import Line, lock_accounts, post
from partners.models import Partner
from payouts.rails.registry import RAIL_NAMES, UnknownRailError
from payouts.services import banking

FUNDED = "partners.funded"
HOME_RAILS = {"EUR": "sepa_inst", "USD": "rtp", "GBP": "fps"}
_AMOUNT = re.compile(r"([0-9]{1,15})(?:\.([0-9]+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Funding:
    """One booking of money received; `available_minor` is the partner's balance after it."""

    journal_id: int
    reference: str
    rail: str
    amount_minor: int
    currency: str
    available_minor: int


def parse_amount(text: str, currency: str) -> int:
    """Return a decimal such as `2500.00` in minor units. Raises InvalidRequestError."""
    if currency not in EXPONENTS:
        raise InvalidRequestError(f"{currency!r} is not a currency AtlasPay knows.")
    digits = exponent(currency)
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise InvalidRequestError(f"{text!r} is no amount such as 2500.00.")
    fraction = found[2] or ""
    if len(fraction) > digits:
        raise InvalidRequestError(f"{text}: {currency} has {digits} decimals, not {len(fraction)}.")
    return int(found[1] + fraction.ljust(digits, "0"))


def fund_partner(
    partner_id: str,
    *,
    amount_minor: int,
    currency: str,
    rail: str = "",
    reference: str = "",
    narration: str = "",
) -> Funding:
    """Book `amount_minor` as received for a partner: Dr bank cash, Cr available.

    `reference` is the bank's for the incoming money; given one, repeating is refused, so that the
    same money is never booked twice, for this partner nor for another. Locks the reference at that
    bank, then the partner's available account.
    Raises NotFoundError, InvalidRequestError, ConflictError.
    """
    rail = rail or HOME_RAILS.get(currency, "")
    if currency not in EXPONENTS:
        raise InvalidRequestError(f"{currency!r} is not a currency AtlasPay knows.")
    if rail not in RAIL_NAMES:
        raise InvalidRequestError(f"Name the rail {currency} came in by: {', '.join(RAIL_NAMES)}.")
    if not 0 < amount_minor <= MAX_MINOR:
        raise InvalidRequestError("The amount must be above zero and at most 2^53 - 1 minor units.")
    reference = reference or new_id("fd")
    available = chart.partner_available(partner_id, currency)
    cash = chart.bank_cash(_provider(rail), currency)
    with transaction.atomic():
        if not Partner.objects.filter(id=partner_id).exists():
            raise NotFoundError(f"There is no partner {partner_id!r}.")
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
                [f"funding:{cash}:{reference}"],
            )
        before = lock_accounts([available])[available]
        for line in selectors.lines(reference):
            if line.kind == FUNDED and line.account == cash:
                raise ConflictError(
                    f"{reference} is booked already: {display(line.change_minor, line.currency)}"
                    f" at {line.created_at:%Y-%m-%d %H:%M} UTC.",
                    code="funding_booked",
                )
        journal_id = post(
            FUNDED,
            [
                Line(cash, amount_minor, currency, reference),
                Line(available, -amount_minor, currency, reference),
            ],
            narration=narration,
        )
    return Funding(journal_id, reference, rail, amount_minor, currency, before + amount_minor)


def _provider(rail: str) -> str:
    try:
        return banking.rail(rail).provider
    except UnknownRailError as error:
        raise InvalidRequestError(str(error)) from None
