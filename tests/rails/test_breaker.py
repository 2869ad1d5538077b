"""The breaker that all classes of a provider share, in virtual time."""

import pytest

from payouts.rails.throttle import Grant
from tests.rails.conftest import Make
from tests.rails.moving_bank import VirtualClock

pytestmark = pytest.mark.usefixtures("clean_redis")


def test_errors_cut_a_little_and_do_not_end_slow_start(make: Make) -> None:
    throttle = make(start_rate=100)
    throttle.report(successes=50, errors=1)
    # The successes' +50 is held back by the ceiling; then x 0.9.
    assert throttle.snapshot().rate == pytest.approx(90)
    assert not throttle.snapshot().is_learned
    assert throttle.snapshot().breaker == "closed"


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
