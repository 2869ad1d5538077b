"""An author writes a policy by keyboard, a publisher puts it live, a backtest's page follows it."""

from copy import deepcopy
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from atlaspay.core import clock
from compliance.models import Backtest, Policy, PolicyDraft
from compliance.screening import live
from compliance.services import backtest, backtest_run, drafts, policies, snooze
from tests.browser.conftest import Opener
from tests.browser.test_looks import faults
from tests.compliance.factories import flagged_payout, staff
from tests.compliance.test_policies_form import DOCUMENT
from tests.factories import PartnerFactory

pytestmark = pytest.mark.django_db(transaction=True)


def choose(page: Page, field: str, title: str) -> None:
    """Choose in a select by typing its words; the builder then redraws itself."""
    box = page.locator(f"select[name='{field}']")
    box.focus()
    page.keyboard.type(title)
    page.keyboard.press("Tab")


def test_a_rule_is_written_by_keyboard_and_published_by_another(open_page: Opener) -> None:
    author, publisher = staff("rule_author", "ines"), staff("rule_publisher", "paul")
    draft = drafts.create_draft_from_live(author, title="One more rule")
    count = len(draft.document["rules"])
    page = open_page(author)
    page.goto(f"/console/compliance/policydraft/{draft.pk}/edit/")

    page.locator("#note").focus()
    page.keyboard.type("Round sums to new accounts")
    page.locator("button[value='add-rule']").focus()
    page.keyboard.press("Enter")
    rule = f"r{count}"
    expect(page.locator(f"input[name='{rule}#title']")).to_be_focused()
    page.keyboard.type("Fresh account")
    choose(page, f"{rule}w.0#fact", "First payout to this")
    expect(page.locator(f"select[name='{rule}w.0#text']")).to_be_visible()
    expect(page.locator(f"[data-words='{rule}']")).to_contain_text(
        "When it is the first payout to this account."
    )
    page.locator(f"button[value='add:{rule}w']").focus()
    page.keyboard.press("Enter")
    expect(page.locator(f"select[name='{rule}w.1#fact']")).to_be_focused()
    choose(page, f"{rule}w.1#fact", "Amount")
    page.locator(f"input[name='{rule}w.1#text']").focus()
    page.keyboard.type("9,5")
    expect(page.locator("[data-words='count']")).to_contain_text("1 thing to mend")
    page.keyboard.press("Control+A")
    page.keyboard.type("9,500")
    expect(page.locator("[data-words='count']")).to_contain_text("Complete")
    expect(page.locator("input[name=version]")).to_have_value("1")
    with page.expect_navigation():
        page.keyboard.press("Enter")

    draft.refresh_from_db()
    assert draft.version == 2
    assert draft.document["rules"][count]["when"] == {
        "all": [
            {"fact": "first_to_account", "op": "is", "value": True},
            {"fact": "amount", "op": "at_least", "value": "9500"},
        ]
    }
    page.goto(f"/console/compliance/policydraft/{draft.pk}/change/")
    with page.expect_navigation():
        page.get_by_role("button", name="Freeze as a policy").press("Enter")
    policy = Policy.objects.order_by("-number").first()

    other = open_page(publisher)
    other.goto(f"/console/compliance/policy/{policy.number}/publish/")
    expect(other.locator(".ap-changes")).to_contain_text("Fresh account")
    other.locator("#publish-note").focus()
    other.keyboard.type("Agreed with risk")
    other.keyboard.press("Tab")
    with other.expect_navigation():
        other.keyboard.press("Enter")
    assert live.live_number() == policy.number


def test_the_page_of_a_backtest_follows_it(open_page: Opener) -> None:
    flagged_payout()
    author = staff("rule_author", "ines")
    draft = PolicyDraft.objects.create(
        title="Tried", document=DOCUMENT, author="user:ines", editors=["user:ines"]
    )
    page = open_page(author)
    page.goto(f"/console/compliance/policydraft/{draft.pk}/change/")
    with page.expect_navigation():
        page.get_by_role("button", name="Backtest").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("It waits for its turn")

    backtest_run.run_slice()

    expect(page.get_by_role("heading", name="In short")).to_be_visible()
    expect(page.get_by_role("status")).to_have_count(0)
    assert Backtest.objects.get().state == "done"


def the_pages(author: User) -> list[str]:
    """Make one of everything about policies, some of it with mistakes; return the addresses."""
    flagged_payout()
    policy = drafts.freeze_draft(saved(author, DOCUMENT), author, expected_version=2).number
    policies.start_shadow(policy, author)
    broken = deepcopy(DOCUMENT)
    broken["rules"][1]["when"]["any"][1]["value"] = ["EURO"]
    draft = saved(author, broken)
    day = {"since": clock.now() - timedelta(days=1), "until": clock.now()}
    tried = backtest.backtest_policy(policy, **day, actor="system:test").pk
    backtest_run.run_slice()
    waits = backtest.backtest_policy(policy, **day, actor="system:test").pk
    snooze.create_snooze(
        staff("lead", "lena"),
        partner_id=PartnerFactory().id,
        rule_code=snooze.snoozable_codes()[0],
        until=clock.now() + timedelta(days=7),
        comment="Known peak",
    )
    names = [
        "policy/",
        f"policy/{policy}/change/",
        f"policy/{policy}/publish/",
        f"policy/{policy}/shadow/",
        f"policydraft/{draft}/change/",
        f"policydraft/{draft}/edit/",
        f"policydraft/{draft}/edit/?as=json",
        f"backtest/{tried}/change/",
        f"backtest/{waits}/change/",
        "backtest/",
        "rulesnooze/",
    ]
    return [f"/console/compliance/{name}" for name in names]


def saved(author: User, document: dict) -> int:
    """Return a draft with this document, at version 2."""
    draft = drafts.create_draft(author, title="Stricter amounts")
    drafts.save_draft(
        draft.pk,
        author,
        title="Stricter amounts",
        note="Fraud rose",
        document=document,
        expected_version=1,
    )
    return draft.pk


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_breaks_a_rule(scheme: str, open_page: Opener) -> None:
    pages = the_pages(staff("rule_author", "ines"))
    # One who may do everything is shown every form.
    page = open_page(User.objects.create_superuser("root"), scheme=scheme)
    found = []
    for url in pages:
        page.goto(url)
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
        found += faults(page)

    assert not found, "\n".join(found)


def test_nothing_scrolls_sideways_at_200_percent(open_page: Opener) -> None:
    pages = the_pages(staff("rule_author", "ines"))
    page = open_page(User.objects.create_superuser("root"), width=640)
    too_wide = {}
    for url in pages:
        page.goto(url)
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 640:
            too_wide[url] = width

    assert too_wide == {}
