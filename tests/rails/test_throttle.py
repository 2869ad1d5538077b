"""The throttle's script in a real Redis, in virtual time: tokens, slots, cuts, pauses."""

import pytest

from payouts.rails import throttle as module
from payouts.rails.throttle import Grant
from tests.rails.conftest import Make
from tests.rails.moving_bank import VirtualClock

pytestmark = pytest.mark.usefixtures("clean_redis")


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
