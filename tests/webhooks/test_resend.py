"""Sending again all that failed: counted first, in order, once however often it is asked for."""

import json

import pytest
from django.db import connection

from tests.factories import api_client
from tests.webhooks.factories import emit, emit_many, make_endpoint
from webhooks import resend, sql
from webhooks.delivery.loop import run_deliveries
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(receiver):
    """Return a client whose endpoint has 4 exhausted, 2 canceled and 1 delivered."""
    made = api_client()
    made.endpoint = make_endpoint(receiver.url + "/ok", partner=made.partner)
    for _ in range(7):
        emit(made.partner)
    ids = list(Delivery.objects.order_by("id").values_list("id", flat=True))
    for state, chosen in (("exhausted", ids[:4]), ("canceled", ids[4:6]), ("delivered", ids[6:])):
        Delivery.objects.filter(id__in=chosen).update(
            state=state, due_at=None, attempt_count=12, step=12
        )
    made.path = f"/v1/webhook-endpoints/{made.endpoint.id}/retry-failed"
    made.ids = ids
    return made


def post(client, body):
    return client.post(client.path, json.dumps(body), "application/json")


def states():
    return list(Delivery.objects.order_by("id").values_list("state", flat=True))


def test_the_count_changes_nothing(client):
    before = states()
    answer = client.get(client.path)
    assert answer.status_code == 200
    assert answer.json()["count"] == 6
    assert answer.json()["states"] == ["exhausted", "canceled"]
    assert client.get(client.path + "?states=canceled").json()["count"] == 2
    assert client.get(client.path + "?since=2099-01-01T00:00:00Z").json()["count"] == 0
    assert states() == before


def test_all_that_failed_goes_out_once_in_the_order_of_the_events(client, receiver):
    answer = post(client, {})
    assert (answer.status_code, answer.json()["count"], answer.json()["has_more"]) == (
        202, 6, False,
    )  # fmt: skip
    assert post(client, {}).json()["count"] == 0
    due = Delivery.objects.filter(state="pending").order_by("due_at")
    assert list(due.values_list("id", flat=True)) == client.ids[:6]
    run_deliveries()
    assert states() == ["delivered"] * 7
    assert len(receiver.got) == 6
    assert {got.headers["webhook-attempt"] for got in receiver.got} == {"13"}
    assert post(client, {}).json()["count"] == 0


def test_since_and_states_narrow_it(client):
    connection.cursor().execute(
        "UPDATE webhooks_delivery SET created_at = now() - interval '2 days' WHERE id = ANY(%s)",
        [client.ids[:3]],
    )
    since = sql.now_plus(-86_400).isoformat()
    answer = post(client, {"since": since, "states": ["exhausted"]})
    assert answer.json()["count"] == 1
    assert states() == ["exhausted"] * 3 + ["pending"] + ["canceled"] * 2 + ["delivered"]


def test_what_is_older_than_thirty_days_stays(client):
    connection.cursor().execute(
        "UPDATE webhooks_delivery SET created_at = now() - interval '31 days'"
    )
    assert client.get(client.path).json()["count"] == 0
    assert post(client, {"since": "2020-01-01T00:00:00Z"}).json()["count"] == 0
    assert "pending" not in states()


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"since": "yesterday"}, "/since"),
        ({"states": ["delivered"]}, "/states"),
        ({"states": "exhausted"}, "/states"),
        ({"from": "2026-11-22T00:00:00Z"}, "/from"),
    ],
)
def test_a_faulty_wish_changes_nothing(client, body, pointer):
    before = states()
    answer = post(client, body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith(pointer)
    assert states() == before


def test_a_disabled_endpoint_is_enabled_first(client):
    path = f"/v1/webhook-endpoints/{client.endpoint.id}"
    client.patch(path, json.dumps({"status": "disabled"}), "application/json")
    for answer in (post(client, {}), client.get(client.path)):
        assert (answer.status_code, answer.json()["code"]) == (409, "endpoint_disabled")
    assert "pending" not in states()


def test_one_call_takes_a_bounded_number_and_says_that_there_are_more(client, monkeypatch):
    monkeypatch.setattr(resend, "PER_REQUEST", 4)
    first = post(client, {}).json()
    second = post(client, {}).json()
    assert (first["count"], first["has_more"]) == (4, True)
    assert (second["count"], second["has_more"]) == (2, False)


def test_a_million_slices_end(client, monkeypatch):
    """Slices of two: the last full one is followed by an empty one, and that is the end."""
    monkeypatch.setattr(resend, "_REPLAY_SLICE", 2)
    assert post(client, {}).json()["count"] == 6
    emit_many(client.partner, 3)
    assert post(client, {}).json()["count"] == 0
