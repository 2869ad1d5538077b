"""The webhook part of the partner API, its refusals first."""

import json
import time

import pytest
from django.db import connection
from django.test import Client

from partners.models import Scope
from tests.factories import ApiKeyFactory, PartnerFactory, api_client
from tests.webhooks.factories import emit, emit_many, jump_to_next_attempt, make_endpoint
from webhooks import services
from webhooks.delivery.loop import run_deliveries
from webhooks.models import Delivery, Endpoint, Event

pytestmark = pytest.mark.django_db

ENDPOINTS = "/v1/webhook-endpoints"
URL = "https://shop.example/hooks"


def post(client, path, body=None):
    return client.post(path, json.dumps({} if body is None else body), "application/json")


def patch(client, path, body):
    return client.patch(path, json.dumps(body), "application/json")


def codes(answer):
    return sorted((error["pointer"], error["code"]) for error in answer.json()["errors"])


def test_an_endpoint_is_created_with_a_secret_that_is_shown_once():
    client = api_client()
    answer = post(client, ENDPOINTS, {"url": URL, "event_types": ["payout.settled"]})
    assert answer.status_code == 201
    made = answer.json()
    assert made["secret"].startswith("whsec_")
    assert made["url"] == URL
    assert made["event_types"] == ["payout.settled"]
    assert (made["status"], made["mode"]) == ("enabled", "test")
    assert answer.headers["Location"] == f"{ENDPOINTS}/{made['id']}"
    read = client.get(f"{ENDPOINTS}/{made['id']}").json()
    assert "secret" not in read
    assert read == {name: value for name, value in made.items() if name != "secret"}
    assert client.get(ENDPOINTS).json()["data"] == [read]
    row = Endpoint.objects.get()
    assert made["secret"].encode() not in bytes(row.secret_sealed)
    assert row.history.get().actor == f"key:{client.key.id}"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [("/url", "required")]),
        ({"url": 7}, [("/url", "invalid")]),
        ({"url": None}, [("/url", "null")]),
        ({"url": "nonsense"}, [("/url", "url_malformed")]),
        ({"url": "https://u:p@shop.example/"}, [("/url", "url_userinfo")]),
        ({"url": URL, "event_types": "payout.settled"}, [("/event_types", "not_a_list")]),
        (
            {"url": URL, "event_types": ["payout.settled", "payout.exploded"]},
            [("/event_types/1", "event_type_unknown")],
        ),
        (
            {"url": URL, "event_types": ["endpoint.test"]},
            [("/event_types/0", "event_type_unknown")],
        ),
        ({"url": URL, "secret": "mine"}, [("/secret", "unknown_field")]),
        ({"url": URL, "description": "x" * 141}, [("/description", "max_length")]),
    ],
)
def test_a_faulty_endpoint_is_refused_by_pointer_and_code(body, expected):
    answer = post(api_client(), ENDPOINTS, body)
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert codes(answer) == expected
    assert not Endpoint.objects.exists()


@pytest.mark.parametrize("raw", ["[]", '"text"', "7", "{"])
def test_a_body_that_is_no_object_is_malformed(raw):
    answer = api_client().post(ENDPOINTS, raw, "application/json")
    assert answer.status_code == 400
    assert not Endpoint.objects.exists()


def test_outside_the_demo_an_endpoint_needs_a_public_https_url(settings):
    settings.WEBHOOKS_ALLOW_PRIVATE = False
    answer = post(api_client(), ENDPOINTS, {"url": "http://127.0.0.1:9000/"})
    assert codes(answer) == [
        ("/url", "url_ip_literal"), ("/url", "url_not_https"), ("/url", "url_port"),
    ]  # fmt: skip


def test_the_21st_endpoint_is_refused():
    client = api_client()
    for _ in range(20):
        make_endpoint(partner=client.partner)
    answer = post(client, ENDPOINTS, {"url": URL})
    assert (answer.status_code, answer.json()["code"]) == (409, "endpoint_limit_reached")
    assert Endpoint.objects.count() == 20
    first = Endpoint.objects.order_by("id").first()
    assert client.delete(f"{ENDPOINTS}/{first.id}").status_code == 204
    assert post(client, ENDPOINTS, {"url": URL}).status_code == 201


def test_changing_an_endpoint():
    client = api_client()
    endpoint = make_endpoint(partner=client.partner)
    path = f"{ENDPOINTS}/{endpoint.id}"
    answer = patch(client, path, {"url": URL, "description": "new", "status": "disabled"})
    assert answer.status_code == 200
    changed = answer.json()
    assert (changed["url"], changed["status"], changed["mode"]) == (URL, "disabled", "test")
    assert answer.json()["disabled_reason"] == "Disabled by you."
    assert patch(client, path, {"status": "enabled"}).json()["disabled_reason"] == ""
    assert patch(client, path, {}).json()["code"] == "nothing_to_change"
    assert codes(patch(client, path, {"status": "paused"})) == [("/status", "invalid_choice")]
    assert codes(patch(client, path, {"id": "we_x"})) == [("/id", "unknown_field")]
    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.status) == (URL, "enabled")


def test_rotation_shows_the_new_secret_once_and_when_the_old_one_ends():
    client = api_client()
    endpoint = make_endpoint(partner=client.partner)
    path = f"{ENDPOINTS}/{endpoint.id}/rotate-secret"
    answer = post(client, path, {"overlap_hours": 1})
    assert answer.status_code == 200
    assert answer.json()["secret"] != endpoint.secret
    assert answer.json()["previous_secret_until"].endswith("Z")
    assert post(client, path).json()["previous_secret_until"] is None
    assert client.get(f"{ENDPOINTS}/{endpoint.id}").json()["rotating"] is True
    assert post(client, path, {"overlap_hours": 0}).json()["previous_secret_until"] is None
    assert client.get(f"{ENDPOINTS}/{endpoint.id}").json()["rotating"] is False
    assert codes(post(client, path, {"overlap_hours": 169})) == [("/overlap_hours", "max_value")]


def test_a_test_event_goes_to_that_endpoint_alone_whatever_it_subscribes_to(receiver):
    client = api_client()
    endpoint = make_endpoint(
        receiver.url + "/ok", partner=client.partner, types=("batch.completed",)
    )
    make_endpoint(receiver.url + "/ok/other", partner=client.partner)
    first = post(client, f"{ENDPOINTS}/{endpoint.id}/test")
    second = post(client, f"{ENDPOINTS}/{endpoint.id}/test")
    assert (first.status_code, second.status_code) == (202, 202)
    assert [answer.json()["sequence"] for answer in (first, second)] == [1, 2]
    run_deliveries()
    assert [got.path for got in receiver.got] == ["/ok", "/ok"]
    body = json.loads(receiver.got[1].body)
    assert body["type"] == "endpoint.test"
    assert body["prev_id"] == first.json()["event_id"]
    delivery = client.get(f"/v1/webhook-deliveries/{first.json()['id']}").json()
    assert delivery["state"] == "delivered"
    patch(client, f"{ENDPOINTS}/{endpoint.id}", {"status": "disabled"})
    refused = post(client, f"{ENDPOINTS}/{endpoint.id}/test")
    assert (refused.status_code, refused.json()["code"]) == (409, "endpoint_disabled")
    assert Event.objects.count() == 2


def test_a_delivery_tells_each_attempt_and_what_it_means(receiver):
    client = api_client()
    endpoint = make_endpoint(receiver.url + "/redirect", partner=client.partner)
    emit(client.partner)
    run_deliveries()
    found = client.get(f"{ENDPOINTS}/{endpoint.id}/deliveries?state=pending").json()
    (listed,) = found["data"]
    assert listed["attempt_count"] == 1
    assert listed["next_attempt_at"].endswith("Z")
    detail = client.get(f"/v1/webhook-deliveries/{listed['id']}").json()
    (attempt,) = detail["attempts"]
    assert (attempt["number"], attempt["outcome"], attempt["http_status"]) == (1, "refused", 302)
    assert attempt["diagnosis"] == (
        "Redirects are not followed. It points to https://new.example/hooks; set that as the URL."
    )
    receiver.answers["/redirect"] = [200]
    answer = post(client, f"/v1/webhook-deliveries/{listed['id']}/retry")
    assert answer.status_code == 202
    run_deliveries()
    detail = client.get(f"/v1/webhook-deliveries/{listed['id']}").json()
    assert (detail["state"], detail["attempt_count"]) == ("delivered", 2)
    assert detail["attempts"][1]["diagnosis"] is None


def test_deliveries_come_in_pages_newest_first():
    client = api_client()
    endpoint = make_endpoint(partner=client.partner)
    for _ in range(5):
        emit(client.partner)
    path = f"{ENDPOINTS}/{endpoint.id}/deliveries"
    expected = list(Delivery.objects.order_by("-id").values_list("id", flat=True))
    seen, cursor = [], ""
    while True:
        page = client.get(f"{path}?limit=2{cursor}").json()
        seen += [row["id"] for row in page["data"]]
        if not page["has_more"]:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == expected
    assert page["next_cursor"] is None
    for query, error in (
        ("limit=0", ("/limit", "min_value")),
        ("limit=x", ("/limit", "invalid")),
        ("state=lost", ("/state", "invalid_choice")),
        ("cursor=no", ("/cursor", "invalid")),
        ("stat=pending", ("/stat", "unknown_field")),
    ):
        answer = client.get(f"{path}?{query}")
        assert answer.status_code == 422
        assert codes(answer) == [error]


def test_another_partners_objects_are_not_there():
    mine, theirs = api_client(), api_client()
    endpoint = make_endpoint(partner=theirs.partner)
    emit(theirs.partner)
    delivery = Delivery.objects.get()
    for method, path in (
        ("get", f"{ENDPOINTS}/{endpoint.id}"),
        ("patch", f"{ENDPOINTS}/{endpoint.id}"),
        ("delete", f"{ENDPOINTS}/{endpoint.id}"),
        ("get", f"{ENDPOINTS}/{endpoint.id}/deliveries"),
        ("post", f"{ENDPOINTS}/{endpoint.id}/test"),
        ("post", f"{ENDPOINTS}/{endpoint.id}/rotate-secret"),
        ("post", f"{ENDPOINTS}/{endpoint.id}/rotation/prove"),
        ("post", f"{ENDPOINTS}/{endpoint.id}/rotation/end"),
        ("post", f"{ENDPOINTS}/{endpoint.id}/check"),
        ("get", f"{ENDPOINTS}/{endpoint.id}/checks"),
        ("get", f"{ENDPOINTS}/{endpoint.id}/retry-failed"),
        ("post", f"{ENDPOINTS}/{endpoint.id}/retry-failed"),
        ("get", f"/v1/webhook-figures?endpoint_id={endpoint.id}"),
        ("post", f"/v1/webhook-deliveries/{delivery.id}/adopt-redirect"),
        ("get", f"/v1/webhook-deliveries/{delivery.id}"),
        ("post", f"/v1/webhook-deliveries/{delivery.id}/retry"),
    ):
        call = getattr(mine, method)
        body = '{"status": "disabled"}' if method == "patch" else "{}"
        answer = call(path) if method == "get" else call(path, body, "application/json")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
    assert mine.get(ENDPOINTS).json()["data"] == []
    endpoint.refresh_from_db()
    assert (endpoint.status, endpoint.deleted_at) == ("enabled", None)
    assert Event.objects.count() == 1


def test_scopes_divide_reading_from_changing():
    reader = api_client(ApiKeyFactory(scopes=[Scope.WEBHOOKS_READ]))
    assert reader.get(ENDPOINTS).status_code == 200
    assert post(reader, ENDPOINTS, {"url": URL}).status_code == 403
    writer = api_client(ApiKeyFactory(scopes=[Scope.WEBHOOKS_WRITE]))
    assert writer.get("/v1/events").status_code == 403
    assert Client().get(ENDPOINTS).status_code == 401
    assert not Endpoint.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_feed_gives_the_exact_bytes_in_order_and_goes_on():
    client = api_client()
    make_endpoint(partner=client.partner)
    emit(client.partner, data={"payout": {"name": "Zoë", "z": 1, "a": 2}})
    emit_many(client.partner, 4)
    emit(PartnerFactory())
    expected = [bytes(b) for b in _bodies(client.partner)]
    await_feed(client, 5)
    raw = client.get("/v1/events?limit=2").content
    assert b"".join([b'"data":[', expected[0], b",", expected[1], b"]"]) in raw
    seen, after = [], ""
    while True:
        page = client.get(f"/v1/events?limit=2{after}").json()
        seen += [event["id"] for event in page["data"]]
        after = f"&after={page['next_after']}"
        if not page["has_more"]:
            break
    assert seen == [json.loads(body)["id"] for body in expected]
    empty = client.get(f"/v1/events?after={seen[-1]}").json()
    assert empty == {"object": "list", "data": [], "has_more": False, "next_after": seen[-1]}
    other = Event.objects.exclude(partner=client.partner).get()
    answer = client.get(f"/v1/events?after={other.id}")
    assert (answer.status_code, answer.json()["code"]) == (422, "event_unknown")


def await_feed(client, count):
    """Return the feed once it shows so many events: open transactions anywhere hide them."""
    deadline = time.monotonic() + 30
    while True:
        page = client.get("/v1/events").json()
        if len(page["data"]) >= count or time.monotonic() > deadline:
            return page
        time.sleep(0.05)


def _bodies(partner):
    found = Event.objects.filter(partner=partner).order_by("xid", "position")
    return found.values_list("body", flat=True)


@pytest.mark.django_db(transaction=True)
def test_the_feed_waits_for_a_transaction_that_could_still_come_before():
    client = api_client()
    slow = connection.copy()
    try:
        with slow.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(
                "INSERT INTO webhooks_event (id, partner_id, type, object_id, sequence, body)"
                " VALUES ('ev_slow', %s, 'payout.settled', 'po_slow', 1, '{\"id\":\"ev_slow\"}')",
                [client.partner.id],
            )
            fast = emit(client.partner)
            assert client.get("/v1/events").json()["data"] == []
            cursor.execute("COMMIT")
        page = await_feed(client, 2)
        assert [event["id"] for event in page["data"]] == ["ev_slow", fast]
    finally:
        slow.close()


def test_retrying_a_canceled_delivery_needs_an_enabled_endpoint():
    client = api_client()
    endpoint = make_endpoint(partner=client.partner)
    emit(client.partner)
    services.update_endpoint(client.partner.id, endpoint.id, {"status": "disabled"})
    run_deliveries()
    delivery = Delivery.objects.get()
    path = f"/v1/webhook-deliveries/{delivery.id}/retry"
    answer = post(client, path)
    assert (answer.status_code, answer.json()["code"]) == (409, "endpoint_disabled")
    delivery.refresh_from_db()
    assert delivery.state == "canceled"
    services.update_endpoint(client.partner.id, endpoint.id, {"status": "enabled"})
    assert post(client, path).json()["state"] == "pending"


def test_after_thirty_days_a_retry_is_refused():
    client = api_client()
    make_endpoint(partner=client.partner)
    emit(client.partner)
    connection.cursor().execute(
        "UPDATE webhooks_delivery SET created_at = now() - interval '31 days',"
        " state = 'exhausted', due_at = NULL"
    )
    jump_to_next_attempt()
    delivery = Delivery.objects.get()
    answer = post(client, f"/v1/webhook-deliveries/{delivery.id}/retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "replay_expired")
    assert Delivery.objects.get().state == "exhausted"


def test_the_lists_cost_the_same_few_queries_however_long(django_assert_max_num_queries):
    client = api_client()
    endpoint = make_endpoint(partner=client.partner)
    for _ in range(10):
        emit(client.partner)
    client.get(ENDPOINTS)
    with django_assert_max_num_queries(4):
        client.get(ENDPOINTS)
    with django_assert_max_num_queries(4):
        client.get(f"{ENDPOINTS}/{endpoint.id}/deliveries")
