"""Banks' callbacks, from the POST to what they change; signed by PyPI standardwebhooks."""

import json
from datetime import UTC, datetime

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from standardwebhooks import Webhook

from payouts.models import BankCallback
from payouts.rails import base
from payouts.services import callbacks, settlement
from tests.payouts.factories import fresh, funded_partner, queued_payout, sending
from webhooks.models import Event

pytestmark = pytest.mark.django_db
ADDRESS = "/callbacks/sandbox/"


@pytest.fixture
def sent():
    found = sending(queued_payout(funded_partner(50_000), 20_000))
    settlement.apply(
        [settlement.Answer(found.payout.id, found.attempt.id, base.Accepted())], reason="test"
    )
    return found


def transfer(sent, **changes):
    return {
        "id": "tr_1",
        "status": "settled",
        "rail": "sepa_inst",
        "amount_minor": 20_000,
        "currency": "EUR",
        "debtor_account_id": "acct_eur",
        "creditor": {"name": "Anna Jansen", "account_last4": "4300"},
        "end_to_end_id": sent.attempt.end_to_end_id,
        "created_at": "2026-11-22T10:00:00Z",
        "settled_at": "2026-11-22T10:00:01Z",
        "returned": [],
        **changes,
    }


def post(client, data, kind="transfer.updated", message_id="msg_1", spoil=False):
    body = json.dumps({"type": kind, "data": data})
    at = datetime.now(UTC)
    signature = Webhook(settings.SANDBOX_BANK_WEBHOOK_SECRET).sign(message_id, at, body)
    return client.post(
        ADDRESS,
        body.replace("settled", "setlted", 1) if spoil else body,
        content_type="application/json",
        headers={
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": signature,
        },
    )


def types(payout):
    found = Event.objects.filter(object_id=payout.id).order_by("sequence")
    return list(found.values_list("type", flat=True))


def test_a_signed_callback_is_stored_then_settles(sent):
    assert post(Client(), transfer(sent)).json() == {"stored": True}
    assert fresh(sent.payout).state == "sent"  # nothing is believed in the request
    assert callbacks.process() == 1
    assert fresh(sent.payout).state == "settled"
    row = BankCallback.objects.get()
    assert (row.state, row.attempt_id) == ("applied", sent.attempt.id)
    assert b"tr_1" not in bytes(row.body_sealed)


def test_the_same_message_three_times_and_an_older_one_late_change_nothing_more(sent):
    for _ in range(3):
        assert post(Client(), transfer(sent)).status_code == 200
    post(Client(), transfer(sent, status="pending", settled_at=None), message_id="msg_0")
    assert BankCallback.objects.count() in (2, 3, 4)  # a second's border gives a new signature
    callbacks.process()
    assert types(sent.payout) == ["payout.processing", "payout.settled"]


def test_a_forged_callback_is_kept_and_believed_in_nothing(sent):
    assert post(Client(), transfer(sent), spoil=True).status_code == 200
    callbacks.process()
    assert BankCallback.objects.get().state == "refused"
    assert fresh(sent.payout).state == "sent"


def test_a_forged_message_cannot_take_the_place_of_a_true_one(sent):
    post(Client(), transfer(sent), spoil=True)
    post(Client(), transfer(sent))
    callbacks.process()
    assert fresh(sent.payout).state == "settled"


def test_another_amount_is_not_believed_and_the_bank_is_asked(sent, caplog):
    post(Client(), transfer(sent, amount_minor=19_999))
    callbacks.process()
    payout = fresh(sent.payout)
    assert payout.state == "sent"
    assert payout.due_at <= timezone.now()
    assert BankCallback.objects.get().state == "ignored"
    assert "callback.amount_differs" in caplog.text


def test_a_transfer_nobody_here_sent_is_named(sent, caplog):
    post(Client(), transfer(sent, end_to_end_id="unknown-1"))
    callbacks.process()
    assert BankCallback.objects.get().state == "unmatched"
    assert "callback.unmatched" in caplog.text


def test_a_return_is_booked_once(sent):
    back = [
        {"id": "rv_1", "amount_minor": 20_000, "reason_code": "AC04", "at": "2026-11-23T10:00:00Z"}
    ]
    post(Client(), transfer(sent), message_id="msg_1")
    callbacks.process()
    for message_id in ("msg_2", "msg_3"):
        post(Client(), transfer(sent, returned=back), "transfer.returned", message_id)
    callbacks.process()
    payout = fresh(sent.payout)
    assert (payout.state, payout.returned_minor) == ("returned", 20_000)
    assert types(payout)[-1] == "payout.returned"
    assert types(payout).count("payout.returned") == 1


def test_an_unknown_provider_and_a_large_body_are_refused_and_stored_nowhere():
    client = Client(raise_request_exception=False)
    assert (
        client.post("/callbacks/nobody/", "{}", content_type="application/json").status_code == 404
    )
    large = client.post(ADDRESS, "x" * 65_537, content_type="application/json")
    assert large.status_code == 413
    assert client.get(ADDRESS).status_code == 405
    assert BankCallback.objects.count() == 0
