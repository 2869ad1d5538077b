"""Deciding many cases from the queue: looked over first, then one receipt each."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from compliance.models import Case, Decision
from compliance.services.decide import seen_mark
from payouts.models import Payout
from tests.compliance.factories import blocked_case, listed_case, open_case, staff
from tests.compliance.test_decide import approve, everything
from tests.console.test_pages import signed_in
from tests.payouts.factories import funded_partner

pytestmark = pytest.mark.django_db
BULK, CONFIRM = "admin:compliance_case_bulk", "admin:compliance_case_bulk_confirm"


@pytest.fixture
def anna() -> Client:
    return signed_in(staff("officer", "anna"))


def marks(*cases: Case) -> list[str]:
    found = Case.objects.select_related("payout").in_bulk([case.pk for case in cases])
    return [f"{case.pk}:{seen_mark(found[case.pk])}" for case in cases]


def preview(client: Client, kind: str, *cases: Case) -> str:
    answer = client.post(reverse(BULK), {"kind": kind, "seen": marks(*cases), "back": "view=late"})
    assert answer.status_code == 200
    return answer.content.decode()


def form_of(text: str, **words: str) -> dict[str, object]:
    """Return what a browser would send from the preview's form."""
    bulk_id = re.search(r'name="bulk_id" value="([^"]+)"', text)
    assert bulk_id
    return {
        "bulk_id": bulk_id[1],
        "kind": re.search(r'name="kind" value="(\w+)"', text)[1],
        "seen": re.findall(r'name="seen" value="([^"]+)"', text),
        "reason_code": "amount_explained",
        "internal_text": "Season's bonuses, as announced.",
        **words,
    }


def states(*cases: Case) -> list[str]:
    found = Payout.objects.in_bulk([case.payout_id for case in cases])
    return [found[case.payout_id].state for case in cases]


def test_the_preview_tells_what_would_happen_and_changes_nothing(anna: Client) -> None:
    plain, dollars = (
        open_case(),
        open_case(1_000_050, partner=funded_partner(10**9, "USD"), currency="USD", rail="fednow"),
    )
    large, listed, blocked = open_case(3_000_000), listed_case(), blocked_case()
    before = everything(plain)

    text = preview(anna, "approve", plain, dollars, large, listed, blocked)

    assert "Approve 3 of 5 chosen cases" in text
    assert "42,000.00 EUR, 10,000.50 USD" in text
    assert text.count("Will be decided") == 2
    assert text.count("Will wait for a second officer") == 1
    assert text.count("Will be left as it is") == 2
    assert "is decided on its own page" in text
    assert "This payout is blocked" in text
    assert "?view=late" in text
    assert everything(plain) == before


def test_confirming_writes_a_receipt_each_and_a_second_click_none(anna: Client) -> None:
    first, second, large = open_case(), open_case(), open_case(3_000_000)
    form = form_of(preview(anna, "approve", first, second, large))

    text = anna.post(reverse(CONFIRM), form).content.decode()
    again = anna.post(reverse(CONFIRM), form).content.decode()

    assert "2 decided, 1 wait for a second officer, 0 left as they were" in text
    assert "2 decided, 1 wait for a second officer, 0 left as they were" in again
    assert states(first, second, large) == ["queued", "queued", "in_review"]
    receipts = Decision.objects.order_by("position")
    assert [one.stage for one in receipts] == ["final", "final", "proposed"]
    assert {one.bulk_id for one in receipts} == {form["bulk_id"]}
    assert {one.internal_text for one in receipts} == {"Season's bonuses, as announced."}


def test_rejecting_many_tells_the_partner_the_safe_text(anna: Client) -> None:
    first, listed = open_case(), listed_case()
    form = form_of(
        preview(anna, "reject", first, listed),
        reason_code="unexplained",
        partner_text="We could not pay this.",
    )

    anna.post(reverse(CONFIRM), form)

    assert states(first, listed) == ["failed", "failed"]
    assert Payout.objects.get(id=first.payout_id).failure_message == "We could not pay this."


def test_what_changed_meanwhile_is_left_and_named(anna: Client) -> None:
    mine, decided = open_case(), open_case()
    form = form_of(preview(anna, "approve", mine, decided))
    approve(decided, staff("lead", "lena"))

    text = anna.post(reverse(CONFIRM), form).content.decode()

    assert "1 decided, 0 wait for a second officer, 1 left as they were" in text
    assert "lena approved it at" in text
    assert Decision.objects.filter(case=decided).count() == 1


def test_an_incomplete_form_comes_back_with_its_faults(anna: Client) -> None:
    case = open_case()
    form = form_of(
        preview(anna, "reject", case),
        reason_code="",
        internal_text="Kept words.",
        partner_text="on a watchlist",
    )
    before = everything(case)

    answer = anna.post(reverse(CONFIRM), form)

    text = answer.content.decode()
    assert answer.status_code == 422
    assert "Choose one of the reasons to reject." in text
    assert "The partner must not read: watchlist." in text
    assert "Kept words." in text
    assert f'name="bulk_id" value="{form["bulk_id"]}"' in text
    assert everything(case) == before


@pytest.mark.parametrize(
    ("kind", "count", "words"),
    [
        ("approve", 0, "Choose between 1 and 200 cases."),
        ("approve", 201, "Choose between 1 and 200 cases."),
        ("override", 1, "Many at once can be approved or rejected."),
        ("", 1, "Many at once can be approved or rejected."),
    ],
)
def test_what_cannot_be_decided_together_is_refused(
    anna: Client, kind: str, count: int, words: str
) -> None:
    seen = [f"cs_{number:026d}:1" for number in range(count)]

    answer = anna.post(reverse(BULK), {"kind": kind, "seen": seen})

    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Decision.objects.exists()


def test_odd_values_are_no_error(anna: Client) -> None:
    case = open_case()
    odd = ["", ":", "x" * 500, f"{case.pk}", "cs_\u0663:1", f"{case.pk}:{'9' * 400}"]

    assert anna.post(reverse(BULK), {"kind": "approve", "seen": odd}).status_code == 200
    answer = anna.post(
        reverse(CONFIRM),
        {
            "kind": "approve",
            "seen": odd,
            "bulk_id": "'; --",
            "reason_code": "name_differs",
            "internal_text": "Words.",
        },
    )
    assert answer.status_code == 422
    assert not Decision.objects.exists()


@pytest.mark.parametrize("role", ["auditor", "operator", "rule_author"])
def test_who_may_not_decide_may_not_decide_many(role: str) -> None:
    case = open_case()
    before = everything(case)
    client = signed_in(staff(role))
    form = {"kind": "approve", "seen": marks(case), "bulk_id": "bulk_0123456789"}
    form |= {"reason_code": "name_differs", "internal_text": "Words."}

    assert client.post(reverse(BULK), form).status_code == 403
    assert client.post(reverse(CONFIRM), form).status_code == 403
    assert everything(case) == before
