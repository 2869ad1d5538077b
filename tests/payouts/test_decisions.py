"""The seam that screening and officers use."""

from datetime import timedelta

import pytest
from django.utils import timezone

from atlaspay.core import context
from atlaspay.core.errors import NotFoundError, StaleFormError
from ledger import chart
from ledger.selectors import balance
from partners.models import Partner
from payouts.machine import Stage, State
from payouts.models import Payout
from payouts.services import decisions, dispatch
from tests.payouts.factories import (
    clear_all,
    fresh,
    funded_partner,
    held_payout,
    make_payouts,
    queued_payout,
)
from webhooks.models import Event

pytestmark = pytest.mark.django_db


def nothing(_changes):
    """Record nothing."""


def test_screening_takes_the_oldest_first_and_all_once():
    make_payouts(funded_partner(), [1, 2, 3])
    assert (
        decisions.screen_waiting(lambda f: [decisions.Verdict(p.id, True) for p in f], limit=2) == 2
    )
    assert clear_all() == 1
    assert clear_all() == 0


def test_a_judge_that_mixes_up_payouts_is_refused_and_nothing_changes():
    make_payouts(funded_partner(), [1, 2])
    with pytest.raises(ValueError, match="came in the place of"):
        decisions.screen_waiting(lambda f: [decisions.Verdict(p.id, True) for p in reversed(f)])
    assert set(Payout.objects.values_list("state", flat=True)) == {"screening"}


def test_a_scheduled_payout_waits_for_its_time():
    at = timezone.now() + timedelta(hours=1)
    payout = queued_payout(execute_at=at)
    assert (payout.stage, payout.due_at, payout.deadline_at) == (
        Stage.SCHEDULED,
        at,
        at + timedelta(seconds=300),
    )
    assert dispatch.claim(["sepa_inst"], 10) == []


def test_approval_restarts_the_budget_and_tells_the_partner():
    payout = held_payout()
    (change,) = decisions.approve([payout.id], record=nothing)
    after = fresh(payout)
    assert (change.before.state, change.after.state) == ("in_review", "queued")
    assert after.state == State.QUEUED
    assert (after.deadline_at - after.reviewed_at).total_seconds() == 300
    types = list(
        Event.objects.filter(object_id=payout.id)
        .order_by("sequence")
        .values_list("type", flat=True)
    )
    assert types == ["payout.in_review", "payout.queued"]


def test_rejection_releases_the_money_and_keeps_the_reason():
    partner = funded_partner(50_000)
    payout = held_payout(partner, 20_000)
    decisions.reject([payout.id], partner_message="We cannot send this payout.", record=nothing)
    after = fresh(payout)
    assert (after.state, after.failure_code) == (State.FAILED, "compliance_rejected")
    assert after.failure_message == "We cannot send this payout."
    assert balance(chart.partner_available(partner.id, "EUR")) == 50_000


def test_a_stale_form_is_told_who_and_when():
    payout = held_payout()
    with context.bind(actor="user:ada"):
        decisions.approve([payout.id], record=nothing)
    with pytest.raises(
        StaleFormError, match=r"cleared, waiting to be sent since .* UTC by user:ada"
    ):
        decisions.reject([payout.id], partner_message="no", record=nothing)
    assert fresh(payout).state == State.QUEUED


def test_a_form_of_an_older_version_is_stale():
    payout = held_payout()
    with pytest.raises(StaleFormError):
        decisions.approve(
            [payout.id], expected_versions={payout.id: payout.version - 1}, record=nothing
        )
    assert fresh(payout).state == State.IN_REVIEW


def test_an_unknown_payout_decides_nothing():
    payout = held_payout()
    with pytest.raises(NotFoundError):
        decisions.approve([payout.id, "po_nothing"], record=nothing)
    assert fresh(payout).state == State.IN_REVIEW


def test_a_record_that_fails_takes_the_decision_with_it():
    payout = held_payout()

    def broken(_changes):
        raise RuntimeError("no receipt")

    with pytest.raises(RuntimeError, match="no receipt"):
        decisions.approve([payout.id], record=broken)
    assert fresh(payout).state == State.IN_REVIEW
    assert not Event.objects.filter(object_id=payout.id, type="payout.queued").exists()


def test_a_rescreen_holds_only_what_is_not_sent():
    queued = queued_payout()
    sent = queued_payout()
    dispatch.claim(["sepa_inst"], 1)
    changes = decisions.hold([queued.id, sent.id], record=nothing)
    assert len(changes) == 1
    assert {fresh(queued).state, fresh(sent).state} == {State.IN_REVIEW, State.SENDING}


def test_nothing_of_a_paused_partner_is_due_or_claimed():
    payout = queued_payout()
    assert dispatch.due(["sepa_inst"], 10) == 1
    Partner.objects.filter(id=payout.partner_id).update(status=Partner.Status.PAUSED)
    assert dispatch.due(["sepa_inst"], 10) == 0
    assert dispatch.claim(["sepa_inst"], 10) == []
    assert fresh(payout).state == State.QUEUED
