"""Batches stored first: sealed, taken in by a worker, and never looping when they cannot be."""

import json

import pytest
from django.db import connection

from payouts.models import Batch, BatchUpload, Payout
from payouts.selectors.balance import funds_of
from payouts.services import intake_deferred
from payouts.services.cancel import cancel_batch
from payouts.services.intake import Sender, submit, take_in
from tests.factories import PartnerFactory
from tests.payouts.intake_bodies import IBAN, body, item
from webhooks.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def partner():
    return PartnerFactory(funded={"EUR": 10_000})


def store(partner, raw: bytes, key: str = "k-1") -> Batch:
    answer = submit(Sender(partner.id, None), key, raw, is_deferred=True)
    return Batch.objects.get(id=answer.batch_id)


def event_types() -> list[str]:
    return list(Event.objects.order_by("position").values_list("type", flat=True))


def reserved(partner) -> int:
    return sum(f.reserved_minor for f in funds_of(partner.id))


def test_a_stored_batch_is_sealed_and_moves_no_money(partner):
    answer = submit(Sender(partner.id, None), "k-1", body(item("r-0", 700)), is_deferred=True)
    shown = json.loads(answer.body)
    assert (shown["intake"], shown["status"], shown["item_count"]) == ("received", "queued", 1)
    assert (shown["accepted_count"], shown["rejected_count"], shown["cancelable"]) == (0, 0, True)
    assert IBAN.encode() not in bytes(BatchUpload.objects.get().body_sealed)
    assert (Payout.objects.count(), reserved(partner), event_types()) == (0, 0, [])


def test_taking_in_ends_as_if_submitted_at_once(partner):
    batch = store(partner, body(item("r-0", 700), item("r-1", 0)))
    assert take_in(limit=1) == 1
    batch.refresh_from_db()
    assert (batch.intake, batch.accepted_count, batch.item_count) == ("accepted", 1, 2)
    assert batch.rejections[0]["errors"][0]["pointer"] == "/payouts/1/amount_minor"
    assert reserved(partner) == 700
    assert event_types() == ["batch.accepted"]
    assert not BatchUpload.objects.exists()
    assert take_in(limit=1) == 0


def test_the_repetition_of_a_stored_batch_is_its_first_answer(partner):
    first = submit(Sender(partner.id, None), "k-1", body(), is_deferred=True)
    take_in(limit=5)
    again = submit(Sender(partner.id, None), "k-1", body(), is_deferred=True)
    assert (again.is_replay, again.body) == (True, first.body)


def test_more_than_a_thousand_items_are_stored_first(partner):
    items = [item(f"r-{n}", 1) for n in range(1001)]
    answer = submit(Sender(partner.id, None), "k-1", body(*items))
    assert json.loads(answer.body)["intake"] == "received"
    take_in(limit=1)
    assert Payout.objects.count() == 1001
    assert reserved(partner) == 1001


def test_missing_funds_reject_a_stored_batch(partner):
    batch = store(partner, body(item("r-0", 10_001)))
    take_in(limit=1)
    batch.refresh_from_db()
    assert (batch.intake, batch.problem["code"]) == ("rejected", "insufficient_funds")
    assert batch.problem["shortfall_minor"] == 1
    assert batch.completed_at is not None
    assert (Payout.objects.count(), reserved(partner)) == (0, 0)
    assert event_types() == ["batch.rejected"]
    assert not BatchUpload.objects.exists()


def test_a_stored_batch_without_a_valid_item_is_rejected_with_the_list(partner):
    batch = store(partner, body(item("r-0", 0)))
    take_in(limit=1)
    batch.refresh_from_db()
    assert (batch.intake, batch.problem["code"]) == ("rejected", "validation_failed")
    assert batch.rejections[0]["index"] == 0


def test_a_body_that_always_breaks_ends_as_a_rejected_batch(partner, monkeypatch):
    class BrokenError(Exception):
        """What a fault of ours would raise."""

    def broken(*args: object) -> None:
        raise BrokenError

    batch = store(partner, body())
    monkeypatch.setattr(intake_deferred, "accept", broken)
    for _ in range(intake_deferred.TRIES_MAX):
        with pytest.raises(BrokenError):
            take_in(limit=1)
    assert take_in(limit=1) == 1
    batch.refresh_from_db()
    assert (batch.intake, batch.problem["code"]) == ("rejected", "intake_failed")
    assert (Payout.objects.count(), reserved(partner)) == (0, 0)
    assert take_in(limit=1) == 0


def test_a_poisoned_body_does_not_hold_up_the_others(partner, monkeypatch):
    poisoned = store(partner, body(reference="poison"), key="k-1")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE payouts_batchupload SET attempts = 2")
    fine = store(partner, body(reference="fine"), key="k-2")
    take_in(limit=1)
    poisoned.refresh_from_db()
    fine.refresh_from_db()
    assert (poisoned.intake, fine.intake) == ("received", "accepted")


def test_a_stored_batch_can_be_canceled(partner):
    batch = store(partner, body())
    cancel_batch(partner.id, batch.id)
    batch.refresh_from_db()
    assert (batch.intake, batch.problem["code"]) == ("rejected", "canceled_by_partner")
    assert take_in(limit=1) == 0
    assert (Payout.objects.count(), event_types()) == (0, ["batch.rejected"])
