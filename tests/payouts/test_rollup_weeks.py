"""A long stretch is read from weeks and gives what its days would; hours end after 400 days."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.db import connection
from django.utils import timezone

from atlaspay.core.weeks import Piece, pieces
from payouts.dashboard.period import period_of
from payouts.rollups import prune, read, roll
from payouts.rollups.tables import Grain, PayoutRollup, PayoutTime
from tests.payouts import rollup_truth as truth
from tests.payouts.factories import funded_partner, make_payouts
from tests.payouts.test_rollups import give_back, settled

pytestmark = pytest.mark.django_db


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "until", "cut"),
    [
        # 2 March 2026 is a Monday.
        ("2026-03-03", "2026-03-09", ["d 03-03 03-09"]),
        ("2026-03-02", "2026-03-09", ["w 03-02 03-09"]),
        ("2026-03-01", "2026-03-17", ["d 03-01 03-02", "w 03-02 03-16", "d 03-16 03-17"]),
        ("2026-03-02", "2026-03-18", ["w 03-02 03-16", "d 03-16 03-18"]),
        ("2026-03-04", "2026-03-16", ["d 03-04 03-09", "w 03-09 03-16"]),
    ],
)
def test_a_stretch_is_cut_at_its_first_and_last_monday(since, until, cut):
    made = pieces(day(since), day(until))
    assert [f"{one.grain} {one.since_at:%m-%d} {one.until_at:%m-%d}" for one in made] == cut


def test_every_stretch_is_cut_without_gap_or_overlap():
    for first in range(8):
        for days in range(1, 40):
            since = day("2026-03-01") + timedelta(days=first)
            until = since + timedelta(days=days)
            made = pieces(since, until)
            assert (made[0].since_at, made[-1].until_at) == (since, until)
            for one, following in pairwise(made):
                assert one.until_at == following.since_at
            for one in made:
                if one.grain == "w":
                    assert one.since_at.weekday() == one.until_at.weekday() == 0


def test_weeks_tell_what_their_days_tell():
    chance = random.Random(7)
    now = timezone.now()
    partner = funded_partner(100_000_000)
    for _ in range(40):
        at = now - timedelta(days=chance.randrange(0, 130), minutes=chance.randrange(1_440))
        if chance.random() < 0.5:
            settled(partner, 1_000, submitted_at=at)
        else:
            make_payouts(partner, [chance.randrange(100, 900)], submitted_at=at)
    roll.roll_up()
    truth.agree()
    for days in (93, 100, 120, 127):
        since = (now - timedelta(days=days)).date()
        period = period_of({"since": since.isoformat()})
        assert period.slot_words == "week"
        for scope in ("", partner.id):
            fine = read.Stretch(period.since_at, period.until_at, Grain.DAY, scope)
            coarse = read.Stretch(period.since_at, period.until_at, Grain.DAY, scope, weekly=True)
            assert added(read.sums(coarse), period) == added(read.sums(fine), period)
            assert added(read.times(coarse), period) == added(read.times(fine), period)
            assert {row.start_at for row in read.sums(coarse)} <= set(period.slots())


def added(rows, period) -> Counter:
    """Add rows up by the chart's column and whatever is no number in them."""
    made: Counter = Counter()
    for row in rows:
        for name, value in row._asdict().items():
            if name not in ("start_at", "currency", "state", "failure_code", "bucket"):
                rest = tuple(v for v in row[1:5] if isinstance(v, str)) or row[1]
                made[period.slot_of(row.start_at), rest, name] += value
    return +made


def test_a_year_is_read_from_weeks():
    settled(submitted_at=timezone.now() - timedelta(days=200))
    roll.roll_up()
    year = period_of({"period": "365d"})
    stretch = read.Stretch(year.since_at, year.until_at, weekly=True)
    PayoutTime.objects.filter(grain="w").update(payouts=5)
    assert [time.payouts for time in read.times(stretch)] == [5]


def test_hours_end_after_400_days_and_late_returns_still_count():
    now = timezone.now()
    partner = funded_partner()
    old = settled(partner, submitted_at=now - timedelta(days=390))
    settled(partner, submitted_at=now - timedelta(days=10))
    roll.roll_up()
    assert PayoutRollup.objects.filter(grain="h", scope="").count() == 2
    assert prune.prune_hours() == 0

    with connection.cursor() as cursor:  # eleven days go by
        for table in ("payouts_payoutrollup", "payouts_payouttime"):
            cursor.execute(
                f"UPDATE {table} SET start_at = start_at - interval '11 days'"
                " WHERE grain = 'h' AND start_at < now() - interval '300 days'"
            )
    days = list(PayoutRollup.objects.exclude(grain="h").order_by("pk").values())
    assert prune.prune_hours() == 4  # one sum and one time, for the partner and for all
    assert list(PayoutRollup.objects.exclude(grain="h").order_by("pk").values()) == days
    assert PayoutRollup.objects.filter(grain="h").count() == 2
    assert old.pk


def test_what_is_older_than_hours_are_kept_counts_by_day_and_week_alone():
    at = timezone.now() - timedelta(days=401)
    payout = settled(submitted_at=at)
    roll.roll_up()
    give_back(payout, payout.amount_minor, "rt-old")
    roll.roll_up()
    assert set(PayoutRollup.objects.values_list("grain", "state")) == {
        ("d", "returned"),
        ("w", "returned"),
    }
    truth.agree()
    on = at.date().isoformat()
    assert period_of({"since": on, "until": on}).grain == Grain.DAY
    roll.rebuild()
    truth.agree()


def test_hours_are_shown_for_days_that_have_them():
    yesterday = (timezone.now() - timedelta(days=1)).date().isoformat()
    assert period_of({"since": yesterday, "until": yesterday}).grain == Grain.HOUR
    last_year = (timezone.now() - timedelta(days=399)).date().isoformat()
    assert period_of({"since": last_year, "until": last_year}).grain == Grain.HOUR


def test_a_piece_says_what_it_is():
    assert pieces(day("2026-03-02"), day("2026-03-03")) == [
        Piece("d", day("2026-03-02"), day("2026-03-03"))
    ]
