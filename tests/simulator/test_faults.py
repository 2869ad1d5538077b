"""Injected faults and outages: what the client sees and what the bank did."""

import pytest
import requests

from tests.simulator.bankproc import BankProcess, eur_order

FULL = 1_000_000_000_000


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (500, "internal_error"),
        (502, "bad_gateway"),
        (503, "unavailable"),
        (504, "gateway_timeout"),
    ],
)
def test_an_error_before_acceptance_pays_nothing(bank: BankProcess, status: int, code: str) -> None:
    bank.configure(faults={"error_share": 1, "error_statuses": [status], "accepted_share": 0})
    answer = bank.send(eur_order(0), "key-1")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert bank.read("/v1/transfers", idempotency_key="key-1")["data"] == []
    assert bank.balance() == FULL


def test_an_error_after_acceptance_has_paid(bank: BankProcess) -> None:
    bank.configure(faults={"error_share": 1, "error_statuses": [502], "accepted_share": 1})
    order = eur_order(0)
    assert bank.send(order, "key-1").status_code == 502
    assert bank.read("/v1/transfers", idempotency_key="key-1")["data"][0]["status"] == "settled"
    bank.configure()
    assert bank.send(order, "key-1").headers["Idempotent-Replayed"] == "true"
    assert bank.balance() == FULL - 1234


def test_a_503_never_has_paid(bank: BankProcess) -> None:
    bank.configure(faults={"error_share": 1, "error_statuses": [503], "accepted_share": 1})
    assert bank.send(eur_order(0)).status_code == 503
    assert bank.balance() == FULL


@pytest.mark.parametrize(("accepted_share", "paid_minor"), [(0, 0), (1, 1234)])
def test_resets_with_and_without_acceptance(
    bank: BankProcess, accepted_share: int, paid_minor: int
) -> None:
    bank.configure(faults={"reset_share": 1, "accepted_share": accepted_share})
    with pytest.raises(requests.ConnectionError):
        bank.send(eur_order(0))
    assert bank.balance() == FULL - paid_minor


@pytest.mark.parametrize(("accepted_share", "paid_minor"), [(0, 0), (1, 1234)])
def test_hangs_with_and_without_acceptance(
    bank: BankProcess, accepted_share: int, paid_minor: int
) -> None:
    bank.configure(faults={"hang_share": 1, "hang_s": 5, "accepted_share": accepted_share})
    with pytest.raises(requests.ReadTimeout):
        bank.send(eur_order(0), timeout_s=0.2)
    assert bank.balance() == FULL - paid_minor


def test_shares_are_kept_and_seeded(bank: BankProcess) -> None:
    def errors() -> list[int]:
        bank.configure(seed=7, faults={"error_share": 0.3, "error_statuses": [503]})
        return [bank.send(eur_order(0)).status_code for _ in range(200)]

    first = errors()
    assert first == errors()
    assert 35 <= first.count(503) <= 85
    assert first.count(201) == 200 - first.count(503)


def test_look_ups_are_spared_unless_asked(bank: BankProcess) -> None:
    bank.configure(faults={"error_share": 1, "error_statuses": [503]})
    assert bank.get("/v1/accounts/acct_eur").status_code == 200
    bank.configure(faults={"error_share": 1, "error_statuses": [503], "lookups": True})
    assert bank.get("/v1/accounts/acct_eur").status_code == 503


def test_an_outage_takes_the_data_plane_away_and_ends(bank: BankProcess) -> None:
    bank.sim("outage", {"seconds": 60})
    assert bank.send(eur_order(0)).status_code == 503
    assert bank.get("/v1/accounts/acct_eur").status_code == 503
    assert bank.audit()["transfers"] == 0
    bank.sim("outage", {"seconds": 0})
    assert bank.send(eur_order(0)).status_code == 201


def test_an_outage_may_reset_or_hang(bank: BankProcess) -> None:
    bank.sim("outage", {"seconds": 60, "mode": "reset"})
    with pytest.raises(requests.ConnectionError):
        bank.send(eur_order(0))
    bank.sim("outage", {"seconds": 60, "mode": "hang"})
    with pytest.raises(requests.ReadTimeout):
        bank.send(eur_order(0), timeout_s=0.2)
    assert bank.audit()["transfers"] == 0


def test_the_log_shows_what_each_client_got(bank: BankProcess) -> None:
    bank.send(eur_order(0), "key-1")
    with pytest.raises(requests.ConnectionError):
        bank.send(eur_order(11), "key-2")
    bank.get("/v1/transfers/tr_nobody")
    log = bank.sim("requests?limit=3", method="GET")
    assert log["total"] == 3
    assert [(line["path"], line["idempotency_key"], line["status"]) for line in log["data"]] == [
        ("/v1/transfers/tr_nobody", None, 404),
        ("/v1/transfers", "key-2", "reset"),
        ("/v1/transfers", "key-1", 201),
    ]
