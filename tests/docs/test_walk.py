"""The README's walk as an integrator: its requests, its answers, word for word."""

import json
import re

import pytest

from atlaspay.run.expect import expected_end
from payouts.models import Payout
from payouts.rails.failures import explain
from tests.docs.pages import read, section
from tests.e2e.test_magic_accounts import ENDS, WAITING
from tests.factories import ApiKeyFactory, PartnerFactory, api_client


@pytest.fixture
def client():
    return api_client(ApiKeyFactory(partner=PartnerFactory(funded={"EUR": 100_000})))


def _edited(program: str) -> str:
    """Apply a `sed s/a/b/` of the walk to the example batch."""
    _, old, new, _ = program.split("/")
    text = read("examples/batch_eur.json")
    assert text.count(old) == 1
    return text.replace(old, new)


def _seds() -> list[str]:
    walk = section(read("README.md"), "Five minutes as an integrator")
    return re.findall(r"sed (s/\S+/) examples/batch_eur\.json", walk)


@pytest.mark.django_db
def test_the_typing_error_is_found_by_the_dry_run(client):
    answer = client.post(
        "/v1/batches/validate", _edited(_seds()[0]), content_type="application/json"
    ).json()
    walk = section(read("README.md"), "Five minutes as an integrator")
    error = answer["rejected"][0]["errors"][0]
    assert answer["would_be_accepted"] is True
    assert (error["pointer"], error["code"]) == (
        "/payouts/0/recipient/account/iban",
        "iban_check_digits",
    )
    assert all(f'"{error[name]}"' in walk for name in ("pointer", "code", "detail"))
    assert not Payout.objects.exists()


@pytest.mark.django_db
def test_submitting_repeating_and_reusing_a_key_answer_as_the_walk_says(client):
    def send(body):
        return client.post(
            "/v1/batches",
            body,
            content_type="application/json",
            headers={"Idempotency-Key": "sellers-week-47"},
        )

    first, again = (send(read("examples/batch_eur.json")) for _ in range(2))
    assert (first.status_code, first.json()["accepted_count"]) == (202, 2)
    assert again["Idempotent-Replayed"] == "true"
    assert again.content == first.content
    reused = send(_edited(_seds()[1])).json()
    assert reused["status"] == 422
    assert reused["code"] == "idempotency_key_reused"
    assert reused["object_id"] == first.json()["id"]
    assert reused["differing"] == ["/payouts/0/amount_minor"]
    assert Payout.objects.count() == 2


@pytest.mark.django_db
def test_the_other_example_is_accepted_too(client):
    body = json.loads(read("examples/batch_usd_atomic.json"))
    answer = client.post("/v1/batches/validate", body, content_type="application/json").json()
    assert (answer["rejected_count"], answer["funds"]["currency"]) == (0, "USD")


def test_the_table_of_sandbox_accounts_says_what_the_end_to_end_tests_see():
    rows = re.findall(
        r"^\| `(NL\d\dATLS\d{10})` \| (.*) \|$",
        section(read("docs/api.md"), "Sandbox accounts"),
        re.MULTILINE,
    )
    assert [int(iban[-2:]) for iban, _ in rows] == list(range(24))
    for iban, words in rows:
        ending = int(iban[-2:])
        assert int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97 == 1
        if ending in ENDS:
            status, code = ENDS[ending]
            assert f"`{status}`" in words
            if status == "failed":
                assert f"`{explain(code).code}`" in words
        else:
            assert ending in WAITING
            row = {"amount_minor": "500", "recipient_country": "NL", "recipient_name": "A"}
            row |= {"routing_number": "", "iban": iban, "currency": "EUR"}
            assert expected_end(row).status == "processing"
