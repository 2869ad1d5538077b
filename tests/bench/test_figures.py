"""Percentiles and ratios by hand."""

import pytest

from bench import figures


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 5), (0.95, 10), (0.99, 10), (0.1, 1), (0.11, 2)]
)
def test_percentile_takes_the_nearest_rank(share, expected):
    assert figures.percentile([10, 1, 9, 2, 8, 3, 7, 4, 6, 5], share) == expected


def test_percentile_of_nothing_is_none():
    assert figures.percentile([], 0.95) is None


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [
        (1000.0, 50.0, 20.0),
        (1.0, 3.0, 0.333),
        (None, 3.0, None),
        (1.0, 0.0, None),
        (1.0, None, None),
    ],
)
def test_ratio(part, whole, expected):
    assert figures.ratio(part, whole) == expected
