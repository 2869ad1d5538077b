"""Before an endpoint receives live events it shows that it verifies; what it must mend is said."""

import json
from functools import partial

import pytest
from django.db.models.functions import Now

from partners.models import Scope
from tests.factories import ApiKeyFactory, PartnerFactory, api_client
from tests.webhooks.factories import emit, jump_to_next_attempt, make_endpoint
from tests.webhooks.partners_code import Once, timeless, trusting, verifying
from webhooks import resend, services
from webhooks.checks import book
from webhooks.checks.loop import run_checks
from webhooks.delivery.loop import run_deliveries
from webhooks.models import Delivery, Endpoint, EndpointCheck, EndpointHealth

pytestmark = pytest.mark.django_db


def register(receiver, path="/hook", partner=None):
    """Return a new endpoint as a partner would make it, with its secret."""
    partner = partner or PartnerFactory()
    made, secret = services.create_endpoint(partner.id, url=receiver.url + path)
    made.secret = secret
    return made


def findings(check):
    """Return (probe, status, is_ok) of each message."""
    return [(one["probe"], one["http_status"], one["is_ok"]) for one in check.results]


def again():
    """Make open checks due."""
    EndpointCheck.objects.filter(state="pending").update(due_at=Now())


def test_one_that_verifies_goes_live_and_only_then_gets_events(receiver):
    endpoint = register(receiver)
    receiver.handlers["/hook"] = verifying(endpoint.secret)
    emit(endpoint.partner)
    assert not Delivery.objects.exists()
    assert run_checks() == 1
    check = EndpointCheck.objects.get()
    assert (check.state, check.kind) == ("passed", "conformance")
    assert findings(check) == [
        ("genuine", 204, True), ("repeated", 204, True), ("forged", 400, True),
        ("altered", 400, True), ("stale", 400, True),
    ]  # fmt: skip
    endpoint.refresh_from_db()
    assert endpoint.mode == "live"
    emit(endpoint.partner)
    assert run_deliveries().delivered == 1
    assert run_checks() == 0


def test_the_messages_differ_in_nothing_a_receiver_could_know_them_by(receiver):
    endpoint = register(receiver)
    receiver.handlers["/hook"] = verifying(endpoint.secret)
    run_checks()
    shapes = {
        (tuple(sorted(got.headers)), tuple(json.loads(got.body)), json.loads(got.body)["type"])
        for got in receiver.got
    }
    assert len(receiver.got) == 5
    assert len(shapes) == 1
    assert receiver.got[0].body == receiver.got[1].body
    ids = [got.headers["webhook-id"] for got in receiver.got]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4


@pytest.mark.parametrize(
    ("make", "wrong", "words"),
    [
        (lambda secret: trusting, ["forged", "altered", "stale"], "Anyone who knows the URL"),
        (timeless, ["stale"], "more than five minutes off"),
        (lambda secret: Once(verifying(secret)), ["repeated"], "webhook-id you have seen"),
    ],
)
def test_a_careless_one_stays_in_test_mode_with_the_reason_and_the_cure(
    receiver, make, wrong, words
):
    endpoint = register(receiver)
    receiver.handlers["/hook"] = make(endpoint.secret)
    run_checks()
    check = EndpointCheck.objects.get()
    assert check.state == "failed"
    assert [probe for probe, _, is_ok in findings(check) if not is_ok] == wrong
    fixes = [one["fix"] for one in check.results if not one["is_ok"]]
    assert words in fixes[0]
    assert check.summary.startswith(("Accepted a message", "Refused the same message again"))
    endpoint.refresh_from_db()
    assert endpoint.mode == "test"
    emit(endpoint.partner)
    assert not Delivery.objects.exists()


def test_where_the_genuine_one_is_refused_no_other_is_sent(receiver):
    register(receiver, "/status/401")
    run_checks()
    check = EndpointCheck.objects.get()
    assert (check.state, findings(check)) == ("failed", [("genuine", 401, False)])
    assert "asks for a login" in check.results[0]["fix"]
    assert len(receiver.got) == 1


def test_one_that_is_not_there_yet_is_asked_four_times(receiver):
    endpoint = register(receiver)
    receiver.handlers["/hook"] = verifying(endpoint.secret)
    Endpoint.objects.update(url="http://127.0.0.1:9/hook")
    EndpointCheck.objects.update(url="http://127.0.0.1:9/hook")
    for tries in (1, 2, 3):
        assert run_checks() == 1
        check = EndpointCheck.objects.get()
        assert (check.state, check.attempt_count, check.claim_id) == ("pending", tries, None)
        assert run_checks() == 0  # its time has not come
        again()
    run_checks()
    check.refresh_from_db()
    assert (check.state, check.attempt_count) == ("failed", 4)
    assert "Nothing listens on that port" in check.results[0]["fix"]
    # It is deployed now, and the partner asks again.
    Endpoint.objects.update(url=receiver.url + "/hook")
    services.check_endpoint(endpoint.partner_id, endpoint.id)
    run_checks()
    assert Endpoint.objects.get().mode == "live"


def test_a_live_endpoint_keeps_its_url_until_the_new_one_has_passed(receiver):
    client = api_client()
    endpoint = make_endpoint(receiver.url + "/old", partner=client.partner)
    receiver.handlers["/new"] = trusting
    path = f"/v1/webhook-endpoints/{endpoint.id}"
    new_url = receiver.url + "/new"
    answer = client.patch(path, json.dumps({"url": new_url}), "application/json").json()
    assert (answer["url"], answer["proposed_url"]) == (receiver.url + "/old", new_url)
    run_checks()
    assert client.get(path).json()["url"] == receiver.url + "/old"
    emit(client.partner)
    run_deliveries()
    assert receiver.got[-1].path == "/old"
    receiver.handlers["/new"] = verifying(endpoint.secret)
    started = client.post(path + "/check", "{}", "application/json")
    assert (started.status_code, started.json()["url"]) == (202, new_url)
    EndpointHealth.objects.create(endpoint=endpoint, streak=3, window=1)
    run_checks()
    moved = client.get(path).json()
    assert (moved["url"], moved["proposed_url"], moved["mode"]) == (new_url, None, "live")
    health = EndpointHealth.objects.get()
    assert (health.streak, health.window) == (0, 4)
    assert health.recovered_at is not None  # what waits is brought forward
    states = [check["state"] for check in client.get(path + "/checks").json()["data"]]
    assert states == ["passed", "failed"]


def moved_while_disabled(receiver, *, at_once):
    """Return an endpoint with two failed deliveries, disabled, moved and enabled again."""
    endpoint = make_endpoint(receiver.url + "/old")
    receiver.answers["/old"] = [500] * 10
    emit(endpoint.partner)
    emit(endpoint.partner)
    run_deliveries()
    update = partial(services.update_endpoint, endpoint.partner_id, endpoint.id)
    update({"status": "disabled"})
    url = receiver.url + "/new"
    if at_once:
        update({"url": url, "status": "enabled"})
    else:
        update({"url": url})
        update({"status": "enabled"})
    jump_to_next_attempt()
    receiver.got.clear()
    return endpoint


@pytest.mark.parametrize("at_once", [True, False])
def test_a_new_url_gets_what_waits_only_when_it_has_passed(receiver, at_once):
    endpoint = moved_while_disabled(receiver, at_once=at_once)
    receiver.handlers["/new"] = verifying(endpoint.secret)
    found = Endpoint.objects.get()
    assert (found.status, found.mode, found.url) == ("enabled", "test", receiver.url + "/new")

    assert run_deliveries().claimed == 0
    assert receiver.got == []
    assert set(Delivery.objects.values_list("state", flat=True)) == {"pending"}
    assert run_checks() == 1
    assert run_deliveries().delivered == 2

    assert {one.path for one in receiver.got} == {"/new"}


def test_where_the_check_fails_nothing_is_sent_but_a_test(receiver):
    endpoint = moved_while_disabled(receiver, at_once=True)
    receiver.handlers["/new"] = trusting
    run_checks()
    assert Endpoint.objects.get().mode == "test"
    receiver.got.clear()
    failed = Delivery.objects.order_by("id").first()
    resend.retry_delivery(endpoint.partner_id, failed.id)
    sent = services.send_test(endpoint.partner_id, endpoint.id)

    assert run_deliveries().claimed == 1

    assert [one.path for one in receiver.got] == ["/new"]
    assert Delivery.objects.get(pk=sent.pk).state == "delivered"
    assert Delivery.objects.filter(state="pending").count() == 2
    assert not run_deliveries().has_more


def test_taking_the_old_url_back_drops_the_proposal(receiver):
    endpoint = make_endpoint(receiver.url + "/old")
    for url in (receiver.url + "/new", receiver.url + "/old"):
        services.update_endpoint(endpoint.partner_id, endpoint.id, {"url": url})
    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.proposed_url) == (receiver.url + "/old", "")
    assert EndpointCheck.objects.get().state == "canceled"
    assert run_checks() == 0
    assert receiver.got == []


def test_a_redirect_is_adopted_after_a_check(receiver):
    client = api_client()
    endpoint = make_endpoint(receiver.url + "/moved", partner=client.partner)
    receiver.handlers["/new"] = verifying(endpoint.secret)
    receiver.redirects["/moved"] = "/new"
    emit(client.partner)
    run_deliveries()
    delivery = Delivery.objects.get()
    path = f"/v1/webhook-deliveries/{delivery.id}"
    assert client.get(path).json()["redirect_to"] == receiver.url + "/new"
    answer = client.post(path + "/adopt-redirect", "{}", "application/json")
    assert (answer.status_code, answer.json()["proposed_url"]) == (202, receiver.url + "/new")
    run_checks()
    assert Endpoint.objects.get().url == receiver.url + "/new"


def test_only_a_redirect_to_a_place_that_may_be_called_is_adopted(receiver, settings):
    client = api_client()
    endpoint = make_endpoint(receiver.url + "/status/500", partner=client.partner)
    emit(client.partner)
    run_deliveries()
    path = f"/v1/webhook-deliveries/{Delivery.objects.get().id}/adopt-redirect"
    refused = client.post(path, "{}", "application/json")
    assert (refused.status_code, refused.json()["code"]) == (409, "no_redirect")
    receiver.redirects["/status/500"] = "http://169.254.169.254/latest/meta-data"
    Delivery.objects.update(due_at=Now())
    run_deliveries()
    settings.WEBHOOKS_ALLOW_PRIVATE = False
    assert client.post(path, "{}", "application/json").status_code == 422
    endpoint.refresh_from_db()
    assert (endpoint.proposed_url, EndpointCheck.objects.count()) == ("", 0)


def test_asking_for_a_check_never_costs_a_live_endpoint_its_events(receiver):
    endpoint = make_endpoint(receiver.url + "/hook")
    receiver.handlers["/hook"] = trusting
    services.check_endpoint(endpoint.partner_id, endpoint.id)
    run_checks()
    endpoint.refresh_from_db()
    assert (EndpointCheck.objects.get().state, endpoint.mode) == ("failed", "live")


def test_a_check_that_is_overtaken_admits_nothing(receiver):
    endpoint = register(receiver)
    (job,) = book.claim(5)
    services.update_endpoint(endpoint.partner_id, endpoint.id, {"url": receiver.url + "/other"})
    passed = [{"probe": "genuine", "is_ok": True, "http_status": 204, "says": ""}]
    assert book.close(job, passed) is None
    endpoint.refresh_from_db()
    assert (endpoint.mode, endpoint.url) == ("test", receiver.url + "/other")


def test_a_check_of_a_worker_that_died_is_run_when_its_lease_ends(receiver):
    endpoint = register(receiver)
    receiver.handlers["/hook"] = verifying(endpoint.secret)
    assert len(book.claim(5)) == 1
    assert book.claim(5) == []
    again()
    assert run_checks() == 1
    assert Endpoint.objects.get().mode == "live"


def test_a_deleted_endpoint_is_not_checked(receiver):
    endpoint = register(receiver)
    services.delete_endpoint(endpoint.partner_id, endpoint.id)
    assert run_checks() == 0
    assert (receiver.got, EndpointCheck.objects.get().state) == ([], "canceled")


def test_one_hanging_endpoint_does_not_keep_others_from_their_checks(receiver):
    register(receiver, "/hang/forever")
    quick = register(receiver)
    receiver.handlers["/hook"] = verifying(quick.secret)
    real_close = book.close

    def close(job, found):
        done = real_close(job, found)
        receiver.release.set()  # only the quick one's end lets the other go
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(book, "close", close)
        assert run_checks() == 2
    quick.refresh_from_db()
    assert quick.mode == "live"


def test_reading_checks_needs_its_scope(receiver):
    endpoint = make_endpoint(receiver.url + "/ok")
    writer = api_client(ApiKeyFactory(partner=endpoint.partner, scopes=[Scope.WEBHOOKS_WRITE]))
    assert writer.get(f"/v1/webhook-endpoints/{endpoint.id}/checks").status_code == 403
    reader = api_client(ApiKeyFactory(partner=endpoint.partner, scopes=[Scope.WEBHOOKS_READ]))
    path = f"/v1/webhook-endpoints/{endpoint.id}/check"
    assert reader.post(path, "{}", "application/json").status_code == 403
    assert not EndpointCheck.objects.exists()
