"""What the bank does: takes orders, moves them through their plan, answers clients and operators.

Synchronous and single-threaded: each method leaves the books whole. Every fact is journaled by the
method that makes it true.
"""

import secrets
from collections.abc import Callable

from payouts.rails.simulator import journal as log
from payouts.rails.simulator.books import Books
from payouts.rails.simulator.clock import Clock
from payouts.rails.simulator.records import (
    BLOCKED,
    CANCELED,
    MONEY_MOVED,
    PENDING,
    POSTING_LATER,
    REJECTED,
    SETTLED,
    Account,
    Return,
    Transfer,
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


class Bank(Books):
    """The books, and what a bank does with them."""

    def __init__(self, clock: Clock, announce: Announce, journal: log.Journal | None) -> None:
        super().__init__(clock, secrets.token_hex(8))
        self.recalls_accepted = True
        self._announce = announce
        self._journal = journal

    # Beginning, ending, starting over.

    def open(self) -> int:
        """Replay the journal, or open with the first accounts; return transfers replayed."""
        lines = self._journal.read() if self._journal else iter(())
        empty = True
        for line in lines:
            empty = False
            self.replay(line)
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
        self.clear(secrets.token_hex(8))
        self._found()

    def _found(self) -> None:
        self._record(log.Opened(self.names.boot, self.clock.now_ms()))
        for account_id, currency in FIRST_ACCOUNTS:
            self.fund(account_id, FIRST_FUNDS_MINOR, currency)

    def _record(self, line: log.Line) -> None:
        if self._journal:
            self._journal.write(line)

    # Orders.

    def accept(self, transfer: Transfer) -> None:
        """Take a new transfer whose `number` is `next_number()`; nothing is decided yet."""
        self.store(transfer)
        if self._journal:
            values = [getattr(transfer, name) for name in log.Accepted.__struct_fields__]
            values[3] = transfer.plan.name
            self._record(log.Accepted(*values))

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
        self.apply_status(transfer, status, reason_code, at_ms)
        self._record(log.Changed(transfer.number, status, reason_code, at_ms))

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
        self.apply_return(transfer, returned)
        self._record(
            log.ReturnedLine(transfer.number, amount_minor, reason_code, origin, returned.at_ms)
        )
        self._announce("transfer.returned", transfer, returned)
        return returned

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
        self.apply_recall(transfer, status, at_ms)
        self._record(log.Recalled(transfer.number, status, at_ms))

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
        return self.apply_fund(account_id, known_currency, amount_minor, at_ms)

    def advance_clock(self, by_ms: int) -> int:
        """Move the clock and run what falls due; return how many timers ran."""
        ran = self.clock.advance(by_ms)
        self._record(log.ClockMoved(self.clock.offset_ms))
        return ran
