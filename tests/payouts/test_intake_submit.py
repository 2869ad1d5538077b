"""Taking a batch in: what is written, what is reserved, what is refused with nothing changed."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from atlaspay.core.errors import ConflictError, InvalidRequestError
from ledger.errors import InsufficientFundsError
from partners.models import IdempotencyRecord
from payouts.models import Batch, Payout
from payouts.selectors.balance import funds_of
from payouts.services import intake_accept
from payouts.services.cancel import cancel_batch
from payouts.services.intake import Sender, submit
from payouts.services.sweeps import complete_batches
from payouts.vault import open_account
from tests.factories import PartnerFactory
from tests.payouts.intake_bodies import IBAN, OTHER_IBAN, body, item, stored_counts, us_item
from webhooks.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def partner():
    return PartnerFactory(funded={"EUR": 10_000, "USD": 10_000})


def send(partner, raw: bytes, key: str = "k-1", **more):
    return submit(Sender(partner.id, None), key, raw, **more)


def funds(partner, currency: str = "EUR") -> tuple[int, int, int]:
    (one,) = [f for f in funds_of(partner.id) if f.currency == currency]
    return one.available_minor, one.reserved_minor, one.in_transit_minor


def assert_nothing_changed(partner) -> None:
    assert stored_counts() == (0, 0, 0)
    assert IdempotencyRecord.objects.count() == 0
    assert funds(partner)[0] == 10_000


def test_a_batch_is_stored_reserved_and_told(partner):
    answer = send(partner, body(item("r-0", 1000), item("r-1", 2500, iban=OTHER_IBAN)))
    shown = json.loads(answer.body)
    assert (answer.status, answer.is_replay) == (202, False)
    assert (shown["status"], shown["accepted_count"], shown["accepted_minor"]) == (
        "queued",
        2,
        3500,
    )
    assert shown["totals"]["queued"] == {"count": 2, "amount_minor": 3500}
    assert funds(partner) == (6500, 3500, 0)
    first, second = Payout.objects.order_by("position")
    assert (first.state, first.rail, first.account_last4) == ("screening", "sepa_inst", "0000")
    assert open_account(first) == {"type": "iban", "iban": IBAN}
    assert IBAN.encode() not in bytes(first.account_sealed)
    assert (second.reference, second.amount_minor, second.position) == ("r-1", 2500, 1)
    event = Event.objects.get()
    assert event.type == "batch.accepted"
    told = json.loads(bytes(event.body))["data"]["batch"]
    assert told == {k: v for k, v in shown.items() if k != "rejected"}
    assert Payout.history.filter(history_type="+").count() == 2


def test_equal_accounts_have_equal_indexes_however_written(partner):
    send(partner, body(item("a", 1), item("b", 1, iban="nl64 ATLS 0000 0000 00")))
    assert len({bytes(p.account_index) for p in Payout.objects.all()}) == 1


def test_repeating_gives_the_first_answer_and_no_second_batch(partner):
    first = send(partner, body())
    again = send(partner, json.dumps(json.loads(body()), indent=3).encode())
    assert again.is_replay
    assert (again.body, again.batch_id) == (first.body, first.batch_id)
    assert Batch.objects.count() == 1
    assert funds(partner) == (9000, 1000, 0)


def test_another_body_under_the_same_key_is_refused_with_what_differs(partner):
    first = send(partner, body(item("r-0", 1000), item("r-1", 1)))
    with pytest.raises(InvalidRequestError) as caught:
        send(partner, body(item("r-0", 1000), item("r-1", 2)))
    assert caught.value.code == "idempotency_key_reused"
    assert caught.value.extra["object_id"] == first.batch_id
    assert caught.value.extra["differing"] == ["/payouts/1/amount_minor"]
    assert Batch.objects.count() == 1


def test_a_repetition_after_the_execution_time_is_still_a_repetition(partner, monkeypatch):
    soon = (datetime.now(UTC) + timedelta(seconds=30)).isoformat()
    first = send(partner, body(execute_at=soon))
    monkeypatch.setattr("payouts.services.intake_accept.EXECUTE_AHEAD", timedelta(seconds=1))
    assert send(partner, body(execute_at=soon)).body == first.body


def test_a_taken_reference_is_a_conflict_that_names_the_first(partner):
    first = send(partner, body(), key="k-1")
    with pytest.raises(ConflictError) as caught:
        send(partner, body(item("other", 5)), key="k-2")
    assert caught.value.code == "batch_reference_taken"
    assert caught.value.extra == {"batch_id": first.batch_id}
    assert funds(partner) == (9000, 1000, 0)
    assert IdempotencyRecord.objects.count() == 1


def test_two_partners_may_use_one_reference_and_one_key(partner):
    other = PartnerFactory(funded=True)
    first, second = send(partner, body()), send(other, body())
    assert first.batch_id != second.batch_id


def test_partial_acceptance_lists_what_it_refused(partner):
    wrong_iban = item("r-1", 1000, iban="NL65ATLS0000000000")
    answer = send(partner, body(item("r-0", 1000), wrong_iban, item("r-2", 500)))
    shown = json.loads(answer.body)
    assert (shown["item_count"], shown["accepted_count"], shown["rejected_count"]) == (3, 2, 1)
    (rejection,) = shown["rejected"]
    assert (rejection["index"], rejection["reference"]) == (1, "r-1")
    assert rejection["errors"][0]["pointer"] == "/payouts/1/recipient/account/iban"
    assert rejection["errors"][0]["code"] == "iban_check_digits"
    assert funds(partner) == (8500, 1500, 0)
    assert [p.position for p in Payout.objects.order_by("position")] == [0, 2]


def test_atomic_refuses_all_for_one(partner):
    with pytest.raises(InvalidRequestError) as caught:
        send(partner, body(item("r-0"), item("r-1", 0), atomic=True))
    assert [e["pointer"] for e in caught.value.errors] == ["/payouts/1/amount_minor"]
    assert_nothing_changed(partner)


def test_nothing_valid_refuses_the_batch(partner):
    with pytest.raises(InvalidRequestError) as caught:
        send(partner, body(item("r-0", 0), 7))
    assert [e["pointer"] for e in caught.value.errors] == [
        "/payouts/0/amount_minor",
        "/payouts/1",
    ]
    assert_nothing_changed(partner)


def test_doubled_references_are_refused_on_every_side(partner):
    answer = send(partner, body(item("twin", 1), item("single", 2), item("twin", 3)))
    shown = json.loads(answer.body)
    assert [(r["index"], r["errors"][0]["code"]) for r in shown["rejected"]] == [
        (0, "duplicate_reference"),
        (2, "duplicate_reference"),
    ]
    assert "'twin' is used by item 2" in shown["rejected"][0]["errors"][0]["detail"]
    assert "'twin' is used by item 0" in shown["rejected"][1]["errors"][0]["detail"]
    assert Payout.objects.get().reference == "single"


@pytest.mark.parametrize("is_atomic", [True, False])
def test_missing_funds_refuse_the_whole_batch_with_the_shortfall(partner, is_atomic):
    with pytest.raises(InsufficientFundsError) as caught:
        send(partner, body(item("r-0", 6000), item("r-1", 4001), atomic=is_atomic))
    assert (caught.value.status, caught.value.code) == (422, "insufficient_funds")
    assert caught.value.extra == {
        "currency": "EUR",
        "required_minor": 10_001,
        "available_minor": 10_000,
        "shortfall_minor": 1,
    }
    assert_nothing_changed(partner)


def test_the_last_cent_may_be_spent(partner):
    send(partner, body(item("r-0", 10_000)))
    assert funds(partner) == (0, 10_000, 0)


def test_a_failed_request_may_be_repeated_under_its_key(partner):
    with pytest.raises(InsufficientFundsError):
        send(partner, body(item("r-0", 10_001)), key="same")
    assert send(partner, body(item("r-0", 10_000)), key="same").is_replay is False


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"name": "  "}, "name", "name_empty"),
        ({"name": "Anna\u200bJ"}, "name", "control_character"),
        ({"country": "ZZ"}, "country", "unknown_country"),
    ],
)
def test_recipients_are_checked(partner, changes, pointer, code):
    one = item("r-1")
    one["recipient"] = {**one["recipient"], **changes}
    answer = send(partner, body(item("r-0"), one))
    (rejection,) = json.loads(answer.body)["rejected"]
    assert [(e["pointer"], e["code"]) for e in rejection["errors"]] == [
        (f"/payouts/1/recipient/{pointer}", code)
    ]


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ({"": "x"}, "wrong_length"),
        ({"k" * 41: "x"}, "wrong_length"),
        ({"k": "x" * 501}, "wrong_length"),
        ({"k": "\x07"}, "control_character"),
    ],
)
def test_metadata_has_limits(partner, metadata, code):
    answer = send(partner, body(item("r-0"), item("r-1", metadata=metadata)))
    (rejection,) = json.loads(answer.body)["rejected"]
    assert [e["code"] for e in rejection["errors"]] == [code]


def test_a_currency_without_a_rail_is_refused(partner):
    with pytest.raises(InvalidRequestError) as caught:
        send(partner, body(currency="JPY"))
    assert caught.value.errors[0]["pointer"] == "/currency"
    assert_nothing_changed(partner)


def test_an_account_that_no_rail_pays_in_this_currency_is_refused(partner):
    answer = send(partner, body(item("r-0"), us_item("r-1")))
    (rejection,) = json.loads(answer.body)["rejected"]
    assert rejection["errors"][0]["pointer"] == "/payouts/1/recipient/account/type"


def test_a_requested_rail_that_never_fits_is_refused(partner):
    with pytest.raises(InvalidRequestError) as caught:
        send(partner, body(rail="fps"))
    assert {e["pointer"] for e in caught.value.errors} == {"/rail"}
    assert_nothing_changed(partner)


def test_a_requested_rail_is_kept_and_applied(partner):
    send(partner, body(us_item(), currency="USD", rail="fednow"))
    payout = Payout.objects.get()
    assert (payout.rail_requested, payout.rail, payout.fallback_reason) == ("fednow", "fednow", "")


@pytest.mark.parametrize(
    ("ahead", "code"), [(timedelta(seconds=-1), "in_the_past"), (timedelta(91), "too_far_ahead")]
)
def test_execution_times_have_bounds(partner, ahead, code):
    at = (datetime.now(UTC) + ahead).isoformat()
    with pytest.raises(InvalidRequestError) as caught:
        send(partner, body(execute_at=at))
    assert caught.value.errors[0]["code"] == code
    assert_nothing_changed(partner)


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59-23:00", "0001-01-01T00:00:00+23:00"])
def test_times_at_the_ends_of_the_calendar_are_refused(partner, at):
    with pytest.raises(InvalidRequestError):
        send(partner, body(execute_at=at))
    assert_nothing_changed(partner)


def test_an_execution_time_is_kept_in_utc_whatever_its_offset(partner):
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    local = (at + timedelta(hours=20)).replace(tzinfo=None).isoformat() + "+20:00"
    send(partner, body(execute_at=local))
    assert Payout.objects.get().execute_at == at


def test_a_payout_made_fast_is_as_the_model_makes_it(partner):
    send(partner, body(item("r-0", metadata={"k": "v"}), item("r-1")))
    first, second = Payout.objects.order_by("position")
    built = Payout(**{f.attname: getattr(first, f.attname) for f in Payout._meta.concrete_fields})
    assert vars(built).keys() == vars(first).keys()
    fast = intake_accept._made(**{name: v for name, v in vars(first).items() if name != "_state"})
    assert {k: v for k, v in vars(fast).items() if k != "_state"} == {
        k: v for k, v in vars(first).items() if k != "_state"
    }
    assert fast == first
    assert fast._state.adding is True
    assert (first.metadata, second.metadata) == ({"k": "v"}, {})


def test_an_account_in_a_country_no_rail_reaches_is_refused(partner):
    answer = send(partner, body(item("r-0"), item("r-1", iban="BR1800360305000010009795493C1")))
    (rejection,) = json.loads(answer.body)["rejected"]
    assert [(e["pointer"], e["code"]) for e in rejection["errors"]] == [
        ("/payouts/1/recipient/account", "account_country_not_on_rail")
    ]


def test_events_stay_small_however_many_items_are_refused(partner):
    refused = [item(f"r-{n}", 0) for n in range(900)]
    answer = send(partner, body(item("fine", 1), *refused))
    assert json.loads(answer.body)["rejected_count"] == 900
    cancel_batch(partner.id, answer.batch_id)
    complete_batches()
    completed = Event.objects.get(type="batch.completed")
    told = json.loads(bytes(completed.body))["data"]["batch"]
    assert (told["status"], told["rejected_count"]) == ("canceled", 900)
    assert "rejected" not in told


def test_the_batch_counts_its_events(partner):
    answer = send(partner, body())
    batch = Batch.objects.get(id=answer.batch_id)
    assert (batch.event_count, batch.last_event_id) == (1, Event.objects.get().id)
    cancel_batch(partner.id, batch.id)
    complete_batches()
    batch.refresh_from_db()
    last = Event.objects.get(type="batch.completed")
    assert (batch.event_count, batch.last_event_id) == (2, last.id)
    assert json.loads(bytes(last.body))["prev_id"] == Event.objects.get(type="batch.accepted").id
