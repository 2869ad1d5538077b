"""Cancel, recall, returns, the clock and the audit."""

import pytest

from tests.simulator.bankproc import BankProcess, eur_order

FULL = 1_000_000_000_000


def post(bank: BankProcess, path: str, body: object = None) -> tuple[int, dict[str, object]]:
    answer = bank.session.post(f"{bank.url}{path}", json=body, timeout=5)
    return answer.status_code, answer.json()


def test_a_pending_transfer_can_be_canceled_and_again(bank: BankProcess) -> None:
    transfer = bank.pay(13)
    for _ in range(2):
        status, body = post(bank, f"/v1/transfers/{transfer['id']}/cancel")
        assert (status, body["status"]) == (200, "canceled")
    bank.advance(seconds=5)
    assert bank.read("/v1/accounts/acct_eur")["available_minor"] == FULL


def test_a_canceled_transfer_does_not_settle_later(bank: BankProcess) -> None:
    transfer = bank.pay(1)
    post(bank, f"/v1/transfers/{transfer['id']}/cancel")
    bank.advance(seconds=5)
    assert bank.transfer(transfer["id"])["status"] == "canceled"
    assert bank.balance() == FULL


@pytest.mark.parametrize("nn", [0, 2, 14])
def test_nothing_else_can_be_canceled(bank: BankProcess, nn: int) -> None:
    transfer = bank.pay(nn)
    status, body = post(bank, f"/v1/transfers/{transfer['id']}/cancel")
    assert (status, body["code"]) == (409, "not_cancelable")
    assert bank.transfer(transfer["id"]) == transfer


def test_a_recall_brings_the_rest_back_after_an_hour(bank: BankProcess) -> None:
    transfer = bank.pay(0)
    bank.sim(f"transfers/{transfer['id']}/return", {"amount_minor": 234})
    status, body = post(bank, f"/v1/transfers/{transfer['id']}/recall")
    assert (status, body["recall"]["status"]) == (202, "requested")  # type: ignore[index]
    bank.advance(seconds=3600)
    after = bank.transfer(transfer["id"])
    assert after["recall"]["status"] == "accepted"
    assert [(r["amount_minor"], r["reason_code"]) for r in after["returned"]] == [
        (234, "AC04"),
        (1000, "FOCR"),
    ]
    assert bank.balance() == FULL


def test_a_recall_may_be_refused(bank: BankProcess) -> None:
    bank.configure(recalls_accepted=False)
    transfer = bank.pay(0)
    post(bank, f"/v1/transfers/{transfer['id']}/recall")
    bank.advance(seconds=3600)
    after = bank.transfer(transfer["id"])
    assert (after["recall"]["status"], after["returned"]) == ("refused", [])
    assert bank.balance() == FULL - 1234


@pytest.mark.parametrize("nn", [2, 13, 14])
def test_only_settled_money_can_be_recalled(bank: BankProcess, nn: int) -> None:
    transfer = bank.pay(nn)
    status, body = post(bank, f"/v1/transfers/{transfer['id']}/recall")
    assert (status, body["code"]) == (409, "not_recallable")


def test_an_operator_cannot_return_more_than_was_paid(bank: BankProcess) -> None:
    transfer = bank.pay(0, amount_minor=100)
    bank.sim(f"transfers/{transfer['id']}/return", {"amount_minor": 150})
    assert bank.transfer(transfer["id"])["returned"][0]["amount_minor"] == 100
    status, body = post(bank, f"/_sim/transfers/{transfer['id']}/return", {})
    assert (status, body["code"]) == (409, "not_returnable")
    assert bank.balance() == FULL


def test_a_final_transfer_cannot_be_resolved(bank: BankProcess) -> None:
    for nn in (0, 2):
        transfer = bank.pay(nn)
        path = f"/_sim/transfers/{transfer['id']}/resolve"
        assert post(bank, path, {"status": "settled"})[0] == 409


def test_money_that_moved_cannot_be_rejected(bank: BankProcess) -> None:
    transfer = bank.pay(14)
    path = f"/_sim/transfers/{transfer['id']}/resolve"
    assert post(bank, path, {"status": "rejected"})[1]["code"] == "not_resolvable"
    assert bank.balance() == FULL - 1234


def test_one_jump_runs_what_falls_due_in_its_own_time(bank: BankProcess) -> None:
    transfer = bank.pay(16)
    before = bank.sim("clock", method="GET")
    bank.advance(days=10)
    returned = bank.transfer(transfer["id"])["returned"][0]["at"]
    assert returned[:10] > before["now"][:10]
    assert returned < bank.sim("clock", method="GET")["now"]
    seconds_of = [text[11:19] for text in (returned, transfer["settled_at"])]
    assert seconds_of[0] == seconds_of[1]


@pytest.mark.parametrize("jump", [{}, {"seconds": 0}, {"seconds": -5}, {"days": 401}])
def test_the_clock_neither_stands_nor_runs_back(bank: BankProcess, jump: dict[str, int]) -> None:
    assert post(bank, "/_sim/clock/advance", jump)[0] == 422
    assert bank.sim("clock", method="GET")["offset_ms"] == 0


def test_the_audit_finds_a_double_payment(bank: BankProcess) -> None:
    bank.send(eur_order(0, end_to_end_id="payout-a-1"), "key-1")
    bank.send(eur_order(0, end_to_end_id="payout-a-2"), "key-2")
    bank.send(eur_order(0, end_to_end_id="payout-b-1"), "key-3")
    report = bank.audit()
    assert (report["double_paid"], report["payouts_paid"]) == (1, 2)
    (double,) = report["double_paid_payouts"]
    assert double["payout"] == "payout-a"
    assert [item["idempotency_key"] for item in double["transfers"]] == ["key-1", "key-2"]
    assert report["consistent"] is True


def test_the_audit_counts_a_double_payment_that_came_back(bank: BankProcess) -> None:
    first = bank.pay(0, end_to_end_id="payout-a-1")
    bank.sim(f"transfers/{first['id']}/return", {})
    bank.pay(0, end_to_end_id="payout-a-2")
    assert bank.audit()["double_paid"] == 1


def test_the_audit_tells_a_risk_from_a_payment(bank: BankProcess) -> None:
    bank.pay(13, end_to_end_id="payout-a-1")
    bank.pay(0, end_to_end_id="payout-a-2")
    report = bank.audit()
    assert (report["double_paid"], report["at_risk"]) == (0, 1)
    assert report["at_risk_payouts"] == ["payout-a"]


def test_a_rejected_attempt_and_a_paid_one_are_no_double_payment(bank: BankProcess) -> None:
    for attempt in (1, 2, 3):
        bank.pay(9, end_to_end_id=f"payout-a-{attempt}")
    report = bank.audit()
    assert (report["double_paid"], report["at_risk"], report["payouts_paid"]) == (0, 0, 1)


def test_the_books_are_consistent_after_everything(bank: BankProcess) -> None:
    for nn in (0, 1, 2, 9, 13, 14, 15, 16, 17, 18, 20, 21):
        bank.pay(nn, amount_minor=1000 + nn)
    bank.advance(days=3)
    report = bank.audit()
    assert (report["consistent"], report["problems"]) == (True, [])
    settled = 1000 + 1001 + 1014 + 1016 + 1017 + 1018 + 1020 + 1021
    blocked, returned = 1015, 1016 + 508 + 254
    assert bank.balance() == FULL - settled - blocked + returned
    assert report["accounts"][0]["held_minor"] == 1013
    assert report["accounts"][0]["entries_sum_minor"] == bank.balance()


def test_funding_opens_a_new_account_with_a_currency_only(bank: BankProcess) -> None:
    fund = {"account_id": "acct_new", "amount_minor": 500}
    assert post(bank, "/_sim/fund", fund)[1]["code"] == "unknown_account"
    assert bank.sim("fund", {**fund, "currency": "GBP"})["balance_minor"] == 500
    assert post(bank, "/_sim/fund", {**fund, "currency": "EUR"})[0] == 409
    assert bank.balance("acct_new") == 500


def test_reset_empties_the_bank_and_keeps_config_only_if_asked(bank: BankProcess) -> None:
    transfer = bank.pay(0)
    bank.configure(burst=5)
    bank.advance(days=1)
    bank.sim("reset", {"keep_config": True})
    assert bank.get(f"/v1/transfers/{transfer['id']}").status_code == 404
    assert bank.balance() == FULL
    assert bank.sim("config", method="GET")["burst"] == 5
    assert bank.sim("clock", method="GET")["offset_ms"] == 0
    bank.sim("reset", {})
    assert bank.sim("config", method="GET")["burst"] is None
