"""What look-ups and entries may conclude; a lost look-up proves nothing."""

import json
import socket
import threading
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from payouts.rails.base import (
    Accepted,
    NotFound,
    Order,
    Rail,
    RailReadError,
    Rejected,
    Settled,
    Unknown,
)
from payouts.rails.sandbox import client
from tests.contracts import misbehaving as bad
from tests.contracts.misbehaving import MisbehavingBank, answer, raw
from tests.contracts.voices import Voice, rail_at


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
    "gzip that is none": answer(200, b"{}", "Content-Encoding: gzip"),
    "length is no number": raw(b"HTTP/1.1 200 X\r\nContent-Length: abc\r\n\r\n"),
    "head of 200 KB": raw(b"HTTP/1.1 200 X\r\nA: " + b"a" * 200_000 + b"\r\n\r\n"),
    "500 headers": raw(b"HTTP/1.1 200 X\r\n" + b"A: b\r\n" * 500 + b"\r\n"),
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
