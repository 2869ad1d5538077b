"""Figures of deliveries by day, worked out by hand."""

import pytest
from django.db import connection

from tests.factories import api_client
from tests.webhooks.factories import emit, make_endpoint
from webhooks import services
from webhooks.delivery.loop import run_deliveries
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db


def put(endpoint, *, days_ago, state="delivered", took_s=None, first_s=None):
    """Emit an event and give its delivery this fate."""
    emit(endpoint.partner)
    delivery = Delivery.objects.filter(endpoint=endpoint).latest("id")
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE webhooks_delivery SET state = %s, claim_id = NULL,
                event_at = date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
                    - make_interval(days => %s) + interval '1 second',
                due_at = CASE WHEN %s = 'pending' THEN now() END WHERE id = %s
            """,
            [state, days_ago, state, delivery.id],
        )
        cursor.execute(
            "UPDATE webhooks_delivery SET delivered_at = event_at + make_interval(secs => %s)"
            " WHERE id = %s",
            [took_s, delivery.id],
        )
        if first_s is not None:
            cursor.execute(
                """
                INSERT INTO webhooks_deliveryattempt (delivery_id, number, outcome, error, detail,
                    response_headers, started_at)
                SELECT id, 1, 'failed', '', '', '{}', event_at + make_interval(secs => %s)
                FROM webhooks_delivery WHERE id = %s
                """,
                [first_s, delivery.id],
            )


def test_shares_and_percentiles_by_day(monkeypatch):
    # These tests' ids are of today, whatever the day of the event.
    monkeypatch.setattr("webhooks.figures.ids.floor", lambda prefix, at: "")
    client = api_client()
    endpoint = make_endpoint(partner=client.partner)
    for took_s in (1, 2, 3, 4):
        put(endpoint, days_ago=0, took_s=took_s, first_s=0.5)
    put(endpoint, days_ago=1, took_s=40, first_s=2)
    put(endpoint, days_ago=1, took_s=10)
    put(endpoint, days_ago=1, state="exhausted")
    put(endpoint, days_ago=1, state="pending")
    put(endpoint, days_ago=1, state="canceled")
    put(make_endpoint(), days_ago=0, took_s=900)
    page = client.get("/v1/webhook-figures").json()
    yesterday, today = page["data"]
    assert today == {
        "on": today["on"],
        "events": 4,
        "delivered": 4,
        "pending": 0,
        "exhausted": 0,
        "dropped": 0,
        "delivered_share": 1.0,
        "prompt_share": 1.0,
        "latency_p50_s": 2.5,
        "latency_p95_s": 3.85,
        "latency_p99_s": 3.97,
        "first_attempt_p99_s": 0.5,
    }
    assert {name: yesterday[name] for name in ("events", "delivered", "pending", "exhausted")} == {
        "events": 5, "delivered": 2, "pending": 1, "exhausted": 1,
    }  # fmt: skip
    assert (yesterday["dropped"], yesterday["delivered_share"]) == (1, 0.66667)
    assert (yesterday["prompt_share"], yesterday["latency_p50_s"]) == (0.33333, 25.0)
    assert len(client.get("/v1/webhook-figures?days=1").json()["data"]) == 1


def test_tests_do_not_count_and_one_endpoint_may_be_chosen(receiver):
    client = api_client()
    first = make_endpoint(receiver.url + "/ok/1", partner=client.partner)
    make_endpoint(receiver.url + "/ok/2", partner=client.partner)
    services.send_test(client.partner.id, first.id)
    emit(client.partner)
    run_deliveries()
    (today,) = client.get("/v1/webhook-figures").json()["data"]
    assert (today["events"], today["delivered"]) == (2, 2)
    (chosen,) = client.get(f"/v1/webhook-figures?endpoint_id={first.id}").json()["data"]
    assert chosen["events"] == 1
    assert chosen["first_attempt_p99_s"] is not None


@pytest.mark.parametrize("query", ["days=0", "days=32", "days=x", "endpoint_id=no", "day=3"])
def test_a_faulty_question_is_refused(query):
    assert api_client().get(f"/v1/webhook-figures?{query}").status_code == 422
