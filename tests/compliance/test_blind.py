"""The blind second look: who is sampled, who may look, what an opinion keeps."""

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction

from atlaspay.core.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PermissionRefusedError,
)
from compliance.models import BlindReview
from compliance.services.blind import claim_next_blind, give_opinion, is_sampled
from compliance.services.second import confirm
from tests.compliance.factories import blocked_case, open_case, staff
from tests.compliance.test_decide import approve, reject
from tests.compliance.test_decide_second import override, yes

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _all_sampled(settings: object) -> None:
    settings.ATLASPAY_BLIND_REVIEW_PERCENT = 100  # type: ignore[attr-defined]


@pytest.fixture
def anna() -> User:
    return staff("officer", "anna")


@pytest.fixture
def berta() -> User:
    return staff("officer", "berta")


def judge(review: BlindReview, user: User, **changes: object) -> BlindReview:
    words = {"opinion": "approve", "reason_code": "known_recipient", "text": "", **changes}
    return give_opinion(review.pk, user=user, **words)


def test_the_sample_is_about_as_large_as_asked_and_the_same_for_everybody() -> None:
    ids = [f"dc_{number:026d}" for number in range(10_000)]

    assert sum(is_sampled(one, 2) for one in ids) in range(150, 251)
    assert not any(is_sampled(one, 0) for one in ids)
    assert all(is_sampled(one, 100) for one in ids)
    assert [is_sampled(one, 2) for one in ids] == [is_sampled(one, 2) for one in ids]


def test_only_approvals_and_rejections_in_effect_are_sampled(anna: User, berta: User) -> None:
    lena = staff("lead", "lena")
    first, second = approve(open_case(), anna), reject(open_case(), anna)
    proposal = approve(open_case(2_500_000), anna)
    yes(override(blocked_case(), anna), lena)
    assert {one.decision_id for one in BlindReview.objects.all()} == {first.id, second.id}

    third = confirm(
        proposal.case_id, proposal_id=proposal.id, internal_text="Seen too.", user=berta
    )

    assert BlindReview.objects.filter(decision=third).exists()


def test_nobody_looks_again_at_what_they_had_a_hand_in(anna: User, berta: User) -> None:
    proposal = approve(open_case(2_500_000), anna)
    yes(proposal, berta)
    review = BlindReview.objects.get()
    clara = staff("officer", "clara")

    for user in (anna, berta):
        assert claim_next_blind(user) is None
        with pytest.raises(PermissionRefusedError, match="had a hand"):
            judge(review, user)

    assert claim_next_blind(clara) == review
    assert claim_next_blind(staff("officer", "dora")) is None


def test_a_claim_lapses_after_half_an_hour(anna: User, berta: User) -> None:
    approve(open_case(), anna)
    review = claim_next_blind(berta)
    clara = staff("officer", "clara")
    with pytest.raises(ConflictError, match="Another officer"):
        judge(review, clara)

    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE compliance_blindreview SET claimed_at = now() - interval '31 minutes'"
        )

    assert claim_next_blind(clara) == review
    with pytest.raises(ConflictError, match="Another officer"):
        judge(review, berta)


def test_an_opinion_is_given_once(anna: User, berta: User) -> None:
    approve(open_case(), anna)
    review = claim_next_blind(berta)

    given = judge(review, berta, opinion="reject", reason_code="unexplained", text=" No invoice. ")

    assert (given.opinion, given.text, given.reviewed_at is None) == (
        "reject",
        "No invoice.",
        False,
    )
    with pytest.raises(ConflictError, match="given already"):
        judge(review, berta)
    with pytest.raises(DatabaseError), transaction.atomic():
        BlindReview.objects.update(opinion="approve")
    assert claim_next_blind(berta) is None


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"opinion": "override"}, "/opinion"),
        ({"reason_code": "unexplained"}, "/reason_code"),
        ({"text": "x" * 501}, "/text"),
        ({"text": "\x00"}, "/text"),
    ],
)
def test_an_incomplete_opinion_is_refused(
    anna: User, berta: User, changes: dict, pointer: str
) -> None:
    approve(open_case(), anna)
    review = claim_next_blind(berta)

    with pytest.raises(InvalidRequestError) as refusal:
        judge(review, berta, **changes)

    assert [one["pointer"] for one in refusal.value.errors] == [pointer]
    assert BlindReview.objects.get().opinion == ""


def test_it_takes_the_permission(anna: User) -> None:
    approve(open_case(), anna)
    vera = staff("auditor", "vera")

    with pytest.raises(PermissionRefusedError):
        claim_next_blind(vera)
    with pytest.raises(PermissionRefusedError):
        judge(BlindReview.objects.get(), vera)
    with pytest.raises(NotFoundError):
        give_opinion(0, opinion="approve", reason_code="known_recipient", text="", user=anna)
    assert BlindReview.objects.get().reviewer is None
