"""The whole: eight workers at a bank whose limit moves from 50 to 20 and back to 50."""

import pytest

from tests.rails.conftest import Make
from tests.rails.moving_bank import MovingBank, Simulation, VirtualClock

pytestmark = pytest.mark.usefixtures("clean_redis")


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
