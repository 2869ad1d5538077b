"""One object per key, whatever the client does."""

import threading
import time

import pytest
import requests

from tests.simulator.bankproc import BankProcess, eur_order

FULL = 1_000_000_000_000


def test_a_replay_answers_the_same_transfer_and_pays_once(bank: BankProcess) -> None:
    order = eur_order(0)
    first, second = bank.send(order, "key-1"), bank.send(order, "key-1")
    assert (first.status_code, second.status_code) == (201, 201)
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.json() == first.json()
    assert bank.balance() == FULL - 1234


def test_the_same_order_in_other_bytes_is_a_replay(bank: BankProcess) -> None:
    order = eur_order(0)
    first = bank.send(order, "key-1").json()
    again = bank.send(dict(reversed(order.items())), "key-1")
    assert again.json()["id"] == first["id"]


def test_a_replay_shows_the_state_of_now(bank: BankProcess) -> None:
    order = eur_order(1)
    assert bank.send(order, "key-1").status_code == 202
    bank.advance(seconds=1)
    replay = bank.send(order, "key-1")
    assert (replay.status_code, replay.json()["status"]) == (201, "settled")


def test_another_body_under_the_key_is_refused_with_the_first_id(bank: BankProcess) -> None:
    first = bank.send(eur_order(0), "key-1").json()
    answer = bank.send(eur_order(0), "key-1")
    assert answer.status_code == 409
    assert answer.json()["code"] == "idempotency_key_reused"
    assert answer.json()["resource_id"] == first["id"]
    assert bank.balance() == FULL - 1234


def test_a_key_is_needed_and_bounded(bank: BankProcess) -> None:
    for key in ("", "k" * 201, b"sch\xc3\xb6n", "a\tb"):
        headers = {"Idempotency-Key": key}
        url = f"{bank.url}/v1/transfers"
        answer = bank.session.post(url, json=eur_order(0), headers=headers, timeout=5)
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_required")
    assert bank.send(eur_order(0), "k" * 200).status_code == 201
    assert bank.balance() == FULL - 1234


def test_an_invalid_order_does_not_use_up_its_key(bank: BankProcess) -> None:
    assert bank.send(eur_order(0, amount_minor=0), "key-1").status_code == 422
    assert bank.send(eur_order(0, amount_minor=5), "key-1").status_code == 201


def test_twenty_at_once_under_one_key_pay_once(bank: BankProcess) -> None:
    bank.configure(latency={"kind": "fixed", "ms": 300})
    order = eur_order(0)
    gate = threading.Barrier(20)
    answers: list[tuple[int, str]] = []

    def send() -> None:
        gate.wait()
        answer = bank.send(order, "key-1")
        answers.append((answer.status_code, answer.json().get("code", "")))

    threads = [threading.Thread(target=send) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [(201, "")] + [(409, "idempotency_key_in_use")] * 19
    assert bank.balance() == FULL - 1234
    assert bank.audit()["transfers"] == 1


def test_a_running_transfer_is_found_pending(bank: BankProcess) -> None:
    bank.configure(latency={"kind": "fixed", "ms": 600})
    sender = threading.Thread(target=bank.send, args=(eur_order(0), "key-1"))
    sender.start()
    found: list[dict[str, str]] = []
    while not found:
        found = bank.read("/v1/transfers", idempotency_key="key-1")["data"]
    assert found[0]["status"] == "pending"
    sender.join()
    assert bank.transfer(found[0]["id"])["status"] == "settled"


def test_a_client_that_leaves_is_paid_all_the_same(bank: BankProcess) -> None:
    bank.configure(latency={"kind": "fixed", "ms": 300})
    with pytest.raises(requests.ReadTimeout):
        bank.send(eur_order(0), "key-1", timeout_s=0.05)
    deadline_s = time.monotonic() + 5
    while bank.read("/v1/transfers", idempotency_key="key-1")["data"][0]["status"] != "settled":
        assert time.monotonic() < deadline_s
    assert bank.balance() == FULL - 1234
