"""The bank's own proof: no payout settled twice, every balance the sum of its entries.

It reads the books from scratch and trusts none of the sums the bank keeps while it runs.
"""

from collections import Counter, defaultdict
from typing import Any

from payouts.rails.simulator.bank import Bank
from payouts.rails.simulator.books import payout_of
from payouts.rails.simulator.records import MONEY_MOVED, PENDING, Transfer

SHOWN = 100


def audit(bank: Bank) -> dict[str, Any]:
    """Return the audit report; `consistent` covers the books, `double_paid` the client's doing.

    A payout is the part of the end-to-end id before its last dash. It is double paid when money
    moved for two of its transfers, whatever came back later; `at_risk` when one moved and another
    is still pending, or two are pending.
    """
    moved: defaultdict[str, list[Transfer]] = defaultdict(list)
    pending: Counter[str] = Counter()
    statuses: Counter[str] = Counter()
    for transfer in bank.transfers:
        statuses[transfer.status] += 1
        if not transfer.decided or transfer.status == PENDING:
            pending[payout_of(transfer.end_to_end_id)] += 1
        elif transfer.status in MONEY_MOVED:
            moved[payout_of(transfer.end_to_end_id)].append(transfer)
    doubles = {payout: items for payout, items in moved.items() if len(items) > 1}
    at_risk = [
        payout for payout, count in pending.items() if count + len(moved.get(payout, ())) > 1
    ]
    problems = _problems(bank)
    return {
        "consistent": not problems,
        "problems": problems[:SHOWN],
        "double_paid": len(doubles),
        "double_paid_payouts": [
            _double_view(payout, items, bank) for payout, items in list(doubles.items())[:SHOWN]
        ],
        "at_risk": len(at_risk),
        "at_risk_payouts": at_risk[:SHOWN],
        "payouts_paid": len(moved),
        "transfers": len(bank.transfers),
        "transfers_by_status": dict(statuses),
        "accounts": [
            {**account.view(), "entries_sum_minor": sum(e.amount_minor for e in account.entries)}
            for account in bank.accounts.values()
        ],
    }


def _double_view(payout: str, items: list[Transfer], bank: Bank) -> dict[str, Any]:
    return {
        "payout": payout,
        "transfers": [
            {
                "id": bank.names.transfer_id(item.number),
                "idempotency_key": item.key,
                "end_to_end_id": item.end_to_end_id,
                "status": item.status,
                "amount_minor": item.amount_minor,
                "returned_minor": item.returned_minor,
            }
            for item in items
        ],
    }


def _problems(bank: Bank) -> list[str]:
    problems: list[str] = []
    debits: Counter[int] = Counter()
    credits_minor: Counter[int] = Counter()
    for account in bank.accounts.values():
        total = sum(entry.amount_minor for entry in account.entries)
        if total != account.balance_minor:
            problems.append(f"{account.id}: entries sum to {total}, not {account.balance_minor}")
        if [entry.seq for entry in account.entries] != list(range(1, len(account.entries) + 1)):
            problems.append(f"{account.id}: entry numbers have a gap")
        if sum(len(entries) for entries in account.days.values()) != len(account.entries):
            problems.append(f"{account.id}: statements and entries differ")
        for entry in account.entries:
            if entry.kind == "transfer":
                debits[entry.transfer_number] += 1
                paid_minor = bank.transfers[entry.transfer_number - 1].amount_minor
                if entry.amount_minor != -paid_minor:
                    problems.append(f"{account.id}: entry {entry.seq} is not its transfer's amount")
            elif entry.kind == "return":
                credits_minor[entry.transfer_number] += entry.amount_minor
    held: Counter[str] = Counter()
    for transfer in bank.transfers:
        name = bank.names.transfer_id(transfer.number)
        expected = 1 if transfer.decided and transfer.status in MONEY_MOVED else 0
        if debits[transfer.number] != expected:
            problems.append(f"{name}: {debits[transfer.number]} debits, status {transfer.status}")
        back_minor = credits_minor[transfer.number]
        if back_minor != transfer.returned_minor or back_minor > transfer.amount_minor:
            problems.append(f"{name}: returns and entries differ, or exceed the amount")
        if transfer.held:
            held[transfer.account_id] += transfer.amount_minor
    for account in bank.accounts.values():
        if held[account.id] != account.held_minor:
            problems.append(f"{account.id}: holds {account.held_minor}, not {held[account.id]}")
    return problems
