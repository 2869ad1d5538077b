"""A bank that misleads: what it says twice, late, out of order or of another transfer costs nobody
money.
"""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from atlaspay.core.errors import ConflictError
from payouts.machine import Stage
from payouts.models import Attempt, BankCallback, Payout, Return
from payouts.rails import base
from payouts.services import (
    callbacks,
    cancel,
    decisions,
    dispatch,
    inquiry,
    operator,
    sweeps,
)
from tests.payouts.factories import (
    age_attempt,
    fresh,
    funded_partner,
    make_due,
    queued_payout,
    sending,
)
from tests.payouts.test_callbacks import post, transfer
from tests.payouts.test_settlement import RETRY, answer, books

pytestmark = pytest.mark.django_db
BACK = [{"id": "rv_1", "amount_minor": 20_000, "reason_code": "AC04", "at": "2026-11-23T10:00:00Z"}]


@pytest.fixture
def partner():
    return funded_partner(50_000)


@pytest.fixture
def sent(partner):
    return sending(queued_payout(partner, 20_000))


@pytest.fixture
def paid_by_the_second(sent):
    """The first attempt was refused, the second paid."""
    answer(sent, RETRY)
    make_due(sent.payout)
    second = sending(fresh(sent.payout))
    answer(second, base.Settled(bank_reference="tr_2"))
    return second


def test_money_back_of_an_attempt_that_did_not_pay_is_not_the_payouts(
    sent, paid_by_the_second, partner, caplog
):
    before = books(partner)
    hint = base.ReturnHint("rv_1", 20_000, "EUR", "AC04", timezone.now())
    answer(sent, base.Settled(bank_reference="tr_1", returned=(hint,)))
    post(Client(), transfer(sent, id="tr_1", returned=BACK), "transfer.returned")
    callbacks.process()
    assert (fresh(sent.payout).state, books(partner)) == ("settled", before)
    assert not Return.objects.exists()
    assert "bank.return_does_not_fit" in caplog.text


@pytest.mark.parametrize("held", [base.Accepted(money_moved=True), base.Blocked()])
def test_an_older_pending_does_not_forget_that_money_may_have_moved(sent, held):
    answer(sent, held)
    stage = fresh(sent.payout).stage
    answer(sent, base.Accepted(bank_status="pending"))
    assert fresh(sent.payout).stage == stage
    answer(sent, RETRY)
    assert fresh(sent.payout).state == "failed"
    assert Attempt.objects.filter(payout=sent.payout.id).count() == 1


def test_messages_of_a_kind_nobody_knows_keep_no_other_waiting(sent, monkeypatch):
    monkeypatch.setattr(callbacks, "CHUNK", 2)
    answer(sent, base.Accepted(bank_reference="tr_1"))
    for number in range(2):
        post(Client(), transfer(sent), "transfer.frozen", f"msg_new_{number}")
    post(Client(), transfer(sent), message_id="msg_true")
    callbacks.process(limit=2)
    callbacks.process(limit=2)
    assert fresh(sent.payout).state == "settled"
    assert not BankCallback.objects.filter(state="stored").exists()


def test_word_of_another_transfer_of_the_bank_is_not_believed(sent, caplog):
    answer(sent, base.Accepted(bank_reference="tr_1"))
    post(Client(), transfer(sent, id="tr_2", status="rejected", reason_code="AB05"))
    callbacks.process()
    payout = fresh(sent.payout)
    assert (payout.state, payout.stage) == ("sent", "sent")
    assert payout.due_at <= timezone.now()  # the bank is asked
    assert BankCallback.objects.get().state == "ignored"
    assert "callback.transfer_differs" in caplog.text


def test_unpaid_by_hand_waits_for_a_send_that_began_before(sent):
    answer(sent, base.Unknown())
    age_attempt(sent.attempt, 359)
    answer(sent, base.Unknown())
    assert fresh(sent.payout).stage == Stage.OUTCOME_UNKNOWN
    with pytest.raises(ConflictError) as refused:
        operator.confirm(sent.payout.id, is_paid=False, evidence="the bank said so by phone")
    assert (refused.value.code, fresh(sent.payout).state) == ("still_asking", "sending")


def test_what_is_unknown_for_good_is_not_sent_again(sent, monkeypatch):
    answer(sent, base.Unknown())
    age_attempt(sent.attempt, 301)
    attempt = Attempt.objects.get(id=sent.attempt.id)
    monkeypatch.setattr(inquiry, "_submit", lambda *order: pytest.fail("sent"))
    inquiry.resend([(fresh(sent.payout), attempt)])
    assert Attempt.objects.get(id=sent.attempt.id).sends == 1
    assert fresh(sent.payout).stage == Stage.INQUIRY


def test_what_the_bank_has_after_all_is_neither_canceled_refused_nor_expired(sent, partner):
    answer(sent, RETRY)
    decisions.hold([sent.payout.id], record=lambda changes: None)
    answer(sent, base.Settled(bank_reference="tr_1"))
    before = books(partner)
    with pytest.raises(ConflictError):
        cancel.cancel_payout(partner.id, sent.payout.id)
    with pytest.raises(ConflictError):
        cancel.cancel_batch(partner.id, sent.payout.batch_id)
    with pytest.raises(ConflictError, match="after all"):
        decisions.reject([sent.payout.id], partner_message="No.", record=lambda changes: None)
    assert (fresh(sent.payout).state, books(partner)) == ("in_review", before)
    decisions.approve([sent.payout.id], record=lambda changes: None)
    Payout.objects.filter(id=sent.payout.id).update(deadline_at=timezone.now() - timedelta(days=3))
    assert sweeps.expire_queued() == 0
    assert (fresh(sent.payout).state, books(partner)) == ("queued", before)


@pytest.mark.parametrize("first", [RETRY, base.Unavailable()])
def test_paid_after_all_while_in_review_is_asked_about_and_not_sent(sent, partner, first, caplog):
    answer(sent, first)
    decisions.hold([sent.payout.id], record=lambda changes: None)
    answer(sent, base.Settled(bank_reference="tr_1"))
    answer(sent, base.Settled(bank_reference="tr_1"))
    payout = fresh(sent.payout)
    assert (payout.state, books(partner)) == ("in_review", (30_000, 20_000, 0, 50_000))
    assert "bank.contradiction" in caplog.text
    decisions.approve([payout.id], record=lambda changes: None)
    assert dispatch.claim(["sepa_inst"], 10) == []
    payout = fresh(payout)
    assert (payout.state, payout.stage, payout.attempt_count) == ("sending", "inquiry", 1)
    answer(sent, base.Settled(bank_reference="tr_1"))
    assert (fresh(payout).state, books(partner)) == ("settled", (30_000, 0, 0, 30_000))
