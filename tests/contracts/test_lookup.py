"""What look-ups, callbacks and entries may conclude; a lost look-up proves nothing."""

import base64
import hashlib
import hmac
import json
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from standardwebhooks.webhooks import Webhook

from payouts.rails.base import (
    Accepted,
    BadSignatureError,
    NotFound,
    Order,
    Rail,
    RailReadError,
    Rejected,
    ReturnHint,
    Settled,
    Unknown,
    UnreadableMessageError,
)
from payouts.rails.sandbox import client
from tests.contracts import misbehaving as bad
from tests.contracts.misbehaving import MisbehavingBank, answer, raw
from tests.contracts.voices import SANDBOX_SECRET, Voice, rail_at

NOW = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)


@pytest.fixture
def _short_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a hanging look-up end soon."""
    monkeypatch.setattr(client, "DEADLINE_S", 0.3)
    make = client.http.session

    def short(base_url: str, **options: object) -> object:
        return make(base_url, **{**options, "connect_s": 0.3, "read_s": 0.3})

    monkeypatch.setattr(client.http, "session", short)


def test_found_by_key(rail: Rail, order: Order, voice: Voice, bank: MisbehavingBank) -> None:
    bank.will(answer(200, voice.page(voice.transfer(order))))
    outcome = rail.lookup(order)
    assert isinstance(outcome, Settled)
    assert outcome.bank_reference == "tr_1"
    (seen,) = bank.seen
    assert parse_qs(urlsplit(seen.target).query) == {"idempotency_key": [order.bank_key]}


def test_found_by_end_to_end_id(
    rail: Rail, order: Order, voice: Voice, bank: MisbehavingBank
) -> None:
    bank.will(
        answer(200, voice.page()),
        answer(200, voice.page(voice.transfer(order, "rejected", reason_code="AC04"))),
    )
    outcome = rail.lookup(order)
    assert isinstance(outcome, Rejected)
    assert outcome.canonical == "account_closed"
    assert len(bank.seen) == 2
    assert parse_qs(urlsplit(bank.seen[1].target).query) == {"end_to_end_id": [order.end_to_end_id]}


def test_not_found_needs_two_empty_answers(
    rail: Rail, order: Order, voice: Voice, bank: MisbehavingBank
) -> None:
    bank.will(answer(200, voice.page()))
    assert type(rail.lookup(order)) is NotFound
    assert len(bank.seen) == 2


def test_half_a_not_found_is_unknown(
    rail: Rail, order: Order, voice: Voice, bank: MisbehavingBank
) -> None:
    bank.will(answer(200, voice.page()), answer(500))
    assert type(rail.lookup(order)) is Unknown


LOST = {
    "reset before reading": bad.reset_before_reading,
    "reset after reading": bad.reset_after_reading,
    "closed": bad.close_after_reading,
    "hangs": bad.hang,
    "drips": bad.drip,
    "floods": bad.flood,
    "not HTTP": raw(b"\x00\x01\x02\r\n\r\n"),
    "cut short": answer(200, b'{"data":[', length=100),
    "empty": answer(200),
    "HTML": answer(200, b"<html>"),
    "a list": answer(200, b"[]"),
    "no data": answer(200, b"{}"),
    "404": answer(404, b'{"code":"not_found","message":"."}'),
    "401": answer(401),
    "403": answer(403),
    "500": answer(500),
    "503": answer(503, b'{"code":"unavailable","message":"."}'),
    "302": answer(302, b"", "Location: /elsewhere"),
}


@pytest.mark.usefixtures("_short_reads")
@pytest.mark.parametrize("play", LOST.values(), ids=LOST.keys())
def test_a_lost_look_up_is_unknown(
    play: bad.Play, case: tuple[str, str], order: Order, bank: MisbehavingBank
) -> None:
    """Above all not NotFound: that would let the payment be sent again."""
    bank.will(play)
    began = time.monotonic()
    outcome = rail_at(bank.url, *case).lookup(order)
    assert type(outcome) is Unknown, outcome
    assert time.monotonic() - began < 5


def test_bank_away(case: tuple[str, str], order: Order) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    outcome = rail_at(f"http://127.0.0.1:{port}", *case).lookup(order)
    assert type(outcome) is Unknown


def test_a_limited_look_up_says_when_to_ask_again(
    rail: Rail, order: Order, bank: MisbehavingBank
) -> None:
    bank.will(answer(429, b"", "Retry-After: 3"))
    outcome = rail.lookup(order)
    assert type(outcome) is Unknown
    assert (outcome.http_status, outcome.retry_after_s) == (429, 3.0)


def test_two_transfers_of_one_key_are_unknown(
    rail: Rail, order: Order, voice: Voice, bank: MisbehavingBank
) -> None:
    bank.will(answer(200, voice.page(voice.transfer(order), voice.transfer(order, id="tr_2"))))
    assert type(rail.lookup(order)) is Unknown


def test_a_transfer_of_another_amount_is_unknown(
    rail: Rail, order: Order, voice: Voice, bank: MisbehavingBank
) -> None:
    bank.will(answer(200, voice.page(voice.transfer(order, amount_minor=1))))
    outcome = rail.lookup(order)
    assert type(outcome) is Unknown
    assert outcome.bank_reference == "tr_1"


def test_threads_may_share_a_rail(
    rail: Rail, order: Order, voice: Voice, bank: MisbehavingBank
) -> None:
    bank.will(answer(200, voice.page(voice.transfer(order, "pending"))))
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda: found.extend(rail.lookup(order) for _ in range(10)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert [type(outcome) for outcome in found] == [Accepted] * 40


# Callbacks.


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


# Entries.


def _entries(*lines: dict[str, object], last_seq: int) -> bytes:
    return json.dumps({"account_id": "a", "data": lines, "last_seq": last_seq}).encode()


def test_entries_page_by_page(rail: Rail, bank: MisbehavingBank) -> None:
    line = {
        "seq": 7,
        "kind": "transfer",
        "amount_minor": -1234,
        "currency": "EUR",
        "booked_at": "2026-01-05T09:30:00Z",
        "transfer_id": "tr_1",
        "end_to_end_id": "x-1",
    }
    bank.will(
        answer(200, _entries(line, last_seq=7)), answer(200, _entries(last_seq=7)), answer(500)
    )
    (entry,), cursor = rail.list_entries("")
    assert (entry.reference, entry.amount_minor, entry.end_to_end_id) == ("a:7", -1234, "x-1")
    assert cursor == "7"
    assert rail.list_entries(cursor) == ([], "7")
    assert "after_seq=7" in bank.seen[1].target
    with pytest.raises(RailReadError):
        rail.list_entries(cursor)


def test_no_read_follows_a_redirect(rail: Rail, order: Order, bank: MisbehavingBank) -> None:
    bank.will(answer(302, b"", f"Location: {bank.url}/stolen"))
    rail.lookup(order)
    assert [urlsplit(seen.target).path for seen in bank.seen] == ["/v1/transfers"]
