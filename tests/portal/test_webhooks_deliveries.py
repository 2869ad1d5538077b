"""The portal's pages of deliveries: found by filters, read with request and answer, sent again."""

import pytest
from django.db.models.functions import Now

from tests.payouts.factories import make_payouts
from tests.portal.conftest import Market
from tests.webhooks.factories import emit, make_endpoint
from tests.webhooks.receiver import ReceiverThread
from webhooks import search
from webhooks.delivery.loop import run_deliveries
from webhooks.models import Delivery, DeliveryAttempt, Endpoint, EndpointCheck

pytestmark = pytest.mark.django_db

LIST = "/portal/webhooks/deliveries/"


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


def page(delivery: Delivery, action: str = "") -> str:
    return f"{LIST}{delivery.pk}/{action}"


def sent(market: Market, url: str) -> Delivery:
    """Return a delivery to this URL after its first attempt."""
    made = make_endpoint(url, partner=market.partner)
    emit(market.partner, data={"payout": {"name": "<b>Zoë</b>"}})
    run_deliveries()
    return Delivery.objects.get(endpoint=made)


def test_a_delivery_shows_what_was_sent_and_what_came_back(market, receiver, viewer):
    delivery = sent(market, receiver.url + "/status/403")
    shown = viewer.get(page(delivery)).content.decode()
    assert "Answered 403" in shown
    assert "A firewall, WAF or CSRF check refused the request. Exempt the path." in shown
    assert "content-type: text/plain" in shown
    assert f"webhook-id: {delivery.message_id}" in shown
    assert "&lt;b&gt;Zoë&lt;/b&gt;" in shown
    assert "<b>Zoë" not in shown
    assert (
        bytes(delivery.event.body)
        .decode()
        .replace('"', "&quot;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        in shown
    )
    assert "Send it again" not in shown


def test_a_part_of_the_page_asks_again_until_there_is_nothing_to_wait_for(market, receiver, viewer):
    delivery = sent(market, receiver.url + "/status/500")
    part = viewer.get(page(delivery) + "?part=live").content.decode()
    assert part.startswith('<span id="badge" hx-swap-oob="true">')
    assert "<html" not in part
    assert "every 2s" in part
    Delivery.objects.filter(pk=delivery.pk).update(state="exhausted", due_at=None)
    assert "every 2s" not in viewer.get(page(delivery) + "?part=live").content.decode()


def test_one_is_sent_again(market, receiver, developer, operator):
    delivery = sent(market, receiver.url + "/status/500")
    Delivery.objects.filter(pk=delivery.pk).update(state="exhausted", due_at=None, step=12)
    assert operator.post(page(delivery, "retry/")).status_code == 403
    assert Delivery.objects.get(pk=delivery.pk).state == "exhausted"
    answer = developer.post(page(delivery, "retry/"), follow=True)
    assert "It is due now, with the whole schedule before it." in answer.content.decode()
    found = Delivery.objects.get(pk=delivery.pk)
    assert (found.state, found.step) == ("pending", 0)
    Delivery.objects.filter(pk=delivery.pk).update(created_at="2026-01-01T00:00:00Z")
    old = developer.post(page(delivery, "retry/"))
    assert old.status_code == 409
    assert "30 days" in old.content.decode()


def test_a_redirect_is_taken_with_one_click_after_a_check(market, receiver, developer, viewer):
    receiver.redirects["/hook"] = "/moved"
    delivery = sent(market, receiver.url + "/hook")
    assert "It points elsewhere" in viewer.get(page(delivery)).content.decode()
    assert "Check that address and take it" not in viewer.get(page(delivery)).content.decode()
    shown = developer.get(page(delivery)).content.decode()
    assert f"{receiver.url}/moved" in shown
    developer.post(page(delivery, "adopt/"))
    endpoint = Endpoint.objects.get(pk=delivery.endpoint_id)
    assert (endpoint.url, endpoint.proposed_url) == (
        receiver.url + "/hook",
        receiver.url + "/moved",
    )
    check = EndpointCheck.objects.filter(endpoint=endpoint).latest("id")
    assert (check.state, check.url) == ("pending", receiver.url + "/moved")
    other = sent(market, receiver.url + "/status/500")
    assert developer.post(page(other, "adopt/")).status_code == 409


def test_filters_find_by_endpoint_state_and_payout(market, endpoint, other, viewer):
    batch_payout, second = make_payouts(market.partner, [100, 200])
    also = make_endpoint("http://127.0.0.1:9/also", partner=market.partner)
    theirs = make_endpoint("http://127.0.0.1:9/theirs", partner=other.partner)
    for payout in (batch_payout, second):
        emit(market.partner, object_id=payout.pk)
    emit(other.partner)
    Delivery.objects.filter(endpoint=also).update(state="exhausted", due_at=None)

    def found(**wanted: str) -> set[str]:
        shown = viewer.get(LIST, wanted).content.decode()
        return {pk for pk in Delivery.objects.values_list("pk", flat=True) if pk in shown}

    mine = set(Delivery.objects.filter(partner=market.partner).values_list("pk", flat=True))
    of_also = set(Delivery.objects.filter(endpoint=also).values_list("pk", flat=True))
    assert (len(mine), len(of_also)) == (5, 2)
    assert found() == mine
    assert found(endpoint=also.pk) == of_also
    assert found(state="failed") == of_also
    assert found(state="pending") == mine - of_also
    assert found(state="delivered") == set()
    of_payout = set(Delivery.objects.filter(object_id=second.pk).values_list("pk", flat=True))
    assert found(of=second.pk) == of_payout
    assert found(of=second.reference) == of_payout
    assert found(of=second.pk, state="failed", endpoint=also.pk) == of_payout & of_also
    assert found(of="nobody's") == set()
    assert viewer.get(LIST, {"endpoint": theirs.pk}).status_code == 400
    assert viewer.get(LIST, {"state": "lost"}).status_code == 400
    assert viewer.get(LIST, {"of": "x" * 65}).status_code == 400


def test_pages_follow_each_other_without_gap(market, endpoint, viewer, monkeypatch):
    monkeypatch.setattr("portal.webhooks.deliveries.PAGE_SIZE", 3)
    for _ in range(7):
        emit(market.partner)
    seen: list[str] = []
    url: str | None = LIST + "?state=pending"
    everything = list(Delivery.objects.order_by("-id").values_list("pk", flat=True))
    pages = 0
    while url:
        answer = viewer.get(url)
        shown = answer.content.decode().partition("</table>")[0]
        seen += [pk for pk in everything if pk in shown]
        url = LIST + answer.context["older"] if answer.context["older"] else None
        pages += 1
    assert seen == everything
    assert pages == 3
    assert viewer.get(LIST, {"before": "'; DROP"}).status_code == 200


def test_another_partners_delivery_is_not_there(market, other, developer):
    make_endpoint(partner=other.partner)
    emit(other.partner)
    theirs = Delivery.objects.filter(partner=other.partner).latest("id")
    for action in ("retry/", "adopt/"):
        assert developer.post(page(theirs, action)).status_code == 404
    assert developer.get(page(theirs)).status_code == 404


def test_pages_take_few_queries(market, endpoint, viewer, django_assert_max_num_queries):
    for _ in range(20):
        emit(market.partner)
    delivery = Delivery.objects.filter(endpoint=endpoint).first()
    for number in range(1, 13):
        DeliveryAttempt.objects.create(
            delivery=delivery, number=number, outcome="refused", http_status=500, started_at=Now()
        )
    with django_assert_max_num_queries(7):
        assert viewer.get(LIST).status_code == 200
    with django_assert_max_num_queries(6):
        assert viewer.get(page(delivery)).status_code == 200


def test_the_search_sees_one_partner_alone(market, other):
    make_endpoint(partner=other.partner)
    emit(other.partner)
    assert search.deliveries(market.partner.id, limit=10) == ([market.delivery], False)
    theirs = Delivery.objects.filter(partner=other.partner).latest("id")
    assert search.deliveries_of_event(market.partner.id, theirs.event_id) == []
    found, _ = search.deliveries(market.partner.id, object_ids=[theirs.object_id], limit=10)
    assert found == []
