"""Reading statements and notifications: what cannot be read whole is not read at all."""

import json
from datetime import UTC, date, datetime

import pytest

from payouts.rails.base import Rail, RailReadError
from payouts.rails.sandbox import client
from tests.contracts.misbehaving import MisbehavingBank, answer

DAY = date(2026, 1, 5)
LINE = {
    "seq": 7,
    "kind": "transfer",
    "amount_minor": -1234,
    "currency": "EUR",
    "booked_at": "2026-01-05T09:30:00Z",
    "transfer_id": "tr_1",
    "end_to_end_id": "x-1",
}


def statement(**changes: object) -> bytes:
    body = {
        "account_id": "a",
        "currency": "EUR",
        "date": "2026-01-05",
        "opening_balance_minor": 2000,
        "closing_balance_minor": 766,
        "entries": [LINE],
    }
    return json.dumps({**body, **changes}).encode()


def test_a_statement_is_a_day_of_one_account(rail: Rail, bank: MisbehavingBank) -> None:
    bank.will(answer(200, statement()))
    found = rail.read_statement(DAY)
    assert (found.account_id, found.currency, found.on) == ("a", "EUR", DAY)
    assert (found.begins_at, found.ends_at) == (
        datetime(2026, 1, 5, tzinfo=UTC),
        datetime(2026, 1, 6, tzinfo=UTC),
    )
    assert (found.opening_minor, found.closing_minor) == (2000, 766)
    assert [(e.reference, e.amount_minor) for e in found.entries] == [("a:7", -1234)]
    assert bank.seen[0].target.endswith("/statements/2026-01-05")


@pytest.mark.parametrize(
    "reply",
    [
        answer(500),
        answer(404),
        answer(200, b"[]"),
        answer(200, statement(closing_balance_minor="766")),
        answer(200, statement(entries=[{**LINE, "amount_minor": -12.34}])),
        answer(200, statement()[:-20]),
    ],
)
def test_an_unreadable_statement_is_none(rail: Rail, bank: MisbehavingBank, reply) -> None:
    bank.will(reply)
    with pytest.raises(RailReadError):
        rail.read_statement(DAY)


def test_a_statement_without_end_is_given_up(
    rail: Rail, bank: MisbehavingBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "STATEMENT_LIMIT", 1000)
    bank.will(answer(200, statement(entries=[LINE] * 10)))
    with pytest.raises(RailReadError, match="too long"):
        rail.read_statement(DAY)


def test_notices_page_by_page(rail: Rail, bank: MisbehavingBank) -> None:
    page = {"account_id": "a", "data": [{**LINE, "amount_minor": -1235}], "last_seq": 7}
    bank.will(answer(200, json.dumps(page).encode()), answer(503))
    (notice,), cursor = rail.list_notices("6")
    assert (notice.reference, notice.amount_minor, cursor) == ("a:7", -1235, "7")
    assert "/notifications?after_seq=6" in bank.seen[0].target
    with pytest.raises(RailReadError):
        rail.list_notices(cursor)
