"""The request budget of a key: shared in Redis, low but open without it."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from atlaspay.core.ids import new_id
from partners import throttles
from tests.factories import api_client

# One request in a hundred seconds: a machine that is slow meanwhile frees no second one.
SLOW = 0.01


def test_a_burst_is_allowed_and_then_refused_with_the_time_to_wait():
    key = new_id("key")
    taken = [throttles.take(key, rate=SLOW, burst=3) for _ in range(4)]
    assert [budget.allowed for budget in taken] == [True, True, True, False]
    assert [budget.remaining for budget in taken] == [2, 1, 0, 0]
    assert 80_000 <= taken[3].retry_ms <= 100_000
    assert 280_000 <= taken[3].reset_ms <= 300_000


def test_the_budget_fills_again():
    key = new_id("key")
    assert throttles.take(key, rate=1_000, burst=1).allowed
    refused_or_not = [throttles.take(key, rate=1_000, burst=1).allowed for _ in range(500)]
    assert any(refused_or_not)


def test_keys_have_budgets_of_their_own():
    first, second = new_id("key"), new_id("key")
    assert throttles.take(first, rate=SLOW, burst=1).allowed
    assert not throttles.take(first, rate=SLOW, burst=1).allowed
    assert throttles.take(second, rate=SLOW, burst=1).allowed


@pytest.mark.race
def test_many_at_once_take_no_more_than_there_is():
    key, gate = new_id("key"), threading.Barrier(16)

    def one(_: int) -> bool:
        gate.wait(timeout=10)
        return throttles.take(key, rate=SLOW, burst=5).allowed

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(one, range(16))) == 5


@pytest.mark.django_db
@pytest.mark.urls("tests.core.probe_urls")
def test_answers_carry_the_budget_and_429_the_time(settings):
    settings.ATLASPAY_RATE_PER_SECOND, settings.ATLASPAY_RATE_BURST = SLOW, 2
    client = api_client()
    first, second, third = (client.get("/v1/echo") for _ in range(3))
    assert [r["RateLimit-Remaining"] for r in (first, second, third)] == ["1", "0", "0"]
    assert first["RateLimit-Limit"] == "2"
    assert third.status_code == 429
    assert third.json()["code"] == "rate_limited"
    assert 80 <= int(third["Retry-After"]) <= 100
    assert 180 <= int(third["RateLimit-Reset"]) <= 200


def test_without_redis_a_tenth_of_the_rate_goes_on(monkeypatch, caplog):
    tried = []

    def away(**_: object) -> None:
        tried.append(1)
        raise redis.ConnectionError

    monkeypatch.setattr(throttles, "_script", lambda: away)
    key = new_id("key")
    taken = [throttles.take(key, rate=100, burst=40) for _ in range(5)]
    assert [budget.allowed for budget in taken] == [True, True, True, True, False]
    assert taken[0].limit == 4
    # One attempt, then a pause: a dead Redis must not cost each request its timeout.
    assert len(tried) == 1
    assert [r.getMessage() for r in caplog.records] == ["throttle.redis_away"]
