"""The throttle and its Redis: flushed, away, back; wrong clocks and wrong limits."""

import subprocess
import sys

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from atlaspay.core.redis import client
from payouts.rails import throttle as module
from payouts.rails.throttle import Limits, Throttle
from tests.rails.conftest import Make
from tests.rails.moving_bank import VirtualClock

pytestmark = pytest.mark.usefixtures("clean_redis")


def test_a_clock_that_steps_back_stops_nobody_for_long(make: Make, clock: VirtualClock) -> None:
    throttle = make(start_rate=100)
    throttle.take(1)
    clock.now_s -= 3600
    throttle.take(1)
    clock.now_s += 61
    assert throttle.take(50).granted == 50


def test_redis_flushed_means_learning_anew(make: Make) -> None:
    throttle = make(start_rate=100)
    throttle.report(limited=1)
    client().flushdb()
    client().script_flush()
    assert throttle.snapshot().rate == 100


def test_redis_time_is_used_by_default() -> None:
    throttle = Throttle(client(), provider="p", credential="c", endpoint_class="submit")
    assert throttle.take(3).granted == 3
    seconds, _ = client().time()
    assert abs(int(client().hget(throttle.keys[0], "at")) / 1e6 - seconds) < 5


def test_redis_away_leaves_a_low_local_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    away = redis.Redis(host="127.0.0.1", port=1, retry=Retry(NoBackoff(), 0))
    throttle = Throttle(
        away,
        provider="p",
        credential="c",
        endpoint_class="submit",
        limits=Limits(local_rate=5),
    )
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    granted = 0
    for _ in range(100):
        grant = throttle.take(200)
        granted += grant.granted
        throttle.report(successes=grant.granted)
        throttle.release(grant.granted)
        now[0] += 0.1
    assert 45 <= granted <= 51  # ten seconds at 5/s
    assert throttle.snapshot().is_local
    assert throttle.snapshot().rate == 5


def test_redis_coming_back_is_noticed(monkeypatch: pytest.MonkeyPatch, make: Make) -> None:
    throttle = make(start_rate=100)
    good = throttle._script
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])

    def fail(**_: object) -> None:
        raise redis.ConnectionError("gone")

    monkeypatch.setattr(throttle, "_script", fail)
    assert throttle.take(5).granted == 1
    monkeypatch.setattr(throttle, "_script", good)
    assert throttle.snapshot().is_local
    now[0] += 1.0
    assert not throttle.snapshot().is_local


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_rate": 0},
        {"start_rate": 9000},
        {"in_flight": 0},
        {"cut_limited": 1},
        {"burst_s": 0},
        {"local_rate": 0},
    ],
)
def test_limits_that_cannot_work(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="throttle"):
        Limits(**wrong)  # type: ignore[arg-type]


def test_a_forked_child_has_its_own_name() -> None:
    code = (
        "import os; from payouts.rails.throttle import holder; a = holder(); r, w = os.pipe()\n"
        "if os.fork() == 0: os.write(w, holder().encode()); os._exit(0)\n"
        "os.wait(); b = os.read(r, 99).decode(); assert a != b and a == holder()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=20)


@pytest.mark.parametrize("asked_s", [1e308, float("inf")])
def test_a_wait_beyond_all_measure_pauses_for_the_longest_allowed(
    make: Make, asked_s: float
) -> None:
    throttle = make(start_rate=100)
    throttle.report(limited=1, retry_after_s=asked_s)
    assert throttle.snapshot().paused_s == 60
