"""The books: accounts, transfers and the facts that change them, live and from a journal alike.

Nothing here decides or waits: each `apply_*` method makes one fact true at a given instant, so a
replayed journal leaves the same books as the run that wrote it.
"""

from payouts.rails.simulator import journal as log
from payouts.rails.simulator.clock import Clock
from payouts.rails.simulator.magic import plan_named
from payouts.rails.simulator.records import (
    MONEY_MOVED,
    PENDING,
    SETTLED,
    Account,
    Entry,
    Names,
    Return,
    Transfer,
    day_of,
)


class Books:
    """All accounts and transfers of one sandbox, with the indexes look-ups need."""

    def __init__(self, clock: Clock, boot: str) -> None:
        self.clock = clock
        self.clear(boot)

    def clear(self, boot: str) -> None:
        self.names = Names(boot)
        self.accounts: dict[str, Account] = {}
        self.transfers: list[Transfer] = []
        self.by_key: dict[str, Transfer] = {}
        self.by_end_to_end_id: dict[str, list[Transfer] | Transfer] = {}
        self._orders_of: dict[str, int] = {}

    def next_number(self) -> int:
        return len(self.transfers) + 1

    def find(self, transfer_id: str) -> Transfer | None:
        number = self.names.transfer_number(transfer_id)
        return self.transfers[number - 1] if 0 < number <= len(self.transfers) else None

    def count_order(self, end_to_end_id: str) -> int:
        """Count one more new transfer of a payout and return its ordinal, from 1."""
        payout = payout_of(end_to_end_id)
        nth = self._orders_of.get(payout, 0) + 1
        self._orders_of[payout] = nth
        return nth

    def store(self, transfer: Transfer) -> None:
        self.transfers.append(transfer)
        self.by_key[transfer.key] = transfer
        known = self.by_end_to_end_id.setdefault(transfer.end_to_end_id, transfer)
        if isinstance(known, list):
            known.append(transfer)
        elif known is not transfer:
            self.by_end_to_end_id[transfer.end_to_end_id] = [known, transfer]

    def replay(self, line: log.Line) -> None:
        match line:
            case log.Opened(boot=boot):
                self.clear(boot)
            case log.Accepted():
                values = {name: getattr(line, name) for name in line.__struct_fields__}
                self.store(Transfer(**{**values, "plan": plan_named(line.plan)}))
                if line.plan == "rejects:AB05":
                    self.count_order(line.end_to_end_id)
            case log.Changed():
                transfer = self.transfers[line.number - 1]
                self.apply_status(transfer, line.status, line.reason_code, line.at_ms)
            case log.ReturnedLine():
                returned = Return(line.amount_minor, line.reason_code, line.at_ms, line.origin)
                self.apply_return(self.transfers[line.number - 1], returned)
            case log.Recalled():
                self.apply_recall(self.transfers[line.number - 1], line.status, line.at_ms)
            case log.Funded():
                self.apply_fund(line.account_id, line.currency, line.amount_minor, line.at_ms)
            case log.ClockMoved():
                self.clock.restart(line.offset_ms)

    def apply_status(
        self, transfer: Transfer, status: str, reason_code: str | None, at_ms: int
    ) -> None:
        account = self.accounts[transfer.account_id]
        moved_before = transfer.decided and transfer.status in MONEY_MOVED
        if transfer.held:
            account.held_minor -= transfer.amount_minor
            transfer.held = False
        if status == PENDING:
            account.held_minor += transfer.amount_minor
            transfer.held = True
        elif status in MONEY_MOVED and not moved_before:
            plan = transfer.plan
            amount_minor = -transfer.amount_minor
            account.post(
                Entry(
                    len(account.entries) + 1,
                    "transfer",
                    amount_minor,
                    amount_minor - plan.notice_delta_minor
                    if plan.notice_delta_minor
                    else amount_minor,
                    at_ms,
                    day_of(at_ms) + plan.statement_lag_days,
                    transfer.number,
                    0,
                )
            )
        transfer.status = status
        transfer.reason_code = reason_code
        transfer.decided = True
        if status == SETTLED:
            transfer.settled_ms = at_ms

    def apply_return(self, transfer: Transfer, returned: Return) -> None:
        if transfer.returned is None:
            transfer.returned = []
        transfer.returned.append(returned)
        account = self.accounts[transfer.account_id]
        account.post(
            Entry(
                len(account.entries) + 1,
                "return",
                returned.amount_minor,
                returned.amount_minor,
                returned.at_ms,
                day_of(returned.at_ms),
                transfer.number,
                len(transfer.returned),
            )
        )

    def apply_recall(self, transfer: Transfer, status: str, at_ms: int) -> None:
        transfer.recall_status = status
        transfer.recall_ms = at_ms

    def apply_fund(self, account_id: str, currency: str, amount_minor: int, at_ms: int) -> Account:
        account = self.accounts.setdefault(account_id, Account(account_id, currency))
        account.post(
            Entry(
                len(account.entries) + 1,
                "funding",
                amount_minor,
                amount_minor,
                at_ms,
                day_of(at_ms),
                0,
                0,
            )
        )
        return account


def payout_of(end_to_end_id: str) -> str:
    """Return the client's payout inside an end-to-end id of the form `<payout>-<attempt>`."""
    head, dash, _ = end_to_end_id.rpartition("-")
    return head if dash else end_to_end_id
