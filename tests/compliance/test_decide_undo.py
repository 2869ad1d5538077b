"""Undo: an approval comes back while nothing was sent, as a new decision in a new case."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from atlaspay.core import clock
from atlaspay.core.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PermissionRefusedError,
)
from compliance.models import Case, Decision
from compliance.services import audit
from compliance.services.undo import may_undo, undo
from payouts.models import Payout
from payouts.services import dispatch
from payouts.services.cancel import cancel_payout
from tests.compliance.factories import blocked_case, open_case, staff
from tests.compliance.test_decide import approve, everything, reject
from tests.compliance.test_decide_second import override, yes
from webhooks.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna() -> User:
    return staff("officer", "anna")


@pytest.fixture
def lena() -> User:
    return staff("lead", "lena")


def take_back(decision: Decision, user: User, **changes: object) -> Decision:
    words = {"reason_code": "mistake", "internal_text": "Wrong tab.", **changes}
    return undo(decision.id, user=user, **words)


def test_an_undone_approval_is_in_review_again_in_a_new_case(anna: User, lena: User) -> None:
    case = open_case()
    approval = approve(case, anna)

    receipt = take_back(approval, lena)

    payout = Payout.objects.get(id=case.payout_id)
    case.refresh_from_db()
    new = Case.objects.exclude(id=case.id).get()
    assert (payout.state, payout.stage, payout.due_at) == ("in_review", "review", None)
    assert (receipt.kind, receipt.stage, receipt.about) == ("undo", "final", approval)
    assert (receipt.before["state"], receipt.after["state"]) == ("queued", "in_review")
    assert (case.state, case.decision) == ("decided", approval)
    assert (new.origin, new.state, new.run) == ("undo", "open", None)
    assert (new.codes, new.score, new.payout_id) == (case.codes, case.score, payout.id)
    assert new.due_at - new.opened_at == case.due_at - case.opened_at
    assert new.rank_at - new.due_at == case.rank_at - case.due_at
    assert list(Event.objects.order_by("sequence").values_list("type", flat=True))[-3:] == [
        "payout.in_review",
        "payout.queued",
        "payout.in_review",
    ]
    assert audit.verify().is_sound
    assert reject(new, anna).evidence["findings"] == case.run.findings
    assert audit.verify().is_sound


def test_an_officer_undoes_their_own_for_five_minutes(anna: User) -> None:
    approval = approve(open_case(), anna)
    approval.refresh_from_db()
    berta = staff("officer", "berta")
    before = everything(approval.case)

    with pytest.raises(PermissionRefusedError):
        take_back(approval, berta)
    with clock.frozen(approval.decided_at + timedelta(minutes=5)):
        assert not may_undo(approval, anna)
        with pytest.raises(PermissionRefusedError):
            take_back(approval, anna)
    assert everything(approval.case) == before

    with clock.frozen(approval.decided_at + timedelta(minutes=4, seconds=59)):
        assert may_undo(approval, anna)
        assert take_back(approval, anna).actor == "user:anna"


def test_an_override_undone_is_blocked_again(anna: User, lena: User) -> None:
    receipt = yes(override(blocked_case(), anna), lena)

    take_back(receipt, lena)

    again = Case.objects.get(origin="undo")
    assert again.is_blocked
    with pytest.raises(InvalidRequestError, match="blocked"):
        approve(again, lena)


def test_what_was_sent_stays_sent(anna: User, lena: User) -> None:
    approval = approve(open_case(), anna)
    dispatch.claim(["sepa_inst"], 10)
    before = everything(approval.case)

    with pytest.raises(ConflictError, match=r"sent to the bank at .* cannot be called back"):
        take_back(approval, lena)

    assert everything(approval.case) == before


def test_what_waits_for_its_next_attempt_was_sent_before(anna: User, lena: User) -> None:
    approval = approve(open_case(), anna)
    Payout.objects.filter(id=approval.payout_id).update(
        attempt_count=1, sent_at=timezone.now(), stage="retry"
    )

    with pytest.raises(ConflictError, match="sent to the bank"):
        take_back(approval, lena)

    assert Decision.objects.count() == 1


def test_what_was_canceled_rejected_or_undone_cannot_be_undone(anna: User, lena: User) -> None:
    canceled, undone = approve(open_case(), anna), approve(open_case(), anna)
    rejected = reject(open_case(), anna)
    cancel_payout(canceled.case.partner_id, canceled.payout_id)
    receipt = take_back(undone, lena)
    count = Decision.objects.count()

    for decision, words in (
        (canceled, "canceled before it was sent"),
        (rejected, "A rejection is final"),
        (undone, "held for an officer"),
        (receipt, "Only a decision that took effect"),
    ):
        with pytest.raises(ConflictError, match=words):
            take_back(decision, lena)

    assert Decision.objects.count() == count


def test_an_old_approval_cannot_undo_a_later_one(anna: User, lena: User) -> None:
    first = approve(open_case(), anna)
    take_back(first, lena)
    second = approve(Case.objects.get(origin="undo"), anna)
    before = everything(second.case)

    with pytest.raises(ConflictError, match=r"anna approved it at .*; that decision counts now"):
        take_back(first, lena)

    assert everything(second.case) == before
    assert take_back(second, lena).about == second


def test_a_proposal_is_declined_and_never_undone(anna: User, lena: User) -> None:
    proposal = approve(open_case(2_500_000), anna)

    with pytest.raises(ConflictError):
        take_back(proposal, lena)


def test_undoing_has_words_a_reason_and_permission(anna: User, lena: User) -> None:
    approval = approve(open_case(), anna)
    before = everything(approval.case)

    with pytest.raises(InvalidRequestError) as refusal:
        take_back(approval, lena, reason_code="name_differs", internal_text="")
    assert [one["pointer"] for one in refusal.value.errors] == ["/reason_code", "/internal_text"]
    with pytest.raises(PermissionRefusedError):
        take_back(approval, staff("auditor"))
    with pytest.raises(NotFoundError):
        undo("dc_none", reason_code="mistake", internal_text="abc", user=lena)

    assert everything(approval.case) == before
