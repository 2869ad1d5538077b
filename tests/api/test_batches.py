"""`/v1/batches` over HTTP: forms, headers, pages, cancel."""

import json

import pytest

from payouts.models import Batch, Payout
from payouts.services.intake import take_in
from tests.factories import ApiKeyFactory, PartnerFactory, api_client
from tests.payouts.factories import clear_all, hold_all
from tests.payouts.intake_bodies import IBAN, batch, item

pytestmark = pytest.mark.django_db


@pytest.fixture
def client():
    partner = PartnerFactory(funded={"EUR": 100_000})
    return api_client(ApiKeyFactory(partner=partner))


def post(client, value, key="k-1", path="/v1/batches", **headers):
    raw = value if isinstance(value, bytes | str) else json.dumps(value)
    content_type = headers.pop("content_type", "application/json")
    return client.post(
        path, raw, content_type=content_type, headers={"Idempotency-Key": key, **headers}
    )


def test_submitting_answers_202_with_the_batch_and_its_address(client):
    answer = post(client, batch(item("r-0", 700)))
    assert answer.status_code == 202
    shown = answer.json()
    assert answer["Location"] == f"/v1/batches/{shown['id']}"
    assert answer["X-Request-Id"]
    assert "Idempotent-Replayed" not in answer
    assert "Preference-Applied" not in answer
    assert client.get(answer["Location"]).json() == shown


def test_a_repetition_says_so(client):
    first = post(client, batch())
    again = post(client, batch())
    assert (again.status_code, again.content) == (202, first.content)
    assert (again["Idempotent-Replayed"], again["Location"]) == ("true", first["Location"])


def test_csv_is_the_same_batch(client):
    text = (
        "reference,amount_minor,recipient_name,recipient_country,account_type,iban\n"
        f"r-0,1000,Anna Jansen,NL,iban,{IBAN}\n"
    )
    path = "/v1/batches?reference=b-1&currency=EUR"
    answer = post(client, text, path=path, content_type="text/csv; charset=utf-8")
    assert answer.status_code == 202
    assert post(client, batch())["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("prefer", ["respond-async", "wait=5, Respond-Async", "respond-async;x=1"])
def test_deferral_is_applied_and_said(client, prefer):
    answer = post(client, batch(), Prefer=prefer)
    assert (answer.status_code, answer["Preference-Applied"]) == (202, "respond-async")
    assert (answer.json()["intake"], answer.json()["status"]) == ("received", "queued")
    take_in(limit=1)
    shown = client.get(answer["Location"]).json()
    assert (shown["intake"], shown["accepted_count"]) == ("accepted", 1)


def test_other_preferences_are_ignored(client):
    answer = post(client, batch(), Prefer="return=minimal")
    assert (answer.json()["intake"], "Preference-Applied" in answer) == ("accepted", False)


def test_the_list_pages_by_cursor_newest_first(client):
    for n in range(5):
        post(client, batch(reference=f"b-{n}"), key=f"k-{n}")
    seen, cursor = [], ""
    while cursor is not None:
        page = client.get("/v1/batches", {"limit": 2, "cursor": cursor} if cursor else {"limit": 2})
        seen += [one["reference"] for one in page.json()["data"]]
        assert page.json()["has_more"] is (page.json()["next_cursor"] is not None)
        cursor = page.json()["next_cursor"]
    assert seen == ["b-4", "b-3", "b-2", "b-1", "b-0"]


def test_the_list_leaves_refused_items_to_the_batch_itself(client):
    shown = post(client, batch(item("a"), item("b", 0))).json()
    (listed,) = client.get("/v1/batches").json()["data"]
    assert "rejected" not in listed
    assert listed == {name: value for name, value in shown.items() if name != "rejected"}
    assert client.get(f"/v1/batches/{shown['id']}").json()["rejected"] == shown["rejected"]


def test_filters_narrow_and_bind_the_cursor(client):
    for n in range(3):
        post(client, batch(reference=f"b-{n}"), key=f"k-{n}")
    found = client.get("/v1/batches", {"reference": "b-1"}).json()["data"]
    assert [one["reference"] for one in found] == ["b-1"]
    assert client.get("/v1/batches", {"created_from": "2100-01-01T00:00:00Z"}).json()["data"] == []
    cursor = client.get("/v1/batches", {"limit": 1}).json()["next_cursor"]
    answer = client.get("/v1/batches", {"cursor": cursor, "currency": "EUR"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"limit": "0"}, "/limit"),
        ({"limit": "101"}, "/limit"),
        ({"limit": "x"}, "/limit"),
        ({"limit": "٣"}, "/limit"),
        ({"cursor": "nonsense"}, "/cursor"),
        ({"colour": "red"}, "/colour"),
        ({"created_from": "yesterday"}, "/created_from"),
        ({"created_from": "0001-01-01T00:00:00Z"}, "/created_from"),
        ({"created_until": "9999-12-31T23:59:59-14:00"}, "/created_until"),
        ({"currency": "euro"}, "/currency"),
    ],
)
def test_queries_that_do_not_fit_are_refused(client, query, pointer):
    answer = client.get("/v1/batches", query)
    assert answer.status_code == 422
    assert answer["Content-Type"] == "application/problem+json"
    assert [e["pointer"] for e in answer.json()["errors"]] == [pointer]


def test_the_payouts_of_a_batch(client):
    shown = post(client, batch(item("a", 1), item("b", 2))).json()
    post(client, batch(reference="other"), key="k-2")
    page = client.get(f"/v1/batches/{shown['id']}/payouts").json()
    assert [one["reference"] for one in page["data"]] == ["b", "a"]
    none = client.get(f"/v1/batches/{shown['id']}/payouts", {"status": "settled,failed"}).json()
    assert none["data"] == []


def test_a_batch_in_review_shows_no_reason(client):
    shown = post(client, batch()).json()
    hold_all()
    assert client.get(f"/v1/batches/{shown['id']}").json()["totals"]["in_review"]["count"] == 1
    payout = Payout.objects.get()
    told = client.get(f"/v1/payouts/{payout.id}")
    assert "test rule" not in told.content.decode()
    assert (told.json()["status"], told.json()["waiting_on"]) == ("in_review", "reviewer")


def test_canceling_a_batch_tells_what_was_canceled(client):
    shown = post(client, batch(item("a", 1), item("b", 2))).json()
    clear_all()
    answer = client.post(f"/v1/batches/{shown['id']}/cancel", content_type="application/json")
    told = answer.json()
    assert answer.status_code == 200
    assert sorted(one["reference"] for one in told["canceled"]) == ["a", "b"]
    assert told["not_canceled"] == []
    assert client.get(f"/v1/batches/{shown['id']}").json()["status"] == "canceled"
    assert (
        client.post(
            f"/v1/batches/{shown['id']}/cancel", content_type="application/json"
        ).status_code
        == 200
    )
    balance = client.get("/v1/balance").json()["balances"]
    assert balance == [
        {
            "currency": "EUR",
            "available_minor": 100_000,
            "reserved_minor": 0,
            "in_transit_minor": 0,
        }
    ]


def test_items_of_dry_runs_are_counted_by_partner_over_all_keys(settings):
    settings.ATLASPAY_PREVIEW_ITEMS_PER_SECOND = 0.01  # one in a hundred seconds
    settings.ATLASPAY_PREVIEW_ITEMS_BURST = 5
    partner = PartnerFactory(funded={"EUR": 100_000})
    first, second = (api_client(ApiKeyFactory(partner=partner)) for _ in range(2))
    three = batch(*(item(f"r-{number}", 100) for number in range(3)))
    path = "/v1/batches/validate"
    assert post(first, three, path=path).status_code == 200

    answer = post(second, three, path=path)

    assert (answer.status_code, answer["Content-Type"]) == (429, "application/problem+json")
    assert answer.json()["code"] == "preview_budget_used"
    assert answer.json()["title"] == "Too many requests"
    assert 40 <= int(answer["Retry-After"]) <= 100
    another = api_client(ApiKeyFactory(partner=PartnerFactory(funded={"EUR": 100_000})))
    assert post(another, three, path=path).status_code == 200
    assert post(second, three).status_code == 202


def test_validating_changes_nothing_and_needs_no_key(client):
    answer = client.post(
        "/v1/batches/validate", json.dumps(batch(item("a", 0))), content_type="application/json"
    )
    assert answer.status_code == 200
    assert answer.json()["would_be_accepted"] is False
    assert not Batch.objects.exists()
