"""A bank with a journal survives kill -9 with its transfers, timers and clock."""

import resource
import threading
import time
from pathlib import Path

import pytest
import requests

from tests.simulator.bankproc import API_KEY, ROOT, BankProcess, eur_order

FULL = 1_000_000_000_000


def test_everything_is_there_after_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "bank.jsonl"
    bank = BankProcess(f"--journal={path}").start()
    order = eur_order(0)
    paid = bank.send(order, "key-1").json()
    open_one, held = bank.pay(14), bank.pay(13)
    part = bank.pay(17, amount_minor=1000)
    bank.advance(days=1)
    bank.sim("fund", {"account_id": "acct_eur", "amount_minor": 5})
    before = [bank.transfer(item["id"]) for item in (paid, open_one, held, part)]
    entries = bank.read("/v1/accounts/acct_eur/entries")
    offset_ms = bank.sim("clock", method="GET")["offset_ms"]
    bank.kill()
    with BankProcess(f"--journal={path}") as again:
        assert again.ready["replayed"] == 4
        assert [again.transfer(item["id"]) for item in before] == before
        assert again.read("/v1/accounts/acct_eur/entries") == entries
        assert again.read("/v1/accounts/acct_eur")["held_minor"] == 1234
        assert again.sim("clock", method="GET")["offset_ms"] == offset_ms
        replay = again.send(order, "key-1")
        assert replay.headers["Idempotent-Replayed"] == "true"
        assert replay.json()["id"] == paid["id"]
        again.advance(days=1)
        returned = again.transfer(part["id"])["returned"]
        assert [item["amount_minor"] for item in returned] == [500, 250]
        assert again.audit()["consistent"] is True


def test_timers_go_on_after_a_crash(tmp_path: Path) -> None:
    flag = f"--journal={tmp_path / 'bank.jsonl'}"
    bank = BankProcess(flag).start()
    later, acwp = bank.pay(1), bank.pay(14)
    bank.kill()
    with BankProcess(flag) as again:
        again.advance(seconds=1)
        assert again.transfer(later["id"])["status"] == "settled"
        assert again.transfer(acwp["id"])["status"] == "accepted_without_posting"
        again.advance(seconds=90)
        assert again.transfer(acwp["id"])["status"] == "settled"


def test_an_order_cut_off_in_its_latency_is_carried_out(tmp_path: Path) -> None:
    flag = f"--journal={tmp_path / 'bank.jsonl'}"
    bank = BankProcess(flag).start()
    bank.configure(latency={"kind": "fixed", "ms": 60_000})
    with pytest.raises(requests.ReadTimeout):
        bank.send(eur_order(0), "key-1", timeout_s=0.3)
    bank.kill()
    with BankProcess(flag) as again:
        (found,) = again.read("/v1/transfers", idempotency_key="key-1")["data"]
        assert found["status"] == "settled"
        assert again.balance() == FULL - 1234


def test_attempts_are_still_counted_after_a_crash(tmp_path: Path) -> None:
    flag = f"--journal={tmp_path / 'bank.jsonl'}"
    bank = BankProcess(flag).start()
    outcomes = [bank.pay(9, end_to_end_id=f"payout-a-{n}")["status"] for n in (1, 2)]
    bank.kill()
    with BankProcess(flag) as again:
        outcomes.append(again.pay(9, end_to_end_id="payout-a-3")["status"])
    assert outcomes == ["rejected", "rejected", "settled"]


def test_a_torn_last_line_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "bank.jsonl"
    bank = BankProcess(f"--journal={path}").start()
    bank.pay(0)
    bank.kill()
    whole = path.read_bytes()
    path.write_bytes(whole + b'["transfer",2,"key')
    with BankProcess(f"--journal={path}") as again:
        assert again.ready["replayed"] == 1
        assert again.pay(0)["status"] == "settled"
        assert path.read_bytes().startswith(whole)
        assert again.audit()["consistent"] is True


def test_reset_empties_the_journal(tmp_path: Path) -> None:
    flag = f"--journal={tmp_path / 'bank.jsonl'}"
    bank = BankProcess(flag).start()
    bank.pay(0)
    bank.sim("reset", {})
    bank.pay(2)
    bank.kill()
    with BankProcess(flag) as again:
        assert again.ready["replayed"] == 1
        assert again.balance() == FULL


def test_a_full_disk_stops_the_bank_before_it_pays(tmp_path: Path) -> None:
    path = tmp_path / "bank.jsonl"
    bank = BankProcess(f"--journal={path}").start()
    told = [bank.pay(0)["id"] for _ in range(3)]
    resource.prlimit(bank.pid, resource.RLIMIT_FSIZE, (path.stat().st_size + 100,) * 2)
    with pytest.raises(requests.ConnectionError):
        bank.send(eur_order(0))
    assert bank.wait() == 1
    with BankProcess(f"--journal={path}") as again:
        assert again.ready["replayed"] == 3
        assert [again.transfer(item)["status"] for item in told] == ["settled"] * 3
        assert again.balance() == FULL - 3 * 1234


@pytest.mark.crash
def test_nothing_told_is_lost_and_nothing_paid_twice_over_ten_kills(tmp_path: Path) -> None:
    bank = BankProcess(f"--journal={tmp_path / 'bank.jsonl'}").start()
    told: dict[str, str] = {}
    done = threading.Event()
    threads = [
        threading.Thread(target=_pay_until, args=(done, bank.url, worker, told), daemon=True)
        for worker in range(4)
    ]
    for thread in threads:
        thread.start()
    for _ in range(10):
        before = len(told)
        deadline_s = time.monotonic() + 20
        while len(told) < before + 20:
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
        bank.kill()
        bank.start()
    done.set()
    for thread in threads:
        thread.join()
    report = bank.audit()
    assert (report["consistent"], report["double_paid"]) == (True, 0)
    assert [bank.transfer(item)["status"] for item in told.values()] == ["settled"] * len(told)
    assert len(told) >= 200
    assert bank.balance() == FULL - 1234 * report["transfers"]
    bank.stop()


def _pay_until(done: threading.Event, url: str, worker: int, told: dict[str, str]) -> None:
    """Pay one order after the other, each under its own key until the bank has answered."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {API_KEY}"
    number = 0
    while not done.is_set():
        key = f"w{worker}-{number}"
        order = eur_order(0, end_to_end_id=f"{key}-1")
        try:
            answer = session.post(
                f"{url}/v1/transfers", json=order, headers={"Idempotency-Key": key}, timeout=5
            )
        except requests.RequestException:
            continue
        assert answer.status_code == 201
        told[key] = answer.json()["id"]
        number += 1


def test_a_damaged_or_shared_journal_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "bank.jsonl"
    path.write_bytes(b"not json\n")
    assert "damaged at line 1" in _refusal(f"--journal={path}")
    path.unlink()
    with BankProcess(f"--journal={path}"):
        assert "in use by another sandbox bank" in _refusal(f"--journal={path}")
    assert "Cannot open the journal" in _refusal(f"--journal={ROOT}")


def _refusal(flag: str) -> str:
    code, message = BankProcess.refused("--port=0", flag)
    assert code == 1
    assert message.count("\n") == 1
    return message
