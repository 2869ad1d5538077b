"""The bank's books: takes orders, moves them through their plan, posts entries, remembers keys.

Synchronous and single-threaded: each method leaves the books whole. Every fact is journaled by the
method that makes it true, and a replay runs the same `_apply_*` methods over the facts alone.
"""

import secrets
from collections.abc import Callable
from pathlib import Path

from payouts.rails.simulator import journal as log
from payouts.rails.simulator.clock import Clock
from payouts.rails.simulator.magic import Plan, plan_named
from payouts.rails.simulator.records import (
    BLOCKED,
    CANCELED,
    MONEY_MOVED,
    PENDING,
    POSTING_LATER,
    REJECTED,
    SETTLED,
    Account,
    Entry,
    Names,
    Return,
    Transfer,
    day_of,
)

FIRST_ACCOUNTS = (("acct_eur", "EUR"), ("acct_usd", "USD"), ("acct_gbp", "GBP"))
FIRST_FUNDS_MINOR = 1_000_000_000_000
RECALL_ANSWER_MS = 3_600_000

Announce = Callable[[str, Transfer, Return | None], None]


class BankError(Exception):
    """The books do not allow it; nothing changed."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Bank:
    """All accounts and transfers of one sandbox."""

    def __init__(self, clock: Clock, announce: Announce, journal: log.Journal | None) -> None:
        self.clock = clock
        self.recalls_accepted = True
        self._announce = announce
        self._journal = journal
        self._clear(secrets.token_hex(8))

    def _clear(self, boot: str) -> None:
        self.names = Names(boot)
        self.accounts: dict[str, Account] = {}
        self.transfers: list[Transfer] = []
        self.by_key: dict[str, Transfer] = {}
        self.by_end_to_end_id: dict[str, list[Transfer] | Transfer] = {}
        self._orders_of: dict[str, int] = {}

    # Beginning, ending, starting over.

    def open(self) -> int:
        """Replay the journal, or open with the first accounts; return transfers replayed."""
        lines = self._journal.read() if self._journal else iter(())
        empty = True
        for line in lines:
            empty = False
            self._replay(line)
        if empty:
            self._found()
        for transfer in self.transfers:
            if transfer.decided:
                self._schedule(transfer)
            else:
                # Its client was cut off by the restart and can only learn by callback or look-up.
                self.decide(transfer)
                self.announce_update(transfer)
        return len(self.transfers)

    def reset(self) -> None:
        """Forget everything and open anew with the first accounts."""
        self.clock.restart()
        if self._journal:
            self._journal.clear()
        self._clear(secrets.token_hex(8))
        self._found()

    def _found(self) -> None:
        self._record(log.Opened(self.names.boot, self.clock.now_ms()))
        for account_id, currency in FIRST_ACCOUNTS:
            self.fund(account_id, FIRST_FUNDS_MINOR, currency)

    def _record(self, line: log.Line) -> None:
        if self._journal:
            self._journal.write(line)

    def _replay(self, line: log.Line) -> None:
        match line:
            case log.Opened(boot=boot):
                self._clear(boot)
            case log.Accepted():
                values = {name: getattr(line, name) for name in line.__struct_fields__}
                self._store(Transfer(**{**values, "plan": plan_named(line.plan)}))
                if line.plan == "rejects:AB05":
                    self.count_order(line.end_to_end_id)
            case log.Changed():
                transfer = self.transfers[line.number - 1]
                self._apply_status(transfer, line.status, line.reason_code, line.at_ms)
            case log.ReturnedLine():
                returned = Return(line.amount_minor, line.reason_code, line.at_ms, line.origin)
                self._apply_return(self.transfers[line.number - 1], returned)
            case log.Recalled():
                self._apply_recall(self.transfers[line.number - 1], line.status, line.at_ms)
            case log.Funded():
                self._apply_fund(line.account_id, line.currency, line.amount_minor, line.at_ms)
            case log.ClockMoved():
                self.clock.restart(line.offset_ms)

    # Orders.

    def count_order(self, end_to_end_id: str) -> int:
        """Count one more new transfer of a payout and return its ordinal, from 1."""
        payout = payout_of(end_to_end_id)
        nth = self._orders_of.get(payout, 0) + 1
        self._orders_of[payout] = nth
        return nth

    def accept(self, transfer: Transfer) -> None:
        """Take a new transfer whose `number` is `next_number()`; nothing is decided yet."""
        self._store(transfer)
        if self._journal:
            values = [getattr(transfer, name) for name in log.Accepted.__struct_fields__]
            values[3] = transfer.plan.name
            self._record(log.Accepted(*values))

    def next_number(self) -> int:
        return len(self.transfers) + 1

    def _store(self, transfer: Transfer) -> None:
        self.transfers.append(transfer)
        self.by_key[transfer.key] = transfer
        known = self.by_end_to_end_id.setdefault(transfer.end_to_end_id, transfer)
        if isinstance(known, list):
            known.append(transfer)
        elif known is not transfer:
            self.by_end_to_end_id[transfer.end_to_end_id] = [known, transfer]

    def decide(self, transfer: Transfer) -> None:
        """Give the transfer its first outcome, unless it was canceled meanwhile."""
        if transfer.decided:
            return
        plan = transfer.plan
        status, reason_code = plan.status, plan.reason_code
        if status != REJECTED:
            account = self.accounts[transfer.account_id]
            if account.available_minor < transfer.amount_minor:
                status, reason_code = REJECTED, "AM04"
        self.change(transfer, status, reason_code)
        if plan.then is not None or plan.returns:
            self._schedule(transfer)

    def change(self, transfer: Transfer, status: str, reason_code: str | None = None) -> None:
        """Set the status, post the debit when money moves, hold it while pending; journaled."""
        at_ms = self.clock.now_ms()
        self._apply_status(transfer, status, reason_code, at_ms)
        self._record(log.Changed(transfer.number, status, reason_code, at_ms))

    def _apply_status(
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

    # What happens later.

    def _schedule(self, transfer: Transfer) -> None:
        plan = transfer.plan
        if plan.then is not None and transfer.status == plan.status:
            self.clock.at(transfer.created_ms + plan.then_after_ms, self._follow, transfer)
        if transfer.status == SETTLED:
            done = sum(item.origin == "plan" for item in transfer.returned or ())
            for planned in plan.returns[done:]:
                parts, whole = planned.share
                amount_minor = max(1, transfer.amount_minor * parts // whole)
                due_ms = transfer.settled_ms + planned.after_ms
                self.clock.at(
                    due_ms, self.give_back, transfer, amount_minor, planned.reason_code, "plan"
                )
        if transfer.recall_status == "requested":
            self.clock.at(transfer.recall_ms + RECALL_ANSWER_MS, self._answer_recall, transfer)

    def _follow(self, transfer: Transfer) -> None:
        plan = transfer.plan
        if transfer.status == plan.status and plan.then is not None:
            self.change(transfer, plan.then, plan.then_reason_code)
            self.announce_update(transfer)
            if plan.returns:
                self._schedule(transfer)

    def give_back(
        self, transfer: Transfer, amount_minor: int | None, reason_code: str, origin: str
    ) -> Return | None:
        """Return `amount_minor` (None: all that is left), at most what is left; None if nothing is.

        Only money that moved can come back: BankError `not_returnable` otherwise.
        """
        if transfer.status not in MONEY_MOVED:
            raise BankError(
                "not_returnable", f"A {transfer.status} transfer has no money to return."
            )
        left_minor = transfer.amount_minor - transfer.returned_minor
        amount_minor = left_minor if amount_minor is None else min(amount_minor, left_minor)
        if amount_minor == 0:
            return None
        returned = Return(amount_minor, reason_code, self.clock.now_ms(), origin)
        self._apply_return(transfer, returned)
        self._record(
            log.ReturnedLine(transfer.number, amount_minor, reason_code, origin, returned.at_ms)
        )
        self._announce("transfer.returned", transfer, returned)
        return returned

    def _apply_return(self, transfer: Transfer, returned: Return) -> None:
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

    def announce_update(self, transfer: Transfer) -> None:
        self._announce("transfer.updated", transfer, None)

    # What clients and operators ask for.

    def cancel(self, transfer: Transfer) -> None:
        """Cancel a pending transfer; repeating is safe; BankError `not_cancelable` otherwise."""
        if transfer.status == CANCELED:
            return
        if transfer.status != PENDING:
            raise BankError("not_cancelable", f"A {transfer.status} transfer cannot be canceled.")
        self.change(transfer, CANCELED)
        self.announce_update(transfer)

    def recall(self, transfer: Transfer) -> None:
        """Ask for a settled transfer's money back; the answer comes after a virtual hour.

        Repeating is safe; BankError `not_recallable` unless settled with something left to return.
        """
        if transfer.recall_status is not None:
            return
        if transfer.status != SETTLED or transfer.returned_minor == transfer.amount_minor:
            raise BankError(
                "not_recallable", "Only a settled transfer with money left to return is recallable."
            )
        self._set_recall(transfer, "requested")
        self.clock.at(transfer.recall_ms + RECALL_ANSWER_MS, self._answer_recall, transfer)

    def _answer_recall(self, transfer: Transfer) -> None:
        if self.recalls_accepted:
            self._set_recall(transfer, "accepted")
            self.give_back(transfer, None, "FOCR", "recall")
        else:
            self._set_recall(transfer, "refused")
            self.announce_update(transfer)

    def _set_recall(self, transfer: Transfer, status: str) -> None:
        at_ms = self.clock.now_ms() if status == "requested" else transfer.recall_ms
        self._apply_recall(transfer, status, at_ms)
        self._record(log.Recalled(transfer.number, status, at_ms))

    def _apply_recall(self, transfer: Transfer, status: str, at_ms: int) -> None:
        transfer.recall_status = status
        transfer.recall_ms = at_ms

    def resolve(self, transfer: Transfer, status: str, reason_code: str | None) -> None:
        """End a transfer that waits for a person: settle, reject or block it.

        BankError `not_resolvable` if it is final, or a rejection comes after its money moved.
        """
        open_statuses = {PENDING, POSTING_LATER, BLOCKED}
        if transfer.status not in open_statuses or not transfer.decided:
            raise BankError("not_resolvable", f"A {transfer.status} transfer is not open.")
        if status == REJECTED and transfer.status != PENDING:
            raise BankError(
                "not_resolvable", "Its money has moved: return it instead of rejecting it."
            )
        self.change(transfer, status, reason_code)
        self.announce_update(transfer)

    def fund(self, account_id: str, amount_minor: int, currency: str | None = None) -> Account:
        """Credit an account, opening it if `currency` is given and it does not exist.

        BankError `unknown_account` or `account_currency_mismatch` otherwise.
        """
        account = self.accounts.get(account_id)
        if account is None and currency is None:
            raise BankError("unknown_account", f"There is no account {account_id}.")
        if account is not None and currency not in (None, account.currency):
            raise BankError("account_currency_mismatch", f"{account_id} is in {account.currency}.")
        known_currency = account.currency if account else str(currency)
        at_ms = self.clock.now_ms()
        self._record(log.Funded(account_id, known_currency, amount_minor, at_ms))
        return self._apply_fund(account_id, known_currency, amount_minor, at_ms)

    def _apply_fund(self, account_id: str, currency: str, amount_minor: int, at_ms: int) -> Account:
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

    def advance_clock(self, by_ms: int) -> int:
        """Move the clock and run what falls due; return how many timers ran."""
        ran = self.clock.advance(by_ms)
        self._record(log.ClockMoved(self.clock.offset_ms))
        return ran

    def find(self, transfer_id: str) -> Transfer | None:
        number = self.names.transfer_number(transfer_id)
        return self.transfers[number - 1] if 0 < number <= len(self.transfers) else None


def payout_of(end_to_end_id: str) -> str:
    """Return the client's payout inside an end-to-end id of the form `<payout>-<attempt>`."""
    head, dash, _ = end_to_end_id.rpartition("-")
    return head if dash else end_to_end_id
