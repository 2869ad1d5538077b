"""`/v1/payouts` and `/v1/balance` over HTTP."""

import pytest

from payouts.models import Payout
from payouts.services import decisions
from tests.factories import ApiKeyFactory, api_client
from tests.payouts.factories import (
    clear_all,
    funded_partner,
    held_payout,
    hold_all,
    make_payouts,
    queued_payout,
    sending,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def partner():
    return funded_partner()


@pytest.fixture
def client(partner):
    return api_client(ApiKeyFactory(partner=partner))


def test_a_payout_shows_its_timeline_and_four_digits(client, partner):
    payout = queued_payout(partner)
    shown = client.get(f"/v1/payouts/{payout.id}").json()
    assert (shown["status"], shown["stage"], shown["cancelable"]) == ("queued", "ready", True)
    assert shown["recipient"]["account"] == {"type": "iban", "bank": "NLATLS", "last4": "4300"}
    assert [(s["status"], s["stage"]) for s in shown["timeline"]] == [
        ("queued", "screening"),
        ("queued", "ready"),
    ]
    assert shown["returns"] == []
    assert shown["finality"] == {"state": "provisional", "until": None, "basis": "not_settled"}


def test_filters(client, partner):
    make_payouts(partner, [1, 2])
    clear_all()
    held = held_payout(partner)
    all_ids = [one["id"] for one in client.get("/v1/payouts").json()["data"]]
    assert len(all_ids) == 3
    review = client.get("/v1/payouts", {"status": "in_review"}).json()["data"]
    assert [one["id"] for one in review] == [held.id]
    both = client.get("/v1/payouts", {"status": "in_review,queued"}).json()["data"]
    assert len(both) == 3
    by_reference = client.get("/v1/payouts", {"reference": held.reference}).json()["data"]
    assert [one["id"] for one in by_reference] == [held.id]
    by_batch = client.get("/v1/payouts", {"batch_id": held.batch_id}).json()["data"]
    assert [one["id"] for one in by_batch] == [held.id]
    since = {"submitted_from": "2020-01-01T00:00:00Z"}
    assert len(client.get("/v1/payouts", since).json()["data"]) == 3
    until = {"submitted_until": "2020-01-01T00:00:00Z"}
    assert client.get("/v1/payouts", until).json()["data"] == []


@pytest.mark.parametrize("status", ["paid", "", "queued,", "queued,paid"])
def test_unknown_statuses_are_refused(client, status):
    answer = client.get("/v1/payouts", {"status": status})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/status")


def test_canceling_gives_the_funds_back_and_may_be_repeated(client, partner):
    payout = queued_payout(partner, 10_000)
    for _ in range(2):
        answer = client.post(f"/v1/payouts/{payout.id}/cancel", content_type="application/json")
        assert answer.status_code == 200
        assert answer.json()["status"] == "canceled"
        assert answer.json()["failure"]["code"] == "canceled_by_partner"
        assert answer.json()["timeline"][-1]["actor"] == "partner"
    (funds,) = client.get("/v1/balance").json()["balances"]
    assert (funds["available_minor"], funds["reserved_minor"]) == (1_000_000, 0)
    assert Payout.objects.get().event_count == 1


def test_a_payout_in_review_can_be_canceled(client, partner):
    payout = held_payout(partner)
    assert (
        client.post(f"/v1/payouts/{payout.id}/cancel", content_type="application/json").json()[
            "status"
        ]
        == "canceled"
    )


def test_a_payout_on_the_wire_cannot_be_canceled(client, partner):
    payout = queued_payout(partner)
    sending(payout)
    answer = client.post(f"/v1/payouts/{payout.id}/cancel", content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_cancelable")
    assert (answer.json()["status"], answer.json()["payout_status"]) == (409, "processing")
    assert Payout.objects.get().state == "sending"


def test_a_refusal_by_compliance_is_told_in_safe_words(client, partner):
    payout = held_payout(partner)
    decisions.reject(
        [payout.id], partner_message="This payout cannot be made.", record=lambda changes: None
    )
    answer = client.get(f"/v1/payouts/{payout.id}")
    shown = answer.json()
    assert shown["failure"]["code"] == "compliance_rejected"
    assert shown["failure"]["message"] == "This payout cannot be made."
    assert [step["actor"] for step in shown["timeline"]][-1] == "reviewer"
    assert "test rule" not in answer.content.decode()


def test_a_body_is_refused_where_none_is_read(client, partner):
    payout = queued_payout(partner)
    answer = client.post(
        f"/v1/payouts/{payout.id}/cancel", '{"reason": "x"}', content_type="application/json"
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "body_not_expected")
    assert Payout.objects.get().state == "queued"


def test_balance_and_entries_add_up(client, partner):
    make_payouts(partner, [300, 200])
    hold_all()
    (funds,) = client.get("/v1/balance").json()["balances"]
    assert (funds["currency"], funds["available_minor"], funds["reserved_minor"]) == (
        "EUR",
        999_500,
        500,
    )
    entries = client.get("/v1/balance/entries", {"account": "available"}).json()["data"]
    assert sum(entry["change_minor"] for entry in entries) == 999_500
    assert {entry["account"] for entry in entries} == {"available"}
    assert sorted(entry["change_minor"] for entry in entries if entry["payout_id"]) == [-300, -200]
    pages, cursor = [], None
    while True:
        page = client.get(
            "/v1/balance/entries", {"limit": 2, **({"cursor": cursor} if cursor else {})}
        )
        pages += [entry["id"] for entry in page.json()["data"]]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break
    assert len(pages) == len(set(pages)) == 5
    assert client.get("/v1/balance/entries", {"currency": "USD"}).json()["data"] == []


@pytest.mark.parametrize("offset", ["+21:48", "-17:46"])
def test_offsets_that_the_database_does_not_know_are_fine(client, partner, offset):
    queued_payout(partner)
    since = {"submitted_from": f"2020-01-01T00:00:00{offset}"}
    assert len(client.get("/v1/payouts", since).json()["data"]) == 1
    since = {"created_from": f"2020-01-01T00:00:00{offset}"}
    assert len(client.get("/v1/batches", since).json()["data"]) == 1
