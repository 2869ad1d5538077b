"""The published contract: a snapshot, and real answers held against the documented types.

After a change that is meant: `python -m tests.api.snapshot`, and read the diff.
"""

import json
from typing import Any

import msgspec
import pytest

from atlaspay.core.renderers import encode
from payouts.api import balance_shapes, examples, shapes, words
from payouts.models import Payout
from payouts.services.preview import preview
from payouts.wording import STATES_OF_STATUS, STEPS
from tests.api.snapshot import PATH, current, rendered
from tests.factories import ApiKeyFactory, PartnerFactory, api_client
from tests.payouts.factories import fresh, held_payout, queued_payout, sending
from tests.payouts.intake_bodies import IBAN, body, item


def strict(struct: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """Return the type with unknown fields refused, at its top."""
    return msgspec.defstruct(
        f"Strict{struct.__name__}", [], bases=(struct,), forbid_unknown_fields=True
    )


def check(value: Any, struct: type[msgspec.Struct]) -> None:
    """Hold an answer against its type: no field missing, none undocumented, at any depth."""
    msgspec.convert(value, strict(struct))
    documented = msgspec.to_builtins(msgspec.convert(value, struct))
    assert documented == value


def test_the_document_is_as_published():
    assert PATH.exists(), "python -m tests.api.snapshot writes it"
    assert rendered(current()) == PATH.read_text()


def test_every_operation_is_described():
    for path, operations in current()["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation.get("summary"), where
            assert operation["security"], where
            success = [status for status in operation["responses"] if status.startswith("2")]
            assert success, where
            assert {"401", "403", "429"} <= operation["responses"].keys(), where


def test_examples_are_what_they_say():
    for example, struct in (
        (examples.BATCH_ANSWER, shapes.Batch),
        (examples.BATCH_READ, shapes.Batch),
        (examples.PREVIEW_ANSWER, shapes.BatchPreview),
        (examples.PAYOUT_READ, shapes.Payout),
        (examples.BALANCE, balance_shapes.Balance),
    ):
        check(example.value, struct)


def test_every_stage_is_documented():
    for step in STEPS.values():
        assert step.status in STATES_OF_STATUS
        msgspec.convert(step.stage, words.StageName)
        msgspec.convert(step.waiting_on, words.WaitingOn | None)


@pytest.mark.django_db
def test_answers_are_as_documented():
    partner = PartnerFactory(funded={"EUR": 1_000_000})
    client = api_client(ApiKeyFactory(partner=partner))
    queued, held = queued_payout(partner), held_payout(partner)
    for payout in (queued, held):
        check(client.get(f"/v1/payouts/{payout.id}").json(), shapes.Payout)
    sending(fresh(queued))
    check(client.get(f"/v1/payouts/{queued.id}").json(), shapes.Payout)
    check(
        client.post(f"/v1/payouts/{held.id}/cancel", content_type="application/json").json(),
        shapes.Payout,
    )
    check(client.get("/v1/payouts").json(), shapes.PayoutPage)
    check(client.get("/v1/batches").json(), shapes.BatchPage)
    check(client.get(f"/v1/batches/{queued.batch_id}").json(), shapes.Batch)
    check(
        client.post(f"/v1/batches/{held.batch_id}/cancel", content_type="application/json").json(),
        shapes.BatchCancellation,
    )
    check(client.get("/v1/balance").json(), balance_shapes.Balance)
    check(client.get("/v1/balance/entries").json(), balance_shapes.BalanceEntryPage)
    shown = preview(partner.id, body(item("a", 5), item("b", 5), item("c", 0)))
    check(json.loads(encode(shown)), shapes.BatchPreview)


@pytest.mark.django_db
def test_no_answer_holds_an_account_number():
    partner = PartnerFactory(funded={"EUR": 1_000_000})
    client = api_client(ApiKeyFactory(partner=partner))
    client.post(
        "/v1/batches",
        body(),
        content_type="application/json",
        headers={"Idempotency-Key": "k"},
    )
    payout = Payout.objects.get()
    for path in ("/v1/payouts", f"/v1/payouts/{payout.id}", f"/v1/batches/{payout.batch_id}"):
        assert IBAN not in client.get(path).content.decode()
