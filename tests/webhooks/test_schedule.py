"""Twelve attempts over 75.6 hours, with the jitter that the promise allows."""

import random

import pytest

from webhooks.delivery.schedule import MAX_ATTEMPTS, STEPS_S, deadline_s, next_delay_s


def exact(low: float, high: float) -> float:
    return 0.0


def test_the_schedule_is_the_published_one():
    assert MAX_ATTEMPTS == 12
    assert sum(STEPS_S) == 272_175  # 75 h 36 min 15 s
    delays = [next_delay_s(failures, uniform=exact) for failures in range(1, 13)]
    assert delays == [
        3, 12, 60, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400, None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("failures", "low", "high"),
    [(1, 3.0, 3.6), (2, 12.0, 14.4), (3, 48.0, 72.0), (4, 240.0, 360.0), (11, 69_120, 103_680)],
)
def test_jitter_is_never_early_before_the_fourth_attempt(failures, low, high):
    assert next_delay_s(failures, uniform=lambda a, b: a) == pytest.approx(low)
    assert next_delay_s(failures, uniform=lambda a, b: b) == pytest.approx(high)
    chance = random.Random(7)
    drawn = [next_delay_s(failures, uniform=chance.uniform) for _ in range(500)]
    assert low <= min(drawn) < max(drawn) <= high


@pytest.mark.parametrize(
    ("failures", "asked_s", "delay_s"),
    [(1, 1, 3.0), (1, 5, 5.0), (1, 6, 6.0), (1, 600, 6.0), (3, 90, 90.0), (3, 9_999, 120.0)],
)
def test_retry_after_is_honoured_up_to_twice_the_step(failures, asked_s, delay_s):
    assert next_delay_s(failures, retry_after_s=asked_s, uniform=exact) == delay_s


def test_the_first_three_attempts_end_within_the_promise():
    assert [deadline_s(failures) for failures in range(5)] == [8, 8, 8, 15, 15]
