"""Why a payout was flagged: titles of the policy that did, links to what a rule speaks of."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from compliance.models import Case
from compliance.screening import live
from compliance.services.screen import screen_chunk
from payouts.models import Payout
from tests.compliance.factories import known_partner, open_case, publish, staff
from tests.compliance.policy_documents import small
from tests.compliance.test_decide import approve
from tests.console.test_pages import page, signed_in
from tests.payouts.factories import make_payouts

pytestmark = pytest.mark.django_db


def shown(user: User, obj: object) -> str:
    return signed_in(user).get(page(obj)).content.decode()


def link_to(payout: Payout) -> str:
    url = reverse("admin:payouts_payout_change", args=[payout.id])
    return f'<a class="ap-link" href="{url}" title="{payout.id}">{payout.reference}</a>'


def changed_account() -> tuple[Payout, Case]:
    """Return a payout of 300.00, and the case of one of 12,000.00 to the same recipient's other
    account."""
    partner = known_partner()
    (before,) = make_payouts(
        partner, [30_000], recipient_name="Wilma Veldhoven", account_last4="7777"
    )
    screen_chunk()
    return before, open_case(partner=partner, recipient_name="Wilma Veldhoven")


def test_a_changed_account_leads_to_the_payout_before() -> None:
    before, case = changed_account()
    officer = staff("officer", "anna")

    text = shown(officer, case)

    assert "Recipient&#x27;s account changed" in text
    assert (
        f'paid before to <span class="ap-code">NLATLS ···· 7777</span> by {link_to(before)}' in text
    )


def test_a_twin_is_linked_where_the_rule_speaks_of_it() -> None:
    partner, same = known_partner(), b"the same account"
    (first,) = make_payouts(partner, [1_200_000], account_index=same)
    screen_chunk()
    case = open_case(partner=partner, account_index=same)

    text = shown(staff("officer", "anna"), case)

    assert f"the other one: {link_to(first)}" in text
    assert "Side by side with its twin" in text


def test_who_may_snooze_is_led_there_with_the_form_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also to a partner beyond those that the form offers."""
    monkeypatch.setattr("compliance.admin.policies_snoozes.PARTNERS_SHOWN", 0)
    _, case = changed_account()
    url = reverse("admin:compliance_rulesnooze_changelist")
    filled = f"{url}?partner={case.partner_id}&amp;rule=destination_changed"
    lead = staff("lead", "lena")

    assert filled in shown(lead, case)
    assert filled not in shown(staff("officer", "anna"), case)
    assert filled not in shown(staff("auditor", "vera"), case)
    form = signed_in(lead).get(filled.replace("&amp;", "&")).content.decode()
    assert f'<option value="{case.partner_id}" selected>' in form
    assert '<option value="destination_changed" selected>' in form

    approve(case, lead, reason_code="amount_explained")
    assert filled not in shown(lead, case)


def test_a_sanctions_rule_is_never_offered_for_snoozing() -> None:
    case = open_case(25_000, recipient_name="Viktor Drazhenko")

    assert "rule=watchlist" not in shown(staff("lead", "lena"), case)


def test_rules_have_the_titles_of_the_policy_that_flagged() -> None:
    """Whatever the live policy calls them since."""
    document = small()
    document["rules"][0] |= {"title": "More than we like"}
    publish(document)
    live.forget()
    case = open_case(10_000_000)
    anna = staff("officer", "anna")
    lena = staff("lead", "lena")
    receipt = approve(case, anna, reason_code="amount_explained")
    publish({**document, "rules": [{**document["rules"][0], "title": "Another name"}]})

    for obj in (case, receipt, case.run):
        text = shown(lena, obj)
        assert "More than we like" in text, obj
        assert "Another name" not in text, obj


def test_links_cost_two_queries_at_most() -> None:
    _, case = changed_account()
    lena = signed_in(staff("lead", "lena"))
    anna = signed_in(staff("officer", "anna"))
    counts = []
    for client in (anna, lena):
        client.get(page(case))
        with CaptureQueriesContext(connection) as captured:
            client.get(page(case))
        counts.append(len(captured))

    assert counts[1] == counts[0] + 1
