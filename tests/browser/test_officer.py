"""A day at the console: in by password and code, the queue by keyboard alone, four eyes, audit."""

import re

import pytest
from playwright.sync_api import Page, expect

from atlaspay.core.models import AccessEvent
from compliance.models import Case, Decision
from compliance.services.audit import background
from payouts.models import Payout
from tests.access.people import PASSWORD, enrolled
from tests.browser.conftest import Opener
from tests.compliance.factories import listed_case, open_case, staff
from tests.payouts.factories import funded_partner

pytestmark = pytest.mark.django_db(transaction=True)


def state_of(case: Case) -> str:
    return Payout.objects.get(id=case.payout_id).state


def with_phone(role: str, username: str):
    """Return somebody who signs in with a password and a phone."""
    user = staff(role, username)
    user.set_password(PASSWORD)
    user.save(update_fields=["password"])
    return user, enrolled(user)[0]


def sign_in(page: Page, username: str, phone) -> None:
    """Come in by the keyboard: name, password, code."""
    page.goto("/console/")
    expect(page.locator("[name=username]")).to_be_focused()
    page.keyboard.type(username)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/login/code/")
    expect(page.locator("[name=code]")).to_be_focused()
    page.keyboard.type(phone.code())
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/")


def decide(page: Page, key: str, reason: str, words: str) -> None:
    """Open a panel by its key, choose the reason by typing it, write, send."""
    page.keyboard.press(key)
    expect(page.locator("details[open] select")).to_be_focused()
    page.keyboard.type(reason)
    page.keyboard.press("Tab")
    page.keyboard.type(words)
    with page.expect_navigation():
        page.keyboard.press("Control+Enter")


def works_the_queue(ada: Page) -> None:
    """Approve the first case, reject the second, propose the third: no mouse, no address typed."""
    with ada.expect_navigation():
        ada.keyboard.press("q")
    expect(ada.locator("tbody tr")).to_have_count(3)
    ada.keyboard.press("j")
    expect(ada.locator("tr.ap-cursor")).to_contain_text("Sofia Rossi")
    ada.keyboard.press("j")
    expect(ada.locator("tr.ap-cursor")).to_contain_text("Pieter de Vries")
    ada.keyboard.press("k")
    expect(ada.locator("tr.ap-cursor")).to_contain_text("Sofia Rossi")
    with ada.expect_navigation():
        ada.keyboard.press("Enter")

    expect(ada.locator("h1")).to_contain_text("Sofia Rossi")
    decide(ada, "a", "Amount or pattern e", "Invoice seen, known customer.")
    expect(ada.locator("h1")).to_contain_text("Pieter de Vries")
    expect(ada.get_by_text("Receipt 1 is in the chain")).to_be_visible()
    decide(ada, "r", "Amount or pattern n", "Nobody could say what it is for.")
    expect(ada.locator("h1")).to_contain_text("Viktor Drazhenko")
    ada.keyboard.press("a")
    expect(ada.get_by_text("A lead has to confirm")).to_be_visible()
    expect(ada.locator("details[open] select")).to_be_focused()
    ada.keyboard.type("Another person")
    ada.keyboard.press("Tab")
    ada.keyboard.type("Another date of birth.")
    with ada.expect_navigation():
        ada.keyboard.press("Control+Enter")
    expect(ada.get_by_text("A second officer has to confirm; nothing moved yet.")).to_be_visible()


def finishes_it(grace: Page) -> None:
    """Confirm what a colleague proposed: from the home page by two keys and a sentence."""
    waits = grace.get_by_role("link", name=re.compile("1 wait for a second officer"))
    expect(waits).to_be_visible()
    with grace.expect_navigation():
        grace.keyboard.press("n")
    expect(grace.locator("h1")).to_contain_text("Viktor Drazhenko")
    expect(grace.get_by_text("Another date of birth.").first).to_be_visible()
    grace.keyboard.press("c")
    expect(grace.locator("details[open] textarea").first).to_be_focused()
    grace.keyboard.type("Compared the dates of birth; agreed.")
    with grace.expect_navigation():
        grace.keyboard.press("Control+Enter")
    expect(grace.get_by_text("Nothing else waits for you.")).to_be_visible()


def verifies(noor: Page) -> None:
    """Ask for a verification, let a worker make it, read on the same page that all holds."""
    noor.goto("/console/compliance/decision/")
    expect(noor.locator("tbody tr")).to_have_count(4)
    noor.get_by_role("button", name="Verify now").click()
    expect(noor.get_by_text("this page looks again every three seconds")).to_be_visible()
    while background.run_slice():
        pass
    expect(noor.get_by_text("all holds")).to_be_visible()
    fact = noor.locator("dt", has_text="Receipts").locator("xpath=following-sibling::dd[1]")
    expect(fact).to_have_text("4")


def test_a_queue_is_worked_by_keyboard_a_second_officer_finishes_and_an_auditor_verifies(
    open_page: Opener, settings
) -> None:
    settings.ATLASPAY_REQUIRE_TOTP = True
    phones = {
        name: with_phone(role, name)[1]
        for name, role in (("ada", "officer"), ("grace", "lead"), ("noor", "auditor"))
    }
    # The queue ranks them in this order: of cases due at one time the larger amount comes first.
    first = open_case(1_300_000, recipient_name="Sofia Rossi")
    second = open_case(1_200_000, recipient_name="Pieter de Vries")
    listed = listed_case()
    order = [first, second, listed]
    listed_page = f"/console/compliance/case/{listed.pk}/change/"

    ada = open_page()
    sign_in(ada, "ada", phones["ada"])
    works_the_queue(ada)
    ada.goto(listed_page)
    expect(ada.get_by_text("You proposed this. Somebody else has to confirm")).to_be_visible()
    expect(ada.locator("form[data-decision]")).to_have_count(0)
    assert [state_of(case) for case in order] == ["queued", "failed", "in_review"]

    grace = open_page()
    sign_in(grace, "grace", phones["grace"])
    finishes_it(grace)
    assert [state_of(case) for case in order] == ["queued", "failed", "queued"]
    made = list(Decision.objects.order_by("position").values_list("kind", "stage", "actor"))
    assert made == [
        ("approve", "final", "user:ada"),
        ("reject", "final", "user:ada"),
        ("approve", "proposed", "user:ada"),
        ("approve", "confirmed", "user:grace"),
    ]
    rejected = Payout.objects.get(id=second.payout_id)
    assert rejected.failure_code == "compliance_rejected"
    assert Decision.objects.get(case=second).internal_text == "Nobody could say what it is for."

    noor = open_page()
    sign_in(noor, "noor", phones["noor"])
    verifies(noor)
    noor.goto(listed_page)
    expect(noor.get_by_text("Compared the dates of birth; agreed.").first).to_be_visible()
    expect(noor.locator("form[data-decision]")).to_have_count(0)
    noor.get_by_role("link", name="Number 4 in the chain").click()
    expect(noor.locator("h1")).to_have_text("Receipt 4")
    expect(noor.get_by_text(re.compile("Confirmed as second officer: answers"))).to_be_visible()
    assert AccessEvent.objects.filter(kind="verified", username="noor").count() == 1


def test_who_is_late_is_told_and_loses_no_word(open_page: Opener) -> None:
    case = open_case(recipient_name="Sofia Rossi")
    url = f"/console/compliance/case/{case.pk}/change/"
    ada, lena = open_page(staff("officer", "ada")), open_page(staff("lead", "lena"))
    ada.goto(url)
    expect(ada.locator("#ap-presence")).to_be_hidden()
    lena.goto(url)
    lena.keyboard.press("r")
    lena.keyboard.type("Amount or pattern n")
    lena.locator("#reject-text").fill("Words that took me ten minutes.")
    decide(ada, "a", "Amount or pattern e", "Invoice seen, known customer.")

    with lena.expect_navigation():
        lena.keyboard.press("Control+Enter")

    expect(lena.get_by_role("alert")).to_contain_text("ada approved it at")
    expect(lena.locator("#ap-kept")).to_have_value(re.compile("ten minutes"))
    assert state_of(case) == "queued"
    assert Decision.objects.count() == 1


def test_a_case_in_somebodys_hands_says_so_and_can_be_taken_over(open_page: Opener) -> None:
    case = open_case(recipient_name="Sofia Rossi")
    url = f"/console/compliance/case/{case.pk}/change/"
    ada, lena = open_page(staff("officer", "ada")), open_page(staff("lead", "lena"))
    with ada.expect_response(re.compile("presence")):
        ada.goto(url)
    lena.goto(url)
    expect(lena.locator("#ap-claim")).to_contain_text("ada has this case open")

    with lena.expect_navigation():
        lena.keyboard.press("t")

    expect(lena.locator("#ap-claim")).to_have_count(0)
    case.refresh_from_db()
    assert case.assignee.username == "lena"


def test_the_selection_adds_up_exactly_in_each_currency(open_page: Opener) -> None:
    open_case(1_234_567)
    open_case(9_999_999_999, partner=funded_partner(10**12))
    dollars = funded_partner(10**9, "USD")
    open_case(1_000_001, partner=dollars, currency="USD", rail="fednow")
    page = open_page(staff("officer", "ada"))
    page.goto("/console/compliance/case/")

    for _ in range(3):
        page.keyboard.press("j")
        page.keyboard.press("x")

    expect(page.locator("[data-selected]")).to_have_text(
        "3 selected: 100,012,345.66 EUR, 10,000.01 USD"
    )
    page.keyboard.press("x")
    expect(page.locator("[data-selected]")).to_contain_text("2 selected")


def test_single_keys_can_be_switched_off(open_page: Opener) -> None:
    open_case()
    page = open_page(staff("officer", "ada"))
    page.goto("/console/compliance/case/")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_label("Single keys work on this computer").uncheck()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()

    page.keyboard.press("j")
    expect(page.locator("tr.ap-cursor")).to_have_count(0)
    page.reload()
    page.keyboard.press("j")
    expect(page.locator("tr.ap-cursor")).to_have_count(0)
