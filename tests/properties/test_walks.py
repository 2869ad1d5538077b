"""Random walks over everything that can happen to payouts; after each step the books balance and
nothing is paid twice.

The bank of this test is simple and honest about money but not about answering: it keeps one
transfer per key for ever, loses answers, refuses at the door, settles late, returns money.
"""

import os
from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from atlaspay.core.errors import ConflictError
from ledger import chart
from ledger.errors import InsufficientFundsError
from ledger.selectors import balance, trial_balance
from payouts.machine import LEGAL_MOVES, State
from payouts.models import Attempt, Payout
from payouts.rails import base
from payouts.services import decisions, dispatch, inquiry, settlement, sweeps
from payouts.services.cancel import cancel_payout
from tests.payouts.factories import funded_partner, make_payouts

FUNDS = 100_000
REFUSALS = {
    "closed": base.Rejected(
        canonical="account_closed", retry_class=base.RetryClass.TERMINAL, bank_code="AC04"
    ),
    "later": base.Rejected(
        canonical="beneficiary_bank_timeout",
        retry_class=base.RetryClass.RETRY_NEW,
        bank_code="AB05",
    ),
    "other_rail": base.Rejected(
        canonical="account_type_unsupported",
        retry_class=base.RetryClass.REROUTE,
        bank_code="AG03",
    ),
}


class Bank:
    """One transfer per key: `pending`, `paid`, or the name of a refusal."""

    def __init__(self) -> None:
        self.transfers: dict[str, str] = {}
        self.payout_of: dict[str, str] = {}
        self.returned: dict[str, list[base.ReturnHint]] = {}

    def take(self, order: base.Order, decision: str) -> None:
        if order.bank_key not in self.transfers:
            self.transfers[order.bank_key] = decision
            self.payout_of[order.bank_key] = order.payout_id

    def says(self, key: str) -> base.Outcome:
        state = self.transfers.get(key)
        if state is None:
            return base.NotFound()
        if state == "paid":
            return base.Settled(returned=tuple(self.returned.get(key, ())), bank_status="settled")
        return base.Accepted(bank_status="pending") if state == "pending" else REFUSALS[state]

    def paid(self) -> list[str]:
        return [self.payout_of[key] for key, state in self.transfers.items() if state == "paid"]


class Walk(RuleBasedStateMachine):
    """Every rule is one thing that somebody does; each is legal at any time."""

    @initialize()
    def begin(self) -> None:
        self.scope = transaction.atomic()
        self.scope.__enter__()
        self.partner = funded_partner(FUNDS)
        self.bank = Bank()
        self.on_the_wire: list[dispatch.Sending] = []

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.scope.__exit__(None, None, None)

    def pick(self, number: int, **where: object) -> Payout | None:
        found = list(Payout.objects.filter(**where).order_by("id"))
        return found[number % len(found)] if found else None

    @rule(amounts=st.lists(st.integers(1, 40_000), min_size=1, max_size=4))
    def submit(self, amounts: list[int]) -> None:
        before = balance(chart.partner_available(self.partner.id, "EUR"))
        try:
            with transaction.atomic():
                make_payouts(self.partner, amounts)
        except InsufficientFundsError:
            assert sum(amounts) > before
        else:
            assert sum(amounts) <= before

    @rule(flags=st.lists(st.booleans(), min_size=1, max_size=6))
    def screen(self, flags: list[bool]) -> None:
        decisions.screen_waiting(
            lambda found: [
                decisions.Verdict(p.id, flags[i % len(flags)]) for i, p in enumerate(found)
            ]
        )

    @rule(number=st.integers(0, 99), approves=st.booleans())
    def review(self, number: int, approves: bool) -> None:
        if payout := self.pick(number, state=State.IN_REVIEW):
            if approves:
                decisions.approve([payout.id], record=lambda _: None)
            else:
                decisions.reject([payout.id], partner_message="no", record=lambda _: None)

    @rule(number=st.integers(0, 99))
    def cancel(self, number: int) -> None:
        if payout := self.pick(number):
            try:
                cancel_payout(self.partner.id, payout.id)
            except ConflictError:
                assert payout.state not in (State.SCREENING, State.IN_REVIEW, State.QUEUED)

    @rule(limit=st.integers(1, 5))
    def claim(self, limit: int) -> None:
        self.on_the_wire += dispatch.claim(["sepa_inst"], limit)

    @rule(
        number=st.integers(0, 99),
        decision=st.sampled_from(["paid", "paid", "pending", *REFUSALS]),
        heard=st.sampled_from(["answer", "answer", "silence", "door", "unreachable", "crash"]),
        holds=st.booleans(),
    )
    def call(self, number: int, decision: str, heard: str, holds: bool) -> None:
        """A call happens; whether the bank took it and whether we hear of it are two things."""
        if not self.on_the_wire:
            return
        sending = self.on_the_wire.pop(number % len(self.on_the_wire))
        if heard in ("door", "unreachable"):
            outcome = base.RateLimited() if heard == "door" else base.Unavailable()
        else:
            self.bank.take(sending.order, decision)
            outcome = self.bank.says(sending.order.bank_key)
        if heard == "crash":
            return
        if heard == "silence":
            outcome = base.Unknown()
        mine = (sending.payout, sending.attempt) if holds else (None, None)
        settlement.apply(
            [settlement.Answer(sending.payout.id, sending.attempt.id, outcome, *mine)],
            reason="walk",
        )

    @rule(number=st.integers(0, 99), decision=st.sampled_from(["paid", *REFUSALS]))
    def bank_decides(self, number: int, decision: str) -> None:
        pending = sorted(k for k, state in self.bank.transfers.items() if state == "pending")
        if pending:
            self.bank.transfers[pending[number % len(pending)]] = decision

    @rule(number=st.integers(0, 99))
    def callback(self, number: int) -> None:
        """The bank tells of any transfer, at any time, as often as it likes."""
        keys = sorted(self.bank.transfers)
        if keys:
            key = keys[number % len(keys)]
            attempt = Attempt.objects.get(bank_key=key)
            settlement.apply(
                [settlement.Answer(attempt.payout_id, attempt.id, self.bank.says(key))],
                reason="walk",
            )

    @rule(state=st.sampled_from([State.SENDING, State.SENT]), heard=st.booleans())
    def inquire(self, state: State, heard: bool) -> None:
        pairs = inquiry._claim(state, 10)
        report = settlement.apply(
            [
                settlement.Answer(
                    p.id, a.id, self.bank.says(a.bank_key) if heard else base.Unknown()
                )
                for p, a in pairs
            ],
            reason="walk",
        )
        for payout, attempt in pairs:
            if attempt.id in report.resend:
                order = dispatch.order_of(payout, attempt)
                self.bank.take(order, "paid")
                settlement.apply(
                    [settlement.Answer(payout.id, attempt.id, self.bank.says(order.bank_key))],
                    reason="walk",
                )

    @rule(number=st.integers(0, 99), part=st.integers(1, 3))
    def bank_returns(self, number: int, part: int) -> None:
        paid = sorted(k for k, state in self.bank.transfers.items() if state == "paid")
        if paid:
            key = paid[number % len(paid)]
            payout = Payout.objects.get(id=self.bank.payout_of[key])
            back = self.bank.returned.setdefault(key, [])
            left = payout.amount_minor - sum(r.amount_minor for r in back)
            if left:
                amount = max(1, left // part)
                reference = f"rv-{key}-{len(back)}"
                back.append(
                    base.ReturnHint(reference, amount, payout.currency, "AC04", timezone.now())
                )

    @rule(minutes=st.sampled_from([0, 1, 6, 60 * 25]))
    def time_passes(self, minutes: int) -> None:
        """Everything that waits is due, and older."""
        ago = timezone.now() - timedelta(minutes=minutes)
        Payout.objects.exclude(due_at=None).update(due_at=timezone.now())
        Payout.objects.filter(state=State.QUEUED).update(deadline_at=ago + timedelta(minutes=3))
        Attempt.objects.update(started_at=ago)

    @rule()
    def sweep(self) -> None:
        sweeps.expire_queued()
        sweeps.complete_batches()

    @invariant()
    def nothing_is_paid_twice(self) -> None:
        if hasattr(self, "bank"):
            paid = self.bank.paid()
            assert len(paid) == len(set(paid)), "one payout was paid under two keys"

    @invariant()
    def what_we_gave_back_was_not_paid(self) -> None:
        if hasattr(self, "bank"):
            ended = set(
                Payout.objects.filter(state__in=[State.FAILED, State.CANCELED]).values_list(
                    "id", flat=True
                )
            )
            assert not ended & set(self.bank.paid())

    @invariant()
    def the_books_balance(self) -> None:
        if not hasattr(self, "bank"):
            return
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        for totals in trial_balance().values():
            assert totals.debit_minor == totals.credit_minor
        partner = self.partner.id
        available = balance(chart.partner_available(partner, "EUR"))
        reserved = balance(chart.partner_reserved(partner, "EUR"))
        in_transit = balance(chart.partner_in_transit(partner, "EUR"))
        assert available >= 0
        held = {"reserved": 0, "in_transit": 0}
        gone = 0
        for payout in Payout.objects.all():
            if payout.state in ("screening", "in_review", "queued", "sending"):
                held["reserved"] += payout.amount_minor
            elif payout.state == "sent":
                held["in_transit"] += payout.amount_minor
            elif payout.state in ("settled", "returned"):
                gone += payout.amount_minor - payout.returned_minor
        assert (reserved, in_transit) == (held["reserved"], held["in_transit"])
        assert balance(chart.bank_cash("sandbox", "EUR")) == FUNDS - gone

    @invariant()
    def history_explains_every_state(self) -> None:
        if not hasattr(self, "bank"):
            return
        legal = {(str(a), str(b)) for a, b in LEGAL_MOVES}
        for payout in Payout.objects.all():
            states = list(payout.history.order_by("history_id").values_list("state", flat=True))
            assert states[0] == "screening"
            assert states[-1] == payout.state
            assert {(a, b) for a, b in pairwise(states) if a != b} <= legal


@pytest.mark.slow
@pytest.mark.django_db
def test_any_walk_keeps_the_books_and_pays_once():
    walks = int(os.environ.get("ATLASPAY_WALKS", "40"))
    run_state_machine_as_test(
        Walk,
        settings=settings(
            max_examples=walks,
            stateful_step_count=35,
            deadline=None,
            derandomize=walks <= 40,
            suppress_health_check=list(HealthCheck),
        ),
    )
