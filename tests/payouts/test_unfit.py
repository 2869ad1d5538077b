"""One row that cannot be read or written never keeps the others from their outcome."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from standardwebhooks import Webhook

from atlaspay.core.errors import RateLimitedError
from ledger import chart
from ledger.selectors import balance
from partners import throttles
from payouts.machine import Stage, State
from payouts.models import Attempt, BankCallback, Payout, Return
from payouts.rails import base
from payouts.services import banking, callbacks, dispatch, inquiry, settlement, sweeps
from payouts.services.settlement import Answer
from payouts.vault import seal_account
from tests.payouts import factories
from tests.payouts.factories import (
    clear_all,
    fresh,
    funded_partner,
    make_due,
    make_payouts,
    queued_payout,
    sending,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def partner():
    return funded_partner(90_000)


@pytest.fixture
def three(partner):
    """Three payouts on the wire."""
    make_payouts(partner, [10_000, 20_000, 30_000])
    clear_all()
    return sorted(dispatch.claim(["sepa_inst"], 10), key=lambda s: s.payout.amount_minor)


def held(sent, outcome):
    return Answer(sent.payout.id, sent.attempt.id, outcome, sent.payout, sent.attempt)


def states(sent):
    return [fresh(one.payout).state for one in sent]


def available(partner):
    return balance(chart.partner_available(partner.id, "EUR"))


def test_an_answer_that_cannot_be_written_fails_alone(three, partner, caplog):
    good, bad, other = three
    unfit = base.Settled(bank_reference="x" * 65)
    report = settlement.apply(
        [held(good, base.Settled()), held(bad, unfit), held(other, base.Settled())], reason="test"
    )
    assert report.moved == 2
    assert states(three) == ["settled", "sending", "settled"]
    assert balance(chart.bank_cash("sandbox", "EUR")) == 50_000
    assert balance(chart.partner_reserved(partner.id, "EUR")) == 20_000
    assert "settlement.answer_unfit" in caplog.text


def test_nul_in_a_banks_words_is_no_obstacle(three):
    (sent, *_) = three
    spoilt = base.Rejected(
        canonical="account_closed",
        retry_class=base.RetryClass.TERMINAL,
        bank_code="AC\x0004",
        bank_status="rejec\x00ted",
        detail="422 \x00",
    )
    settlement.apply([held(sent, spoilt)], reason="test")
    assert fresh(sent.payout).bank_code == "AC\ufffd04"
    assert Attempt.objects.get(id=sent.attempt.id).bank_status == "rejec\ufffdted"


def test_an_account_that_does_not_open_is_put_off_and_the_others_go(partner, monkeypatch, caplog):
    make_payouts(partner, [10_000, 30_000])
    foreign = seal_account("po_another", {"type": "iban", "iban": "NL91ABNA0417164300"})
    monkeypatch.setattr(factories, "seal_account", lambda payout_id, account: foreign)
    (bad,) = make_payouts(partner, [20_000])
    clear_all()
    claimed = dispatch.claim(["sepa_inst"], 10)
    assert sorted(s.payout.amount_minor for s in claimed) == [10_000, 30_000]
    left = fresh(bad)
    assert (left.state, left.attempt_count) == (State.QUEUED, 0)
    assert left.due_at > timezone.now() + timedelta(seconds=50)
    assert Attempt.objects.filter(payout=bad).count() == 0
    assert "payout.account_unreadable" in caplog.text


class LookUps:
    """A rail whose look-ups do as told by amount: answer, break, or hang."""

    def __init__(self, hangs_s):
        self._hangs_s = hangs_s

    def lookup(self, order):
        if order.amount_minor == 20_000:
            raise RuntimeError("a fault in an adapter")
        if order.amount_minor == 30_000:
            time.sleep(self._hangs_s)
        return base.Settled()


def test_a_look_up_that_breaks_or_hangs_is_unknown_and_the_others_count(three, monkeypatch):
    true_rail = banking.rail
    settlement.apply([held(one, base.Unknown()) for one in three], reason="test")
    make_due(*[one.payout for one in three])
    monkeypatch.setattr(inquiry, "ROUND_S", 0.3)
    claimed = inquiry._claim(State.SENDING, 10)
    monkeypatch.setattr(banking, "rail", lambda name: LookUps(1.0))
    outcomes = inquiry._look_up_all(claimed)
    monkeypatch.setattr(banking, "rail", true_rail)
    by_amount = {p.amount_minor: o for (p, _), o in zip(claimed, outcomes, strict=True)}
    assert isinstance(by_amount[10_000], base.Settled)
    assert by_amount[20_000] == base.Unknown(detail="look-up: RuntimeError")
    assert by_amount[30_000] == base.Unknown(detail="look-up: no answer within 0 s")


def test_inquiries_are_counted_up_to_what_the_column_holds(three):
    settlement.apply([held(one, base.Unknown()) for one in three], reason="test")
    make_due(*[one.payout for one in three])
    Attempt.objects.update(inquiries=32_767, sends=32_767)
    assert len(inquiry._claim(State.SENDING, 10)) == 3
    assert set(Attempt.objects.values_list("inquiries", flat=True)) == {32_767}


def test_a_returns_reference_that_another_payout_has_is_booked_once(three, partner, caplog):
    one, two, _ = three
    hint = base.ReturnHint("rv_1", 10_000, "EUR", "AC04", timezone.now())
    settled = base.Settled(returned=(hint,))
    settlement.apply([held(one, settled)], reason="test")
    settlement.apply([held(two, settled)], reason="test")
    assert states([one, two]) == ["returned", "settled"]
    assert Return.objects.count() == 1
    assert available(partner) == 40_000
    assert "bank.return_reference_reused" in caplog.text


def signed(sent, message_id, **changes):
    body = json.dumps(
        {
            "type": "transfer.updated",
            "data": {
                "id": "tr_1",
                "status": "settled",
                "amount_minor": sent.payout.amount_minor,
                "currency": "EUR",
                "end_to_end_id": sent.attempt.end_to_end_id,
                **changes,
            },
        }
    )
    at = datetime.now(UTC)
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(settings.SANDBOX_BANK_WEBHOOK_SECRET).sign(
            message_id, at, body
        ),
    }
    return headers, body.encode()


def test_a_callback_that_cannot_be_applied_ends_broken_and_the_others_count(three, caplog):
    one, two, _ = three
    callbacks.store("sandbox", *signed(one, "msg_1", end_to_end_id="a\x00b"))
    callbacks.store("sandbox", *signed(two, "msg_2"))
    assert callbacks.process() == 2
    assert fresh(two.payout).state == "settled"
    assert list(BankCallback.objects.order_by("id").values_list("state", flat=True)) == [
        "broken",
        "applied",
    ]
    assert callbacks.process() == 0
    assert "callback.unfit" in caplog.text


def test_forged_messages_are_kept_in_numbers_only_and_true_ones_always(three, monkeypatch):
    one, *_ = three
    budget = iter([True, True, False, False])
    monkeypatch.setattr(
        throttles, "take", lambda key, *, rate, burst: throttles.Budget(next(budget), 1, 0, 0, 0)
    )
    headers, body = signed(one, "msg_1")
    for number in range(2):
        assert callbacks.store("sandbox", headers, body + b" " * (number + 1))
    for number in range(2, 4):
        with pytest.raises(RateLimitedError):
            callbacks.store("sandbox", headers, body + b" " * (number + 1))
    assert callbacks.store("sandbox", headers, body)
    assert BankCallback.objects.count() == 3


def test_alarms_count_from_the_send_however_often_the_bank_is_asked(caplog):
    sent = sending(queued_payout(funded_partner(50_000), 20_000))
    settlement.apply([held(sent, base.Accepted())], reason="test")
    assert sweeps.sound_alarms() == {}
    with connection.cursor() as cursor:
        cursor.execute("UPDATE payouts_payout SET sent_at = sent_at - interval '2 hours'")
    make_due(sent.payout)
    settlement.apply([Answer(sent.payout.id, sent.attempt.id, base.Accepted())], reason="test")
    assert fresh(sent.payout).due_at > timezone.now()
    assert 7_200 <= sweeps.sound_alarms()["sent"] <= 7_260
    assert "queue.overdue" in caplog.text


def test_a_payout_that_waits_for_its_own_time_is_no_alarm():
    partner = funded_partner(50_000)
    make_payouts(partner, [10_000], execute_at=timezone.now() + timedelta(days=2))
    clear_all()
    assert Payout.objects.get().stage == Stage.SCHEDULED
    with connection.cursor() as cursor:
        cursor.execute("UPDATE payouts_payout SET queued_at = queued_at - interval '2 hours'")
    assert sweeps.sound_alarms() == {}
