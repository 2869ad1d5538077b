"""What each answer of a bank does: state, attempt, ledger, event; exact values, worked by hand."""

import time

import pytest
from django.db import connection
from django.utils import timezone

from ledger import chart
from ledger.selectors import balance
from payouts import writes
from payouts.machine import Stage, State
from payouts.models import Attempt, Return
from payouts.rails import base
from payouts.services import banking, dispatch, in_flight, inquiry, outcomes, settlement
from payouts.services.settlement import Answer
from tests.payouts.factories import (
    age_attempt,
    fresh,
    funded_partner,
    make_due,
    queued_payout,
    sending,
)
from webhooks.models import Event

pytestmark = pytest.mark.django_db

TERMINAL = base.Rejected(
    canonical="account_closed", retry_class=base.RetryClass.TERMINAL, bank_code="AC04"
)
RETRY = base.Rejected(
    canonical="beneficiary_bank_timeout", retry_class=base.RetryClass.RETRY_NEW, bank_code="AB05"
)


def books(partner, currency="EUR", rail="sepa_inst"):
    """Return (available, reserved, in transit, our cash at the bank)."""
    return (
        balance(chart.partner_available(partner.id, currency)),
        balance(chart.partner_reserved(partner.id, currency)),
        balance(chart.partner_in_transit(partner.id, currency)),
        balance(chart.bank_cash("sandbox", currency)),
    )


def events_of(payout):
    return list(
        Event.objects.filter(object_id=payout.id)
        .order_by("sequence")
        .values_list("type", flat=True)
    )


def answer(sent, outcome, **kwargs):
    return settlement.apply(
        [Answer(sent.payout.id, sent.attempt.id, outcome, **kwargs)], reason="test"
    )


@pytest.fixture
def partner():
    return funded_partner(50_000)


@pytest.fixture
def sent(partner):
    return sending(queued_payout(partner, 20_000))


@pytest.fixture(autouse=True)
def _journals_balance(db):
    yield
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_claim_commits_an_attempt_before_anything_is_sent(sent, partner):
    attempt = Attempt.objects.get(payout=sent.payout.id)
    assert (attempt.number, attempt.state, attempt.sends) == (1, "sending", 1)
    assert attempt.bank_key == dispatch.bank_key(sent.payout.id, 1)
    assert attempt.end_to_end_id == sent.payout.id.removeprefix("po_") + "-1"
    payout = fresh(sent.payout)
    assert (payout.state, payout.stage) == (State.SENDING, Stage.SENDING)
    assert payout.leased_until is not None
    assert books(partner) == (30_000, 20_000, 0, 50_000)


def test_settled_at_once_moves_reserved_money_out(sent, partner):
    answer(sent, base.Settled(bank_reference="tr_1"))
    payout = fresh(sent.payout)
    assert (payout.state, payout.stage, payout.leased_until) == (State.SETTLED, Stage.DONE, None)
    assert books(partner) == (30_000, 0, 0, 30_000)
    assert events_of(payout) == ["payout.settled"]
    assert Attempt.objects.get(payout=payout).state == "settled"


def test_accepted_then_settled_goes_through_in_transit(sent, partner):
    answer(sent, base.Accepted(bank_reference="tr_1"))
    assert fresh(sent.payout).state == State.SENT
    assert books(partner) == (30_000, 0, 20_000, 50_000)
    answer(sent, base.Settled(bank_reference="tr_1"))
    assert books(partner) == (30_000, 0, 0, 30_000)
    assert events_of(sent.payout) == ["payout.processing", "payout.settled"]


def test_accepted_then_rejected_gives_the_money_back(sent, partner):
    answer(sent, base.Accepted())
    answer(sent, TERMINAL)
    payout = fresh(sent.payout)
    assert (payout.state, payout.failure_code, payout.bank_code) == (
        "failed",
        "account_closed",
        "AC04",
    )
    assert books(partner) == (50_000, 0, 0, 50_000)
    assert events_of(payout) == ["payout.processing", "payout.failed"]


def test_money_moved_without_posting_is_never_sent_again(sent, partner):
    answer(sent, base.Accepted(money_moved=True))
    make_due(sent.payout)
    assert (fresh(sent.payout).state, fresh(sent.payout).stage) == (State.SENT, Stage.MONEY_MOVED)
    assert dispatch.claim(["sepa_inst"], 10) == []
    assert books(partner) == (30_000, 0, 20_000, 50_000)


def test_a_definite_refusal_ends_it(sent, partner):
    answer(sent, TERMINAL)
    assert fresh(sent.payout).state == State.FAILED
    assert books(partner) == (50_000, 0, 0, 50_000)


def test_a_transient_refusal_is_tried_again_with_another_key(sent, partner):
    answer(sent, RETRY)
    payout = fresh(sent.payout)
    assert (payout.state, payout.stage) == (State.QUEUED, Stage.RETRY)
    assert 1.6 <= (payout.due_at - payout.updated_at).total_seconds() <= 2.4
    make_due(payout)
    second = sending(fresh(payout))
    assert second.attempt.number == 2
    assert second.attempt.bank_key != sent.attempt.bank_key
    assert books(partner) == (30_000, 20_000, 0, 50_000)


@pytest.mark.parametrize("held", [base.Accepted(money_moved=True), base.Blocked()])
def test_money_that_may_have_moved_is_refused_for_good_and_not_sent_again(sent, partner, held):
    answer(sent, held)
    answer(sent, RETRY)
    payout = fresh(sent.payout)
    assert (payout.state, payout.failure_code) == (State.FAILED, "beneficiary_bank_timeout")
    assert payout.attempt_count == 1
    assert books(partner) == (50_000, 0, 0, 50_000)


def refused_at_the_door(http_status=422):
    return base.Rejected(
        canonical="validation_failed",
        retry_class=base.RetryClass.TERMINAL,
        http_status=http_status,
    )


def test_a_second_send_refused_at_the_door_proves_nothing_of_the_first(sent, partner):
    answer(sent, base.Unknown())
    assert writes.resend_attempts([sent.attempt]) == {sent.attempt.id}
    answer(sent, refused_at_the_door())
    payout = fresh(sent.payout)
    assert (payout.state, payout.stage) == (State.SENDING, Stage.INQUIRY)
    assert books(partner) == (30_000, 20_000, 0, 50_000)
    answer(sent, base.Settled(bank_reference="tr_1"))
    assert fresh(sent.payout).state == State.SETTLED


def test_a_first_send_refused_at_the_door_is_refused(sent, partner):
    answer(sent, refused_at_the_door())
    assert fresh(sent.payout).state == State.FAILED
    assert books(partner) == (50_000, 0, 0, 50_000)


def test_the_bank_knows_of_a_refused_transfer_after_a_second_send(sent):
    answer(sent, base.Unknown())
    writes.resend_attempts([sent.attempt])
    answer(
        sent,
        base.Rejected(
            canonical="account_closed",
            retry_class=base.RetryClass.TERMINAL,
            http_status=200,
            bank_reference="tr_1",
        ),
    )
    assert fresh(sent.payout).state == State.FAILED


def test_retries_exhaust(sent, partner):
    current = sent
    for _ in range(len(outcomes.RETRY_DELAYS_S)):
        answer(current, RETRY)
        make_due(current.payout)
        current = sending(fresh(current.payout))
    answer(current, RETRY)
    payout = fresh(sent.payout)
    assert (payout.state, payout.failure_code) == (State.FAILED, "retries_exhausted")
    assert payout.attempt_count == 6
    assert books(partner) == (50_000, 0, 0, 50_000)


@pytest.mark.parametrize(
    "outcome", [base.RateLimited(retry_after_s=1), base.Unavailable(), base.ConfigError()]
)
def test_what_never_reached_the_bank_keeps_its_key_and_number(sent, partner, outcome):
    answer(sent, outcome)
    payout = fresh(sent.payout)
    assert (payout.state, payout.stage) == (State.QUEUED, Stage.RETRY)
    make_due(payout)
    again = sending(fresh(payout))
    assert again.attempt.bank_key == sent.attempt.bank_key
    row = Attempt.objects.get(payout=payout.id)
    assert (row.number, row.sends, row.state) == (1, 2, "sending")
    assert events_of(payout) == []
    assert books(partner) == (30_000, 20_000, 0, 50_000)


def test_silence_is_counted_from_the_send_and_not_from_an_earlier_refusal_at_the_door(sent):
    answer(sent, base.Unavailable())
    age_attempt(sent.attempt, 900)
    make_due(sent.payout)
    again = sending(fresh(sent.payout))
    assert again.attempt.id == sent.attempt.id
    answer(again, base.Unknown(), payout=again.payout, attempt=again.attempt)
    assert fresh(sent.payout).stage == Stage.INQUIRY
    make_due(sent.payout)
    answer(again, base.Unknown())
    assert fresh(sent.payout).stage == Stage.INQUIRY


def test_a_call_that_begins_after_its_lease_is_never_made(sent, monkeypatch):
    monkeypatch.setattr(banking, "rail", no_rail_may_be_called)
    sent.lease_ends = time.monotonic() - 0.001
    wire = in_flight.Wire()
    wire.send([sent])
    ((late, outcome),) = wire.gather(most=1, wait_s=5)
    assert (late, outcome.detail) == (sent, "not sent: the lease ended before the call began")
    answer(sent, outcome)
    assert Attempt.objects.get(id=sent.attempt.id).state == "not_sent"


def test_a_late_unmade_call_leaves_alone_what_others_asked_about(sent):
    make_due(sent.payout)
    inquiry._claim(State.SENDING, 10)
    answer(sent, base.Unavailable(), payout=sent.payout, attempt=sent.attempt)
    assert fresh(sent.payout).state == State.SENDING
    assert Attempt.objects.get(id=sent.attempt.id).state == "unknown"


def no_rail_may_be_called(name):
    class Never:
        async def submit(self, session, order):
            raise AssertionError("a call was made")

    return Never()


def test_config_error_asks_to_pause_the_rail(sent):
    report = answer(sent, base.ConfigError(detail="401"))
    assert report.pause == {"sepa_inst": "401"}


def test_unknown_keeps_the_money_and_never_requeues(sent, partner):
    answer(sent, base.Unknown())
    payout = fresh(sent.payout)
    assert (payout.state, payout.stage) == (State.SENDING, Stage.INQUIRY)
    make_due(payout)
    assert dispatch.claim(["sepa_inst"], 10) == []
    assert books(partner) == (30_000, 20_000, 0, 50_000)
    assert events_of(payout) == ["payout.processing"]


def test_unknown_for_five_minutes_needs_a_person_and_stays_reserved(sent, partner):
    answer(sent, base.Unknown())
    age_attempt(sent.attempt, 301)
    answer(sent, base.Unknown())
    payout = fresh(sent.payout)
    assert (payout.state, payout.stage) == (State.SENDING, Stage.OUTCOME_UNKNOWN)
    assert books(partner) == (30_000, 20_000, 0, 50_000)
    answer(sent, base.Settled())
    assert fresh(payout).state == State.SETTLED
    assert books(partner) == (30_000, 0, 0, 30_000)


def test_a_refused_look_up_never_makes_it_sendable(sent):
    answer(sent, base.Unknown())
    for outcome in (base.RateLimited(), base.Unavailable(), base.ConfigError(), base.Unknown()):
        answer(sent, outcome)
        assert (fresh(sent.payout).state, Attempt.objects.get(id=sent.attempt.id).state) == (
            "sending",
            "unknown",
        )


def test_definitely_not_found_is_sent_again_only_after_two_inquiries(sent):
    answer(sent, base.Unknown())
    Attempt.objects.filter(id=sent.attempt.id).update(inquiries=1)
    assert answer(sent, base.NotFound()).resend == []
    Attempt.objects.filter(id=sent.attempt.id).update(inquiries=2)
    assert answer(sent, base.NotFound()).resend == [sent.attempt.id]


def test_the_bank_says_duplicate_and_is_asked_not_failed(sent):
    answer(
        sent,
        base.Rejected(
            canonical="duplicate", retry_class=base.RetryClass.RECONCILE, bank_code="AM05"
        ),
    )
    assert (fresh(sent.payout).state, fresh(sent.payout).stage) == (State.SENDING, Stage.INQUIRY)


def test_our_empty_account_holds_the_payout(sent, partner):
    answer(
        sent,
        base.Rejected(
            canonical="insufficient_prefunding", retry_class=base.RetryClass.HOLD, bank_code="AM04"
        ),
    )
    payout = fresh(sent.payout)
    assert (payout.state, payout.stage) == (State.QUEUED, Stage.RETRY)
    assert (payout.due_at - payout.updated_at).total_seconds() == 30
    assert books(partner) == (30_000, 20_000, 0, 50_000)


def test_reroute_takes_the_other_rail_once_and_then_fails():
    partner = funded_partner(50_000, "USD")
    refused = base.Rejected(
        canonical="account_type_unsupported", retry_class=base.RetryClass.REROUTE, bank_code="AG03"
    )
    payout = queued_payout(partner, 20_000, currency="USD", rail="rtp", account_type="us")
    answer(sending(payout), refused)
    payout = fresh(payout)
    assert (payout.state, payout.rail) == (State.QUEUED, "fednow")
    assert payout.fallback_reason == "rtp refused: account_type_unsupported (AG03)"
    answer(sending(payout), refused)
    payout = fresh(payout)
    assert (payout.state, payout.failure_code) == (State.FAILED, "account_type_unsupported")
    assert books(partner, "USD", "rtp") == (50_000, 0, 0, 50_000)


def test_an_echo_changes_nothing(sent, partner):
    answer(sent, base.Settled())
    before = fresh(sent.payout)
    answer(sent, base.Settled())
    answer(sent, base.Accepted())
    after = fresh(sent.payout)
    assert (after.version, after.state) == (before.version, State.SETTLED)
    assert books(partner) == (30_000, 0, 0, 30_000)
    assert events_of(after) == ["payout.settled"]


def test_the_bank_contradicts_itself_and_nothing_moves(sent, partner, caplog):
    answer(sent, TERMINAL)
    answer(sent, base.Settled(bank_status="settled"))
    assert fresh(sent.payout).state == State.FAILED
    assert books(partner) == (50_000, 0, 0, 50_000)
    assert "bank.contradiction" in caplog.text
    assert Attempt.objects.get(id=sent.attempt.id).detail.startswith("CONTRADICTION")


def test_refused_then_paid_is_asked_about_before_another_attempt(sent, partner, caplog):
    answer(sent, RETRY)
    answer(sent, base.Settled(bank_status="settled", bank_reference="tr_1"))
    make_due(sent.payout)
    assert dispatch.claim(["sepa_inst"], 10) == []
    payout = fresh(sent.payout)
    assert (payout.state, payout.stage, payout.attempt_count) == ("sending", "inquiry", 1)
    assert "bank.contradiction" in caplog.text
    answer(sent, base.Settled(bank_status="settled", bank_reference="tr_1"))
    assert fresh(sent.payout).state == State.SETTLED
    assert books(partner) == (30_000, 0, 0, 30_000)
    assert Attempt.objects.filter(payout=payout).count() == 1


def test_refused_at_the_door_yet_taken_goes_to_inquiry(sent):
    answer(sent, base.RateLimited())
    answer(sent, base.Accepted(bank_reference="tr_9"))
    payout = fresh(sent.payout)
    assert (payout.state, payout.stage) == (State.SENDING, Stage.INQUIRY)
    assert dispatch.claim(["sepa_inst"], 10) == []


def test_a_late_answer_meets_a_callback_that_was_first(sent, partner):
    answer(sent, base.Settled())
    answer(sent, base.Settled(), payout=sent.payout, attempt=sent.attempt)
    assert books(partner) == (30_000, 0, 0, 30_000)
    assert events_of(sent.payout) == ["payout.settled"]


def test_a_lost_lease_is_asked_about_and_its_attempt_becomes_unknown(sent):
    make_due(sent.payout)
    ((payout, attempt),) = inquiry._claim(State.SENDING, 10)
    assert (payout.id, attempt.state, attempt.inquiries) == (sent.payout.id, "unknown", 1)
    assert inquiry._claim(State.SENDING, 10) == []


def hint(reference, amount_minor, currency="EUR"):
    return base.ReturnHint(reference, amount_minor, currency, "AC04", timezone.now())


def test_two_partial_returns_and_a_repeat(sent, partner):
    answer(sent, base.Settled())
    first, second = hint("rv_1", 5_000), hint("rv_2", 15_000)
    answer(sent, base.Settled(returned=(first,)))
    assert (fresh(sent.payout).state, fresh(sent.payout).returned_minor) == (State.SETTLED, 5_000)
    assert books(partner) == (35_000, 0, 0, 35_000)
    answer(sent, base.Settled(returned=(first, second)))
    payout = fresh(sent.payout)
    assert (payout.state, payout.returned_minor, payout.failure_code) == (
        "returned",
        20_000,
        "account_closed",
    )
    assert books(partner) == (50_000, 0, 0, 50_000)
    assert Return.objects.filter(payout=payout).count() == 2
    assert events_of(payout) == ["payout.settled", "payout.returned", "payout.returned"]


@pytest.mark.parametrize("bad", [("rv_1", 20_001, "EUR"), ("rv_1", 100, "USD")])
def test_a_return_that_does_not_fit_is_booked_nowhere(sent, partner, caplog, bad):
    answer(sent, base.Settled())
    answer(sent, base.Settled(returned=(hint(*bad),)))
    assert books(partner) == (30_000, 0, 0, 30_000)
    assert Return.objects.count() == 0
    assert "bank.return_does_not_fit" in caplog.text


def test_settled_and_returned_in_one_answer(sent, partner):
    answer(
        sent,
        base.Settled(returned=(hint("rv_1", 20_000),)),
        payout=sent.payout,
        attempt=sent.attempt,
    )
    assert fresh(sent.payout).state == State.RETURNED
    assert books(partner) == (50_000, 0, 0, 50_000)


def test_a_new_attempt_lacks_no_column(sent):
    made = {field.attname for field in Attempt._meta.concrete_fields}
    assert made <= set(
        dispatch._new_attempt(sent.payout, sent.attempt.claim_id, timezone.now()).__dict__
    )
