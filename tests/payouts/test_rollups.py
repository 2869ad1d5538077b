"""Sums of payouts: exact after any walk, told once, rebuilt to the same."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payouts.machine import State
from payouts.models import Attempt, Payout
from payouts.rails import base
from payouts.rollups import roll
from payouts.rollups.tables import PayoutRollup, PayoutRollupMark, PayoutTime
from payouts.services import decisions, dispatch, settlement
from payouts.services.cancel import cancel_payout
from payouts.services.returns import apply_returns
from tests.payouts import rollup_truth as truth
from tests.payouts.factories import (
    clear_all,
    fresh,
    funded_partner,
    held_payout,
    make_payouts,
    queued_payout,
    sending,
)

pytestmark = pytest.mark.django_db
CLOSED = base.Rejected(
    canonical="account_closed", retry_class=base.RetryClass.TERMINAL, bank_code="AC04"
)
LATER = base.Rejected(
    canonical="beneficiary_bank_timeout", retry_class=base.RetryClass.RETRY_NEW, bank_code="AB05"
)


def answer(payout: Payout, outcome: base.Outcome) -> Payout:
    attempt = Attempt.objects.filter(payout=payout).latest("number")
    settlement.apply([settlement.Answer(payout.id, attempt.id, outcome)], reason="test")
    return fresh(payout)


def settled(partner=None, amount_minor=10_000, **fields) -> Payout:
    payout = queued_payout(partner, amount_minor, **fields)
    sending(payout)
    return answer(payout, base.Settled())


def give_back(payout: Payout, amount_minor: int, reference: str) -> Payout:
    hint = base.ReturnHint(reference, amount_minor, payout.currency, "AC04", timezone.now())
    apply_returns({payout.id: (hint,)}, reason="test")
    return fresh(payout)


def rows(**filters) -> list[PayoutRollup]:
    return list(PayoutRollup.objects.filter(**filters).order_by("state"))


def test_a_payout_counts_in_its_hour_day_and_week_for_its_partner_and_for_all():
    partner = funded_partner()
    at = datetime(2026, 3, 1, 23, 59, 30, tzinfo=UTC)
    make_payouts(partner, [1_000, 2_500], submitted_at=at)
    assert roll.roll_up().counted == 2

    assert {(row.scope, row.grain, row.start_at) for row in rows()} == {
        (scope, grain, start_at)
        for scope in (partner.id, "")
        for grain, start_at in (
            ("h", datetime(2026, 3, 1, 23, tzinfo=UTC)),
            ("d", datetime(2026, 3, 1, tzinfo=UTC)),
            ("w", datetime(2026, 2, 23, tzinfo=UTC)),
        )
    }
    for row in rows():
        assert (row.currency, row.rail, row.state) == ("EUR", "sepa_inst", "screening")
        assert (row.payouts, row.amount_minor, row.timed) == (2, 3_500, 0)


def test_a_change_moves_the_payout_and_leaves_no_empty_rows():
    payout = queued_payout()
    roll.roll_up()
    sending(payout)
    answer(payout, CLOSED)
    roll.roll_up()

    assert {(row.state, row.failure_code, row.payouts) for row in rows()} == {
        ("failed", "account_closed", 1)
    }
    truth.agree()


def test_returns_come_late_and_re_roll_the_hour_of_submission():
    payout = settled(submitted_at=timezone.now() - timedelta(days=200))
    roll.roll_up()
    give_back(payout, 4_000, "rt-1")
    roll.roll_up()
    (partial,) = rows(scope="", grain="d")
    assert (partial.state, partial.returned_minor, partial.timed) == ("settled", 4_000, 1)

    give_back(payout, 6_000, "rt-2")
    roll.roll_up()
    (whole,) = rows(scope="", grain="d")
    assert (whole.state, whole.failure_code) == ("returned", "account_closed")
    assert (whole.payouts, whole.amount_minor, whole.returned_minor) == (1, 10_000, 10_000)
    assert whole.start_at.date() == payout.submitted_at.astimezone(UTC).date()
    truth.agree()


def test_waiting_for_the_execution_time_is_no_time_to_settle():
    now = timezone.now()
    payout = settled(submitted_at=now - timedelta(hours=5), execute_at=now - timedelta(seconds=20))
    roll.roll_up()
    (row,) = rows(scope="", grain="h")
    expected = payout.final_at - payout.execute_at
    assert abs(row.settle_ms - expected.total_seconds() * 1000) <= 1
    assert (row.timed, row.prompt) == (1, 1)
    (time,) = PayoutTime.objects.filter(scope="", grain="h")
    assert time.payouts == 1
    truth.agree()


def test_nothing_new_adds_nothing():
    settled()
    roll.roll_up()
    before = truth.sums()
    assert roll.roll_up().counted == 0
    assert truth.sums() == before


def test_a_window_may_end_anywhere_in_a_payouts_life(monkeypatch):
    roll.roll_up()  # past the numbers other tests drew
    monkeypatch.setattr(roll, "SOURCE", replace(roll.SOURCE, window=1))
    give_back(settled(), 10_000, "rt-1")
    held_payout()
    done = roll.roll_up()
    assert (done.windows, done.counted) == (7, 7)  # five rows of one payout, two of the other
    assert done.is_caught_up
    truth.agree()


def test_a_spent_budget_leaves_the_rest_to_the_next_run(monkeypatch):
    roll.roll_up()  # past the numbers other tests drew
    before = PayoutRollupMark.objects.get().as_of
    monkeypatch.setattr(roll, "SOURCE", replace(roll.SOURCE, window=1))
    settled()
    first = roll.roll_up(budget_s=0)
    assert (first.windows, first.is_caught_up) == (1, False)
    assert PayoutRollupMark.objects.get().as_of == before
    runs = 1
    while not roll.roll_up(budget_s=0).is_caught_up:
        runs += 1
        assert runs < 100
    truth.agree()


ACTIONS = (
    *("submit", "old", "clear", "hold", "approve", "reject", "cancel", "send", "accept", "settle"),
    *("refuse", "later", "return_part", "return_all", "roll", "submit", "clear", "send", "settle"),
)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    walk=st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 50)), min_size=20, max_size=80)
)
def test_sums_agree_with_the_payouts_after_any_walk(db, walk):
    partner = funded_partner(10_000_000)
    for number, (action, choice) in enumerate(walk):
        step(partner, action, choice, f"rt-{partner.id}-{number}")
    roll.roll_up()
    truth.agree()


def step(partner, action: str, choice: int, reference: str) -> None:
    """Do one thing to one of the partner's payouts that admit it."""
    if action in ("submit", "old"):
        age = timedelta(days=choice if action == "old" else 0, minutes=choice)
        make_payouts(partner, [1_000 + choice], submitted_at=timezone.now() - age)
    elif action == "roll":
        roll.roll_up()
    elif action == "clear":
        clear_all()
    elif action == "hold":
        decisions.screen_waiting(
            lambda found: [decisions.Verdict(p.id, False, "test") for p in found]
        )
    elif (payout := pick(partner, action, choice)) is not None:
        act(payout, action, reference)


FROM = {
    "approve": [State.IN_REVIEW],
    "reject": [State.IN_REVIEW],
    "cancel": [State.SCREENING, State.IN_REVIEW, State.QUEUED],
    "send": [State.QUEUED],
    "accept": [State.SENDING],
    "settle": [State.SENDING, State.SENT],
    "refuse": [State.SENDING, State.SENT],
    "later": [State.SENDING],
    "return_part": [State.SETTLED],
    "return_all": [State.SETTLED],
}


def pick(partner, action: str, choice: int) -> Payout | None:
    found = list(Payout.objects.filter(partner=partner, state__in=FROM[action]).order_by("id"))
    return found[choice % len(found)] if found else None


def act(payout: Payout, action: str, reference: str) -> None:
    left_minor = payout.amount_minor - payout.returned_minor
    if action == "approve":
        decisions.approve([payout.id], record=lambda changes: None)
    elif action == "reject":
        decisions.reject([payout.id], partner_message="Refused.", record=lambda changes: None)
    elif action == "cancel":
        cancel_payout(payout.partner_id, payout.id)
    elif action == "send":
        dispatch.claim([payout.rail], 100)
    elif action in ("return_part", "return_all"):
        give_back(payout, left_minor if action == "return_all" else 1, reference)
    else:
        outcome = {"accept": base.Accepted(), "settle": base.Settled(), "refuse": CLOSED}
        answer(payout, outcome.get(action, LATER))


def test_a_rebuild_counts_the_same_and_readers_change_over_at_its_end():
    partner = funded_partner()
    give_back(settled(partner), 4_000, "rt-1")
    held_payout(partner)
    roll.roll_up()
    before = truth.sums()
    PayoutRollup.objects.filter(scope="").update(payouts=99)  # a repair gone wrong

    answered = StringIO()
    call_command("rebuild_rollups", "--only", "payouts", "--json", stdout=answered)

    assert json.loads(answered.getvalue())["payouts"]["counted"] == 2
    assert truth.sums() == before
    mark = PayoutRollupMark.objects.get()
    assert (mark.generation, mark.is_live) == (2, True)
    assert set(PayoutRollup.objects.values_list("generation", flat=True)) == {2}
    settled(partner)
    roll.roll_up()
    truth.agree()


def test_a_rebuild_that_was_stopped_is_cleared_up_by_the_next():
    settled()
    roll.roll_up()
    PayoutRollupMark.objects.create(generation=2, read_to=3)
    row = PayoutRollup.objects.first()
    row.pk = (2, *row.pk[1:])
    row.save(force_insert=True)
    roll.rebuild()
    truth.agree()
    assert set(PayoutRollup.objects.values_list("generation", flat=True)) == {2}


def test_the_first_rebuild_needs_no_sums_before_it():
    settled()
    assert roll.rebuild().generation == 1
    truth.agree()
