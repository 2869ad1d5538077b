"""Every magic account does what the contract's table says, seen over the wire."""

import time

import pytest
import requests

from tests.simulator.bankproc import BankProcess, eur_order, gbp_order, usd_order

FULL = 1_000_000_000_000


def test_00_settles_synchronously_and_debits_the_account(bank: BankProcess) -> None:
    answer = bank.send(eur_order(0, 1234))
    transfer = answer.json()
    assert answer.status_code == 201
    assert transfer["status"] == "settled"
    assert transfer["settled_at"] == transfer["created_at"]
    assert transfer["creditor"] == {"name": "Jan de Vries", "account_last4": "0000"}
    assert transfer["returned"] == []
    assert bank.balance() == FULL - 1234


def test_01_is_pending_then_settles_after_a_second(bank: BankProcess) -> None:
    answer = bank.send(eur_order(1, 1234))
    assert answer.status_code == 202
    assert answer.json()["status"] == "pending"
    account = bank.read("/v1/accounts/acct_eur")
    assert (account["balance_minor"], account["held_minor"]) == (FULL, 1234)
    bank.advance(seconds=1)
    assert bank.transfer(answer.json()["id"])["status"] == "settled"
    account = bank.read("/v1/accounts/acct_eur")
    assert (account["balance_minor"], account["held_minor"]) == (FULL - 1234, 0)


def test_01_settles_in_real_time_too(bank: BankProcess) -> None:
    started_s = time.monotonic()
    transfer = bank.pay(1)
    while bank.transfer(transfer["id"])["status"] == "pending":
        assert time.monotonic() - started_s < 5
    assert 0.9 < time.monotonic() - started_s < 3


@pytest.mark.parametrize(
    ("nn", "reason_code"),
    [
        (2, "AC03"),
        (3, "AC04"),
        (4, "AC06"),
        (5, "AG03"),
        (6, "MD07"),
        (7, "RR04"),
        (22, "BE01"),
        (23, "AB05"),
    ],
)
def test_rejections_move_no_money(bank: BankProcess, nn: int, reason_code: str) -> None:
    answer = bank.send(eur_order(nn))
    assert answer.status_code == 201
    assert answer.json()["status"] == "rejected"
    assert answer.json()["reason_code"] == reason_code
    assert "settled_at" not in answer.json()
    assert bank.balance() == FULL
    assert bank.read("/v1/accounts/acct_eur")["held_minor"] == 0


def test_05_in_usd_is_refused_on_rtp_and_settles_on_fednow(bank: BankProcess) -> None:
    refused = bank.send(usd_order(5, rail="rtp")).json()
    assert (refused["status"], refused["reason_code"]) == ("rejected", "AG03")
    assert bank.send(usd_order(5, rail="fednow")).json()["status"] == "settled"
    assert bank.balance("acct_usd") == FULL - 1234


def test_08_is_refused_above_100_00_only(bank: BankProcess) -> None:
    assert bank.pay(8, amount_minor=10_000)["status"] == "settled"
    refused = bank.pay(8, amount_minor=10_001)
    assert (refused["status"], refused["reason_code"]) == ("rejected", "AM14")
    assert bank.balance() == FULL - 10_000


def test_09_settles_on_the_third_new_transfer_of_one_payout(bank: BankProcess) -> None:
    outcomes = [
        bank.pay(9, end_to_end_id=f"payout-a-{attempt}")["status"] for attempt in (1, 2, 3, 4)
    ]
    assert outcomes == ["rejected", "rejected", "settled", "settled"]
    assert bank.pay(9, end_to_end_id="payout-b-3")["reason_code"] == "AB05"


def test_09_does_not_count_a_replay(bank: BankProcess) -> None:
    order = eur_order(9, end_to_end_id="payout-a-1")
    assert [bank.send(order, "key-a").json()["status"] for _ in range(3)] == ["rejected"] * 3
    assert bank.pay(9, end_to_end_id="payout-a-2")["status"] == "rejected"
    assert bank.pay(9, end_to_end_id="payout-a-3")["status"] == "settled"


def test_10_gives_no_answer_but_is_paid(bank: BankProcess) -> None:
    order = eur_order(10)
    with pytest.raises(requests.ReadTimeout):
        bank.send(order, "key-10", timeout_s=0.3)
    found = bank.read("/v1/transfers", idempotency_key="key-10")["data"]
    assert [item["status"] for item in found] == ["settled"]
    replay = bank.send(order, "key-10")
    assert replay.headers["Idempotent-Replayed"] == "true"
    assert replay.json()["id"] == found[0]["id"]
    assert bank.balance() == FULL - 1234


def test_10_closes_the_connection_when_the_hang_ends(bank: BankProcess) -> None:
    bank.configure(hang_s=0.2)
    with pytest.raises(requests.ConnectionError):
        bank.send(eur_order(10))


def test_11_resets_the_connection_and_stores_nothing(bank: BankProcess) -> None:
    for _ in range(2):
        with pytest.raises(requests.ConnectionError):
            bank.send(eur_order(11, end_to_end_id="payout-11-1"), "key-11")
    assert bank.read("/v1/transfers", idempotency_key="key-11")["data"] == []
    assert bank.read("/v1/transfers", end_to_end_id="payout-11-1")["data"] == []
    assert bank.balance() == FULL


def test_12_answers_504_and_is_rejected_later(bank: BankProcess) -> None:
    answer = bank.send(eur_order(12), "key-12")
    assert (answer.status_code, answer.json()["code"]) == (504, "gateway_timeout")
    (found,) = bank.read("/v1/transfers", idempotency_key="key-12")["data"]
    assert found["status"] == "pending"
    bank.advance(seconds=3)
    found = bank.transfer(found["id"])
    assert (found["status"], found["reason_code"]) == ("rejected", "AC04")
    assert bank.read("/v1/accounts/acct_eur")["available_minor"] == FULL


def test_13_waits_for_an_operator(bank: BankProcess) -> None:
    transfer = bank.pay(13)
    bank.advance(days=30)
    assert bank.transfer(transfer["id"])["status"] == "pending"
    resolved = bank.sim(f"transfers/{transfer['id']}/resolve", {"status": "settled"})
    assert resolved["status"] == "settled"
    assert bank.balance() == FULL - 1234


def test_13_resolved_as_rejected_frees_the_money(bank: BankProcess) -> None:
    transfer = bank.pay(13)
    body = {"status": "rejected", "reason_code": "AC04"}
    assert bank.sim(f"transfers/{transfer['id']}/resolve", body)["reason_code"] == "AC04"
    assert bank.read("/v1/accounts/acct_eur")["available_minor"] == FULL


def test_14_moves_the_money_at_once_and_posts_after_90_s(bank: BankProcess) -> None:
    answer = bank.send(eur_order(14))
    assert answer.status_code == 202
    assert answer.json()["status"] == "accepted_without_posting"
    assert answer.json()["reason_code"] == "ACWP"
    assert bank.balance() == FULL - 1234
    bank.advance(seconds=85)
    assert bank.transfer(answer.json()["id"])["status"] == "accepted_without_posting"
    bank.advance(seconds=5)
    settled = bank.transfer(answer.json()["id"])
    assert settled["status"] == "settled"
    assert "reason_code" not in settled
    assert bank.balance() == FULL - 1234


def test_15_is_blocked_after_acceptance(bank: BankProcess) -> None:
    transfer = bank.pay(15)
    assert transfer["status"] == "accepted_without_posting"
    bank.advance(seconds=5)
    blocked = bank.transfer(transfer["id"])
    assert (blocked["status"], blocked["reason_code"]) == ("blocked", "BLCK")
    assert bank.balance() == FULL - 1234
    assert bank.audit()["consistent"] is True


def test_16_comes_back_in_full_after_a_day(bank: BankProcess) -> None:
    transfer = bank.pay(16)
    assert transfer["status"] == "settled"
    bank.advance(days=0.99)
    assert bank.transfer(transfer["id"])["returned"] == []
    bank.advance(days=0.01)
    returned = bank.transfer(transfer["id"])
    assert returned["status"] == "settled"
    assert [(item["amount_minor"], item["reason_code"]) for item in returned["returned"]] == [
        (1234, "AC04")
    ]
    assert bank.balance() == FULL


def test_17_comes_back_in_two_parts(bank: BankProcess) -> None:
    transfer = bank.pay(17, amount_minor=1000)
    bank.advance(days=1)
    assert [i["amount_minor"] for i in bank.transfer(transfer["id"])["returned"]] == [500]
    bank.advance(days=1)
    returned = bank.transfer(transfer["id"])["returned"]
    assert [item["amount_minor"] for item in returned] == [500, 250]
    assert returned[0]["id"] != returned[1]["id"]
    assert bank.balance() == FULL - 250


def test_17_never_returns_more_than_was_paid(bank: BankProcess) -> None:
    transfer = bank.pay(17, amount_minor=1)
    bank.advance(days=3)
    assert [i["amount_minor"] for i in bank.transfer(transfer["id"])["returned"]] == [1]
    assert bank.balance() == FULL


@pytest.mark.parametrize("nn", [18, 19])
def test_18_and_19_settle_after_a_second(bank: BankProcess, nn: int) -> None:
    transfer = bank.pay(nn)
    assert transfer["status"] == "pending"
    bank.advance(seconds=1)
    assert bank.transfer(transfer["id"])["status"] == "settled"


@pytest.mark.parametrize("nn", [20, 21, 24, 57, 99])
def test_all_other_endings_settle(bank: BankProcess, nn: int) -> None:
    order = gbp_order(nn)
    assert bank.send(order).json()["status"] == "settled"


def test_an_iban_that_ends_in_letters_settles(bank: BankProcess) -> None:
    account = {"type": "iban", "iban": "MT84MALT011000012345MTLCAST001S"}
    order = eur_order(creditor={"name": "Ċensu", "account": account})
    assert bank.send(order).json()["status"] == "settled"


@pytest.mark.parametrize(
    ("routing_number", "rail", "status", "reason_code"),
    [
        ("790100016", "rtp", "settled", None),
        ("790100016", "fednow", "settled", None),
        ("790100029", "rtp", "settled", None),
        ("790100029", "fednow", "rejected", "AG11"),
        ("790100032", "rtp", "rejected", "AG11"),
        ("790100032", "fednow", "settled", None),
        ("790100045", "rtp", "rejected", "AG11"),
        ("790100045", "auto", "rejected", "AG11"),
        ("790100058", "rtp", "rejected", "9910"),
        ("790100058", "fednow", "rejected", "9910"),
        ("021000021", "rtp", "settled", None),
    ],
)
def test_us_banks(
    bank: BankProcess, routing_number: str, rail: str, status: str, reason_code: str | None
) -> None:
    transfer = bank.send(usd_order(0, routing_number, rail)).json()
    assert (transfer["status"], transfer.get("reason_code")) == (status, reason_code)
    assert bank.balance("acct_usd") == FULL - (1234 if status == "settled" else 0)


@pytest.mark.parametrize(
    ("routing_number", "rail"), [("790100016", "rtp"), ("790100032", "fednow")]
)
def test_auto_takes_the_first_rail_that_reaches_the_bank(
    bank: BankProcess, routing_number: str, rail: str
) -> None:
    assert bank.send(usd_order(0, routing_number, "auto")).json()["rail"] == rail


def test_the_slow_us_bank_answers_after_five_seconds(bank: BankProcess) -> None:
    answer = bank.send(usd_order(0, "790100061"))
    assert answer.json()["status"] == "settled"
    assert 5 <= answer.elapsed.total_seconds() < 7


def test_too_little_money_is_refused_with_am04(bank: BankProcess) -> None:
    bank.sim("fund", {"account_id": "acct_eur", "amount_minor": -(FULL - 2000)})
    assert bank.pay(0, amount_minor=1500)["status"] == "settled"
    refused = bank.pay(0, amount_minor=501)
    assert (refused["status"], refused["reason_code"]) == ("rejected", "AM04")
    assert bank.balance() == 500
    pending = bank.pay(13, amount_minor=400)
    assert pending["status"] == "pending"
    assert bank.pay(0, amount_minor=101)["reason_code"] == "AM04"


def test_above_the_networks_maximum_is_refused_with_am02(bank: BankProcess) -> None:
    assert bank.send(gbp_order(amount_minor=100_000_000)).json()["status"] == "settled"
    refused = bank.send(gbp_order(amount_minor=100_000_001)).json()
    assert (refused["status"], refused["reason_code"]) == ("rejected", "AM02")
