"""Claims: who reads a case, how that lapses, who is offered what."""

import pytest
from django.contrib.auth.models import User
from django.db import connection

from atlaspay.core.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PermissionRefusedError,
    StaleFormError,
)
from compliance.models import Case
from compliance.services.assign import claim, claim_next, heartbeat, release, take_over
from compliance.services.escalate import escalate
from compliance.services.second import decline
from tests.compliance.factories import listed_case, open_case, staff
from tests.compliance.test_decide import approve, everything, reject

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna() -> User:
    return staff("officer", "anna")


@pytest.fixture
def berta() -> User:
    return staff("officer", "berta")


@pytest.fixture
def lena() -> User:
    return staff("lead", "lena")


def fall_silent(case: Case, seconds: int = 121) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE compliance_case SET heartbeat_at = now() - %s * interval '1 second'"
            " WHERE id = %s",
            [seconds, case.id],
        )


def rank(*cases: Case) -> None:
    """Put cases first to last."""
    with connection.cursor() as cursor:
        for place, case in enumerate(cases):
            cursor.execute(
                "UPDATE compliance_case SET rank_at = now() + %s * interval '1 hour' WHERE id = %s",
                [place, case.id],
            )


def test_the_next_case_is_the_first_in_rank_that_nobody_reads(anna: User, berta: User) -> None:
    third, first, second = open_case(), open_case(), open_case()
    rank(first, second, third)

    assert claim_next(anna) == first
    assert claim_next(berta) == second
    assert claim_next(anna, after=first.id) == third
    first.refresh_from_db()
    assert (first.assignee, first.assigned_at, first.heartbeat_at) == (None, None, None)
    assert claim_next(berta, after=second.id) == first
    last = first.history.latest("history_id")
    assert (last.actor, last.history_user, last.history_change_reason) == (
        "user:berta",
        berta,
        "claimed",
    )


def test_a_claim_lapses_two_minutes_after_the_last_heartbeat(anna: User, berta: User) -> None:
    case = open_case()
    claim_next(anna)
    fall_silent(case, 115)
    assert claim_next(berta) is None

    fall_silent(case)

    assert claim_next(berta) == case


def test_a_heartbeat_keeps_the_claim_and_leaves_no_history(anna: User, berta: User) -> None:
    case = open_case()
    mine = claim(case.id, anna)
    assert (mine.is_mine, mine.holder, mine.is_waiting) == (True, "anna", True)
    rows = case.history.count()
    fall_silent(case, 100)

    again = heartbeat(case.id, anna)

    assert (again.is_mine, again.since) == (True, mine.since)
    assert case.history.count() == rows
    with pytest.raises(ConflictError, match=r"^anna has this case since 2.*you may take it over"):
        claim(case.id, berta)
    assert Case.objects.get(id=case.id).assignee == anna


def test_a_take_over_is_seen_by_both_and_by_history(anna: User, berta: User) -> None:
    case = open_case()
    claim(case.id, anna)

    taken = take_over(case.id, berta)

    assert (taken.is_mine, taken.holder) == (True, "berta")
    told = heartbeat(case.id, anna)
    assert (told.is_mine, told.holder) == (False, "berta")
    last = case.history.latest("history_id")
    assert (last.actor, last.history_change_reason) == ("user:berta", "taken over from anna")


def test_taking_what_nobody_reads_is_a_plain_claim(anna: User) -> None:
    case = open_case()

    take_over(case.id, anna)

    assert case.history.latest("history_id").history_change_reason == "claimed"


def test_a_released_case_is_free_and_anothers_stays(anna: User, berta: User) -> None:
    case = open_case()
    claim(case.id, anna)

    release(case.id, berta)
    assert Case.objects.get(id=case.id).assignee == anna
    release(case.id, anna)

    assert Case.objects.get(id=case.id).assignee is None
    assert claim_next(berta) == case


def test_a_closed_case_cannot_be_claimed(anna: User, berta: User) -> None:
    case = open_case()
    claim(case.id, anna)
    reject(case, berta)

    with pytest.raises(StaleFormError, match="berta rejected it"):
        claim(case.id, anna)
    told = heartbeat(case.id, anna)
    assert (told.is_waiting, told.is_mine) == (False, False)


def test_only_who_may_decide_may_claim(anna: User) -> None:
    case, vera = open_case(), staff("auditor", "vera")

    for act in (
        lambda: claim_next(vera),
        lambda: claim(case.id, vera),
        lambda: take_over(case.id, vera),
        lambda: heartbeat(case.id, vera),
        lambda: release(case.id, vera),
        lambda: escalate(case.id, note="please look", user=vera),
    ):
        with pytest.raises(PermissionRefusedError):
            act()
    for act in (claim, take_over, heartbeat):
        with pytest.raises(NotFoundError):
            act("cs_00000000000000000000000000", anna)

    assert Case.objects.get(id=case.id).assignee is None


def test_an_escalated_case_goes_to_the_leads(anna: User, berta: User, lena: User) -> None:
    case = open_case()
    claim(case.id, anna)

    escalate(case.id, note="  I know the recipient. ", user=anna)

    case.refresh_from_db()
    assert (case.escalated_by, case.escalation_note) == ("user:anna", "I know the recipient.")
    assert (case.state, case.assignee) == ("open", None)
    assert case.history.latest("history_id").history_change_reason == "escalated"
    assert claim_next(berta) is None
    before = everything(case)
    with pytest.raises(PermissionRefusedError):
        reject(case, berta)
    assert everything(case) == before
    assert claim_next(lena) == case
    assert reject(case, lena).stage == "final"


def test_escalating_twice_or_what_is_closed_is_told(anna: User, berta: User, lena: User) -> None:
    case, proposed, closed = open_case(), listed_case(), open_case()
    escalate(case.id, note="please look", user=anna)
    approve(proposed, anna)
    reject(closed, anna)

    with pytest.raises(StaleFormError, match="anna escalated it at"):
        escalate(case.id, note="please look", user=berta)
    with pytest.raises(StaleFormError, match="second officer"):
        escalate(proposed.id, note="please look", user=berta)
    with pytest.raises(StaleFormError, match="anna rejected it at"):
        escalate(closed.id, note="please look", user=berta)
    with pytest.raises(InvalidRequestError) as refusal:
        escalate(closed.id, note="x" * 501, user=berta)
    assert refusal.value.errors[0]["pointer"] == "/note"
    with pytest.raises(NotFoundError):
        escalate("cs_none", note="please look", user=berta)


def test_a_proposal_is_offered_to_who_may_answer_it(anna: User, berta: User, lena: User) -> None:
    by_amount, by_list = open_case(2_500_000), listed_case()
    rank(by_amount, by_list)
    approve(by_amount, anna)
    approve(by_list, anna)

    assert claim_next(anna) is None
    assert claim_next(berta) == by_amount
    assert claim_next(berta, after=by_amount.id) is None
    release(by_amount.id, berta)
    assert claim_next(lena) == by_amount
    assert claim_next(lena, after=by_amount.id) == by_list


def test_after_a_declined_proposal_the_latest_one_counts(
    anna: User, berta: User, lena: User
) -> None:
    case = open_case(2_500_000)
    first = approve(case, anna)
    decline(
        case.id,
        proposal_id=first.id,
        reason_code="disagree",
        internal_text="Look again.",
        user=berta,
    )
    approve(case, lena)

    assert claim_next(lena) is None
    assert claim_next(anna) == case


def test_the_handling_time_starts_with_the_claim(anna: User, berta: User) -> None:
    case, other = open_case(), open_case()
    claim(case.id, anna)
    claim(other.id, berta)
    case.refresh_from_db()

    assert reject(case, anna).opened_at == case.assigned_at
    assert reject(other, anna).opened_at is None
