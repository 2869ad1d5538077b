"""Rate, burst, ramp, concurrency, Retry-After and latency."""

import random
import threading
from email.utils import parsedate_to_datetime

import pytest

from payouts.rails.simulator.config import Lognormal, Ramp, RampPoint, Uniform
from payouts.rails.simulator.shaping import TokenBucket, ramp_rate, sampler
from tests.simulator.bankproc import BankProcess, eur_order


def test_a_burst_passes_and_the_next_is_told_to_wait(bank: BankProcess) -> None:
    bank.configure(rate_per_s=0.5, burst=3)
    answers = [bank.send(eur_order(0)) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 429]
    assert answers[3].headers["Retry-After"] == "2"
    body = answers[3].json()
    assert body["code"] == "rate_limited"
    assert 1.5 < body["retry_after_s"] <= 2
    assert bank.audit()["transfers"] == 3


def test_retry_after_as_a_date_lies_in_the_future(bank: BankProcess) -> None:
    bank.configure(rate_per_s=0.1, burst=1, retry_after_form="http_date")
    bank.send(eur_order(0))
    refused = bank.send(eur_order(0))
    told = parsedate_to_datetime(refused.headers["Retry-After"])
    sent = parsedate_to_datetime(refused.headers["Date"])
    assert 10 <= (told - sent).total_seconds() <= 11


def test_retry_after_can_be_wrong_or_missing(bank: BankProcess) -> None:
    bank.configure(rate_per_s=0.1, burst=1, retry_after_s=77)
    bank.send(eur_order(0))
    assert bank.send(eur_order(0)).headers["Retry-After"] == "77"
    bank.configure(rate_per_s=0.1, burst=1, retry_after_form="none")
    bank.send(eur_order(0))
    assert "Retry-After" not in bank.send(eur_order(0)).headers


def test_look_ups_have_a_limit_of_their_own(bank: BankProcess) -> None:
    bank.configure(lookup_rate_per_s=0.1, lookup_burst=1)
    assert bank.get("/v1/accounts/acct_eur").status_code == 200
    assert bank.get("/v1/accounts/acct_eur").status_code == 429
    assert bank.send(eur_order(0)).status_code == 201


def test_only_so_many_calls_may_be_in_flight(bank: BankProcess) -> None:
    bank.configure(concurrency=2, latency={"kind": "fixed", "ms": 400})
    gate = threading.Barrier(5)
    statuses: list[tuple[int, str | None]] = []

    def send() -> None:
        gate.wait()
        answer = bank.send(eur_order(0))
        statuses.append((answer.status_code, answer.headers.get("Retry-After")))

    threads = [threading.Thread(target=send) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [(201, None)] * 2 + [(429, "1")] * 3
    assert bank.send(eur_order(0)).status_code == 201


def test_a_bucket_refills_at_its_rate_up_to_its_burst() -> None:
    bucket = TokenBucket(10, 5, None, now_s=100.0)
    assert [bucket.take(100.0) for _ in range(5)] == [0.0] * 5
    assert bucket.take(100.0) == pytest.approx(0.1)
    assert bucket.take(100.1) == 0.0
    assert bucket.take(100.1) == pytest.approx(0.1)
    assert [bucket.take(200.0) for _ in range(5)] == [0.0] * 5
    assert bucket.take(200.0) > 0


def test_a_bucket_without_a_burst_holds_a_seconds_worth() -> None:
    bucket = TokenBucket(3, None, None, now_s=0.0)
    assert [bucket.take(0.0) == 0 for _ in range(4)] == [True, True, True, False]


def test_a_bucket_without_a_rate_never_refuses() -> None:
    bucket = TokenBucket(None, None, None, now_s=0.0)
    assert {bucket.take(0.0) for _ in range(10_000)} == {0.0}


def test_a_step_ramp_jumps_at_its_points() -> None:
    ramp = Ramp(points=[RampPoint(0, 50), RampPoint(10, 20), RampPoint(20, 50)])
    assert [ramp_rate(ramp, at_s) for at_s in (0, 9.9, 10, 19.9, 20, 999)] == [
        50, 50, 20, 20, 50, 50,
    ]  # fmt: skip


def test_a_linear_ramp_moves_between_its_points() -> None:
    ramp = Ramp(points=[RampPoint(0, 50), RampPoint(10, 20)], shape="linear")
    assert [ramp_rate(ramp, at_s) for at_s in (0, 5, 10, 20)] == [50, 35, 20, 20]


def test_a_ramp_is_obeyed_over_the_wire(bank: BankProcess) -> None:
    bank.configure(burst=2, ramp={"points": [{"at_s": 0, "rate_per_s": 0}]})
    assert [bank.send(eur_order(0)).status_code for _ in range(3)] == [201, 201, 429]


def test_latency_delays_the_answer(bank: BankProcess) -> None:
    bank.configure(latency={"kind": "fixed", "ms": 150})
    elapsed_s = bank.send(eur_order(0)).elapsed.total_seconds()
    assert 0.15 <= elapsed_s < 0.5


def test_distributions_are_seeded_and_have_their_median() -> None:
    def draw(seed: int) -> list[float]:
        lognormal = sampler(Lognormal(median_ms=20, sigma=0.5), random.Random(seed))
        return [lognormal() for _ in range(2001)]

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)
    assert sorted(draw(1))[1000] == pytest.approx(0.020, rel=0.1)
    uniform = sampler(Uniform(min_ms=10, max_ms=20), random.Random(1))
    drawn = [uniform() for _ in range(1000)]
    assert min(drawn) >= 0.010
    assert max(drawn) <= 0.020


@pytest.mark.parametrize(
    ("config", "pointer"),
    [
        ({"rate": 5}, ""),
        ({"rate_per_s": -1}, "/rate_per_s"),
        ({"faults": {"error_share": 1.5}}, "/faults/error_share"),
        ({"faults": {"error_share": 0.6, "reset_share": 0.6}}, "/faults"),
        ({"latency": {"kind": "normal"}}, "/latency/kind"),
        ({"latency": {"kind": "uniform", "min_ms": 5, "max_ms": 1}}, "/latency"),
        ({"ramp": {"points": []}}, "/ramp/points"),
        ({"webhooks": {"url": "ftp://x"}}, "/webhooks/url"),
    ],
)
def test_a_wrong_config_is_refused_and_changes_nothing(
    bank: BankProcess, config: dict[str, object], pointer: str
) -> None:
    before = bank.sim("config", method="GET")
    answer = bank.session.put(f"{bank.url}/_sim/config", json=config, timeout=5)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert answer.json()["pointer"] == pointer
    assert bank.sim("config", method="GET") == before


def test_put_replaces_and_patch_merges(bank: BankProcess) -> None:
    bank.configure(rate_per_s=5, faults={"reset_share": 0.5})
    merged = bank.sim("config", {"burst": 9, "faults": {"hang_share": 0.25}}, "PATCH")
    assert (merged["rate_per_s"], merged["burst"]) == (5, 9)
    assert (merged["faults"]["reset_share"], merged["faults"]["hang_share"]) == (0.5, 0.25)
    replaced = bank.configure(burst=2)
    assert (replaced["rate_per_s"], replaced["burst"]) == (None, 2)
    assert replaced["faults"]["reset_share"] == 0
