"""Our books against a real sandbox bank's: every kind of break opens, explains the totals, and ends
when the missing side arrives. Amounts are worked by hand.
"""

from datetime import timedelta

import pytest
from django.utils import timezone

from ledger import chart
from ledger.selectors import balance
from payouts.machine import Stage, State
from payouts.models import Attempt, BankEntry, ReconciliationBreak, Return
from payouts.rails import base
from payouts.rails.sandbox.adapter import SandboxRail
from payouts.services import inquiry, reconciliation, settlement
from payouts.services.funding import fund_partner
from tests.payouts.factories import fresh, make_due
from tests.payouts.reconciling import FULL, book, claimed, hear, kinds, pay, run, totals_of
from tests.simulator.bankproc import eur_order

pytestmark = pytest.mark.django_db
TERMINAL = base.Rejected(
    canonical="account_closed", retry_class=base.RetryClass.TERMINAL, bank_code="AC04"
)


def test_what_both_booked_is_matched_and_a_second_run_changes_nothing(bank, partner):
    payout = pay(partner, 0, 20_000)
    first = run()
    entry = BankEntry.objects.get(end_to_end_id=payout.id.removeprefix("po_") + "-1")
    assert (entry.amount_minor, entry.status, entry.cause, entry.is_open) == (
        -20_000,
        "matched",
        "",
        False,
    )
    assert entry.attempt.payout_id == payout.id
    assert (first.entries_read, first.opened, first.open_by_kind) == (1, 0, {})
    assert totals_of(first)["EUR"] == (FULL - 20_000, FULL - 20_000, {}, 0)
    # Two rails read the account in USD; its one entry is kept once.
    assert BankEntry.objects.filter(account_id="acct_usd").count() == 1
    before = (fresh(payout).version, list(BankEntry.objects.order_by("id").values()))
    again = run()
    assert (again.entries_read, again.asked, again.opened, again.closed) == (0, 0, 0, 0)
    assert (fresh(payout).version, list(BankEntry.objects.order_by("id").values())) == before


def test_money_that_moved_and_is_not_final_is_in_flight(bank, partner):
    payout = pay(partner, 14, 5_000)
    assert (fresh(payout).state, fresh(payout).stage) == (State.SENT, Stage.MONEY_MOVED)
    done = run()
    assert (done.asked, done.open_by_kind) == (1, {})
    assert totals_of(done)["EUR"] == (FULL, FULL - 5_000, {"in_flight": (1, -5_000)}, 0)
    assert fresh(payout).state == State.SENT
    assert run().asked == 0
    bank.advance(seconds=91)
    make_due(payout)
    inquiry.run(State.SENT)
    assert fresh(payout).state == State.SETTLED
    assert totals_of(run())["EUR"] == (FULL - 5_000, FULL - 5_000, {}, 0)
    assert not BankEntry.objects.filter(is_open=True).exists()


def test_an_unknown_outcome_is_asked_about_when_its_entry_is_seen(bank, partner):
    sent = claimed(partner, 7_000)
    book(bank, sent)
    hear(sent, base.Unknown())
    payout = fresh(sent.payout)
    settlement_time = payout.due_at
    done = run()
    assert (done.asked, done.open_by_kind) == (1, {})
    assert fresh(payout).state == State.SENDING
    assert fresh(payout).due_at < settlement_time
    inquiry.run(State.SENDING)
    assert fresh(payout).state == State.SETTLED
    assert totals_of(run())["EUR"] == (FULL - 7_000, FULL - 7_000, {}, 0)


def test_a_payout_taken_for_never_sent_leaves_the_queue_when_its_entry_is_seen(bank, partner):
    sent = claimed(partner, 7_000)
    book(bank, sent)
    hear(sent, base.RateLimited())
    assert fresh(sent.payout).state == State.QUEUED
    done = run()
    assert (done.asked, done.open_by_kind) == (1, {})
    payout = fresh(sent.payout)
    assert (payout.state, payout.stage) == (State.SENDING, Stage.INQUIRY)
    inquiry.run(State.SENDING)
    assert fresh(payout).state == State.SETTLED
    assert bank.audit()["double_paid"] == 0


def test_paid_by_the_bank_and_refused_here_is_shown_and_moves_nothing(bank, partner):
    sent = claimed(partner, 7_000)
    book(bank, sent)
    hear(sent, TERMINAL)
    done = run()
    assert kinds() == {"state_differs": (0, -7_000)}
    assert fresh(sent.payout).state == State.FAILED
    assert balance(chart.partner_available(partner.id, "EUR")) == FULL
    assert totals_of(done)["EUR"] == (FULL, FULL - 7_000, {"state_differs": (1, -7_000)}, 0)
    assert ReconciliationBreak.objects.get().payout_id == sent.payout.id


def test_a_transfer_made_behind_our_back_is_theirs_only(bank, partner):
    bank.pay(0, amount_minor=333)
    done = run()
    assert kinds() == {"theirs_only": (0, -333)}
    assert totals_of(done)["EUR"] == (FULL, FULL - 333, {"theirs_only": (1, -333)}, 0)
    assert BankEntry.objects.get(amount_minor=-333).status == "unmatched"
    again = run()
    assert (again.opened, again.closed, again.open_count) == (0, 0, 1)


def test_money_received_is_theirs_only_until_it_is_booked_by_its_reference(bank, partner):
    bank.sim("fund", {"account_id": "acct_eur", "amount_minor": 5_000})
    assert totals_of(run())["EUR"] == (FULL, FULL + 5_000, {"theirs_only": (1, 5_000)}, 0)
    reference = BankEntry.objects.get(amount_minor=5_000).reference
    fund_partner(partner.id, amount_minor=5_000, currency="EUR", reference=reference)
    done = run()
    assert (done.closed, done.open_by_kind) == (1, {})
    assert totals_of(done)["EUR"] == (FULL + 5_000, FULL + 5_000, {}, 0)
    closed = ReconciliationBreak.objects.get()
    assert (closed.resolved_by, closed.note) == ("system:reconcile", "agrees since")
    assert closed.is_resolved_by_hand is False


def test_a_funding_that_the_bank_does_not_show_is_ours_only(bank, partner):
    fund_partner(partner.id, amount_minor=9_000, currency="EUR", reference="wire-77")
    done = run()
    row = ReconciliationBreak.objects.get()
    assert (row.kind, row.subject, row.expected_minor) == ("ours_only", "funding:wire-77", 9_000)
    expected = (FULL + 9_000, FULL, {"funded_without_entry": (1, -9_000)}, 0)
    assert totals_of(done)["EUR"] == expected


def test_a_funding_booked_with_another_amount_differs(bank, partner):
    bank.sim("fund", {"account_id": "acct_eur", "amount_minor": 5_000})
    fund_partner(partner.id, amount_minor=5_500, currency="EUR", reference="acct_eur:2")
    done = run()
    assert kinds() == {"amount_differs": (5_500, 5_000)}
    expected = (FULL + 5_500, FULL + 5_000, {"amount_differs": (1, -500)}, 0)
    assert totals_of(done)["EUR"] == expected


def test_settled_here_and_not_at_the_bank_is_ours_only_until_the_entry_comes(bank, partner):
    sent = claimed(partner, 4_000)
    hear(sent, base.Settled())
    done = run()
    assert kinds() == {"ours_only": (-4_000, 0)}
    expected = (FULL - 4_000, FULL, {"settled_without_entry": (1, 4_000)}, 0)
    assert totals_of(done)["EUR"] == expected
    book(bank, sent)
    done = run()
    assert (done.closed, done.open_by_kind) == (1, {})
    assert totals_of(done)["EUR"] == (FULL - 4_000, FULL - 4_000, {}, 0)


def test_what_was_settled_just_now_is_no_break_yet(bank, partner, monkeypatch):
    monkeypatch.setattr(reconciliation.breaks, "MISSING_AFTER", timedelta(minutes=10))
    sent = claimed(partner, 4_000)
    hear(sent, base.Settled())
    done = run()
    assert done.open_by_kind == {}
    assert totals_of(done)["EUR"][2:] == ({"settled_without_entry": (1, 4_000)}, 0)
    late = timezone.now() - timedelta(minutes=11)
    Attempt.objects.filter(id=sent.attempt.id).update(finished_at=late)
    assert run().open_by_kind == {"ours_only": 1}


def test_another_amount_at_the_bank_is_a_break_with_both_amounts(bank, partner):
    sent = claimed(partner, 4_000)
    book(bank, sent, amount_minor=4_100)
    hear(sent, base.Settled())
    done = run()
    assert kinds() == {"amount_differs": (-4_000, -4_100)}
    assert BankEntry.objects.get(amount_minor=-4_100).status == "broken"
    expected = (FULL - 4_000, FULL - 4_100, {"amount_differs": (1, -100)}, 0)
    assert totals_of(done)["EUR"] == expected
    assert fresh(sent.payout).state == State.SETTLED


def test_a_second_debit_for_one_attempt_is_booked_twice(bank, partner):
    payout = pay(partner, 0, 4_000)
    run()
    attempt = Attempt.objects.get(payout=payout)
    order = eur_order(0, amount_minor=4_000, end_to_end_id=attempt.end_to_end_id)
    assert bank.send(order).status_code == 201
    done = run()
    assert kinds() == {"booked_twice": (0, -4_000)}
    expected = (FULL - 4_000, FULL - 8_000, {"booked_twice": (1, -4_000)}, 0)
    assert totals_of(done)["EUR"] == expected


def test_a_return_we_have_not_heard_of_is_looked_up_and_booked(bank, partner):
    payout = pay(partner, 16, 6_000)
    run()
    bank.advance(days=1)
    done = run()
    assert (done.asked, done.open_by_kind) == (1, {})
    assert (fresh(payout).state, fresh(payout).failure_code) == (State.RETURNED, "account_closed")
    came_back = Return.objects.get(payout=payout)
    assert (came_back.amount_minor, came_back.bank_code) == (6_000, "AC04")
    entry = BankEntry.objects.get(amount_minor=6_000)
    assert (entry.returned_id, entry.status, entry.is_open) == (came_back.id, "matched", False)
    assert totals_of(done)["EUR"] == (FULL, FULL, {}, 0)


def test_two_partial_returns_match_one_by_one(bank, partner):
    payout = pay(partner, 17, 8_000)
    bank.advance(days=1)
    run()
    assert (fresh(payout).state, fresh(payout).returned_minor) == (State.SETTLED, 4_000)
    bank.advance(days=1)
    done = run()
    assert (fresh(payout).state, fresh(payout).returned_minor) == (State.SETTLED, 6_000)
    assert totals_of(done)["EUR"] == (FULL - 2_000, FULL - 2_000, {}, 0)
    assert done.open_by_kind == {}


def test_a_return_the_bank_does_not_confirm_stays_theirs_only(bank, partner, monkeypatch):
    payout = pay(partner, 16, 6_000)
    bank.advance(days=1)
    with monkeypatch.context() as patch:
        patch.setattr(SandboxRail, "lookup", lambda rail, order: base.Unknown(detail="503"))
        done = run()
    assert kinds() == {"theirs_only": (0, 6_000)}
    assert ReconciliationBreak.objects.get().payout_id == payout.id
    assert fresh(payout).state == State.SETTLED
    assert totals_of(done)["EUR"] == (FULL - 6_000, FULL, {"theirs_only": (1, 6_000)}, 0)
    assert run().asked == 0
    BankEntry.objects.filter(amount_minor=6_000).update(
        asked_at=timezone.now() - timedelta(hours=2)
    )
    done = run()
    assert (done.asked, done.closed, done.open_by_kind) == (1, 1, {})
    assert fresh(payout).state == State.RETURNED


def test_a_return_here_that_the_bank_never_booked_is_ours_only(bank, partner):
    payout = pay(partner, 0, 6_000)
    hint = base.ReturnHint("ret_nowhere", 1_000, "EUR", "AC04", timezone.now())
    settled = Attempt.objects.get(payout=payout)
    settlement.apply(
        [settlement.Answer(payout.id, settled.id, base.Settled(returned=(hint,)))], reason="test"
    )
    done = run()
    assert kinds() == {"ours_only": (1_000, 0)}
    expected = (FULL - 5_000, FULL - 6_000, {"returned_without_entry": (1, -1_000)}, 0)
    assert totals_of(done)["EUR"] == expected
