"""Many hands on the same payouts: real connections, real commits, exactly one wins."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from atlaspay.core.errors import ConflictError, StaleFormError
from ledger import chart
from ledger.selectors import balance
from payouts.machine import State
from payouts.models import Attempt, Payout
from payouts.rails import base
from payouts.services import decisions, dispatch, inquiry, settlement
from payouts.services.cancel import cancel_payout
from tests.payouts.factories import (
    clear_all,
    fresh,
    funded_partner,
    held_payout,
    make_due,
    make_payouts,
    queued_payout,
    sending,
)
from webhooks.models import Event

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]

ROUNDS = 8


def together(*works: Callable[[], object]) -> list[object]:
    """Run all at once, each on a connection of its own; return results or expected refusals."""
    gate = threading.Barrier(len(works))

    def one(work: Callable[[], object]) -> object:
        try:
            gate.wait(timeout=10)
            return work()
        except (ConflictError, StaleFormError) as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(one, works))


def nothing(_changes):
    """Record nothing."""


def event_types(payout):
    found = Event.objects.filter(object_id=payout.id).order_by("sequence")
    return list(found.values_list("type", flat=True))


def test_four_dispatchers_never_claim_the_same_payout():
    partner = funded_partner()
    for _ in range(ROUNDS):
        made = make_payouts(partner, [100] * 40)
        clear_all()
        claims = together(*[lambda: dispatch.claim(["sepa_inst"], 15) for _ in range(4)])
        ids = [s.payout.id for found in claims for s in found]
        assert len(ids) == len(set(ids))
        rest = dispatch.claim(["sepa_inst"], 100)
        assert sorted(ids + [s.payout.id for s in rest]) == sorted(p.id for p in made)


def test_cancel_and_send_race_and_exactly_one_wins():
    partner = funded_partner()
    for _ in range(ROUNDS):
        payout = queued_payout(partner, 100)
        claimed, canceled = together(
            lambda: dispatch.claim(["sepa_inst"], 10), lambda: cancel_payout(partner.id, payout.id)
        )
        was_sent = any(s.payout.id == payout.id for s in claimed)
        assert was_sent == isinstance(canceled, ConflictError)
        assert fresh(payout).state == (State.SENDING if was_sent else State.CANCELED)
        assert Attempt.objects.filter(payout=payout.id).count() == int(was_sent)


def test_the_answer_and_the_callback_settle_once():
    partner = funded_partner(1_000)
    for number in range(ROUNDS):
        sent = sending(queued_payout(partner, 100))
        ids = (sent.payout.id, sent.attempt.id)
        together(
            lambda: settlement.apply(
                [settlement.Answer(*ids, base.Settled(), sent.payout, sent.attempt)],
                reason="answer",
            ),
            lambda: settlement.apply([settlement.Answer(*ids, base.Settled())], reason="callback"),
            lambda: settlement.apply([settlement.Answer(*ids, base.Settled())], reason="poll"),
        )
        assert event_types(sent.payout) == ["payout.settled"]
        assert balance(chart.bank_cash("sandbox", "EUR")) == 1_000 - 100 * (number + 1)


def test_large_overlapping_answers_do_not_deadlock():
    partner = funded_partner()
    for _ in range(ROUNDS):
        made = make_payouts(partner, [100] * 60)
        clear_all()
        sendings = dispatch.claim(["sepa_inst"], 100)
        assert len(sendings) == len(made)
        forward = [
            settlement.Answer(s.payout.id, s.attempt.id, base.Settled(), s.payout, s.attempt)
            for s in sendings
        ]
        backward = [
            settlement.Answer(s.payout.id, s.attempt.id, base.Settled()) for s in reversed(sendings)
        ]
        together(
            lambda: settlement.apply(forward, reason="answers"),
            lambda: settlement.apply(backward[:45], reason="callbacks"),
            lambda: settlement.apply(backward[20:], reason="polls"),
        )
        states = Payout.objects.filter(batch=made[0].batch_id).values_list("state", flat=True)
        assert set(states) == {"settled"}
        assert Event.objects.filter(object_id__in=[p.id for p in made]).count() == 60


def test_two_officers_one_decision():
    partner = funded_partner()
    for _ in range(ROUNDS):
        payout = held_payout(partner, 100)
        results = together(
            lambda: decisions.approve([payout.id], record=nothing),
            lambda: decisions.reject([payout.id], partner_message="no", record=nothing),
        )
        assert sum(isinstance(r, StaleFormError) for r in results) == 1
        assert event_types(payout)[1:] in (["payout.queued"], ["payout.failed"])


def test_two_screeners_screen_each_payout_once():
    partner = funded_partner()
    for _ in range(ROUNDS):
        made = make_payouts(partner, [100] * 30)
        counts = together(clear_all, clear_all, clear_all)
        counts.append(clear_all())
        assert sum(counts) == len(made)


def test_two_inquirers_ask_about_each_payout_once():
    partner = funded_partner()
    for _ in range(ROUNDS):
        sent = sending(queued_payout(partner, 100))
        make_due(sent.payout)
        claims = together(
            lambda: inquiry._claim(State.SENDING, 10), lambda: inquiry._claim(State.SENDING, 10)
        )
        assert sum(len(found) for found in claims) == 1
        settlement.apply(
            [settlement.Answer(sent.payout.id, sent.attempt.id, base.Settled())], reason="asked"
        )


def test_a_zombie_sender_cannot_undo_what_was_found_out():
    """The lease ended, the bank was asked and said settled; then the old sender wakes up."""
    partner = funded_partner(1_000)
    sent = sending(queued_payout(partner, 100))
    make_due(sent.payout)
    inquiry._claim(State.SENDING, 10)
    settlement.apply(
        [settlement.Answer(sent.payout.id, sent.attempt.id, base.Settled())], reason="asked"
    )
    settlement.apply(
        [
            settlement.Answer(
                sent.payout.id, sent.attempt.id, base.Unavailable(), sent.payout, sent.attempt
            )
        ],
        reason="late",
    )
    assert fresh(sent.payout).state == State.SETTLED
    assert balance(chart.bank_cash("sandbox", "EUR")) == 900
