"""Sums of deliveries: first attempts, later ones, retries by hand, tests."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from atlaspay.core import clock
from atlaspay.core.histogram import percentile_ms
from tests.webhooks.factories import emit, make_endpoint
from webhooks import rollup_figures, rollups
from webhooks.models import Delivery, DeliveryAttempt, DeliveryRollup, DeliveryTime

pytestmark = pytest.mark.django_db
AT = datetime(2026, 5, 4, 10, 15, tzinfo=UTC)


@pytest.fixture
def endpoint():
    return make_endpoint()


def delivery_of(endpoint, *, event_at=AT) -> Delivery:
    event_id = emit(endpoint.partner)
    Delivery.objects.filter(event=event_id).update(event_at=event_at)
    return Delivery.objects.get(event=event_id)


def attempt(delivery, number, outcome, *, after_s=1.0, took_ms=250, gave_up=False) -> None:
    DeliveryAttempt.objects.create(
        delivery=delivery,
        number=number,
        outcome=outcome,
        started_at=delivery.event_at + timedelta(seconds=after_s),
        duration_ms=took_ms,
        gave_up=gave_up,
    )


def day(scope: str) -> tuple[int, ...]:
    row = DeliveryRollup.objects.get(scope=scope, grain="d", start_at=AT.replace(hour=0, minute=0))
    return (row.attempts, row.tried, row.first_delivered, row.delivered, row.prompt)


def given_up(scope: str) -> int:
    return DeliveryRollup.objects.get(scope=scope, grain="d").exhausted


def test_first_and_later_attempts_by_partner_and_for_all(endpoint):
    attempt(delivery_of(endpoint), 1, "delivered", after_s=2)
    second = delivery_of(endpoint)
    attempt(second, 1, "refused")
    attempt(second, 2, "delivered", after_s=40)
    other = make_endpoint()
    attempt(delivery_of(other), 1, "failed")
    assert rollups.roll_up().counted == 4

    assert day(endpoint.partner_id) == day(endpoint.pk) == (3, 2, 1, 2, 1)
    assert day(other.partner_id) == (1, 1, 0, 0, 0)
    assert day("") == (4, 3, 1, 2, 1)
    counts = dict(
        DeliveryTime.objects.filter(scope="", grain="d").values_list("bucket", "deliveries")
    )
    assert sum(counts.values()) == 2
    assert abs(percentile_ms(counts, 0.5) - 2_250) <= 225
    assert abs(percentile_ms(counts, 1.0) - 40_250) <= 4_025


def test_attempts_of_many_runs_add_up_and_none_counts_twice(endpoint):
    delivery = delivery_of(endpoint)
    attempt(delivery, 1, "refused")
    rollups.roll_up()
    attempt(delivery, 2, "delivered", after_s=12)
    rollups.roll_up()
    rollups.roll_up()
    assert day("") == (2, 1, 0, 1, 1)


def test_delivered_again_by_hand_is_delivered_once(endpoint):
    delivery = delivery_of(endpoint)
    attempt(delivery, 1, "delivered")
    rollups.roll_up()
    attempt(delivery, 2, "delivered", after_s=3_600)
    rollups.roll_up()
    assert day("") == (2, 1, 1, 1, 1)


def test_what_a_partner_asked_for_as_a_test_does_not_count(endpoint):
    delivery = delivery_of(endpoint)
    Delivery.objects.filter(pk=delivery.pk).update(object_id=endpoint.pk)
    attempt(delivery, 1, "delivered")
    rollups.roll_up()
    assert not DeliveryRollup.objects.exists()


def test_a_rebuild_counts_what_is_kept_and_leaves_older_days(endpoint):
    recent = clock.now().replace(hour=1, minute=0) - timedelta(days=2)
    attempt(delivery_of(endpoint, event_at=recent), 1, "delivered")
    attempt(delivery_of(endpoint), 1, "delivered")  # in May: pruned since
    rollups.roll_up()
    pruned = day("")
    DeliveryRollup.objects.filter(start_at__gte=recent - timedelta(days=1)).update(delivered=99)
    rollups.rebuild()

    assert day("") == pruned == (1, 1, 1, 1, 1)
    today = DeliveryRollup.objects.get(scope="", grain="d", start_at__gt=AT)
    assert (today.generation, today.attempts, today.delivered) == (2, 1, 1)
    assert DeliveryTime.objects.filter(grain="d").count() == 6
    assert set(DeliveryTime.objects.values_list("generation", flat=True)) == {2}


def test_what_was_given_up_counts_until_a_retry_by_hand_delivers_it(endpoint):
    first, second = delivery_of(endpoint), delivery_of(endpoint)
    attempt(first, 12, "failed", gave_up=True)
    attempt(second, 12, "refused", gave_up=True)
    rollups.roll_up()
    assert (given_up(endpoint.pk), given_up(endpoint.partner_id), given_up("")) == (2, 2, 2)

    attempt(first, 13, "refused")
    attempt(second, 13, "failed", gave_up=True)  # given up again, still one
    rollups.roll_up()
    assert given_up(endpoint.pk) == 2
    attempt(first, 14, "delivered", after_s=9_000)
    rollups.roll_up()
    assert (given_up(endpoint.pk), given_up("")) == (1, 1)
    attempt(first, 15, "failed", gave_up=True)  # asked for again, though it had arrived
    rollups.roll_up()
    before = list(DeliveryRollup.objects.order_by("scope").values_list("scope", "exhausted"))
    rollups.rebuild()
    assert given_up(endpoint.pk) == 1
    assert before == list(
        DeliveryRollup.objects.order_by("scope").values_list("scope", "exhausted")
    )


def test_weeks_tell_what_their_days_tell_also_after_a_rebuild(endpoint):
    today = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    for age in range(0, 60, 3):
        one = delivery_of(endpoint, event_at=today - timedelta(days=age) + timedelta(hours=1))
        attempt(one, 1, "delivered" if age % 2 else "refused", after_s=age)
    rollups.roll_up()
    first = whole(endpoint.partner_id, today)
    for _ in range(2):
        for days in (1, 8, 20, 45, 61):
            since_at, until_at = today - timedelta(days=days - 1), today + timedelta(days=1)
            for scope in ("", endpoint.partner_id):
                told = rollup_figures.deliveries(scope, since_at, until_at)
                by_day = rollup_figures.by_day(scope, since_at, until_at).values()
                for name in ("attempts", "tried", "first_delivered", "delivered", "prompt"):
                    assert getattr(told, name) == sum(getattr(one, name) for one in by_day), name
                assert Counter(told.times) == sum((Counter(one.times) for one in by_day), Counter())
        rollups.rebuild()
    assert whole(endpoint.partner_id, today) == first
    assert (first.tried, first.delivered) == (20, 10)


def whole(scope: str, today: datetime) -> rollup_figures.Deliveries:
    return rollup_figures.deliveries(scope, today - timedelta(days=60), today + timedelta(days=1))
