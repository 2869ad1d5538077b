"""The throttle's script in a real Redis, in virtual time: tokens, slots, cuts, pauses, breaker."""

import subprocess
import sys
from collections.abc import Callable

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from atlaspay.core.redis import client
from payouts.rails import throttle as module
from payouts.rails.throttle import Grant, Limits, Throttle
from tests.rails.moving_bank import MovingBank, Simulation, VirtualClock

pytestmark = pytest.mark.usefixtures("clean_redis")
Make = Callable[..., Throttle]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def make(clock: VirtualClock) -> Make:
    def _make(endpoint_class: str = "submit", **limits: float) -> Throttle:
        return Throttle(
            client(),
            provider="testbank",
            credential="cafe",
            endpoint_class=endpoint_class,  # type: ignore[arg-type]
            limits=Limits(**limits),  # type: ignore[arg-type]
            now_us=clock.us,
        )

    return _make


def test_tokens_come_with_time(make: Make, clock: VirtualClock) -> None:
    """100/s: a twentieth of a second's worth at first, then ten in a tenth of a second."""
    throttle = make(start_rate=100)
    assert throttle.take(50) == Grant(5, pytest.approx(0.45), "rate")
    clock.now_s += 0.1
    assert throttle.take(50).granted == 10
    clock.now_s += 60
    # Before a limit is known a whole second may be saved up, no more.
    assert throttle.take(500).granted == 100
    assert throttle.snapshot().taken_total == 115


def test_nothing_asked_nothing_taken(make: Make) -> None:
    throttle = make()
    assert throttle.take(0) == Grant(0, 0.0)
    assert throttle.snapshot().in_flight == 0


def test_slots_bound_what_is_open(make: Make, clock: VirtualClock) -> None:
    throttle = make(start_rate=1000, in_flight=30)
    clock.now_s += 1
    assert throttle.take(20).granted == 20
    clock.now_s += 1
    assert throttle.take(20) == Grant(10, 0.05, "in_flight")
    assert throttle.take(1) == Grant(0, 0.05, "in_flight")
    throttle.release(4)
    assert throttle.take(20).granted == 4
    assert throttle.snapshot().in_flight == 30


def test_unused_grants_give_their_tokens_back(make: Make, clock: VirtualClock) -> None:
    throttle = make(start_rate=100)
    assert throttle.take(5).granted == 5
    throttle.release(3, unused=True)
    assert throttle.snapshot().taken_total == 2
    assert throttle.take(5).granted == 3


def test_a_dead_workers_slots_come_back(
    make: Make, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    throttle = make(start_rate=1000, in_flight=30, lease_s=60)
    clock.now_s += 1
    monkeypatch.setattr(module, "holder", lambda: "killed")
    assert throttle.take(30).granted == 30
    monkeypatch.setattr(module, "holder", lambda: "alive")
    clock.now_s += 59
    assert throttle.take(30).granted == 0
    clock.now_s += 1
    assert throttle.take(30).granted == 30
    assert throttle.snapshot().holders == 1


def test_a_release_never_takes_anothers_slots(
    make: Make, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    throttle = make(start_rate=1000)
    clock.now_s += 1
    monkeypatch.setattr(module, "holder", lambda: "a")
    throttle.take(10)
    monkeypatch.setattr(module, "holder", lambda: "b")
    throttle.take(5)
    throttle.release(100)
    assert throttle.snapshot().in_flight == 10


def test_slow_start_adds_half_a_call_per_success(make: Make, clock: VirtualClock) -> None:
    throttle = make(start_rate=100, max_rate=1000)
    for _ in range(2):
        clock.now_s += 1
        throttle.report(successes=100)
    # 100 + 50 is within the ceiling of twice the 100/s that really got through.
    assert throttle.snapshot().rate == pytest.approx(150)
    assert throttle.snapshot().measured == pytest.approx(100)
    assert not throttle.snapshot().is_learned


def test_growth_is_bounded_by_what_gets_through(make: Make, clock: VirtualClock) -> None:
    throttle = make(start_rate=100)
    for _ in range(50):
        clock.now_s += 1
        throttle.report(successes=80)
    assert throttle.snapshot().rate == pytest.approx(160)


def test_after_a_cut_the_rate_climbs_by_four_a_second(make: Make, clock: VirtualClock) -> None:
    throttle = make(start_rate=100)
    throttle.report(limited=1)
    assert throttle.snapshot().rate == pytest.approx(70)
    for _ in range(70):
        clock.now_s += 1 / 70
        throttle.report(successes=1)
    assert throttle.snapshot().rate == pytest.approx(74, abs=0.2)
    assert throttle.snapshot().is_learned


def test_one_cut_per_half_second(make: Make, clock: VirtualClock) -> None:
    throttle = make(start_rate=100)
    for _ in range(10):
        throttle.report(limited=20)
    assert throttle.snapshot().rate == pytest.approx(70)
    clock.now_s += 0.5
    throttle.report(limited=1)
    assert throttle.snapshot().rate == pytest.approx(49)
    assert throttle.snapshot().limited_total == 201


def test_a_429_pauses_for_retry_after_and_saves_nothing_up(make: Make, clock: VirtualClock) -> None:
    throttle = make(start_rate=100)
    throttle.report(limited=1, retry_after_s=3)
    clock.now_s += 2
    assert throttle.take(10) == Grant(0, pytest.approx(1.0), "paused")
    clock.now_s += 1.1
    assert throttle.take(10).granted == 7  # 70/s for the tenth of a second since


def test_retry_after_is_capped(make: Make) -> None:
    throttle = make()
    throttle.report(limited=1, retry_after_s=86_400)
    assert throttle.snapshot().paused_s == pytest.approx(60)


def test_errors_cut_a_little_and_do_not_end_slow_start(make: Make) -> None:
    throttle = make(start_rate=100)
    throttle.report(successes=50, errors=1)
    # The successes' +50 is held back by the ceiling; then x 0.9.
    assert throttle.snapshot().rate == pytest.approx(90)
    assert not throttle.snapshot().is_learned
    assert throttle.snapshot().breaker == "closed"


def test_rate_stays_within_its_bounds(make: Make, clock: VirtualClock) -> None:
    throttle = make(start_rate=10, min_rate=2, max_rate=20)
    for _ in range(30):
        throttle.report(limited=1)
        clock.now_s += 1
    assert throttle.snapshot().rate == 2
    for _ in range(200):
        throttle.report(successes=100)
        clock.now_s += 1
    assert throttle.snapshot().rate == 20


def test_breaker_opens_probes_and_closes(make: Make, clock: VirtualClock) -> None:
    throttle = make(start_rate=1000, trip_after=20)
    clock.now_s += 1
    throttle.report(errors=19)
    assert throttle.take(1).granted == 1
    throttle.report(errors=1)
    assert throttle.snapshot().breaker == "open"
    assert throttle.take(10) == Grant(0, pytest.approx(1.0), "breaker")
    clock.now_s += 1.0
    assert throttle.snapshot().breaker == "half_open"
    assert throttle.take(10).granted == 1
    assert throttle.take(10).granted == 0
    throttle.release(1)
    throttle.report(errors=1)
    assert throttle.take(10) == Grant(0, pytest.approx(2.0), "breaker")
    clock.now_s += 2.0
    assert throttle.take(10).granted == 1
    throttle.report(successes=1)
    assert throttle.snapshot().breaker == "closed"
    clock.now_s += 1.0
    assert throttle.take(10).granted == 10


def test_breaker_waits_at_most_thirty_seconds(make: Make, clock: VirtualClock) -> None:
    throttle = make(trip_after=1)
    for _ in range(12):
        throttle.report(errors=1)
        clock.now_s += throttle.snapshot().breaker_s
    throttle.report(errors=1)
    assert throttle.snapshot().breaker_s == pytest.approx(30)


def test_a_lost_probe_is_replaced(make: Make, clock: VirtualClock) -> None:
    throttle = make(start_rate=100, trip_after=1)
    throttle.report(errors=1)
    clock.now_s += 1
    assert throttle.take(1).granted == 1
    clock.now_s += 29
    assert throttle.take(1).granted == 0
    clock.now_s += 1
    assert throttle.take(1).granted == 1


def test_an_unused_probe_lets_another_go(make: Make, clock: VirtualClock) -> None:
    throttle = make(start_rate=100, trip_after=1)
    throttle.report(errors=1)
    clock.now_s += 1
    assert throttle.take(1).granted == 1
    throttle.release(1, unused=True)
    assert throttle.take(1).granted == 1


def test_failures_between_answers_do_not_open_it(make: Make) -> None:
    throttle = make(trip_after=20)
    for _ in range(10):
        throttle.report(errors=19)
        throttle.report(successes=1)
    assert throttle.snapshot().breaker == "closed"


def test_a_429_proves_the_provider_is_there(make: Make, clock: VirtualClock) -> None:
    throttle = make(trip_after=1)
    throttle.report(errors=1)
    clock.now_s += 1
    throttle.report(limited=1)
    assert throttle.snapshot().breaker == "closed"


def test_classes_have_their_own_rate_and_one_breaker(make: Make, clock: VirtualClock) -> None:
    submit, lookup = make("submit", start_rate=100, trip_after=5), make("lookup", start_rate=10)
    submit.report(limited=1)
    assert lookup.snapshot().rate == 10
    submit.report(errors=5)
    assert lookup.snapshot().breaker == "open"


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


# The whole: a bank whose limit moves from 50 to 20 and back to 50 calls a second.


def _moving(clock: VirtualClock) -> MovingBank:
    start = clock.now_s
    return MovingBank(lambda at_s: 20 if 30 <= at_s - start < 60 else 50, at_s=start)


def test_a_moving_limit_wastes_under_three_percent(make: Make, clock: VirtualClock) -> None:
    bank = _moving(clock)
    Simulation(bank, make(), clock).run(90)
    share = bank.limited / (bank.taken + bank.limited)
    assert share < 0.03, f"{share:.1%} wasted"
    # 50 x 30 + 20 x 30 + 50 x 30 = 3,600 could pass; nine tenths of that do.
    assert bank.taken > 0.9 * 3600


def test_without_the_throttle_most_calls_are_wasted(clock: VirtualClock) -> None:
    bank = _moving(clock)
    Simulation(bank, None, clock).run(10)
    assert bank.limited / (bank.taken + bank.limited) > 0.9


def test_a_bank_without_a_limit_is_at_full_speed_within_seconds(
    make: Make, clock: VirtualClock
) -> None:
    bank = MovingBank(lambda _: 1e9, at_s=clock.now_s)
    simulation = Simulation(bank, make(in_flight=2000), clock, chunk=250)
    simulation.run(8)
    by_second = list(simulation.taken_by_second.values())
    assert by_second[0] > 450
    assert by_second[7] > 4500
    assert bank.limited == 0


def test_concurrency_limits_are_kept_over_all_workers(make: Make, clock: VirtualClock) -> None:
    throttle = make(in_flight=25)
    bank = MovingBank(lambda _: 1e9, at_s=clock.now_s)
    most = 0

    class Counting(Simulation):
        def _ask(self) -> tuple[int, float]:
            nonlocal most
            asked = super()._ask()
            most = max(most, throttle.snapshot().in_flight)
            return asked

    Counting(bank, throttle, clock).run(1)
    assert most == 25
