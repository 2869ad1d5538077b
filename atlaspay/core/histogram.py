"""Durations in fixed buckets on a logarithmic scale, so that percentiles of sums can be told.

A bucket is a quarter of a doubling wide. A percentile read from counts lies within ERROR_SHARE of
the true value (or within FIRST_MS, for durations shorter than that). The bounds never change: rows
in the database were counted by them.
"""

from collections.abc import Mapping
from math import ceil, sqrt

PER_DOUBLING = 4
FIRST_MS, LAST_MS = 40, 30 * 24 * 3_600_000
ERROR_SHARE = 0.1


def _bounds() -> tuple[int, ...]:
    made: list[int] = []
    step = 0
    while not made or made[-1] < LAST_MS:
        made.append(round(FIRST_MS * 2 ** (step / PER_DOUBLING)))
        step += 1
    return tuple(made)


# Bucket n holds durations from BOUNDS_MS[n - 1] up to, and without, BOUNDS_MS[n]; the first and the
# last have one bound only. This is what PostgreSQL's width_bucket(duration, bounds) counts.
BOUNDS_MS = _bounds()
SQL_BOUNDS = "'{" + ",".join(map(str, BOUNDS_MS)) + "}'::bigint[]"


def percentile_ms(counts: Mapping[int, int], share: float) -> int | None:
    """Return the duration that `share` of those counted do not exceed; None where none is counted.

    By the nearest rank: the middle (of the logarithms) of the bucket in which that rank lies.
    """
    total = sum(counts.values())
    if not total:
        return None
    rank, seen = max(1, ceil(share * total)), 0
    for bucket in sorted(counts):
        seen += counts[bucket]
        if seen >= rank:
            return middle_ms(bucket)
    raise ValueError("counts below zero")


def middle_ms(bucket: int) -> int:
    """Return the duration a bucket stands for."""
    if bucket <= 0:
        return FIRST_MS // 2
    if bucket >= len(BOUNDS_MS):
        return BOUNDS_MS[-1]
    return round(sqrt(BOUNDS_MS[bucket - 1] * BOUNDS_MS[bucket]))
