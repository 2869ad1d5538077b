"""What the bank keeps: accounts, entries, transfers and returns, and how a transfer looks outside.

The structs are slim and untracked by the garbage collector (`gc=False`: none can be part of a
cycle), because a benchmark leaves hundreds of thousands of them in memory.
Amounts are integer minor units; instants are integer milliseconds of the bank's clock.
"""

from datetime import UTC, date, datetime
from typing import Any

import msgspec

from payouts.rails.simulator.magic import Plan

PENDING = "pending"
POSTING_LATER = "accepted_without_posting"
SETTLED = "settled"
REJECTED = "rejected"
BLOCKED = "blocked"
CANCELED = "canceled"
STATUSES = (PENDING, POSTING_LATER, SETTLED, REJECTED, BLOCKED, CANCELED)
# In these the debtor's money has left the account; nothing but a return brings it back.
MONEY_MOVED = frozenset({SETTLED, POSTING_LATER, BLOCKED})

DAY_MS = 86_400_000
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


class Return(msgspec.Struct, gc=False):
    """Money sent back by the creditor's bank; `origin` is plan, recall or operator."""

    amount_minor: int
    reason_code: str
    at_ms: int
    origin: str


class Transfer(msgspec.Struct, gc=False):
    """One order to pay. `number` counts from 1; the public id is made from it."""

    number: int
    key: str
    fingerprint: bytes
    plan: Plan
    rail: str
    amount_minor: int
    currency: str
    account_id: str
    creditor_name: str
    account_last4: str
    end_to_end_id: str
    remittance: str | None
    callback_url: str | None
    created_ms: int
    status: str = PENDING
    decided: bool = False
    held: bool = False
    reason_code: str | None = None
    settled_ms: int = 0
    returned: list[Return] | None = None
    recall_status: str | None = None
    recall_ms: int = 0

    @property
    def returned_minor(self) -> int:
        return sum(item.amount_minor for item in self.returned or ())


class Entry(msgspec.Struct, gc=False):
    """One booking on an account; negative amounts leave it.

    `noticed_minor` is what the notification claims (it differs for one magic account only);
    `statement_day` is the day, counted from 1970-01-01, whose statement carries the entry.
    """

    seq: int
    kind: str
    amount_minor: int
    noticed_minor: int
    booked_ms: int
    statement_day: int
    transfer_number: int
    return_index: int


class Account:
    """A debtor account with its entries; `held_minor` is what pending transfers will take."""

    __slots__ = ("balance_minor", "currency", "days", "entries", "held_minor", "id")

    def __init__(self, account_id: str, currency: str) -> None:
        self.id = account_id
        self.currency = currency
        self.balance_minor = 0
        self.held_minor = 0
        self.entries: list[Entry] = []
        self.days: dict[int, list[Entry]] = {}

    @property
    def available_minor(self) -> int:
        return self.balance_minor - self.held_minor

    def post(self, entry: Entry) -> None:
        """Append `entry` and move the balance by its amount."""
        self.entries.append(entry)
        self.days.setdefault(entry.statement_day, []).append(entry)
        self.balance_minor += entry.amount_minor

    def view(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "currency": self.currency,
            "balance_minor": self.balance_minor,
            "held_minor": self.held_minor,
            "available_minor": self.available_minor,
            "last_seq": len(self.entries),
        }


class Names:
    """Makes public ids; `boot` (16 hex digits) keeps two runs of the bank apart."""

    __slots__ = ("boot", "uetr_head")

    def __init__(self, boot: str) -> None:
        self.boot = boot
        # Shaped like a version 4 UUID, as UETRs are; the last twelve digits count transfers.
        self.uetr_head = f"{boot[:8]}-{boot[8:12]}-4{boot[12:15]}-8{boot[13:16]}-"

    def transfer_id(self, number: int) -> str:
        return f"tr_{self.boot}{number:012x}"

    def return_id(self, number: int, index: int) -> str:
        return f"ret_{self.boot}{number:012x}{index:02x}"

    def transfer_number(self, transfer_id: str) -> int:
        """Return the number inside `transfer_id`, 0 if it is none of this bank's ids."""
        head, digits = transfer_id[:19], transfer_id[19:]
        if head != f"tr_{self.boot}" or len(digits) != 12:
            return 0
        try:
            number = int(digits, 16)
        except ValueError:
            return 0
        # int() also reads upper case, signs and underscores; an id has one spelling.
        return number if transfer_id == self.transfer_id(number) else 0


_second_text: tuple[int, str] = (-1, "")


def iso(at_ms: int) -> str:
    """Return the RFC 3339 text of an instant, with milliseconds and Z."""
    global _second_text
    second, rest = divmod(at_ms, 1000)
    if _second_text[0] != second:
        text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        _second_text = (second, text)
    return f"{_second_text[1]}.{rest:03d}Z"


def day_of(at_ms: int) -> int:
    return at_ms // DAY_MS


def date_of(day: int) -> date:
    return date.fromordinal(_EPOCH_ORDINAL + day)


def day_from(value: date) -> int:
    return value.toordinal() - _EPOCH_ORDINAL


def transfer_view(transfer: Transfer, names: Names, status: str | None = None) -> dict[str, Any]:
    """Return the transfer as clients see it; `status` overrides it for a stale snapshot."""
    shown = status or transfer.status
    returned = transfer.returned
    view: dict[str, Any] = {
        "id": names.transfer_id(transfer.number),
        "status": shown,
        "rail": transfer.rail,
        "amount_minor": transfer.amount_minor,
        "currency": transfer.currency,
        "debtor_account_id": transfer.account_id,
        "creditor": {
            "name": transfer.creditor_name,
            "account_last4": transfer.account_last4,
        },
        "end_to_end_id": transfer.end_to_end_id,
        "remittance": transfer.remittance,
        "idempotency_key": transfer.key,
        "uetr": f"{names.uetr_head}{transfer.number:012x}",
        "created_at": iso(transfer.created_ms),
        "returned": [
            {
                "id": names.return_id(transfer.number, index),
                "amount_minor": item.amount_minor,
                "reason_code": item.reason_code,
                "at": iso(item.at_ms),
            }
            for index, item in enumerate(returned)
        ]
        if returned
        else [],
    }
    if status is None:
        if transfer.reason_code:
            view["reason_code"] = transfer.reason_code
        if transfer.settled_ms:
            view["settled_at"] = iso(transfer.settled_ms)
        if transfer.recall_status:
            view["recall"] = {
                "status": transfer.recall_status,
                "requested_at": iso(transfer.recall_ms),
            }
    return view
