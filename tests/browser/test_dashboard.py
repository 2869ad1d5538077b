"""The dashboard in a browser: it renews itself, keeps what was opened, says when it cannot; and
breaks no rule of accessibility, in the portal and in the console.
"""

import pytest
from playwright.sync_api import Page, expect

from payouts.rollups import roll
from portal.sessions import COOKIE
from tests.browser.conftest import Opener
from tests.browser.test_looks import faults
from tests.compliance.factories import staff
from tests.payouts.factories import make_payouts
from tests.payouts.test_rollups import CLOSED, answer, give_back, queued_payout, sending, settled
from tests.portal.conftest import Market, make_market
from tests.portal.people import cookie_of
from webhooks import rollups as webhook_rollups

pytestmark = pytest.mark.django_db(transaction=True)
PORTAL, CONSOLE = "/portal/dashboard/", "/console/payouts/payout/dashboard/"


def count() -> None:
    roll.roll_up()
    webhook_rollups.roll_up()


@pytest.fixture
def market(transactional_db: None) -> Market:
    made = make_market("Acme")
    sent_back = settled(made.partner, 5_000)
    give_back(sent_back, 5_000, "rt-1")
    for _ in range(3):
        settled(made.partner, 12_000)
    refused = queued_payout(made.partner)
    sending(refused)
    answer(refused, CLOSED)
    count()
    return made


def come_in(page: Page, market: Market, base_url: str) -> None:
    page.context.add_cookies(
        [
            {
                "name": COOKIE,
                "value": cookie_of(market.owner),
                "domain": base_url.split("//")[1].split(":")[0],
                "path": "/portal/",
            }
        ]
    )


def test_it_renews_itself_while_it_is_seen(open_page: Opener, market: Market, live_server) -> None:
    page = open_page()
    come_in(page, market, live_server.url)
    page.clock.install()
    page.goto(PORTAL)
    first = page.locator(".fg-tiles .ap-tile").first
    expect(first).to_contain_text("7")
    page.get_by_text("As a table").first.click()
    opened = page.locator("details[data-keep=payouts]")
    expect(opened).to_have_attribute("open", "")

    make_payouts(market.partner, [100, 200])
    count()
    with page.expect_response("**/dashboard/part/**"):
        page.clock.fast_forward("01:10")
    expect(first).to_contain_text("9")
    expect(opened).to_have_attribute("open", "")

    # Nobody looks: nothing is asked. Somebody does again: at once.
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("Object.defineProperty(document, 'hidden', {get: () => window.isHidden})")
    page.evaluate("window.isHidden = true")
    make_payouts(market.partner, [300])
    count()
    page.clock.fast_forward("10:00")
    assert asked == []
    with page.expect_response("**/dashboard/part/**"):
        page.evaluate(
            "() => { window.isHidden = false;"
            " document.dispatchEvent(new Event('visibilitychange')); }"
        )
    expect(first).to_contain_text("10")


def test_it_says_that_it_cannot_be_renewed(open_page: Opener, market: Market, live_server) -> None:
    page = open_page()
    come_in(page, market, live_server.url)
    page.clock.install()
    page.goto(PORTAL)
    page.route("**/dashboard/part/**", lambda route: route.fulfill(status=429, body=""))
    page.clock.fast_forward("01:10")
    told = page.get_by_role("alert").filter(has_text="could not be renewed")
    expect(told).to_be_visible()
    page.unroute("**/dashboard/part/**")
    with page.expect_response("**/dashboard/part/**"):
        page.clock.fast_forward("01:10")
    expect(told).to_have_count(0)


def test_who_was_signed_out_is_led_to_the_door(
    open_page: Opener, market: Market, live_server
) -> None:
    page = open_page()
    come_in(page, market, live_server.url)
    page.clock.install()
    page.goto(PORTAL)
    page.context.clear_cookies()
    page.clock.fast_forward("01:10")
    expect(page).to_have_url(f"{live_server.url}/portal/login/?next=%2Fportal%2Fdashboard%2F")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("place", ["portal", "console"])
def test_the_page_breaks_no_rule_and_fits(
    place: str, scheme: str, open_page: Opener, market: Market, live_server
) -> None:
    if place == "portal":
        page = open_page(scheme=scheme, width=640)
        come_in(page, market, live_server.url)
    else:
        page = open_page(staff("officer", "olga"), scheme=scheme, width=640)
    page.goto(PORTAL if place == "portal" else CONSOLE)
    expect(page.locator(".fg-panels svg").first).to_be_visible()
    for summary in page.get_by_text("As a table").all():
        summary.click()
    assert faults(page) == []
    assert page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )


def test_a_period_is_chosen_and_a_file_taken(
    open_page: Opener, market: Market, live_server
) -> None:
    page = open_page()
    come_in(page, market, live_server.url)
    page.goto(PORTAL)
    assert page.get_by_role("link", name="30 days").get_attribute("aria-current") == "true"
    page.get_by_role("link", name="7 days").click()
    expect(page).to_have_url(f"{live_server.url}{PORTAL}?period=7d")
    page.get_by_label("Currency", exact=True).select_option("USD")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("No payouts in USD were submitted in these days.")).to_be_visible()
    page.get_by_label("Currency", exact=True).select_option("EUR")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("success rate")).to_be_visible()
    with page.expect_download() as taken:
        page.get_by_role("link", name="CSV").click()
    assert taken.value.suggested_filename.startswith("atlaspay-figures-")
    with open(taken.value.path(), encoding="utf-8") as written:
        assert "EUR,settled,,3,360.00,0.00,3," in written.read()
