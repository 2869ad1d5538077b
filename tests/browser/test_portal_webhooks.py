"""A developer of a partner, in a real browser: an endpoint from its first secret to live events,
what to do when it fails, a rotation by proof, and an API key.
"""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from portal.models import Role
from portal.sessions import COOKIE
from tests.browser.conftest import Opener
from tests.browser.test_looks import faults
from tests.portal.conftest import make_market
from tests.portal.people import cookie_of, member
from tests.webhooks.factories import emit, make_endpoint
from tests.webhooks.partners_code import trusting, verifying
from tests.webhooks.receiver import Receiver, ReceiverThread
from webhooks import services, signing_keys
from webhooks.checks.loop import run_checks
from webhooks.delivery import loop
from webhooks.delivery.loop import run_deliveries
from webhooks.models import Delivery, Endpoint

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Return the partner's server."""
    signing_keys.forget()
    monkeypatch.setattr(loop, "_tidied_at", float("-inf"))
    running = ReceiverThread()
    yield running.receiver
    running.stop()


@pytest.fixture
def market(db):
    """Return a partner whose only endpoint is what the test makes."""
    found = make_market("Acme")
    services.delete_endpoint(found.partner.id, found.endpoint.id)
    Delivery.objects.update(state="superseded", due_at=None)
    return found


def enter(open_page: Opener, user, url: str, **look) -> Page:
    """Return a page of somebody who is in."""
    page = open_page(**look)
    page.context.add_cookies([{"name": COOKIE, "value": cookie_of(user), "url": url}])
    return page


def test_from_the_first_secret_to_live_events(open_page, live_server, market, receiver):
    developer = member(market.partner, Role.DEVELOPER)
    page = enter(open_page, developer, live_server.url)
    receiver.handlers["/hook"] = trusting

    page.goto("/portal/webhooks/")
    page.get_by_role("link", name="New endpoint").click()
    page.get_by_label("URL").fill("https://user@shop.example/")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_text("user name")).to_be_visible()
    page.get_by_label("URL").fill(receiver.url + "/hook")
    page.get_by_role("checkbox", name=re.compile("payout.settled")).check()
    page.get_by_role("button", name="Create").click()
    secret = page.locator("#secret").inner_text()
    page.get_by_role("link", name="I have kept it").click()

    expect(page.get_by_text("In test mode")).to_be_visible()
    run_checks()
    expect(page.get_by_text("Not passed")).to_be_visible()
    expect(page.get_by_text("Accepted a message signed with another key with 200.")).to_be_visible()
    receiver.handlers["/hook"] = verifying(secret)
    page.get_by_role("button", name="Check it now").click()
    expect(page.get_by_text("Five messages are on their way")).to_be_visible()
    run_checks()
    expect(page.locator("#badge")).to_have_text("Live")
    expect(page.locator(".ap-why .ap-good")).to_have_count(5)

    page.get_by_role("button", name="Send a test event").click()
    expect(page.locator("#badge")).to_have_text("Waiting")
    run_deliveries()
    expect(page.locator("#badge")).to_have_text("Delivered")
    assert Endpoint.objects.get(url=receiver.url + "/hook").mode == "live"


def test_what_failed_is_explained_and_sent_again(open_page, live_server, market, receiver):
    developer = member(market.partner, Role.DEVELOPER)
    made = make_endpoint(receiver.url + "/hook", partner=market.partner)
    receiver.handlers["/hook"] = lambda headers, body: 403
    emit(market.partner)
    run_deliveries()
    Delivery.objects.filter(endpoint=made).update(state="exhausted", due_at=None)
    page = enter(open_page, developer, live_server.url)

    page.goto("/portal/webhooks/deliveries/?state=failed")
    page.get_by_role("link", name="payout.settled").click()
    expect(
        page.get_by_text("A firewall, WAF or CSRF check refused the request.").first
    ).to_be_visible()
    receiver.handlers["/hook"] = verifying(made.secret)
    page.get_by_role("button", name="Send it again").click()
    expect(page.locator("#badge")).to_have_text("Waiting")
    run_deliveries()
    expect(page.locator("#badge")).to_have_text("Delivered")

    del receiver.handlers["/hook"]
    receiver.redirects["/hook"] = "/moved"
    receiver.handlers["/moved"] = verifying(made.secret)
    for _ in range(2):
        emit(market.partner)
    run_deliveries()
    Delivery.objects.filter(endpoint=made, state="pending").update(state="exhausted", due_at=None)
    page.goto("/portal/webhooks/deliveries/?state=failed")
    page.get_by_role("link", name="payout.settled").first.click()
    page.get_by_role("button", name="Check that address and take it").click()
    expect(page.get_by_text(f"It moves to {receiver.url}/moved")).to_be_visible()
    run_checks()
    expect(page.get_by_text(f"It moves to {receiver.url}/moved")).to_have_count(0)
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text(receiver.url + "/moved")
    page.get_by_role("link", name="Send again what failed").click()
    page.get_by_role("button", name="Send 2 again").click()
    expect(page.get_by_text("2 deliveries are due now")).to_be_visible()
    run_deliveries()
    expect(page.locator("td .ap-badge", has_text="Delivered")).to_have_count(3)


def test_a_secret_rotates_by_proof(open_page, live_server, market, receiver):
    developer = member(market.partner, Role.DEVELOPER)
    made = make_endpoint(receiver.url + "/hook", partner=market.partner)
    page = enter(open_page, developer, live_server.url)

    page.goto(f"/portal/webhooks/{made.pk}/")
    page.get_by_role("link", name="Rotate the secret").click()
    page.get_by_role("button", name="Make a new secret").click()
    secret = page.locator("#secret").inner_text()
    assert secret != made.secret
    page.get_by_role("link", name="I have kept it").click()
    expect(page.get_by_role("heading", name="The secret rotates")).to_be_visible()
    receiver.handlers["/hook"] = verifying(made.secret, secret)
    page.get_by_role("button", name="Ask for the proof now").click()
    expect(page.get_by_text("is on its way")).to_be_visible()
    run_checks()
    expect(page.get_by_role("heading", name="The secret rotates")).to_have_count(0)


def test_a_key_is_made_and_revoked(open_page, live_server, market):
    page = enter(open_page, member(market.partner, Role.DEVELOPER), live_server.url)
    page.goto("/portal/keys/")
    page.get_by_role("link", name="New API key").click()
    expect(
        page.get_by_role("checkbox", name=re.compile("Create and cancel payouts"))
    ).to_be_disabled()
    page.get_by_label("Name").fill("reports")
    page.get_by_label("Only from these networks").fill("not a network")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_text("No network:")).to_be_visible()
    page.get_by_label("Only from these networks").fill("")
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#secret")).to_have_text(re.compile("^ap_test_"))
    page.reload()
    expect(page.get_by_text("This form was sent before")).to_be_visible()
    row = page.get_by_role("row", name=re.compile("reports"))
    row.get_by_role("link", name="Revoke").click()
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("works no more")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_breaks_a_rule(scheme, open_page, live_server, market, receiver):
    path = "/hook/" + "long" * 90
    made = make_endpoint(receiver.url + path, partner=market.partner)
    receiver.redirects[path] = "/moved"
    event_id = emit(market.partner)
    run_deliveries()
    delivery = Delivery.objects.get(endpoint=made)
    refused = make_endpoint(receiver.url + "/trusting", partner=market.partner)
    receiver.handlers["/trusting"] = trusting
    page = enter(open_page, market.owner, live_server.url, scheme=scheme)
    page.goto(f"/portal/webhooks/{refused.pk}/")
    page.get_by_role("button", name="Check it now").click()
    expect(page.get_by_text("Five messages are on their way")).to_be_visible()
    run_checks()
    expect(page.get_by_text("Not passed")).to_be_visible()
    found = []
    for url in (
        "/portal/webhooks/",
        "/portal/webhooks/new/",
        f"/portal/webhooks/{refused.pk}/",
        *(
            f"/portal/webhooks/{made.pk}/{action}"
            for action in ("", "edit/", "rotate/", "disable/")
        ),
        f"/portal/webhooks/{made.pk}/retry-failed/",
        "/portal/webhooks/deliveries/",
        f"/portal/webhooks/deliveries/{delivery.pk}/",
        "/portal/events/",
        f"/portal/events/{event_id}/",
        "/portal/keys/",
        "/portal/keys/new/",
        f"/portal/keys/{market.key.pk}/rotate/",
        f"/portal/keys/{market.key.pk}/revoke/",
    ):
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(url)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        found += faults(page)
        page.set_viewport_size({"width": 640, "height": 900})
        sideways = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        if sideways > 0:
            found.append(f"{url} scrolls sideways by {sideways}")
    assert found == []
