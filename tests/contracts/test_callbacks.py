"""What may be believed of a callback: signed, fresh, readable, possible."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks.webhooks import Webhook

from payouts.rails.base import (
    BadSignatureError,
    Order,
    Rail,
    ReturnHint,
    Settled,
    UnreadableMessageError,
)
from tests.contracts.voices import SANDBOX_SECRET, Voice

NOW = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)


def _signed(body: bytes, *, at: datetime = NOW, key: bytes | None = None) -> dict[str, str]:
    secret = key or base64.b64decode(SANDBOX_SECRET.removeprefix("whsec_"))
    stamp = str(int(at.timestamp()))
    content = b"msg_1." + stamp.encode() + b"." + body
    signature = base64.b64encode(hmac.digest(secret, content, hashlib.sha256)).decode()
    return {
        "Webhook-Id": "msg_1",
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1a,AAAA v1,{signature}",
    }


def _callback(kind: str, transfer: bytes) -> bytes:
    return b'{"type":"%b","timestamp":"2026-01-05T09:30:00Z","data":%b}' % (kind.encode(), transfer)


def test_callback_of_an_update(rail: Rail, order: Order, voice: Voice) -> None:
    raw_body = _callback("transfer.updated", voice.transfer(order))
    (hint,) = rail.parse_callback(_signed(raw_body), raw_body, received_at=NOW)
    assert (hint.message_id, hint.end_to_end_id) == ("msg_1", order.end_to_end_id)
    assert isinstance(hint.outcome, Settled)
    assert hint.returns == ()
    assert (hint.amount_minor, hint.currency) == (order.amount_minor, order.currency)


def test_the_reference_signer_agrees(rail: Rail, order: Order, voice: Voice) -> None:
    raw_body = _callback("transfer.updated", voice.transfer(order))
    signature = Webhook(SANDBOX_SECRET).sign("msg_9", NOW, raw_body.decode())
    headers = {
        "webhook-id": "msg_9",
        "webhook-timestamp": str(int(NOW.timestamp())),
        "webhook-signature": signature,
    }
    (hint,) = rail.parse_callback(headers, raw_body, received_at=NOW)
    assert hint.message_id == "msg_9"


def test_callback_of_a_return(rail: Rail, order: Order, voice: Voice) -> None:
    returned = [
        {"id": "ret_1", "amount_minor": 1000, "reason_code": "AC04", "at": "2026-01-06T09:00:00Z"},
        {"id": "ret_2", "amount_minor": 234, "reason_code": "FOCR", "at": "2026-01-07T09:00:00Z"},
    ]
    raw_body = _callback("transfer.returned", voice.transfer(order, returned=returned))
    (hint,) = rail.parse_callback(_signed(raw_body), raw_body, received_at=NOW)
    assert hint.returns == (
        ReturnHint("ret_1", 1000, order.currency, "AC04", datetime(2026, 1, 6, 9, tzinfo=UTC)),
        ReturnHint("ret_2", 234, order.currency, "FOCR", datetime(2026, 1, 7, 9, tzinfo=UTC)),
    )
    assert isinstance(hint.outcome, Settled)
    assert hint.outcome.returned == hint.returns


@pytest.mark.parametrize(
    "spoil",
    [
        lambda h, b: ({}, b),
        lambda h, b: (h, b + b" "),
        lambda h, b: ({**h, "webhook-signature": ""}, b),
        lambda h, b: ({**h, "webhook-signature": "v1,%%%"}, b),
        lambda h, b: ({**h, "webhook-signature": h["webhook-signature"].replace("v1,", "v2,")}, b),
        lambda h, b: ({**h, "Webhook-Id": "msg_2"}, b),
        lambda h, b: ({**h, "Webhook-Id": "m" * 81}, b),
        lambda h, b: ({**h, "webhook-timestamp": "1e9"}, b),
        lambda h, b: ({**h, "webhook-timestamp": "٣"}, b),
        lambda h, b: (_signed(b, at=NOW - timedelta(minutes=5, seconds=1)), b),
        lambda h, b: (_signed(b, at=NOW + timedelta(minutes=5, seconds=1)), b),
        lambda h, b: (_signed(b, key=b"k" * 32), b),
    ],
)
def test_forged_and_stale_callbacks(spoil: object, rail: Rail, order: Order, voice: Voice) -> None:
    body = _callback("transfer.updated", voice.transfer(order))
    headers, spoiled = spoil(_signed(body), body)  # type: ignore[operator]
    with pytest.raises(BadSignatureError):
        rail.parse_callback(headers, spoiled, received_at=NOW)


def test_an_old_message_that_was_stored_in_time_holds(
    rail: Rail, order: Order, voice: Voice
) -> None:
    body = _callback("transfer.updated", voice.transfer(order))
    signed = _signed(body, at=NOW - timedelta(minutes=4, seconds=59))
    assert len(rail.parse_callback(signed, body, received_at=NOW)) == 1
    with pytest.raises(BadSignatureError):
        rail.parse_callback(signed, body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"type":"transfer.updated"}',
        b'{"type":"transfer.updated","data":{}}',
        b'{"type":"transfer.updated","data":{"id":1}}',
        b"\xff\xfe",
    ],
)
def test_signed_nonsense(body: bytes, rail: Rail) -> None:
    with pytest.raises(UnreadableMessageError):
        rail.parse_callback(_signed(body), body, received_at=NOW)


@pytest.mark.parametrize("amounts", [[0], [-5], [1000, 235]])
def test_returns_that_cannot_be(amounts: list[int], rail: Rail, order: Order, voice: Voice) -> None:
    """12.34 went out: no more can come back, and no part is nothing or negative."""
    returned = [
        {"id": f"r{a}", "amount_minor": a, "reason_code": "AC04", "at": "2026-01-06T09:00:00Z"}
        for a in amounts
    ]
    body = _callback("transfer.returned", voice.transfer(order, returned=returned))
    with pytest.raises(UnreadableMessageError):
        rail.parse_callback(_signed(body), body, received_at=NOW)


def test_a_new_kind_of_message_gives_no_hint(rail: Rail) -> None:
    body = b'{"type":"account.updated","data":{"id":"acct_eur"}}'
    assert rail.parse_callback(_signed(body), body, received_at=NOW) == []
