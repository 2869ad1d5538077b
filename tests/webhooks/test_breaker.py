"""Health of an endpoint, worked out by hand."""

from datetime import UTC, datetime, timedelta

from webhooks.delivery.breaker import Health, Sign, after

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
DEAD, OK, ERROR, BUSY = Sign.UNREACHABLE, Sign.OK, Sign.ANSWERED, Sign.OVERLOADED


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_five_failures_in_a_row_open_it_and_four_do_not():
    four = after(Health(), [DEAD] * 4, NOW)
    assert four == Health(failing_since=NOW, streak=4, window=1)
    five = after(four, [DEAD], at(1))
    assert (five.streak, five.breaker_trips, five.breaker_open_until) == (5, 1, at(31))
    assert five.failing_since == NOW
    assert five.is_probing


def test_the_pause_doubles_to_ten_minutes():
    health, moment, pauses = after(Health(), [DEAD] * 5, NOW), NOW, []
    for _ in range(7):
        pauses.append((health.breaker_open_until - moment).total_seconds())
        moment = health.breaker_open_until
        health = after(health, [DEAD], moment)
    assert pauses == [30, 60, 120, 240, 480, 600, 600]


def test_calls_that_were_under_way_do_not_open_it_twice():
    health = after(Health(), [DEAD] * 9, NOW)
    assert (health.breaker_trips, health.breaker_open_until) == (1, at(30))


def test_a_success_closes_it_and_keeps_the_small_window():
    health = after(after(Health(), [DEAD] * 5, NOW), [OK], at(31))
    assert health == Health(window=1)


def test_an_answer_of_any_kind_ends_the_streak_but_not_the_failing():
    health = after(after(Health(), [DEAD] * 4, NOW), [ERROR, DEAD], at(1))
    assert (health.streak, health.breaker_trips, health.failing_since) == (1, 0, NOW)


def test_the_window_grows_by_one_a_flush_under_load_and_halves_when_refused():
    grown = after(Health(), [OK] * 50, NOW, is_saturated=True)
    assert grown.window == 5
    assert after(Health(), [OK] * 50, NOW).window == 4
    assert after(Health(window=16), [OK], NOW, is_saturated=True).window == 16
    assert after(Health(window=16), [BUSY], NOW).window == 8
    assert after(Health(window=16), [ERROR], NOW).window == 16


def test_retry_after_pauses_without_a_trip():
    health = after(Health(), [BUSY], NOW, retry_after_s=7)
    assert (health.breaker_open_until, health.breaker_trips) == (at(7), 0)
    assert after(Health(), [BUSY], NOW, retry_after_s=9_999).breaker_open_until == at(600)
