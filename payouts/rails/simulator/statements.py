"""Entries, daily balances and statements in JSON; camt.py says the same in XML.

A statement carries the entries assigned to its day, which for one magic account is the day after
the booking; so opening + entries = closing always holds, and the break shows only to who compares.
"""

from typing import Any

from payouts.rails.simulator.bank import Bank
from payouts.rails.simulator.records import Account, Entry, Return, Transfer, date_of, iso


def transfer_of(entry: Entry, bank: Bank) -> tuple[Transfer | None, Return | None]:
    """Return the transfer behind an entry, and the return if the entry books one."""
    if not entry.transfer_number:
        return None, None
    transfer = bank.transfers[entry.transfer_number - 1]
    if not entry.return_index or transfer.returned is None:
        return transfer, None
    return transfer, transfer.returned[entry.return_index - 1]


def entry_view(
    entry: Entry, account: Account, bank: Bank, *, noticed: bool = False
) -> dict[str, Any]:
    """Return an entry as clients see it; `noticed`: with the amount its notification claims."""
    view: dict[str, Any] = {
        "seq": entry.seq,
        "account_id": account.id,
        "kind": entry.kind,
        "amount_minor": entry.noticed_minor if noticed else entry.amount_minor,
        "currency": account.currency,
        "booked_at": iso(entry.booked_ms),
        "transfer_id": None,
        "end_to_end_id": None,
    }
    transfer, returned = transfer_of(entry, bank)
    if transfer is not None:
        view["transfer_id"] = bank.names.transfer_id(transfer.number)
        view["end_to_end_id"] = transfer.end_to_end_id
    if transfer is not None and returned is not None:
        view["return_id"] = bank.names.return_id(transfer.number, entry.return_index - 1)
        view["reason_code"] = returned.reason_code
    return view


def balances(account: Account, day: int) -> tuple[int, int]:
    """Return the opening and closing balance of a day's statement, minor units."""
    opening = sum(
        entry.amount_minor
        for other_day, entries in account.days.items()
        if other_day < day
        for entry in entries
    )
    return opening, opening + sum(entry.amount_minor for entry in account.days.get(day, ()))


def statement_view(account: Account, day: int, bank: Bank) -> dict[str, Any]:
    """Return the statement of a day."""
    opening, closing = balances(account, day)
    return {
        "id": f"{account.id}-{date_of(day).isoformat()}",
        "account_id": account.id,
        "currency": account.currency,
        "date": date_of(day).isoformat(),
        "opening_balance_minor": opening,
        "closing_balance_minor": closing,
        "entries": [entry_view(entry, account, bank) for entry in account.days.get(day, ())],
    }
