"""What `submit` may conclude from everything that is not an answer: nothing, or never sent."""

import asyncio
import gzip
import random
import socket

import aiohttp
import pytest

from payouts.rails.base import (
    Order,
    Rail,
    RateLimited,
    Rejected,
    Settled,
    Unavailable,
    Unknown,
)
from tests.contracts import misbehaving as bad
from tests.contracts.conftest import Send
from tests.contracts.misbehaving import MisbehavingBank, answer, raw
from tests.contracts.voices import Voice, rail_at

UNKNOWN_PLAYS = {
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


def test_reset_before_reading(rail: Rail, order: Order, bank: MisbehavingBank, send: Send) -> None:
    """Whether the reset overtakes the request is chance: never sent or unknown, both are true."""
    bank.will(bad.reset_before_reading)
    outcome = send(rail, order)
    assert type(outcome) in {Unknown, Unavailable}
    assert bank.seen == []


def test_key_taken_names_the_transfer_behind_it(
    rail: Rail, order: Order, bank: MisbehavingBank, send: Send
) -> None:
    bank.will(UNKNOWN_PLAYS["409 other body"])
    outcome = send(rail, order)
    assert type(outcome) is Unknown
    assert outcome.bank_reference == "tr_9"
    assert outcome.bank_status == "idempotency_key_reused"


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
    dice = random.Random(7)
    good = bad.http(201, voice.transfer(order, "pending"))
    for _ in range(60):
        data = bytearray(good)
        for _ in range(dice.randint(1, 6)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        bank.will(raw(bytes(data)))
        outcome = send(rail, order)
        assert not isinstance(outcome, Settled | Rejected | Unavailable | RateLimited), data
