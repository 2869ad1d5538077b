"""The officer's work: the queue, the case page, the decision, the next case."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from atlaspay.core.models import AccessEvent
from compliance.models import Case, Decision
from compliance.services.decide import seen_mark
from payouts.models import Payout
from tests.compliance.factories import listed_case, open_case, staff
from tests.compliance.test_decide import approve, everything
from tests.console.test_pages import page, signed_in
from tests.payouts.factories import funded_partner, make_payouts

pytestmark = pytest.mark.django_db
QUEUE = "admin:compliance_case_changelist"


def form(case: Case, **changes: str) -> dict[str, str]:
    return {
        "kind": "approve",
        "reason_code": "name_differs",
        "internal_text": "Another date of birth.",
        "partner_text": "",
        "seen": seen_mark(Case.objects.select_related("payout").get(pk=case.pk)),
        **changes,
    }


def post(client: Client, case: Case, **changes: str) -> object:
    return client.post(
        reverse("admin:compliance_case_decide", args=[case.pk]), form(case, **changes)
    )


@pytest.fixture
def anna() -> User:
    return staff("officer", "anna")


def test_the_queue_shows_open_cases_in_words_oldest_due_first(anna: User) -> None:
    client = signed_in(anna)
    first = open_case(1_000_000, recipient_name="Orlan Trading")
    second = listed_case()
    gone = open_case(recipient_name="Sofia Rossi")
    approve(gone, anna)

    text = client.get(reverse(QUEUE)).content.decode()

    assert text.index(first.pk) < text.index(second.pk)
    assert gone.pk not in text
    assert "Name on a watchlist, Amount over the limit" in text
    decided = client.get(reverse(QUEUE), {"view": "decided"}).content.decode()
    assert gone.pk in decided
    why = client.get(reverse(QUEUE), {"why": "amount_over_limit"}).content.decode()
    assert first.pk in why
    assert second.pk not in why


def test_the_case_page_has_the_evidence_and_both_forms(anna: User) -> None:
    partner, same = funded_partner(100_000_000), b"the same account"
    (before,) = make_payouts(partner, [60_000], account_index=same)
    case = open_case(60_000, partner=partner, account_index=same, recipient_name="Victor Drazhenko")

    text = signed_in(anna).get(page(case)).content.decode()

    assert "The name resembles “Viktor Drazhenko” (" in text
    assert '<td class="ap-near">viktor</td>' in text
    assert '<td class="ap-near">victor</td>' in text
    assert "Side by side with its twin" in text
    assert before.id in text
    assert "cannot be called back" in text
    assert 'value="reject"' in text


def test_opening_a_case_is_logged_and_the_queue_is_not(anna: User) -> None:
    case, client = open_case(), signed_in(anna)

    client.get(reverse(QUEUE))
    client.get(page(case))
    client.get(page(case).replace(case.pk, "cs_none"))
    Client().get(page(case))

    seen = AccessEvent.objects.values_list("kind", "username", "object_type", "object_id")
    assert list(seen) == [("viewed", "anna", "compliance.case", case.pk)]


def test_who_may_not_decide_sees_no_form() -> None:
    case = open_case()

    text = signed_in(staff("auditor")).get(page(case)).content.decode()

    assert "deciding takes the officer" in text
    assert 'name="internal_text"' not in text


def test_approving_leads_to_the_next_case(anna: User) -> None:
    first, second = open_case(), open_case()

    answer = post(signed_in(anna), first)

    assert (answer.status_code, answer.url) == (302, page(second))
    assert Payout.objects.get(id=first.payout_id).state == "queued"
    assert Decision.objects.get().actor == "user:anna"
    second.refresh_from_db()
    assert second.assignee == anna


def test_after_the_last_case_comes_the_empty_queue(anna: User) -> None:
    answer = post(signed_in(anna), open_case())

    assert (answer.status_code, answer.url) == (302, reverse(QUEUE))


def test_rejecting_stores_what_each_side_reads(anna: User) -> None:
    case = open_case()

    post(
        signed_in(anna),
        case,
        kind="reject",
        reason_code="listed_name",
        internal_text="Date of birth agrees.",
        partner_text="We cannot make this payment.",
    )

    payout = Payout.objects.get(id=case.payout_id)
    assert (payout.state, payout.failure_message) == ("failed", "We cannot make this payment.")
    assert Decision.objects.get().internal_text == "Date of birth agrees."


def test_an_incomplete_form_comes_back_with_its_faults_and_words(anna: User) -> None:
    case = open_case()
    before = everything(case)

    answer = post(
        signed_in(anna),
        case,
        kind="reject",
        reason_code="",
        internal_text="Kept <b>words</b>",
        partner_text="on the watchlist",
    )

    text = answer.content.decode()
    assert answer.status_code == 422
    assert "Choose one of the reasons to reject." in text
    assert "The partner must not read: watchlist." in text
    assert "Kept &lt;b&gt;words&lt;/b&gt;" in text
    assert everything(case) == before


def test_a_stale_form_says_who_was_first_and_changes_nothing(anna: User) -> None:
    case = open_case()
    late = form(case, kind="reject", reason_code="listed_name")
    lena = signed_in(staff("lead", "lena"))
    post(signed_in(anna), case)
    before = everything(case)

    answer = lena.post(reverse("admin:compliance_case_decide", args=[case.pk]), late)

    text = answer.content.decode()
    assert answer.status_code == 409
    assert "Not taken; nothing changed." in text
    assert "anna approved it at" in text
    assert everything(case) == before


@pytest.mark.parametrize("seen", ["", "abc", "-1", "1.2.3.4", "\u0663"])
def test_a_form_without_the_right_mark_is_stale(anna: User, seen: str) -> None:
    case = open_case()
    before = everything(case)

    assert post(signed_in(anna), case, seen=seen).status_code == 409
    assert everything(case) == before


@pytest.mark.parametrize("role", ["auditor", "operator", "rule_author", "rule_publisher"])
def test_a_post_without_the_permission_is_refused(role: str) -> None:
    case = open_case()
    before = everything(case)
    client = signed_in(staff(role))

    assert post(client, case).status_code == 403
    assert client.post(reverse("admin:compliance_case_next")).status_code == 403
    assert everything(case) == before


def test_deciding_is_a_post_with_a_token(anna: User) -> None:
    case = open_case()
    before = everything(case)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(anna)
    url = reverse("admin:compliance_case_decide", args=[case.pk])

    assert strict.get(url).status_code == 405
    assert strict.post(url, form(case)).status_code == 403
    assert everything(case) == before


def test_an_unknown_case_is_404(anna: User) -> None:
    url = reverse("admin:compliance_case_decide", args=["cs_nothing"])

    assert signed_in(anna).post(url, {"kind": "approve"}).status_code == 404


def test_a_colleague_is_shown_who_looks(anna: User) -> None:
    case = open_case()
    signed_in(anna).post(reverse("admin:compliance_case_next"))

    text = signed_in(staff("lead", "lena")).get(page(case)).content.decode()

    assert "<strong>anna</strong> has this case open" in text


def test_a_name_full_of_markup_stays_a_name(anna: User) -> None:
    case = open_case(
        recipient_name="<script>alert(1)</script> Viktor Drazhenko", recipient_country="RU"
    )
    client = signed_in(anna)

    for url in (page(case), page(case.payout), page(case.payout.batch), reverse(QUEUE)):
        assert "<script>alert(1)" not in client.get(url).content.decode(), url


def test_the_chain_is_verified_from_the_console(anna: User) -> None:
    approve(open_case(), anna)
    url = reverse("admin:compliance_audit_ask")
    vera = signed_in(staff("auditor", "vera"))

    text = vera.post(url, follow=True).content.decode()

    assert "this page looks again every three seconds" in text
    assert signed_in(anna).post(url).status_code == 403


def test_a_case_is_found_by_what_people_have(anna: User) -> None:
    case, other = open_case(), open_case()
    client = signed_in(anna)

    for term in (case.pk, case.payout_id, case.payout.reference):
        text = client.get(reverse(QUEUE), {"q": f" {term}"}).content.decode()
        assert case.pk in text
        assert other.pk not in text
