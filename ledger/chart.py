"""The chart of accounts: which names there are and what each means. Names are the interface; ids
stay inside.

    partner:<id>:available:<CCY>    liability, guarded   what the partner may still spend
    partner:<id>:reserved:<CCY>     liability            set aside for payouts that are not sent yet
    partner:<id>:in_transit:<CCY>   liability            with the bank, outcome not final
    bank:<provider>:cash:<CCY>      asset                our money at a bank, for all its rails
    bank:<provider>:suspense:<CCY>  asset                bank movements nobody has explained yet

Money comes in: Dr cash, Cr available. Submitted: Dr available, Cr reserved. Sent: Dr reserved, Cr
in_transit. Settled: Dr in_transit (reserved, where the bank settled at once), Cr cash. Returned:
Dr cash, Cr available. Failed or canceled: Dr reserved or in_transit, Cr available.
"""

import re
from dataclasses import dataclass

from atlaspay.core.money import exponent
from ledger.errors import UnknownAccountError

_NAME = re.compile(r"^(partner|bank):([A-Za-z0-9_.-]{1,48}):([a-z_]{1,16}):([A-Z]{3})$")


@dataclass(frozen=True, slots=True)
class AccountSpec:
    """What an account is, before it has an id."""

    name: str
    kind: str
    normal_side: str
    currency: str
    is_guarded: bool


_ROLES = {
    ("partner", "available"): ("liability", "credit", True),
    ("partner", "reserved"): ("liability", "credit", False),
    ("partner", "in_transit"): ("liability", "credit", False),
    ("bank", "cash"): ("asset", "debit", False),
    ("bank", "suspense"): ("asset", "debit", False),
}


def partner_available(partner_id: str, currency: str) -> str:
    """Return the account of what the partner may spend."""
    return f"partner:{partner_id}:available:{currency}"


def partner_reserved(partner_id: str, currency: str) -> str:
    """Return the account of what is set aside for payouts not sent yet."""
    return f"partner:{partner_id}:reserved:{currency}"


def partner_in_transit(partner_id: str, currency: str) -> str:
    """Return the account of what is with the bank."""
    return f"partner:{partner_id}:in_transit:{currency}"


def partner_prefix(partner_id: str) -> str:
    """Return what all names of a partner's accounts begin with."""
    return f"partner:{partner_id}:"


def bank_cash(provider: str, currency: str) -> str:
    """Return the account of our money at a bank; its rails all draw on it."""
    return f"bank:{provider}:cash:{currency}"


def bank_suspense(provider: str, currency: str) -> str:
    """Return the account of a bank's unexplained movements."""
    return f"bank:{provider}:suspense:{currency}"


def spec_of(name: str) -> AccountSpec:
    """Return the account a name stands for. Raises UnknownAccountError, UnknownCurrencyError."""
    parts = _NAME.match(name)
    role = _ROLES.get((parts[1], parts[3])) if parts else None
    if parts is None or role is None:
        raise UnknownAccountError(f"{name!r} is not in the chart of accounts")
    exponent(parts[4])
    return AccountSpec(name, role[0], role[1], parts[4], role[2])
