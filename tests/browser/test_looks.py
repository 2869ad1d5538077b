"""Every main page in both colour schemes: no rule of WCAG 2.2 AA broken that axe-core can see, and
no sideways scrolling in a window of half the width, as at 200 % zoom."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from compliance.models import Case
from compliance.services.escalate import escalate
from portal.members.invitations import invite
from portal.models import Membership, Role
from tests.access.people import PASSWORD
from tests.browser.conftest import Opener
from tests.compliance.factories import blocked_case, listed_case, open_case, staff
from tests.compliance.test_decide import approve, reject
from tests.factories import PartnerFactory
from tests.payouts.factories import funded_partner
from tests.portal.people import member

pytestmark = pytest.mark.django_db(transaction=True)
RULES = {
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"],
    },
    "resultTypes": ["violations"],
}


def faults(page: Page) -> list[str]:
    """Return what axe-core finds, a line a place."""
    found = Axe().run(page, options=RULES)
    return [
        f"{page.url}: {one['id']}: {node['target']} {node['failureSummary'][:300]}"
        for one in found.response["violations"]
        for node in one["nodes"]
    ]


def the_world() -> dict[str, str]:
    """Make one of everything an officer sees; return the pages' addresses by name."""
    ada = staff("officer", "ada")
    twin_of, partner = b"one account", funded_partner(10**9)
    open_case(1_500_000, partner=partner, account_index=twin_of)
    listed = listed_case(partner=partner, account_index=twin_of, description="Invoice 118")
    proposed = listed_case()
    approve(proposed, ada)
    blocked = blocked_case()
    escalated = open_case()
    escalate(escalated.pk, note="Is this licence still valid?", user=ada)
    rejected = open_case()
    reject(rejected, ada)
    approved = open_case(partner=partner)
    receipt = approve(approved, ada, reason_code="amount_explained")
    case = "/console/compliance/case/{}/change/"
    return {
        "home": "/console/",
        "queue": "/console/compliance/case/",
        "decided": "/console/compliance/case/?view=decided",
        "listed": case.format(listed.pk),
        "proposed": case.format(proposed.pk),
        "blocked": case.format(blocked.pk),
        "escalated": case.format(escalated.pk),
        "rejected": case.format(rejected.pk),
        "approved": case.format(approved.pk),
        "decisions": "/console/compliance/decision/",
        "receipt": f"/console/compliance/decision/{receipt.pk}/change/",
        "payout": f"/console/payouts/payout/{approved.payout_id}/change/",
        "payouts": "/console/payouts/payout/",
        "batch": f"/console/payouts/batch/{approved.payout.batch_id}/change/",
        "rails": "/console/payouts/railstate/",
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_breaks_a_rule(scheme: str, open_page: Opener) -> None:
    pages = the_world()
    lead = staff("lead", "grace")
    page = open_page(lead, scheme=scheme)
    found = []
    for url in pages.values():
        page.goto(url)
        for panel in page.locator("details[data-key]").all():
            panel.evaluate("panel => { panel.removeAttribute('name'); panel.open = true; }")
        found += faults(page)
    page.goto(pages["queue"])
    page.keyboard.press("?")
    found += faults(page)

    assert not found, "\n".join(found)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_supports_pages_break_no_rule(scheme: str, open_page: Opener) -> None:
    partner = PartnerFactory()
    one = Membership.objects.get(user=member(partner))
    invited = invite(partner.id, email="new@market.example", role=Role.VIEWER).invitation
    page = open_page(staff("support", "sam"), scheme=scheme)
    found = []
    for url in (
        *("/console/portal/membership/", f"/console/portal/membership/{one.pk}/change/"),
        *("/console/portal/invitation/", f"/console/portal/invitation/{invited.pk}/change/"),
    ):
        page.goto(url)
        for action in page.locator(".ap-decide details").all():
            action.evaluate("action => { action.open = true; }")
        found += faults(page)

    assert not found, "\n".join(found)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_door_breaks_no_rule(scheme: str, open_page: Opener, settings) -> None:
    settings.ATLASPAY_REQUIRE_TOTP = True
    ada = staff("officer", "ada")
    ada.set_password(PASSWORD)
    ada.save(update_fields=["password"])
    page = open_page(scheme=scheme)
    page.goto("/console/")
    found = faults(page)
    page.locator("[name=username]").fill("ada")
    page.locator("[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("enrol"))
    found += faults(page)

    assert not found, "\n".join(found)


def test_nothing_scrolls_sideways_at_200_percent(open_page: Opener) -> None:
    pages = the_world()
    page = open_page(staff("lead", "grace"), width=640)
    too_wide = {}
    for name, url in pages.items():
        page.goto(url)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 640:
            too_wide[name] = width

    assert too_wide == {}
    assert Case.objects.filter(state="open").exists()


def test_the_first_tab_skips_to_the_content(open_page: Opener) -> None:
    page = open_page(staff("lead", "grace"))
    page.goto("/console/")
    page.keyboard.press("Tab")

    link = page.locator("a.ap-skip")
    assert link.evaluate("link => link === document.activeElement")
    box = link.bounding_box()
    assert box is not None
    assert box["x"] >= 0
