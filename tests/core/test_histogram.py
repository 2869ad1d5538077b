"""Buckets as PostgreSQL counts them, and percentiles within the error we state."""

import random
from collections import Counter
from itertools import pairwise
from math import ceil

import pytest
from django.db import connection

from atlaspay.core.histogram import (
    BOUNDS_MS,
    ERROR_SHARE,
    FIRST_MS,
    LAST_MS,
    SQL_BOUNDS,
    middle_ms,
    percentile_ms,
)


def bucket_of(ms: int) -> int:
    return sum(bound <= ms for bound in BOUNDS_MS)


def test_bounds_rise_by_a_quarter_of_a_doubling_and_are_what_rows_were_counted_by():
    assert BOUNDS_MS[:9] == (40, 48, 57, 67, 80, 95, 113, 135, 160)
    assert BOUNDS_MS[-1] >= LAST_MS > BOUNDS_MS[-2]
    assert len(BOUNDS_MS) == 105
    for low, high in pairwise(BOUNDS_MS):
        middle = (low * high) ** 0.5
        assert middle / low - 1 < ERROR_SHARE
        assert 1 - middle / high < ERROR_SHARE


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("ms", "bucket"), [(0, 0), (39, 0), (40, 1), (47, 1), (48, 2), (160, 9), (10**12, 105)]
)
def test_the_database_counts_into_the_same_bucket(ms, bucket):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT width_bucket(%s::bigint, {SQL_BOUNDS})", [ms])
        assert cursor.fetchone()[0] == bucket == bucket_of(ms)


def test_percentiles_of_no_one_and_of_far_durations():
    assert percentile_ms({}, 0.5) is None
    assert percentile_ms({3: 0}, 0.5) is None
    assert percentile_ms({0: 1}, 0.95) == FIRST_MS // 2
    assert percentile_ms({105: 4}, 0.5) == BOUNDS_MS[-1]
    assert percentile_ms({1: 1, 9: 1}, 0.5) == middle_ms(1) == 44
    assert percentile_ms({1: 1, 9: 1}, 0.51) == middle_ms(9) == 174


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.01, 0.5, 0.95, 1.0])
def test_a_percentile_lies_within_the_stated_error(seed, share):
    chance = random.Random(seed)
    times = sorted(int(chance.lognormvariate(8, 2)) + FIRST_MS for _ in range(997))
    true = times[ceil(share * len(times)) - 1]
    told = percentile_ms(Counter(map(bucket_of, times)), share)
    assert abs(told - true) <= ERROR_SHARE * true
