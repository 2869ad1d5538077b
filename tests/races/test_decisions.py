"""Many officers, a partner, a dispatcher and the machine on the same cases: exactly one wins."""

from collections import Counter

import pytest
from django.contrib.auth.models import User

from atlaspay.core import context
from atlaspay.core.errors import ProblemError
from compliance.models import AutoDay, AutoStep, Case, Decision
from compliance.services import audit, auto_policy, auto_watch, bulk
from compliance.services.assign import claim_next
from compliance.services.auto import approve_eligible
from compliance.services.blind import claim_next_blind
from compliance.services.decide import seen_mark
from compliance.services.undo import undo
from payouts.models import Attempt, Payout
from payouts.services import dispatch, unit
from payouts.services.cancel import cancel_payout
from tests.compliance.factories import open_case, staff
from tests.compliance.test_auto import DOCUMENT
from tests.compliance.test_decide import approve, reject
from tests.compliance.test_decide_second import no, raise_case, yes
from tests.payouts.factories import funded_partner
from tests.races.test_payouts import together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]
ROUNDS = 4


@pytest.fixture(autouse=True)
def _acting():
    with context.bind(actor="system:compliance.screen"):
        yield


def officers(number: int) -> list[User]:
    return [staff("officer", f"officer-{n}") for n in range(number)]


def lead() -> User:
    return staff("lead", "lena")


def outcome(results: list[object]) -> Counter:
    return Counter("refused" if isinstance(one, ProblemError) else "done" for one in results)


def test_proposal_and_rejection_at_once_leave_one():
    anna, berta = officers(2)
    for _ in range(ROUNDS):
        case = open_case(2_500_000)
        results = together(lambda: approve(case, anna), lambda: reject(case, berta))

        assert outcome(results) == {"done": 1, "refused": 1}
        receipt = Decision.objects.get(case=case)
        assert receipt.stage == ("proposed" if receipt.kind == "approve" else "final")
        case.refresh_from_db()
        assert case.state == ("second" if receipt.kind == "approve" else "decided")


def test_two_second_officers_give_one_answer():
    anna, berta, clara, dora = officers(4)
    for _ in range(ROUNDS):
        proposal = approve(open_case(2_500_000), anna)
        results = together(
            lambda: yes(proposal, berta), lambda: no(proposal, clara), lambda: yes(proposal, dora)
        )

        assert outcome(results) == {"done": 1, "refused": 2}
        (answer,) = proposal.answers.all()
        state = Payout.objects.get(id=proposal.payout_id).state
        assert state == ("queued" if answer.stage == "confirmed" else "in_review")
    assert faults() == []


def test_a_new_hit_and_a_confirmation_never_both_count():
    anna, berta = officers(2)
    for _ in range(ROUNDS):
        case = open_case(2_500_000)
        proposal = approve(case, anna)
        results = together(lambda: yes(proposal, berta), lambda: _raised(case))

        case.refresh_from_db()
        is_confirmed = not isinstance(results[0], ProblemError)
        assert case.state == ("decided" if is_confirmed else "open")
        assert (case.raised_at is None) == is_confirmed


def _raised(case: Case) -> None:
    Case.objects.filter(id=case.id, state="second").update(score=999)
    waiting = Case.objects.filter(id=case.id, state="open", score=999)
    if waiting.exists():
        raise_case(case)


def test_an_undo_and_the_dispatcher_never_both_win():
    anna, lena = officers(1)[0], lead()
    for _ in range(ROUNDS * 2):
        approval = approve(open_case(), anna)
        undone, claimed = together(
            lambda: undo(approval.id, reason_code="mistake", internal_text="Stop.", user=lena),
            lambda: dispatch.claim(["sepa_inst"], 10),
        )

        was_sent = any(one.payout.id == approval.payout_id for one in claimed)
        assert was_sent == isinstance(undone, ProblemError)
        payout = Payout.objects.get(id=approval.payout_id)
        assert payout.state == ("sending" if was_sent else "in_review")
        assert Attempt.objects.filter(payout=payout).count() == int(was_sent)


def test_an_undo_a_cancel_and_another_undo_have_one_winner():
    anna, lena = officers(1)[0], lead()
    for _ in range(ROUNDS):
        approval = approve(open_case(), anna)
        case = approval.case
        words = {"reason_code": "mistake", "internal_text": "Stop."}
        first, second, canceled = together(
            lambda: undo(approval.id, user=lena, **words),
            lambda: undo(approval.id, user=anna, **words),
            lambda: canceled_by_partner(case),
        )

        assert not isinstance(canceled, ProblemError)
        assert outcome([first, second])["done"] <= 1
        assert Payout.objects.get(id=case.payout_id).state == "canceled"
        assert Case.objects.filter(payout_id=case.payout_id, state__in=Case.WAITING).count() == 0
    assert faults() == []


def canceled_by_partner(case: Case) -> Payout:
    with context.bind(actor="key:key_partner"):
        return cancel_payout(case.partner_id, case.payout_id)


def test_overlapping_bulks_decide_each_case_once_and_do_not_deadlock():
    anna, berta = officers(2)
    partner = funded_partner(1_000_000_000)
    for number in range(ROUNDS):
        cases = [open_case(partner=partner) for _ in range(6)]
        seen = {case.id: seen_mark(case) for case in cases}
        words = {"internal_text": "The weekly run.", "seen": seen}
        backwards = dict(reversed(seen.items()))
        one, same, other, single = together(
            lambda: bulk.execute(
                f"anna_{number:04d}",
                kind="approve",
                reason_code="known_recipient",
                user=anna,
                **words,
            ),
            lambda: bulk.execute(
                f"anna_{number:04d}",
                kind="approve",
                reason_code="known_recipient",
                user=anna,
                **words,
            ),
            lambda: bulk.execute(
                f"berta_{number:04d}",
                kind="reject",
                reason_code="unexplained",
                user=berta,
                **{**words, "seen": backwards},
            ),
            lambda: reject(cases[3], berta),
        )

        assert Decision.objects.filter(case__in=cases).count() == 6
        assert Case.objects.filter(id__in=seen, state="decided").count() == 6
        assert [line.result for line in one.lines] == [line.result for line in same.lines]
        decided = one.count("decided") + other.count("decided")
        assert decided == 6 - (not isinstance(single, ProblemError))
    assert faults() == []


def test_officers_who_ask_at_once_get_different_cases():
    people = officers(4)
    cases = {open_case().id for _ in range(4)}

    claimed = together(*[lambda user=user: claim_next(user) for user in people])

    found = [case.id for case in claimed if case is not None]
    assert len(found) == len(set(found))
    rest = [claim_next(user) for user in people]
    assert {case.id for case in rest if case} <= cases


def test_two_blind_reviewers_get_different_decisions(settings):
    settings.ATLASPAY_BLIND_REVIEW_PERCENT = 100
    anna, berta, clara = officers(3)
    approve(open_case(), anna)
    approve(open_case(), anna)

    first, second = together(lambda: claim_next_blind(berta), lambda: claim_next_blind(clara))

    assert first is None or second is None or first.pk != second.pk


@pytest.fixture
def version(monkeypatch):
    """An armed version with room for four a day, on a record of two."""
    monkeypatch.setattr("compliance.rules.auto.AutoRules.is_good", lambda _, a, n: a == n >= 2)
    anna = staff("officer", "anna")
    for _ in range(2):
        approve(open_case(), anna)
    made = auto_policy.write(
        {**DOCUMENT, "day_count": 4, "day_amount": {"EUR": "1000000"}},
        note="small ones",
        user=staff("rule_author", "arne"),
    )
    auto_policy.arm(made.number, note="agreed", user=staff("rule_publisher", "petra"))
    return made


def eligible(number: int) -> list[Case]:
    cases = [open_case(1_000_000) for _ in range(number)]
    with unit.open(reason="marked"):
        Case.objects.filter(id__in=[case.id for case in cases]).update(auto="eligible")
    return cases


def test_workers_together_never_pass_the_days_caps(version):
    eligible(10)

    counts = together(*[lambda: approve_eligible(limit=3) for _ in range(4)])
    counts.append(approve_eligible())

    assert sum(counts) == 4
    assert AutoDay.objects.get().count == 4
    assert Decision.objects.filter(actor__startswith=auto_watch.ACTOR_PREFIX).count() == 4


def test_after_a_disarm_has_returned_nothing_more_goes(version):
    eligible(6)
    lena = lead()

    count, step = together(
        lambda: approve_eligible(limit=2),
        lambda: auto_policy.disarm(note="odd pattern", user=lena),
    )

    late = Decision.objects.filter(
        actor__startswith=auto_watch.ACTOR_PREFIX, decided_at__gt=step.at
    )
    assert count in (0, 2)
    assert approve_eligible() == 0
    assert late.count() in (0, 2)


def test_rejections_and_the_machine_do_not_deadlock_and_stop_it(version):
    cases = eligible(6)
    people = [User.objects.get(username="anna"), lead()]

    results = together(
        lambda: reject(cases[0], people[0], reason_code="suspected_fraud"),
        lambda: approve_eligible(limit=6),
        lambda: reject(cases[5], people[1], reason_code="suspected_fraud"),
        lambda: approve_eligible(limit=6),
    )

    rejected = [one for one in results if isinstance(one, Decision)]
    assert AutoStep.objects.filter(kind="stopped").count() == min(1, len(rejected))
    assert Decision.objects.filter(case__in=cases).count() == len(
        set(Decision.objects.filter(case__in=cases).values_list("case_id", flat=True))
    )
    assert faults() == []


def faults() -> list[str]:
    """Return what the audit says is wrong."""
    return [check.fault for check in audit.verify().checks if check.fault]
