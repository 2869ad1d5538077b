"""What `submit` concludes from the bank's own answers, and what it puts on the wire."""

import hashlib
from email.utils import formatdate
from pathlib import Path

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
from tests.contracts.conftest import Send
from tests.contracts.misbehaving import MisbehavingBank, answer
from tests.contracts.voices import RAILS, VOICES, Voice, order_for


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


_OWN_WORDS = b'{"code":"unauthorized","message":"."}'


@pytest.mark.parametrize(
    ("status", "body"),
    [(401, b""), (401, _OWN_WORDS), (401, b"<html>"), (403, _OWN_WORDS)],
)
def test_refused_credential(
    status: int, body: bytes, rail: Rail, order: Order, bank: MisbehavingBank, send: Send
) -> None:
    bank.will(answer(status, body))
    outcome = send(rail, order)
    assert type(outcome) is ConfigError
    assert outcome.http_status == status


@pytest.mark.parametrize("body", [b"", b"<html>Request blocked"])
def test_a_filter_before_the_bank_that_dislikes_one_order_stops_no_rail(
    body: bytes, rail: Rail, order: Order, bank: MisbehavingBank, send: Send
) -> None:
    bank.will(answer(403, body))
    assert type(send(rail, order)) is Unknown


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
