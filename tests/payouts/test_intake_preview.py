"""The dry run: the answers of a submission, and no trace of it."""

from datetime import UTC, datetime, timedelta

import pytest

from payouts.models import Payout
from payouts.services.cancel import cancel_payout
from payouts.services.intake import Sender, submit
from payouts.services.preview import preview
from tests.factories import PartnerFactory
from tests.payouts.intake_bodies import OTHER_IBAN, body, item, stored_counts

pytestmark = pytest.mark.django_db


@pytest.fixture
def partner():
    return PartnerFactory(funded={"EUR": 10_000})


def test_a_preview_changes_nothing(partner):
    shown = preview(partner.id, body(item("r-0", 700), item("r-1", 0)))
    assert shown["would_be_accepted"] is True
    assert (shown["accepted_count"], shown["accepted_minor"], shown["rejected_count"]) == (
        1,
        700,
        1,
    )
    assert shown["items"] == [
        {
            "index": 0,
            "reference": "r-0",
            "amount_minor": 700,
            "rail": "sepa_inst",
            "fallback_reason": None,
            "fee_minor": 0,
        }
    ]
    assert shown["funds"] == {
        "currency": "EUR",
        "available_minor": 10_000,
        "required_minor": 700,
        "shortfall_minor": 0,
    }
    assert stored_counts() == (0, 0, 0)


def test_a_shortfall_is_told(partner):
    shown = preview(partner.id, body(item("r-0", 10_001)))
    assert shown["would_be_accepted"] is False
    assert shown["funds"]["shortfall_minor"] == 1


def test_an_atomic_batch_with_a_fault_would_not_be_accepted(partner):
    shown = preview(partner.id, body(item("r-0"), item("r-1", 0), atomic=True))
    assert shown["would_be_accepted"] is False


def test_a_taken_reference_and_a_past_time_are_told(partner):
    submit(Sender(partner.id, None), "k-1", body())
    past = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    shown = preview(partner.id, body(execute_at=past))
    assert [e["code"] for e in shown["errors"]] == ["in_the_past", "batch_reference_taken"]
    assert shown["would_be_accepted"] is False


def test_twins_of_the_last_day_and_of_the_batch_are_named(partner):
    submit(Sender(partner.id, None), "k-1", body(item("first", 700)))
    twin = Payout.objects.get()
    raw = body(
        item("again", 700),
        item("more", 701),
        item("x", 5, iban=OTHER_IBAN),
        item("y", 5, iban=OTHER_IBAN),
        reference="b-2",
    )
    found = preview(partner.id, raw)["suspected_duplicates"]
    assert [(f["index"], f["payout_id"], f["twin_index"]) for f in found] == [
        (0, twin.id, None),
        (3, None, 2),
    ]
    assert found[0]["batch_id"] == twin.batch_id


def test_canceled_payouts_and_other_partners_are_no_twins(partner):
    submit(Sender(partner.id, None), "k-1", body(item("first", 700)))
    cancel_payout(partner.id, Payout.objects.get().id)
    other = PartnerFactory(funded={"EUR": 10_000})
    submit(Sender(other.id, None), "k-1", body(item("first", 700)))
    assert preview(partner.id, body(item("a", 700), reference="b-2"))["suspected_duplicates"] == []
