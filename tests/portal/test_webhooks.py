"""The portal's pages of endpoints: each change by the services of webhooks, secrets shown once."""

import re
import uuid

import pytest
from django.urls import reverse

from atlaspay.core.redis import client as redis_client
from partners.models import Partner
from tests.portal.conftest import Market
from tests.webhooks.factories import emit, make_endpoint
from tests.webhooks.partners_code import trusting, verifying
from tests.webhooks.receiver import ReceiverThread
from webhooks import letters, rollups, rotation, secret_box, services
from webhooks.checks.loop import run_checks
from webhooks.delivery.loop import run_deliveries
from webhooks.models import Delivery, Endpoint, EndpointCheck, EndpointHealth

pytestmark = pytest.mark.django_db

SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]{32,}")
NEW = "/portal/webhooks/new/"
URL = "https://shop.example/hooks"


@pytest.fixture
def receiver():
    """Return a receiver that listens on loopback."""
    running = ReceiverThread()
    yield running.receiver
    running.stop()


@pytest.fixture
def endpoint(market: Market) -> Endpoint:
    """Return a live endpoint of the partner."""
    return make_endpoint(partner=market.partner)


def address(endpoint: Endpoint, action: str = "") -> str:
    return f"/portal/webhooks/{endpoint.pk}/{action}"


def filled(**changes) -> dict:
    return {"url": URL, "description": "Shop", "form_id": uuid.uuid4().hex, **changes}


def test_mails_link_to_these_addresses(endpoint, settings):
    settings.ATLASPAY_BASE_URL = ""
    assert letters.endpoint_link(endpoint.pk) == reverse("portal:webhook", args=[endpoint.pk])
    assert letters.delivery_link("wd_1") == reverse("portal:delivery", args=["wd_1"])


def test_a_new_endpoint_shows_its_secret_once_and_is_checked(market, developer):
    answer = developer.post(NEW, filled(event_types=["payout.settled", "payout.failed"]))
    made = Endpoint.objects.get(partner=market.partner, url=URL)
    (shown,) = set(SECRET.findall(answer.content.decode()))
    assert secret_box.unseal(made.secret_sealed, made.pk) == shown
    assert answer["Cache-Control"] == "no-store"
    assert (made.mode, made.description) == ("test", "Shop")
    assert made.event_types == ["payout.failed", "payout.settled"]
    assert EndpointCheck.objects.get(endpoint=made).kind == "conformance"
    assert made.history.get().actor.startswith("member:developer.")
    for page in (
        "/portal/webhooks/",
        address(made),
        address(made, "edit/"),
        address(made, "live/"),
    ):
        assert not SECRET.search(developer.get(page).content.decode())


def test_a_form_sent_twice_makes_one_endpoint_and_says_where_it_is(market, developer):
    form = filled()
    developer.post(NEW, form)
    again = developer.post(NEW, form, follow=True)
    assert Endpoint.objects.filter(url=URL).count() == 1
    assert again.redirect_chain == [("/portal/webhooks/", 302)]
    assert "This form was sent before" in again.content.decode()
    assert not SECRET.search(again.content.decode())
    assert developer.post(NEW, filled()).status_code == 200
    assert Endpoint.objects.filter(url=URL).count() == 2


def test_without_redis_a_form_is_taken(market, developer, monkeypatch):
    monkeypatch.setattr("portal.once.client", lambda: redis_client().__class__(port=1))
    assert SECRET.search(developer.post(NEW, filled()).content.decode())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"url": ""}, "This field is required."),
        ({"url": "ftp://shop.example/"}, "http"),
        ({"url": "https://user:pw@shop.example/"}, "user name"),
        ({"url": "https://" + "a" * 600 + ".example/"}, "at most 500 characters"),
        ({"event_types": ["payout.exploded"]}, "not one of the available choices"),
        ({"event_types": ["endpoint.test"]}, "not one of the available choices"),
        ({"description": "x" * 141}, "at most 140 characters"),
        ({"url": "https://shop.example/\0"}, "Null characters"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_made(market, developer, changes, words):
    before = Endpoint.objects.count()
    form = filled(**changes)
    answer = developer.post(NEW, form)
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert form["form_id"] in answer.content.decode()
    assert Endpoint.objects.count() == before


def test_a_refused_form_can_be_mended_and_sent_again(market, developer):
    form = filled(url="https://user@shop.example/")
    assert developer.post(NEW, form).status_code == 400
    assert developer.post(NEW, {**form, "url": URL}).status_code == 200
    assert Endpoint.objects.filter(url=URL).exists()


def test_the_21st_endpoint_is_refused_in_words(market, developer):
    for number in range(20 - Endpoint.objects.filter(partner=market.partner).count()):
        make_endpoint(f"http://127.0.0.1:9/{number}", partner=market.partner)
    answer = developer.post(NEW, filled())
    assert "the most there can be" in answer.content.decode()
    assert Endpoint.objects.filter(partner=market.partner).count() == 20


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_who_may_not_reads_and_sees_no_buttons(market, endpoint, role):
    client = market.client(role)
    shown = client.get(address(endpoint)).content.decode()
    assert endpoint.url in shown
    assert "<form" not in shown.partition("<main")[2]
    assert "Rotate" not in shown
    assert client.get(address(endpoint, "rotate/")).status_code == 403
    assert client.post(address(endpoint, "test/")).status_code == 403
    assert not Delivery.objects.filter(endpoint=endpoint).exists()


def test_a_paused_partner_changes_nothing(market, endpoint, developer):
    Partner.objects.filter(pk=market.partner.pk).update(status="paused")
    before = list(Endpoint.objects.order_by("pk").values_list("pk", "status", "updated_at"))
    for action in (
        *("edit/", "disable/", "enable/", "delete/", "rotate/", "prove/", "end-rotation/"),
        *("check/", "test/", "retry-failed/"),
    ):
        answer = developer.post(
            address(endpoint, action), {"since": "day", "overlap": "proof", **filled()}
        )
        assert answer.status_code == 403, action
        assert "paused" in answer.content.decode()
    assert developer.post(NEW, filled()).status_code == 403
    assert list(Endpoint.objects.order_by("pk").values_list("pk", "status", "updated_at")) == before
    assert developer.get(address(endpoint)).status_code == 200


def test_a_new_address_of_a_live_endpoint_waits_for_its_check(market, endpoint, developer):
    changes = {"url": "http://127.0.0.1:9/new", "description": "Moved", "event_types": []}
    answer = developer.post(address(endpoint, "edit/"), changes, follow=True)
    shown = answer.content.decode()
    assert "until it passes, events go to the old one" in shown
    assert "It moves to http://127.0.0.1:9/new when that address has passed" in shown
    endpoint.refresh_from_db()
    assert (endpoint.proposed_url, endpoint.description) == ("http://127.0.0.1:9/new", "Moved")
    refused = developer.post(address(endpoint, "edit/"), {"url": "gopher://x"})
    assert refused.status_code == 400


def test_disabling_says_what_it_costs_and_enabling_starts_again(market, endpoint, developer):
    emit(market.partner)
    shown = developer.get(address(endpoint, "disable/")).content.decode()
    assert "1 delivery waits for it now and will be canceled." in shown
    assert Endpoint.objects.get(pk=endpoint.pk).status == "enabled"
    developer.post(address(endpoint, "disable/"))
    shown = developer.get(address(endpoint)).content.decode()
    assert "Disabled by you. It gets nothing." in shown
    assert "Send a test event" not in shown
    assert developer.post(address(endpoint, "test/")).status_code == 409
    developer.post(address(endpoint, "enable/"))
    assert Endpoint.objects.get(pk=endpoint.pk).status == "enabled"


def test_deleting_asks_first_and_leaves_the_past_to_read(market, endpoint, developer):
    emit(market.partner)
    delivery = Delivery.objects.get(endpoint=endpoint)
    assert "cannot be undone" in developer.get(address(endpoint, "delete/")).content.decode()
    developer.post(address(endpoint, "delete/"))
    assert Endpoint.objects.get(pk=endpoint.pk).deleted_at is not None
    assert developer.get(address(endpoint)).status_code == 404
    shown = developer.get(f"/portal/webhooks/deliveries/{delivery.pk}/").content.decode()
    assert "(deleted)" in shown
    assert "Send it again" not in shown


def test_the_check_tells_in_words_who_believes_everybody(market, receiver, developer):
    made, _ = services.create_endpoint(market.partner.id, url=receiver.url + "/hook")
    EndpointCheck.objects.exclude(endpoint=made).delete()
    receiver.handlers["/hook"] = trusting
    shown = developer.get(address(made)).content.decode()
    assert "every 2s" in shown
    run_checks()
    shown = developer.get(address(made)).content.decode()
    assert "Not passed" in shown
    assert "Accepted a message signed with another key with 200." in shown
    assert "Anyone who knows the URL could tell you that a payout has settled." in shown
    assert "In test mode" in shown
    assert "every 2s" not in shown


def test_a_check_on_demand_admits_a_receiver_that_was_mended(market, receiver, developer):
    made, secret = services.create_endpoint(market.partner.id, url=receiver.url + "/hook")
    EndpointCheck.objects.exclude(endpoint=made).delete()
    receiver.handlers["/hook"] = trusting
    run_checks()
    receiver.handlers["/hook"] = verifying(secret)
    developer.post(address(made, "check/"))
    assert "every 2s" in developer.get(address(made, "live/")).content.decode()
    run_checks()
    part = developer.get(address(made, "live/")).content.decode()
    assert "every 2s" not in part
    assert 'id="badge" hx-swap-oob="true"><span class="ap-badge ap-good">Live</span>' in part
    assert part.count(">Right<") == 5
    check = EndpointCheck.objects.filter(endpoint=made).latest("id")
    assert check.requested_by.startswith("member:developer.")


def test_a_rotation_ends_by_proof(market, receiver, developer):
    made = make_endpoint(receiver.url + "/hook", partner=market.partner)
    EndpointCheck.objects.exclude(endpoint=made).delete()
    form = {"overlap": "proof", "form_id": uuid.uuid4().hex}
    answer = developer.post(address(made, "rotate/"), form)
    (secret,) = set(SECRET.findall(answer.content.decode()))
    assert secret != made.secret
    assert "Messages carry both signatures for now." in answer.content.decode()
    again = developer.post(address(made, "rotate/"), form, follow=True).content.decode()
    assert "the secret was rotated then and shown once" in again
    found = Endpoint.objects.get(pk=made.pk)
    assert secret_box.unseal(found.secret_sealed, found.pk) == secret
    receiver.handlers["/hook"] = verifying(made.secret)
    developer.post(address(made, "prove/"))
    run_checks()
    shown = developer.get(address(made)).content.decode()
    assert "The secret rotates" in shown
    assert "Refused a message signed with the new secret alone with 400." in shown
    receiver.handlers["/hook"] = verifying(made.secret, secret)
    developer.post(address(made, "prove/"))
    run_checks()
    assert not rotation.is_open(Endpoint.objects.get(pk=made.pk))
    assert "The secret rotates" not in developer.get(address(made)).content.decode()


@pytest.mark.parametrize(("overlap", "is_open"), [("day", True), ("week", True), ("none", False)])
def test_a_rotation_may_have_an_end(market, endpoint, developer, overlap, is_open):
    developer.post(address(endpoint, "rotate/"), {"overlap": overlap})
    found = Endpoint.objects.get(pk=endpoint.pk)
    assert rotation.is_open(found) is is_open
    assert (found.previous_secret_until is not None) is is_open
    assert developer.post(address(endpoint, "rotate/"), {"overlap": "ever"}).status_code == 400
    ended = developer.post(address(endpoint, "end-rotation/"))
    assert ended.status_code == (302 if is_open else 409)
    assert not rotation.is_open(Endpoint.objects.get(pk=endpoint.pk))


def test_a_test_event_leads_to_its_delivery(market, receiver, developer):
    made = make_endpoint(receiver.url + "/ok", partner=market.partner)
    answer = developer.post(address(made, "test/"))
    delivery = Delivery.objects.get(endpoint=made)
    assert answer.url == f"/portal/webhooks/deliveries/{delivery.pk}/"
    assert "every 2s" in developer.get(answer.url).content.decode()
    run_deliveries()
    shown = developer.get(answer.url).content.decode()
    assert "Delivered" in shown
    assert "every 2s" not in shown


def test_all_that_failed_is_counted_and_then_sent_again(market, endpoint, other, developer):
    for _ in range(3):
        emit(market.partner)
    failed = Delivery.objects.filter(endpoint=endpoint)
    failed.update(state="exhausted", due_at=None, attempt_count=12)
    shown = developer.get(address(endpoint, "retry-failed/")).content.decode()
    assert "3 deliveries failed since" in shown
    assert failed.filter(state="exhausted").count() == 3
    (since,) = re.findall(r'name="since_at" value="([^"]+)"', shown)
    answer = developer.post(
        address(endpoint, "retry-failed/"), {"since": "day", "since_at": since}, follow=True
    )
    assert "3 deliveries are due now" in answer.content.decode()
    assert failed.filter(state="pending").count() == 3
    assert (
        "Nothing to send again."
        in developer.get(address(endpoint, "retry-failed/"), {"since": "hour"}).content.decode()
    )
    for wrong in ({"since": "ever"}, {"since": "day", "since_at": "soon"}):
        assert developer.post(address(endpoint, "retry-failed/"), wrong).status_code == 400


def test_a_failing_endpoint_says_so(market, endpoint, viewer):
    EndpointHealth.objects.update_or_create(
        endpoint=endpoint, defaults={"failing_since": "2026-11-20T10:00:00Z", "streak": 3}
    )
    shown = viewer.get("/portal/webhooks/").content.decode()
    assert "Failing" in shown
    assert (
        "Nothing got through since 20 Nov 10:00." in viewer.get(address(endpoint)).content.decode()
    )


def test_figures_come_from_sums_for_all_endpoints_and_for_one(market, receiver, viewer):
    made = make_endpoint(receiver.url + "/ok", partner=market.partner)
    down = make_endpoint(receiver.url + "/status/500", partner=market.partner)
    emit(market.partner)
    run_deliveries()
    assert "No events yet." in viewer.get("/portal/webhooks/").content.decode()
    rollups.roll_up()
    everything = viewer.get("/portal/webhooks/").content.decode()
    cells = re.findall(r"<td[^>]*>([^<]+)</td>", everything.partition("all endpoints")[2])
    assert cells[1:4] == ["2", "50.00%", "50.00%"]
    assert cells[7] == "0"
    waiting = everything.partition("all endpoints")[0]
    assert re.search(rf"{down.url}.*?<td class=\"ap-num\">1</td>", waiting, re.DOTALL)
    for one, share in ((made, "100.00%"), (down, "0.00%")):
        table = viewer.get(address(one)).content.decode().partition("The last seven days")[2]
        cells = re.findall(r"<td[^>]*>([^<]+)</td>", table)
        assert cells[1:4] == ["1", share, share]


def test_pages_take_few_queries(market, endpoint, viewer, django_assert_max_num_queries):
    for number in range(5):
        make_endpoint(f"http://127.0.0.1:9/{number}", partner=market.partner)
    for _ in range(12):
        emit(market.partner)
    with django_assert_max_num_queries(7):
        assert viewer.get("/portal/webhooks/").status_code == 200
    with django_assert_max_num_queries(14):
        assert viewer.get(address(endpoint)).status_code == 200
    with django_assert_max_num_queries(9):
        assert viewer.get(address(endpoint, "live/")).status_code == 200
