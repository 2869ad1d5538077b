"""The figures of automatic approval, by hand and by property."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.rules.auto import AutoError, read, wilson_lower
from tests.compliance.test_auto import DOCUMENT


@pytest.mark.parametrize(
    ("approved", "decided", "percent"),
    [
        (0, 0, 0.0),
        (50, 50, 92.87),
        (98, 100, 93.00),
        (188, 188, 97.997),
        (189, 189, 98.008),
        (0, 10, 0.0),
        (5, 10, 23.66),
    ],
)
def test_wilsons_lower_bound(approved: int, decided: int, percent: float) -> None:
    assert wilson_lower(approved, decided) * 100 == pytest.approx(percent, abs=0.006)


@given(st.integers(1, 5_000), st.data())
def test_the_bound_is_below_the_share_and_rises_with_it(decided: int, data: st.DataObject) -> None:
    approved = data.draw(st.integers(0, decided - 1))

    bound = wilson_lower(approved, decided)

    assert 0 <= bound <= approved / decided + 1e-12
    assert bound < wilson_lower(approved + 1, decided)


def test_ninety_eight_percent_takes_189_clean_cases() -> None:
    rules = read({**DOCUMENT, "record": {"days": 90, "decided": 50, "approved_percent": 98}})

    assert not rules.is_good(188, 188)
    assert rules.is_good(189, 189)
    assert not rules.is_good(49, 49)
    assert not rules.is_good(489, 500)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from([*DOCUMENT, "EUR", "days", "decided", "odd"]), inner, max_size=6
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_read_or_refused_with_its_faults(document: object) -> None:
    with suppress(AutoError):
        read(document)
