"""Four eyes: what waits for a second officer, who that may be, and what the answer does."""

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.db.models.functions import Now

from atlaspay.core.errors import (
    InvalidRequestError,
    NotFoundError,
    PermissionRefusedError,
    StaleFormError,
)
from compliance.models import Case, Decision
from compliance.services import audit
from compliance.services.decide import seen_mark
from compliance.services.second import confirm, decline, may_answer
from payouts.models import Payout
from payouts.services.cancel import cancel_payout
from tests.compliance.factories import blocked_case, listed_case, open_case, publish, staff
from tests.compliance.test_decide import approve, everything, reject
from tests.payouts.factories import funded_partner
from webhooks.models import Event

pytestmark = pytest.mark.django_db
LIMIT = 2_500_000


@pytest.fixture
def anna() -> User:
    return staff("officer", "anna")


@pytest.fixture
def berta() -> User:
    return staff("officer", "berta")


@pytest.fixture
def lena() -> User:
    return staff("lead", "lena")


def override(case: Case, user: User, **changes: object) -> Decision:
    return approve(case, user, kind="override", reason_code="identity_proven", **changes)


def yes(proposal: Decision, user: User, **changes: object) -> Decision:
    words = {"proposal_id": proposal.id, "internal_text": "Seen the passport too.", **changes}
    return confirm(proposal.case_id, user=user, **words)


def no(proposal: Decision, user: User, **changes: object) -> Decision:
    words = {
        "proposal_id": proposal.id,
        "reason_code": "evidence_missing",
        "internal_text": "No date of birth anywhere.",
        **changes,
    }
    return decline(proposal.case_id, user=user, **words)


def raise_case(case: Case, score: int = 999) -> None:
    Case.objects.filter(id=case.id).update(score=score, raised_at=Now())


def test_below_the_limit_one_officer_is_enough(anna: User) -> None:
    assert approve(open_case(LIMIT - 1), anna).stage == "final"


def test_at_the_limit_an_approval_is_a_proposal_and_nothing_moves(anna: User) -> None:
    case = open_case(LIMIT)
    told = Event.objects.count()

    proposal = approve(case, anna)

    payout = Payout.objects.get(id=case.payout_id)
    case.refresh_from_db()
    proposal.refresh_from_db()
    assert (proposal.stage, proposal.four_eyes) == ("proposed", ["amount"])
    assert proposal.before == proposal.after
    assert (payout.state, payout.version) == ("in_review", 2)
    assert (case.state, case.assignee, case.closed_at) == ("second", None, None)
    assert case.decision is None
    assert Event.objects.count() == told
    assert audit.verify().is_sound


def test_the_limit_follows_the_currency_as_the_amount_rule_does(anna: User) -> None:
    limits = {"major": 10_000, "major_by_currency": {"GBP": 8_000}}
    rule = {"code": "big", "rule": "amount_at_least", "weight": 9, "parameters": limits}
    publish({"rules": [rule], "thresholds": {"review_score": 9, "review_minutes": 5}})
    rich = funded_partner(100_000_000, "GBP")
    # 8,000 GBP stand for 10,000: two officers from 20,000 GBP.
    below = open_case(1_999_999, partner=rich, currency="GBP")
    above = open_case(2_000_000, partner=rich, currency="GBP")

    assert approve(below, anna).stage == "final"
    assert approve(above, anna).stage == "proposed"


def test_refusing_takes_one_officer_whatever_the_amount(anna: User) -> None:
    assert reject(open_case(LIMIT * 2), anna).stage == "final"
    assert reject(listed_case(), anna).stage == "final"
    assert reject(blocked_case(), anna).stage == "final"


def test_a_possible_match_takes_a_lead_as_second(anna: User, berta: User, lena: User) -> None:
    proposal = approve(listed_case(), anna)
    before = everything(proposal.case)
    assert proposal.four_eyes == ["sanctions"]
    assert (may_answer(proposal, anna), may_answer(proposal, berta)) == (False, False)

    with pytest.raises(PermissionRefusedError, match="A lead answers"):
        yes(proposal, berta)

    assert everything(proposal.case) == before
    receipt = yes(proposal, lena)
    payout = Payout.objects.get(id=proposal.payout_id)
    proposal.case.refresh_from_db()
    assert (receipt.stage, receipt.kind, receipt.about) == ("confirmed", "approve", proposal)
    assert (receipt.reason_code, receipt.four_eyes) == ("name_differs", ["sanctions"])
    assert (receipt.actor, payout.state) == ("user:lena", "queued")
    assert (receipt.before["state"], receipt.after["state"]) == ("in_review", "queued")
    assert (proposal.case.state, proposal.case.decision) == ("decided", receipt)
    assert audit.verify().is_sound


def test_a_rule_of_unknown_class_counts_as_a_list(anna: User) -> None:
    rule = {"code": "odd", "rule": "amount_at_least", "weight": 9, "parameters": {"major": 1}}
    publish({"rules": [rule], "thresholds": {"review_score": 9, "review_minutes": 5}})
    case = open_case(100)
    Case.objects.filter(id=case.id).update(codes=["odd", "odder"])

    assert approve(case, anna).four_eyes == ["sanctions"]


def test_nobody_answers_their_own_proposal_not_even_a_lead_or_a_superuser() -> None:
    for user in (staff("lead", "lena"), User.objects.create_superuser("root", is_staff=True)):
        proposal = approve(open_case(LIMIT), user)
        before = everything(proposal.case)
        for answer in (yes, no):
            with pytest.raises(PermissionRefusedError, match="another officer answers it"):
                answer(proposal, User.objects.get(pk=user.pk))
        assert everything(proposal.case) == before


def test_the_database_itself_refuses_the_same_person_twice(anna: User, berta: User) -> None:
    proposal = approve(open_case(LIMIT), anna)
    for stage, about, user, law in (
        ("confirmed", proposal, anna, "decision_four_eyes"),
        ("declined", proposal, anna, "decision_four_eyes"),
        ("confirmed", proposal, None, "decision_four_eyes"),
        ("confirmed", None, berta, "decision_answers_a_proposal"),
    ):
        row = Decision(
            case=proposal.case,
            payout=proposal.payout,
            kind="approve",
            stage=stage,
            about=about,
            reason_code="x",
            internal_text="by hand",
            actor="user:x",
            user=user,
            before=proposal.before,
            after=proposal.after,
            evidence={},
            policy_id=1,
        )
        with pytest.raises(DatabaseError) as refusal, transaction.atomic():
            row.save(force_insert=True)
        assert refusal.value.__cause__.diag.constraint_name == law


def test_declining_opens_the_case_for_the_leads(anna: User, berta: User, lena: User) -> None:
    case = open_case(LIMIT)
    proposal = approve(case, anna)

    receipt = no(proposal, berta)

    payout = Payout.objects.get(id=case.payout_id)
    case.refresh_from_db()
    assert (receipt.stage, receipt.reason_code) == ("declined", "evidence_missing")
    assert receipt.before == receipt.after
    assert (payout.state, payout.version) == ("in_review", 2)
    assert (case.state, case.escalated_by) == ("open", "user:berta")
    assert case.escalation_note == "Evidence is missing: No date of birth anywhere."
    with pytest.raises(PermissionRefusedError, match="berta escalated this case"):
        approve(case, anna)
    again = approve(case, lena)
    assert (again.stage, again.user) == ("proposed", lena)
    assert yes(again, anna).stage == "confirmed"
    assert audit.verify().is_sound


def test_a_proposal_is_answered_once(anna: User, berta: User, lena: User) -> None:
    proposal = approve(open_case(LIMIT), anna)
    no(proposal, berta)
    before = everything(proposal.case)

    with pytest.raises(StaleFormError, match=r"^berta declined it at 2"):
        yes(proposal, lena)

    assert everything(proposal.case) == before


def test_while_a_proposal_waits_nobody_decides_past_it(anna: User, lena: User) -> None:
    case = open_case(LIMIT)
    approve(case, anna)
    before = everything(case)

    with pytest.raises(StaleFormError, match="anna proposed to approve it at"):
        reject(case, lena)

    assert everything(case) == before


def test_a_new_hit_lapses_the_proposal(anna: User, berta: User) -> None:
    case = open_case(LIMIT)
    proposal = approve(case, anna)
    raise_case(case)
    case.refresh_from_db()
    assert (case.state, case.history.latest("history_id").state) == ("open", "open")
    before = everything(case)

    with pytest.raises(StaleFormError, match="the proposal lapsed"):
        yes(proposal, berta)

    assert everything(case) == before
    again = approve(case, berta)
    assert yes(again, anna).is_in_effect
    assert audit.verify().is_sound


def test_a_checker_with_an_old_page_is_told(anna: User, berta: User) -> None:
    case = open_case(LIMIT)
    proposal = approve(case, anna)
    old = seen_mark(Case.objects.get(id=case.id)).replace("2.", "1.", 1)
    before = everything(case)

    with pytest.raises(StaleFormError):
        yes(proposal, berta, seen=old)

    assert everything(case) == before
    assert yes(proposal, berta, seen=seen_mark(Case.objects.get(id=case.id))).is_in_effect


def test_a_canceled_payout_takes_its_proposal_along(anna: User, berta: User) -> None:
    case = open_case(LIMIT)
    proposal = approve(case, anna)
    cancel_payout(case.partner_id, case.payout_id)

    with pytest.raises(StaleFormError, match="The partner canceled"):
        yes(proposal, berta)

    case.refresh_from_db()
    assert case.state == "withdrawn"


def test_a_block_is_overridden_by_two_of_whom_one_is_a_lead(
    anna: User, berta: User, lena: User
) -> None:
    case = blocked_case()
    before = everything(case)
    with pytest.raises(InvalidRequestError, match="This payout is blocked"):
        approve(case, lena)
    assert everything(case) == before

    proposal = override(case, anna)

    assert (proposal.kind, proposal.four_eyes) == ("override", ["override"])
    with pytest.raises(PermissionRefusedError):
        yes(proposal, berta)
    receipt = yes(proposal, lena)
    assert (receipt.kind, receipt.stage) == ("override", "confirmed")
    assert Payout.objects.get(id=case.payout_id).state == "queued"
    assert audit.verify().is_sound


def test_what_is_not_blocked_cannot_be_overridden(anna: User) -> None:
    case = open_case()
    before = everything(case)

    with pytest.raises(InvalidRequestError, match="Nothing blocks"):
        override(case, anna)

    assert everything(case) == before


def test_a_block_that_comes_later_lapses_an_approval(anna: User, berta: User) -> None:
    case = open_case(LIMIT)
    proposal = approve(case, anna)
    Case.objects.filter(id=case.id).update(is_blocked=True, score=500, raised_at=Now())

    with pytest.raises(StaleFormError):
        yes(proposal, berta)

    with pytest.raises(InvalidRequestError, match="This payout is blocked"):
        approve(case, anna)


@pytest.mark.parametrize("answer", [yes, no])
def test_answers_have_words_and_permission(answer: object, anna: User, berta: User) -> None:
    proposal = approve(open_case(LIMIT), anna)
    before = everything(proposal.case)

    with pytest.raises(InvalidRequestError):
        answer(proposal, berta, internal_text=" ")
    with pytest.raises(PermissionRefusedError):
        answer(proposal, staff("auditor"))
    with pytest.raises(StaleFormError):
        answer(proposal, berta, proposal_id="dc_00000000000000000000000000")
    with pytest.raises(NotFoundError):
        decline("cs_0", proposal_id="x", reason_code="disagree", internal_text="abc", user=berta)

    assert everything(proposal.case) == before


def test_a_limit_nobody_can_read_needs_two_for_any_amount(anna: User) -> None:
    publish(
        {
            "four_eyes": {"default": "much"},
            "rules": [
                {
                    "code": "all",
                    "class": "amount",
                    "rule": "amount_at_least",
                    "weight": 9,
                    "parameters": {"major": 1},
                }
            ],
            "thresholds": {"review_score": 9, "review_minutes": 5},
        }
    )

    assert approve(open_case(100), anna).four_eyes == ["amount"]


def test_a_decision_is_a_handful_of_statements(anna: User, django_assert_max_num_queries) -> None:
    case = open_case()
    with django_assert_max_num_queries(18):
        reject(case, anna)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM compliance_decision")
        assert cursor.fetchone() == (1,)
