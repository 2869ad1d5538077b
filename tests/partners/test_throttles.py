"""The request budget of a key: shared in Redis, low but open without it."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from atlaspay.core.errors import RateLimitedError
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


def test_a_cost_takes_as_many_tokens_and_says_when_as_many_are_free():
    bucket = new_id("key")
    first = throttles.take(bucket, rate=SLOW, burst=100, cost=60)
    second = throttles.take(bucket, rate=SLOW, burst=100, cost=60)
    third = throttles.take(bucket, rate=SLOW, burst=100, cost=40)
    assert [one.allowed for one in (first, second, third)] == [True, False, True]
    assert (first.remaining, second.remaining, third.remaining) == (40, 40, 0)
    # Twenty more at one in a hundred seconds.
    assert 1_900_000 <= second.retry_ms <= 2_000_000


def test_what_is_more_than_the_bucket_holds_takes_all_of_it():
    bucket = new_id("key")
    assert throttles.take(bucket, rate=SLOW, burst=10, cost=15_000).remaining == 0
    assert not throttles.take(bucket, rate=SLOW, burst=10, cost=15_000).allowed
    local = throttles.LocalBucket(SLOW, 10)
    assert local.take(15_000).allowed
    assert not local.take(1).allowed


def test_items_are_counted_by_partner_and_refused_with_the_time_to_wait(settings):
    settings.ATLASPAY_PREVIEW_ITEMS_PER_SECOND = SLOW
    settings.ATLASPAY_PREVIEW_ITEMS_BURST = 20
    partner, another = new_id("pt"), new_id("pt")
    throttles.take_items(partner, 15)
    with pytest.raises(RateLimitedError) as refused:
        throttles.take_items(partner, 15)
    assert refused.value.code == "preview_budget_used"
    assert 900 <= int(refused.value.headers["Retry-After"]) <= 1_000
    throttles.take_items(partner, 5)
    throttles.take_items(another, 15)
