"""What `submit` may conclude from everything a bank and a network can do."""

import asyncio
import gzip
import hashlib
import random
import socket
from email.utils import formatdate
from pathlib import Path

import aiohttp
import pytest

from payouts.rails import registry
from payouts.rails.base import (
    Accepted,
    Blocked,
    ConfigError,
    Order,
    Rail,
    RateLimited,
    Rejected,
    RetryClass,
    Settled,
    Unavailable,
    Unknown,
)
from tests.contracts import misbehaving as bad
from tests.contracts.conftest import Send
from tests.contracts.misbehaving import MisbehavingBank, answer, raw
from tests.contracts.voices import RAILS, VOICES, Voice, order_for, rail_at


def test_every_rail_of_the_product_is_in_the_suite() -> None:
    built = registry.build(VOICES["sandbox"].settings("http://127.0.0.1:1"))
    assert sorted((rail.provider, name) for name, rail in built.rails.items()) == sorted(RAILS)
    assert tuple(built.rails) == registry.RAIL_NAMES


def test_settled_at_once(
    rail: Rail, order: Order, voice: Voice, bank: MisbehavingBank, send: Send
) -> None:
    body = voice.transfer(order)
    bank.will(answer(201, body))
    outcome = send(rail, order)
    assert isinstance(outcome, Settled)
    assert outcome.settled_at is not None
    assert outcome.settled_at.isoformat() == "2026-01-05T09:30:00+00:00"
    assert outcome.bank_reference == "tr_1"
    assert outcome.http_status == 201
    assert outcome.response_hash == hashlib.sha256(body).digest()
    (seen,) = bank.seen
    assert seen.headers["idempotency-key"] == order.bank_key
    assert hashlib.sha256(seen.body).digest() == rail.payload_hash(order)
    assert seen.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("pending", Accepted(money_moved=False)),
        ("accepted_without_posting", Accepted(money_moved=True)),
        ("blocked", Blocked()),
        ("a_status_of_next_year", Accepted(money_moved=False)),
    ],
)
def test_open_statuses(
    status: str,
    expected: Accepted | Blocked,
    rail: Rail,
    order: Order,
    voice: Voice,
    bank: MisbehavingBank,
    send: Send,
) -> None:
    bank.will(answer(202, voice.transfer(order, status)))
    outcome = send(rail, order)
    assert type(outcome) is type(expected)
    assert getattr(outcome, "money_moved", None) == getattr(expected, "money_moved", None)
    assert outcome.bank_status == status


@pytest.mark.parametrize(
    ("reason", "canonical", "retry_class"),
    [
        ("AC04", "account_closed", RetryClass.TERMINAL),
        ("AB05", "beneficiary_bank_timeout", RetryClass.RETRY_NEW),
        ("AG03", "account_type_unsupported", RetryClass.REROUTE),
        ("9910", "bank_not_on_rail", RetryClass.REROUTE),
        ("AM04", "insufficient_prefunding", RetryClass.HOLD),
        ("AM05", "duplicate", RetryClass.RECONCILE),
        ("ZZ99", "refused_unspecified", RetryClass.TERMINAL_SOFT),
    ],
)
def test_refusals(
    reason: str,
    canonical: str,
    retry_class: RetryClass,
    rail: Rail,
    order: Order,
    voice: Voice,
    bank: MisbehavingBank,
    send: Send,
) -> None:
    bank.will(answer(201, voice.transfer(order, "rejected", reason_code=reason)))
    outcome = send(rail, order)
    assert isinstance(outcome, Rejected)
    assert (outcome.canonical, outcome.retry_class) == (canonical, retry_class)
    assert outcome.bank_code == reason


UNKNOWN_PLAYS = {
    "reset before reading": bad.reset_before_reading,
    "reset after reading": bad.reset_after_reading,
    "closed after reading": bad.close_after_reading,
    "hangs": bad.hang,
    "drips for ever": bad.drip,
    "floods": bad.flood,
    "not HTTP": raw(b"\x00\xff\x16\x03 what is this\r\n\r\n"),
    "status line without a number": raw(b"HTTP/1.1 abc OK\r\n\r\n"),
    "head cut short": raw(b"HTTP/1.1 201 Created\r\nContent-Le"),
    "header of 100 KB": raw(b"HTTP/1.1 201 X\r\nA: " + b"a" * 100_000 + b"\r\n\r\n"),
    "shorter than its length": answer(201, b'{"id":"tr_1"', length=500),
    "chunked, cut short": raw(b'HTTP/1.1 201 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"i'),
    "chunk size is no number": raw(
        b"HTTP/1.1 201 X\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"
    ),
    "negative length": raw(b"HTTP/1.1 201 X\r\nContent-Length: -5\r\n\r\n{}"),
    "empty 201": answer(201),
    "201 with JSON cut short": answer(201, b'{"id":"tr_1","status":"settl'),
    "201 with another object": answer(201, b'{"ok":true}'),
    "201 with a list": answer(201, b"[]"),
    "201 in HTML": answer(201, b"<html>welcome</html>"),
    "201 not UTF-8": answer(201, b'{"id":"\xff\xfe"}'),
    "201 compressed unasked": answer(201, gzip.compress(b"{}"), "Content-Encoding: gzip"),
    "204": answer(204),
    "500": answer(500, b"oops"),
    "501": answer(501),
    "502": answer(502, b"<html>bad gateway</html>"),
    "503 of some box between": answer(503, b"<html>no backend</html>", "Retry-After: 5"),
    "504": answer(504, b'{"code":"gateway_timeout","message":"."}'),
    "404 of some box between": answer(404, b"<html>not found</html>"),
    "408": answer(408, b'{"code":"timeout","message":"."}'),
    "409 still running": answer(
        409, b'{"code":"idempotency_key_in_use","message":".","resource_id":"tr_9"}'
    ),
    "409 other body": answer(
        409, b'{"code":"idempotency_key_reused","message":".","resource_id":"tr_9"}'
    ),
    "418": answer(418, b'{"code":"teapot","message":"."}'),
    **{
        f"{status} elsewhere": answer(status, b"", "Location: http://127.0.0.1:1/v1/transfers")
        for status in (301, 302, 303, 307, 308)
    },
}


@pytest.mark.parametrize("play", UNKNOWN_PLAYS.values(), ids=UNKNOWN_PLAYS.keys())
def test_unknown(
    play: bad.Play, rail: Rail, order: Order, bank: MisbehavingBank, send: Send
) -> None:
    """The bank may have it: nothing else may be concluded, and nothing is sent twice."""
    bank.will(play)
    outcome = send(rail, order)
    assert type(outcome) is Unknown, outcome
    assert outcome.detail
    assert len(bank.seen) <= 1


def test_key_taken_names_the_transfer_behind_it(
    rail: Rail, order: Order, bank: MisbehavingBank, send: Send
) -> None:
    bank.will(UNKNOWN_PLAYS["409 other body"])
    outcome = send(rail, order)
    assert type(outcome) is Unknown
    assert outcome.bank_reference == "tr_9"
    assert outcome.bank_status == "idempotency_key_reused"


@pytest.mark.parametrize(
    "change",
    [{"amount_minor": 1_235}, {"currency": "JPY"}, {"end_to_end_id": "someone-elses-1"}],
    ids=["amount", "currency", "reference"],
)
def test_an_answer_about_another_transfer_is_not_believed(
    change: dict[str, object],
    rail: Rail,
    order: Order,
    voice: Voice,
    bank: MisbehavingBank,
    send: Send,
    caplog: pytest.LogCaptureFixture,
) -> None:
    bank.will(answer(201, voice.transfer(order, "rejected", reason_code="AC04", **change)))
    outcome = send(rail, order)
    assert type(outcome) is Unknown
    assert "rail.answer_mismatch" in caplog.messages


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("body", [b"", b'{"code":"unauthorized","message":"."}', b"<html>"])
def test_refused_credential(
    status: int, body: bytes, rail: Rail, order: Order, bank: MisbehavingBank, send: Send
) -> None:
    bank.will(answer(status, body))
    outcome = send(rail, order)
    assert type(outcome) is ConfigError
    assert outcome.http_status == status


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        (["Retry-After: 7"], 7.0),
        (["Retry-After: 0"], 0.0),
        ([f"Date: {formatdate(1_700_000_000, usegmt=True)}",
          f"Retry-After: {formatdate(1_700_000_090, usegmt=True)}"], 90.0),
        ([f"Retry-After: {formatdate(1_000_000_000, usegmt=True)}"], 0.0),
        (["Retry-After: soon"], None),
        (["Retry-After: -3"], None),
        (["RateLimit-Reset: 4"], 4.0),
        (['RateLimit: "default";r=0;t=9'], 9.0),
        (["X-RateLimit-Reset: 11"], 11.0),
        ([], None),
    ],
    ids=str,
)  # fmt: skip
def test_rate_limited(
    headers: list[str],
    wait_s: float | None,
    rail: Rail,
    order: Order,
    bank: MisbehavingBank,
    send: Send,
) -> None:
    bank.will(answer(429, b"", *headers))
    outcome = send(rail, order)
    assert type(outcome) is RateLimited
    assert outcome.retry_after_s == wait_s


def test_validation_is_a_definite_refusal(
    rail: Rail, order: Order, voice: Voice, bank: MisbehavingBank, send: Send
) -> None:
    bank.will(answer(422, voice.problem("validation_failed", pointer="/creditor/name")))
    outcome = send(rail, order)
    assert isinstance(outcome, Rejected)
    assert (outcome.canonical, outcome.retry_class) == ("provider_validation", RetryClass.TERMINAL)


def test_503_whose_contract_says_nothing_was_done(
    rail: Rail, order: Order, voice: Voice, bank: MisbehavingBank, send: Send
) -> None:
    bank.will(answer(503, voice.problem(voice.not_taken_503), "Retry-After: 5"))
    outcome = send(rail, order)
    assert type(outcome) is Unavailable
    assert outcome.retry_after_s == 5.0


def test_connection_refused(case: tuple[str, str], order: Order, send: Send) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    outcome = send(rail_at(f"http://127.0.0.1:{port}", *case), order)
    assert type(outcome) is Unavailable


def test_connection_never_comes(case: tuple[str, str], order: Order, send: Send) -> None:
    """A full accept queue drops our SYN: nothing can have been sent."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        outcome = send(rail_at(f"http://127.0.0.1:{port}", *case), order, total_s=2.0)
        for filler in fillers:
            filler.close()
    assert type(outcome) is Unavailable


def test_no_tls_on_the_other_side(
    case: tuple[str, str], order: Order, bank: MisbehavingBank, send: Send
) -> None:
    bank.will(bad.close_after_reading)
    outcome = send(rail_at(f"https://127.0.0.1:{bank.port}", *case), order, total_s=2.0)
    assert type(outcome) is Unavailable
    assert bank.seen == []


def test_name_that_does_not_resolve(case: tuple[str, str], order: Order, send: Send) -> None:
    outcome = send(rail_at("http://bank.invalid", *case), order, total_s=10.0)
    assert type(outcome) is Unavailable


def test_closed_session(case: tuple[str, str], order: Order, bank: MisbehavingBank) -> None:
    async def main() -> object:
        session = aiohttp.ClientSession()
        await session.close()
        return await rail_at(bank.url, *case).submit(session, order)

    assert type(asyncio.run(main())) is Unavailable


def test_kept_connection_that_breaks_is_unknown_and_not_repeated(
    rail: Rail, order: Order, voice: Voice, bank: MisbehavingBank
) -> None:
    """HTTP clients like to repeat a request on a stale connection; a payment must not be."""
    bank.will(answer(201, voice.transfer(order)), bad.reset_after_reading)

    async def main() -> list[object]:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
            return [await rail.submit(session, order) for _ in range(2)]

    first, second = asyncio.run(main())
    assert type(first) is Settled
    assert type(second) is Unknown
    assert len(bank.seen) == 2


def test_cancellation_is_not_swallowed(rail: Rail, order: Order, bank: MisbehavingBank) -> None:
    bank.will(bad.hang)

    async def main() -> None:
        async with aiohttp.ClientSession() as session:
            task = asyncio.create_task(rail.submit(session, order))
            while not bank.seen:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())


def test_no_bytes_make_it_raise_or_settle(
    rail: Rail, order: Order, voice: Voice, bank: MisbehavingBank, send: Send
) -> None:
    """Mutations of a good answer are read as the same transfer or as nothing, and never raise."""
    dice = random.Random(7)  # noqa: S311 - the same bytes every run
    good = bad.http(201, voice.transfer(order, "pending"))
    for _ in range(60):
        data = bytearray(good)
        for _ in range(dice.randint(1, 6)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        bank.will(raw(bytes(data)))
        outcome = send(rail, order)
        assert not isinstance(outcome, Settled | Rejected | Unavailable | RateLimited), data


def test_payload_hash_is_stable_and_depends_on_every_field(
    rail: Rail, case: tuple[str, str]
) -> None:
    name = case[1]
    order = order_for(name)
    assert rail.payload_hash(order) == rail.payload_hash(order_for(name))
    for change in (
        {"amount_minor": 12_35},
        {"recipient_name": "Zoe Mueller"},
        {"end_to_end_id": "x-2"},
        {"description": ""},
        {"account": {**order.account, "type": "other"}},
    ):
        assert rail.payload_hash(order_for(name, **change)) != rail.payload_hash(order)


def test_an_order_shows_no_personal_data(order: Order) -> None:
    shown = f"{order!r} {order}"
    assert order.recipient_name not in shown
    assert not any(value in shown for key, value in order.account.items() if key != "type")


def test_rails_import_no_django() -> None:
    """Adapters must be usable, and testable, without a database or settings."""
    folder = Path(registry.__file__).parent
    files = [*folder.glob("*.py"), *(folder / "sandbox").glob("*.py")]
    assert files
    for path in files:
        assert "django" not in path.read_text(), path
