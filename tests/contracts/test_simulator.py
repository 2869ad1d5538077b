"""Each rail against the real sandbox bank: magic accounts, lost answers, callbacks it signs."""

import asyncio
import uuid
from collections.abc import Iterator

import aiohttp
import pytest

from payouts.rails.base import (
    Accepted,
    ConfigError,
    NotFound,
    Order,
    Outcome,
    Rail,
    RateLimited,
    Rejected,
    RetryClass,
    Settled,
    Unavailable,
    Unknown,
)
from payouts.rails.sandbox import adapter
from tests.contracts.voices import order_for
from tests.simulator.bankproc import API_KEY, SECRET, BankProcess
from tests.simulator.receiver import Receiver, receiving

CASES = list(adapter.CAPABILITIES)
IBAN_ENDS = {
    0: "NL64ATLS0000000000",
    1: "NL37ATLS0000000001",
    2: "NL10ATLS0000000002",
    5: "NL26ATLS0000000005",
    9: "NL15ATLS0000000009",
    10: "NL85ATLS0000000010",
    11: "NL58ATLS0000000011",
    12: "NL31ATLS0000000012",
    14: "NL74ATLS0000000014",
    16: "NL20ATLS0000000016",
}


@pytest.fixture(scope="module")
def bank_process() -> Iterator[BankProcess]:
    with BankProcess() as process:
        yield process


@pytest.fixture
def bank(bank_process: BankProcess) -> BankProcess:
    bank_process.sim("reset", {})
    bank_process.configure()
    return bank_process


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def _rails(
    bank: BankProcess, callback_base_url: str = "", api_key: str = API_KEY
) -> dict[str, Rail]:
    built = adapter.build(
        base_url=bank.url,
        api_key=api_key,
        webhook_secrets=[SECRET],
        callback_base_url=callback_base_url,
        connections=20,
    )
    return dict(built)


def _order(name: str, ending: int = 0, **changes: object) -> Order:
    order = order_for(name)
    account = dict(order.account)
    if name == "sepa_inst":
        account["iban"] = IBAN_ENDS[ending]
    else:
        account["account_number"] = account["account_number"][:-2] + f"{ending:02d}"
    if name == "fednow":
        account["routing_number"] = "790100016"
    payout = uuid.uuid4().hex[:26].upper()
    fields: dict[str, object] = {
        "account": account,
        "bank_key": str(uuid.uuid4()),
        "end_to_end_id": f"{payout}-1",
    }
    return order_for(name, **{**fields, **changes})


def _submit(rail: Rail, *orders: Order, total_s: float = 5.0) -> list[Outcome]:
    async def main() -> list[Outcome]:
        timeout = aiohttp.ClientTimeout(total=total_s, sock_connect=1)
        async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session:
            return [await rail.submit(session, order) for order in orders]

    return asyncio.run(main())


@pytest.mark.parametrize("name", CASES)
def test_settles_and_replays_under_the_same_key(name: str, bank: BankProcess) -> None:
    rail, order = _rails(bank)[name], _order(name)
    first, again = _submit(rail, order, order)
    assert type(first) is type(again) is Settled
    assert first.bank_reference == again.bank_reference
    found = rail.lookup(order)
    assert type(found) is Settled
    assert found.bank_reference == first.bank_reference
    entries, cursor = rail.list_entries("1")
    assert [(e.amount_minor, e.end_to_end_id) for e in entries] == [(-1234, order.end_to_end_id)]
    assert rail.list_entries(cursor) == ([], cursor)


@pytest.mark.parametrize("name", CASES)
def test_rejected_by_a_reason(name: str, bank: BankProcess) -> None:
    (outcome,) = _submit(_rails(bank)[name], _order(name, 2))
    assert isinstance(outcome, Rejected)
    assert (outcome.canonical, outcome.retry_class) == ("account_invalid", RetryClass.TERMINAL)
    assert outcome.bank_code == "AC03"


@pytest.mark.parametrize("name", CASES)
def test_money_moved_without_posting(name: str, bank: BankProcess) -> None:
    rail, order = _rails(bank)[name], _order(name, 14)
    (outcome,) = _submit(rail, order)
    assert type(outcome) is Accepted
    assert outcome.money_moved
    bank.advance(seconds=91)
    assert type(rail.lookup(order)) is Settled


@pytest.mark.parametrize("name", CASES)
def test_hangs_but_paid(name: str, bank: BankProcess) -> None:
    rail, order = _rails(bank)[name], _order(name, 10)
    (outcome,) = _submit(rail, order, total_s=0.5)
    assert type(outcome) is Unknown
    assert type(rail.lookup(order)) is Settled


@pytest.mark.parametrize("name", CASES)
def test_reset_and_never_taken(name: str, bank: BankProcess) -> None:
    rail, order = _rails(bank)[name], _order(name, 11)
    (outcome,) = _submit(rail, order)
    assert type(outcome) is Unknown
    assert type(rail.lookup(order)) is NotFound


@pytest.mark.parametrize("name", CASES)
def test_504_and_later_refused(name: str, bank: BankProcess) -> None:
    rail, order = _rails(bank)[name], _order(name, 12)
    (outcome,) = _submit(rail, order)
    assert type(outcome) is Unknown
    bank.advance(seconds=3600)
    found = rail.lookup(order)
    assert isinstance(found, Rejected)
    assert found.canonical == "account_closed"


@pytest.mark.parametrize("name", CASES)
def test_other_body_under_the_same_key_leads_to_the_original(name: str, bank: BankProcess) -> None:
    rail, order = _rails(bank)[name], _order(name)
    other = _order(
        name, bank_key=order.bank_key, end_to_end_id=order.end_to_end_id, description="changed"
    )
    first, second = _submit(rail, order, other)
    assert type(second) is Unknown
    assert second.bank_reference == first.bank_reference
    assert type(rail.lookup(other)) is Settled
    assert bank.audit()["consistent"]


def test_limits_outage_and_credentials(bank: BankProcess) -> None:
    rail = _rails(bank)["sepa_inst"]
    bank.configure(rate_per_s=1, burst=1, retry_after_form="http_date")
    first, second = _submit(rail, _order("sepa_inst"), _order("sepa_inst"))
    assert type(first) is Settled
    assert type(second) is RateLimited
    assert second.retry_after_s is not None
    assert 0 <= second.retry_after_s <= 2
    bank.configure()
    bank.sim("outage", {"seconds": 60})
    order = _order("sepa_inst")
    assert [type(outcome) for outcome in _submit(rail, order)] == [Unavailable]
    assert type(rail.lookup(order)) is Unknown
    bank.sim("outage", {"seconds": 0})
    stranger = _rails(bank, api_key="not-the-key")["sepa_inst"]
    assert [type(outcome) for outcome in _submit(stranger, order)] == [ConfigError]
    assert type(stranger.lookup(order)) is Unknown
    assert type(rail.lookup(order)) is NotFound


def test_a_bank_not_on_the_rail_is_to_be_rerouted(bank: BankProcess) -> None:
    account = {"type": "us", "routing_number": "790100032", "account_number": "2000"}
    rails = _rails(bank)
    (on_rtp,) = _submit(rails["rtp"], _order("rtp", account=account))
    (on_fednow,) = _submit(rails["fednow"], _order("fednow", account=account))
    assert isinstance(on_rtp, Rejected)
    assert (on_rtp.bank_code, on_rtp.retry_class) == ("AG11", RetryClass.REROUTE)
    assert type(on_fednow) is Settled


def test_callbacks_the_bank_signs(bank: BankProcess, receiver: Receiver) -> None:
    rail = _rails(bank, callback_base_url=receiver.url)["sepa_inst"]
    order = _order("sepa_inst", 1)
    (outcome,) = _submit(rail, order)
    assert type(outcome) is Accepted
    bank.advance(seconds=2)
    message = receiver.next()
    (hint,) = rail.parse_callback(message.headers, message.raw)
    assert hint.end_to_end_id == order.end_to_end_id
    assert type(hint.outcome) is Settled
