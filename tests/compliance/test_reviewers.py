"""Reviewer statistics, counted by hand."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from compliance.models import BlindReview, Case
from compliance.selectors.reviewers import (
    officers_between,
    overdue_cases,
    punctuality_between,
)
from compliance.services.assign import claim
from compliance.services.blind import give_opinion
from compliance.services.undo import undo
from tests.compliance.factories import open_case, staff
from tests.compliance.test_decide import approve, reject
from tests.compliance.test_decide_second import no, yes

pytestmark = pytest.mark.django_db


def test_each_officer_is_counted_once_for_what_they_did(settings: object) -> None:
    settings.ATLASPAY_BLIND_REVIEW_PERCENT = 100  # type: ignore[attr-defined]
    since = timezone.now() - timedelta(minutes=1)
    anna, berta = staff("officer", "anna"), staff("officer", "berta")
    lena = staff("lead", "lena")
    timed = open_case()
    claim(timed.id, anna)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE compliance_case SET assigned_at = now() - interval '90 seconds'")
    first = reject(timed, anna)
    undone = approve(open_case(), anna)
    undo(undone.id, reason_code="mistake", internal_text="Wrong one.", user=lena)
    no(approve(open_case(2_500_000), anna), berta)
    confirmed = yes(approve(open_case(2_500_000), anna), berta)
    undo(confirmed.id, reason_code="mistake", internal_text="Wrong one.", user=lena)
    for decision, opinion, code in (
        (first, "reject", "unexplained"),
        (undone, "reject", "unexplained"),
    ):
        BlindReview.objects.filter(decision=decision).update(reviewer=berta)
        review = BlindReview.objects.get(decision=decision)
        give_opinion(review.pk, opinion=opinion, reason_code=code, text="", user=berta)

    officers = {one.username: one for one in officers_between(since, timezone.now())}

    assert set(officers) == {"anna", "berta"}
    one, other = officers["anna"], officers["berta"]
    assert (one.decisions, one.approved, one.rejected, one.answers, one.own) == (4, 3, 1, 0, 4)
    assert (one.overturned, one.overturn_rate) == (3, 0.75)
    assert (one.reviewed, one.agreed, one.agreement) == (2, 1, 0.5)
    assert one.median_s == pytest.approx(90, abs=20)
    assert (one.days, one.a_day) in ((1, 4.0), (2, 2.0))
    assert (other.decisions, other.own, other.answers) == (2, 0, 2)
    assert (other.overturn_rate, other.agreement, other.median_s) == (None, None, None)
    assert officers_between(since - timedelta(days=1), since) == []


def test_what_is_late_is_listed_oldest_breach_first() -> None:
    first, second, soon = open_case(), open_case(), open_case()
    anna = staff("officer", "anna")
    now = timezone.now()
    for case, minutes in ((first, -10), (second, -20), (soon, 3)):
        Case.objects.filter(id=case.id).update(due_at=now + timedelta(minutes=minutes))

    assert list(overdue_cases()) == [second, first]
    assert list(overdue_cases(within=timedelta(minutes=5))) == [second, first, soon]

    approve(second, anna)
    approve(soon, anna)
    ended = punctuality_between(now - timedelta(minutes=1), timezone.now() + timedelta(minutes=1))
    assert (ended.in_time, ended.late) == (1, 1)
    assert list(overdue_cases()) == [first]
