"""The dashboard's small parts: durations and shares in words, periods and their columns, charts."""

from datetime import UTC, date, datetime

import pytest

from atlaspay.core import clock
from payouts.dashboard import charts, words
from payouts.dashboard.charts import Series
from payouts.dashboard.period import MAX_DAYS, PRESETS, period_of
from payouts.machine import State

NOW = datetime(2026, 3, 4, 0, 30, tzinfo=UTC)  # a Wednesday


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        (None, "—"),
        (0, "0 ms"),
        (999, "999 ms"),
        (1_000, "1.0 s"),
        (59_940, "59.9 s"),
        (59_999, "60.0 s"),
        (60_000, "1 min 0 s"),
        (250_000, "4 min 10 s"),
        (3_600_000, "1 h 0 min"),
        (90_061_000, "1 d 1 h"),
    ],
)
def test_durations(ms, said):
    assert words.duration(ms) == said


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (None, "—"),
        (0.0, "0.0 %"),
        (1.0, "100.0 %"),
        (0.99999, "99.9 %"),
        (0.00001, "0.1 %"),
        (0.9843, "98.4 %"),
    ],
)
def test_shares_are_never_rounded_to_all_or_nothing(share, said):
    assert words.percent(share) == said


def test_every_state_is_one_of_a_partners_statuses():
    assert set(words.STATUS_OF) == set(State)


@pytest.mark.parametrize(
    ("query", "since", "slot", "slots"),
    [
        ({}, date(2026, 2, 3), "day", 30),
        ({"period": "today"}, date(2026, 3, 4), "hour", 24),
        ({"period": "90d"}, date(2025, 12, 5), "day", 90),
        # From Wednesday 5 March 2025: its week's rest, 51 whole weeks, and one begun.
        ({"period": "365d"}, date(2025, 3, 5), "week", 53),
        ({"since": "2026-03-03"}, date(2026, 3, 3), "hour", 48),
    ],
)
def test_periods_and_their_columns(query, since, slot, slots):
    with clock.frozen(NOW):
        period = period_of(query)
    assert (period.since, period.until, period.fault) == (since, date(2026, 3, 4), "")
    assert period.slot_words == slot
    made = period.slots()
    assert len(made) == len(set(made)) == slots
    assert made[0] == period.since_at
    assert period_of(dict(part.split("=") for part in period.query().split("&"))).fault == ""


def test_a_year_is_the_most_and_every_preset_is_within_it():
    assert max(days for _, days in PRESETS.values()) <= MAX_DAYS
    leap = period_of({"since": "2024-01-01", "until": "2024-12-31"})
    assert (leap.days, leap.fault) == (366, "")


def test_columns_are_stacked_and_what_is_small_is_seen():
    chart = charts.columns(
        "Payouts",
        ["one", "two"],
        [Series("settled", "Settled", [10_000, 0]), Series("failed", "Failed", [1, None])],
    )
    settled, failed = chart.rects
    assert (settled.kind, settled.words) == ("settled", "one: 10,000 settled")
    assert failed.height == 1.0
    assert settled.y == failed.y + failed.height
    assert settled.y + settled.height == charts.BASE
    assert [text for _, text in chart.ticks] == ["0", "10,000", "20,000"]


def test_nothing_at_all_is_drawn_too():
    chart = charts.columns("Payouts", ["one"], [Series("settled", "Settled", [0])])
    assert chart.rects == []
    assert charts.parts("Parts", [Series("bank", "Bank", [0])]).rects == []
    assert charts.durations("Times", [], [], str).lines == []


def test_a_column_without_a_duration_interrupts_its_line():
    chart = charts.durations(
        "Times",
        ["a", "b", "c", "d"],
        [Series("p50", "Half", [100, 200, None, 300])],
        words.duration,
    )
    assert [len(line.points) for line in chart.lines] == [2, 1]
    assert [text for _, text in chart.ticks] == ["0 ms", "250 ms", "500 ms"]


def test_parts_fill_the_bar():
    chart = charts.parts("Parts", [Series("queue", "Queue", [1]), Series("bank", "Bank", [3])])
    queue, bank = chart.rects
    assert (queue.x, bank.x) == (0, charts.WIDTH / 4)
    assert bank.x + bank.width + 1 == charts.WIDTH
