"""Bad requests over HTTP: a precise problem+json, and nothing changed."""

import json

import pytest

from partners.models import IdempotencyRecord
from payouts.models import Batch
from tests.factories import ApiKeyFactory, PartnerFactory, api_client
from tests.payouts.intake_bodies import batch, item

pytestmark = pytest.mark.django_db


@pytest.fixture
def client():
    return api_client(ApiKeyFactory(partner=PartnerFactory(funded={"EUR": 1000})))


def post(client, raw, content_type="application/json", **headers):
    headers = {"Idempotency-Key": "k-1", **headers}
    return client.post("/v1/batches", raw, content_type=content_type, headers=headers)


def check(answer, status: int, code: str) -> dict:
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    shown = answer.json()
    assert (shown["status"], shown["code"]) == (status, code)
    assert shown["request_id"] == answer["X-Request-Id"]
    assert {"type", "title", "detail", "instance"} <= shown.keys()
    assert not Batch.objects.exists()
    assert not IdempotencyRecord.objects.exists()
    return shown


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "malformed_body"),
        (b"{", "malformed_json"),
        (b'{"a": 1, "a": 2}', "duplicate_member"),
        (b'{"a": "\xff"}', "invalid_utf8"),
        (b'{"a": "\\u0000"}', "nul_byte"),
        (b"[" * 50_000, "too_deep"),
    ],
)
def test_bodies_that_cannot_be_read(client, raw, code):
    check(post(client, raw), 400, code)


def test_a_missing_or_unfit_idempotency_key(client):
    raw = json.dumps(batch())
    answer = client.post("/v1/batches", raw, content_type="application/json")
    check(answer, 400, "idempotency_key_missing")
    check(post(client, raw, **{"Idempotency-Key": "x" * 256}), 400, "idempotency_key_invalid")


def test_faults_are_listed_with_pointers(client):
    shown = check(post(client, json.dumps(batch(item(amount_minor=0)))), 422, "validation_failed")
    assert shown["errors"] == [
        {
            "pointer": "/payouts/0/amount_minor",
            "code": "out_of_range",
            "detail": "Expected int >= 1.",
        }
    ]


def test_missing_funds_tell_the_shortfall(client):
    shown = check(
        post(client, json.dumps(batch(item(amount_minor=1500)))), 422, "insufficient_funds"
    )
    assert (shown["currency"], shown["available_minor"], shown["required_minor"]) == (
        "EUR",
        1000,
        1500,
    )
    assert shown["shortfall_minor"] == 500


def test_another_content_type(client):
    check(post(client, b"<batch/>", content_type="application/xml"), 415, "unsupported_media_type")


def test_another_method(client):
    answer = client.delete("/v1/batches")
    shown = check(answer, 405, "method_not_allowed")
    assert "DELETE" in shown["detail"]
    assert "GET" in answer["Allow"]


def test_a_body_over_the_limit(client, settings):
    settings.ATLASPAY_BODY_LIMIT = 1000
    check(
        post(client, json.dumps(batch(*[item(f"r-{n}") for n in range(20)]))), 413, "body_too_large"
    )


@pytest.mark.parametrize(
    "path",
    ["/v1/nothing", "/v1/batches/1", "/v1/batches/bt_1", "/v1/batches/"],
)
def test_unknown_addresses(client, path):
    check(client.get(path), 404, "not_found")


def test_an_answer_in_another_form_is_not_given(client):
    answer = client.get("/v1/batches", headers={"Accept": "text/html"})
    assert answer.status_code in (200, 406)
