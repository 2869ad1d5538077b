"""Officers' figures, and second looks that tell nothing of the decision."""

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from compliance.models import BlindReview
from tests.compliance.factories import listed_case, open_case, staff
from tests.compliance.test_decide import reject
from tests.console.test_pages import signed_in

pytestmark = pytest.mark.django_db
FIGURES = "admin:compliance_case_statistics"
BLIND, TAKE, LOOK = (
    "admin:compliance_case_blind",
    "admin:compliance_case_blind_next",
    "admin:compliance_case_look",
)


@pytest.fixture
def anna() -> User:
    return staff("officer", "anna")


def sampled(user: User, **fields: object) -> BlindReview:
    decision = reject(listed_case(**fields), user, internal_text="Surely the listed person.")
    return BlindReview.objects.get_or_create(decision=decision)[0]


def test_officers_see_their_own_figures_and_leads_everybodys(anna: User) -> None:
    lena = staff("lead", "lena")
    for _ in range(2):
        reject(open_case(), anna)
    reject(open_case(), lena)

    own = signed_in(anna).get(reverse(FIGURES)).content.decode()
    all_of_them = signed_in(lena).get(reverse(FIGURES)).content.decode()
    auditor = signed_in(staff("auditor")).get(reverse(FIGURES)).content.decode()

    assert "<td>anna</td>" in own
    assert "<td>lena</td>" not in own
    assert "Decided in time" not in own
    for text in (all_of_them, auditor):
        assert "<td>anna</td>" in text
        assert "<td>lena</td>" in text
        assert "Decided in time" in text


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"since": "yesterday"}, "Dates are written as"),
        ({"since": "2026-13-01"}, "Dates are written as"),
        ({"since": "2026-11-22", "until": "2026-11-01"}, "the earlier one first"),
        ({"since": "2020-01-01", "until": "2026-11-01"}, "Choose up to 366 days"),
        ({"since": "0001-01-01", "until": "0001-01-02"}, "Choose up to 366 days"),
    ],
)
def test_an_odd_range_is_named_and_the_usual_one_shown(
    anna: User, given: dict[str, str], words: str
) -> None:
    reject(open_case(), anna)

    text = signed_in(anna).get(reverse(FIGURES), given).content.decode()

    assert words in text
    assert "<td>anna</td>" in text


def test_another_time_shows_nobody(anna: User) -> None:
    reject(open_case(), anna)

    given = {"since": "2021-01-01", "until": "2021-01-31"}
    text = signed_in(anna).get(reverse(FIGURES), given).content.decode()

    assert "Nobody decided in this time." in text


def test_who_may_not_read_cases_sees_no_figures() -> None:
    client = signed_in(staff("operator"))

    for name in (FIGURES, BLIND):
        assert client.get(reverse(name)).status_code == 403
    assert client.post(reverse(TAKE)).status_code == 403


def test_a_second_look_shows_the_evidence_and_not_the_decision(anna: User) -> None:
    review = sampled(anna, recipient_name="Victor Drazhenko")
    otis = signed_in(staff("officer", "otis"))

    answer = otis.post(reverse(TAKE), follow=True)

    text = answer.content.decode()
    assert answer.redirect_chain[0][0] == reverse(LOOK, args=[review.pk])
    assert "Viktor Drazhenko" in text
    assert "I would approve" in text
    payout = review.decision.payout
    for telling in (
        "Surely the listed person",
        "anna",
        "Rejected",
        "Failed",
        payout.id,
        payout.reference,
        review.decision.case_id,
    ):
        assert telling not in text, telling


def test_an_opinion_is_kept_and_moves_nothing(anna: User) -> None:
    review = sampled(anna)
    client = signed_in(staff("officer", "otis"))
    client.post(reverse(TAKE))
    state = review.decision.payout.state

    answer = client.post(
        reverse(LOOK, args=[review.pk]),
        {"kind": "approve", "reason_code": "name_differs", "internal_text": "Another person."},
    )

    review.refresh_from_db()
    assert answer.url == reverse(BLIND)
    assert (review.opinion, review.reason_code) == ("approve", "name_differs")
    assert review.text == "Another person."
    review.decision.payout.refresh_from_db()
    assert review.decision.payout.state == state
    again = client.post(
        reverse(LOOK, args=[review.pk]),
        {"kind": "reject", "reason_code": "listed_name", "internal_text": "No."},
    )
    assert again.status_code == 302
    review.refresh_from_db()
    assert review.opinion == "approve"


def test_an_incomplete_opinion_comes_back(anna: User) -> None:
    review = sampled(anna)
    client = signed_in(staff("officer", "otis"))
    client.post(reverse(TAKE))

    answer = client.post(
        reverse(LOOK, args=[review.pk]),
        {"kind": "reject", "reason_code": "name_differs", "internal_text": "Kept words."},
    )

    assert answer.status_code == 422
    assert "Choose one of the reasons to reject." in answer.content.decode()
    assert "Kept words." in answer.content.decode()
    review.refresh_from_db()
    assert review.reviewed_at is None


def test_nobody_looks_again_at_their_own_or_at_anothers_claim(anna: User) -> None:
    review = sampled(anna)
    otis = signed_in(staff("officer", "otis"))
    url = reverse(LOOK, args=[review.pk])
    words = {"kind": "approve", "reason_code": "name_differs", "internal_text": "Mine."}

    own = signed_in(anna)
    assert own.post(reverse(TAKE)).url == reverse(BLIND)
    assert own.get(url).status_code == 404
    assert own.post(url, words).status_code == 403
    otis.post(reverse(TAKE))
    third = signed_in(staff("officer", "paul"))
    assert third.get(url).status_code == 404
    assert third.post(url, words).status_code == 302
    review.refresh_from_db()
    assert review.reviewed_at is None
    assert otis.get(reverse(LOOK, args=[10**15])).status_code == 404
