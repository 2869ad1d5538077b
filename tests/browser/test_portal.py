"""A day at a partner, in a real browser: in by the door, a batch with a faulty cell, mended,
submitted, watched; and every main page as axe-core and a small window see it.
"""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from atlaspay.core import context
from payouts.models import Batch
from payouts.services.cancel import cancel_batch
from portal.models import Role
from portal.sessions import COOKIE
from tests.access.people import enrolled
from tests.browser.conftest import Opener
from tests.browser.test_looks import faults
from tests.portal.conftest import Market, csv_of, make_market
from tests.portal.people import PASSWORD, cookie_of, member

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def market(db: None) -> Market:
    """Return a partner with one of everything."""
    return make_market("Acme")


def test_a_faulty_batch_is_mended_submitted_and_watched(
    open_page: Opener, market: Market, tmp_path: Path
) -> None:
    member(market.partner, Role.OPERATOR, email="ops@acme.example")
    faulty, mended = tmp_path / "faulty.csv", tmp_path / "mended.csv"
    faulty.write_bytes(csv_of({}, {"reference": "seller-2", "amount_minor": "12,50"}))
    mended.write_bytes(csv_of({}, {"reference": "seller-2"}, delimiter=";"))
    page = open_page()
    page.goto("/portal/batches/")
    page.get_by_label("E-mail address").fill("ops@acme.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    page.get_by_role("link", name="Upload a batch").click()
    page.get_by_label("CSV file").set_input_files(faulty)
    page.get_by_label("Your reference").fill("week-48")
    page.get_by_label("Currency").fill("EUR")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("td.pt-fault")).to_contain_text("12,50")
    expect(page.locator("td.pt-fault")).to_contain_text("A whole number in the smallest unit")
    expect(page.get_by_role("button", name="Submit without the 1 faulty row")).to_be_enabled()

    page.get_by_role("link", name="Upload a mended file").click()
    page.get_by_label("CSV file").set_input_files(mended)
    page.get_by_label("Your reference").fill("week-48")
    page.get_by_label("Currency").fill("EUR")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("Cells are separated by semicolons.")).to_be_visible()
    expect(page.locator("td.pt-fault")).to_have_count(0)
    assert not Batch.objects.filter(reference="week-48").exists()
    page.get_by_role("button", name="Submit 2 payouts").dblclick()

    expect(page.get_by_role("heading", name="Batch week-48")).to_be_visible()
    expect(page.get_by_text("0 of 2 payouts have ended")).to_be_visible()
    batch = Batch.objects.get(reference="week-48")
    with context.bind(actor="system:test"):
        cancel_batch(market.partner.id, batch.id)
    # Without a reload, and then it asks no more.
    expect(page.get_by_text("Ended: 2 of 2 payouts")).to_be_visible()
    expect(page.locator("#progress")).not_to_have_attribute("hx-get", re.compile("."))
    page.go_back()
    expect(page.get_by_role("heading", name="Batch week-48")).to_be_visible()
    assert Batch.objects.filter(reference="week-48").count() == 1


def test_the_door_with_a_second_factor_and_out_again(open_page: Opener, market: Market) -> None:
    phone, _ = enrolled(market.owner)
    page = open_page()
    page.goto("/portal/members/")
    expect(page.get_by_label("E-mail address")).to_be_focused()
    page.keyboard.type(market.owner.username)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_label("Code").fill(phone.code())
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Members")).to_be_visible()

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    page.goto("/portal/members/")
    expect(page.get_by_label("Password")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_break_no_rule_and_fit_a_small_window(
    open_page: Opener, live_server, market: Market, scheme: str
) -> None:
    door = open_page(scheme=scheme, width=640)
    broken, wide = [], []
    inside = open_page(scheme=scheme, width=640)
    owner = {"name": COOKIE, "value": cookie_of(market.owner), "url": live_server.url}
    inside.context.add_cookies([owner])
    pages = [
        *((door, f"/portal/{path}") for path in ("login/", "reset/")),
        (door, market.invitation_link.partition("/portal/")[1] + token_of(market)),
        *(
            (inside, f"/portal/{path}")
            for path in (
                *("batches/", "batches/new/", f"batches/{market.batch.id}/"),
                *(f"batches/preview/{market.upload.id}/", "payouts/"),
                *(f"payouts/{market.payout.id}/", "balance/", "members/", "account/"),
                *("account/second-factor/", "payouts/po_nothing/"),
            )
        ),
    ]
    for page, url in pages:
        page.goto(url)
        expect(page.locator("h1")).to_be_visible()
        broken += faults(page)
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            wide.append(url)

    assert broken == []
    assert wide == []


def token_of(market: Market) -> str:
    return market.invitation_link.partition("/portal/")[2]
