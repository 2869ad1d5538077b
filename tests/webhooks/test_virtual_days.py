"""The whole schedule of three days and more in virtual time: what is sent and mailed, and when.

Time passes by letting everything that was written have been written earlier, up to the moment at
which the next thing is due; Python's clock is moved along. Nothing of the product is replaced.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.db import connection
from django.db.models import Min

from atlaspay.core import clock
from tests.webhooks.factories import emit, make_endpoint, outcomes
from webhooks import sql
from webhooks.delivery import loop, schedule
from webhooks.delivery.loop import run_deliveries
from webhooks.models import Delivery, EndpointHealth, MailMessage

pytestmark = pytest.mark.django_db

_MOMENTS = {
    "webhooks_delivery": ("due_at", "created_at", "event_at", "delivered_at"),
    "webhooks_endpointhealth": ("failing_since", "breaker_open_until", "recovered_at"),
    "webhooks_mailmessage": ("created_at",),
}


class Days:
    """Virtual time; `passed_s` counts from the start."""

    def __init__(self) -> None:
        self.passed_s = 0.0
        self.begun_at = datetime.now(UTC)

    def now(self) -> datetime:
        """Return the virtual instant."""
        return datetime.now(UTC) + timedelta(seconds=self.passed_s)

    def pass_by(self, seconds: float) -> None:
        """Let so much time pass."""
        with connection.cursor() as cursor:
            for table, columns in _MOMENTS.items():
                moves = ", ".join(f"{c} = {c} - make_interval(secs => %(s)s)" for c in columns)
                cursor.execute(f"UPDATE {table} SET {moves}", {"s": seconds})
        self.passed_s += seconds

    def pass_to_next(self, at_most_s: float) -> None:
        """Let time pass until something is due, or for so long."""
        pending = Delivery.objects.filter(state="pending").aggregate(at=Min("due_at"))["at"]
        paused = EndpointHealth.objects.aggregate(at=Min("breaker_open_until"))["at"]
        moments = [at for at in (pending, paused) if at and at > sql.now()]
        waits_s = [(at - sql.now()).total_seconds() + 0.001 for at in moments]
        wait_s = min(waits_s, default=at_most_s)
        self.pass_by(min(wait_s, at_most_s))


@pytest.fixture
def days(monkeypatch) -> Iterator[Days]:
    """Virtual time in which upkeep is due at each run and no jitter hides the schedule."""
    running = Days()
    monkeypatch.setattr(loop, "TIDY_EVERY_S", 0.0)
    token = clock._source.set(running.now)
    yield running
    clock._source.reset(token)


def live(days: Days, *, until_s: float, heard: list[float], receiver) -> None:
    """Run the worker whenever something is due, and note when something arrived."""
    while days.passed_s < until_s:
        before = len(receiver.got)
        run_deliveries()
        heard += [days.passed_s] * (len(receiver.got) - before)
        days.pass_to_next(at_most_s=min(3_600.0, until_s - days.passed_s))


def mails_by_hour(days: Days) -> list[tuple[str, float]]:
    """Return (kind, virtual hours after the start)."""
    start = sql.now() - timedelta(seconds=days.passed_s)
    return [
        (one.kind, round((one.created_at - start).total_seconds() / 3600, 1))
        for one in MailMessage.objects.order_by("id")
    ]


def test_twelve_attempts_over_75_hours_then_exhausted_with_its_mails(days, receiver):
    endpoint = make_endpoint(receiver.url + "/status/500")
    emit(endpoint.partner)
    heard: list[float] = []
    live(days, until_s=130 * 3_600, heard=heard, receiver=receiver)
    assert len(heard) == 12
    gaps = [later - earlier for earlier, later in pairwise(heard)]
    for number, (gap, step_s) in enumerate(zip(gaps, schedule.STEPS_S[1:], strict=True), start=1):
        low = step_s if number < 3 else step_s * 0.8
        assert low - 0.5 <= gap <= step_s * 1.2 + 2.0, (number, gap)
    assert 75.6 * 0.8 <= heard[-1] / 3_600 <= 75.6 * 1.2
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.step, delivery.attempt_count) == ("exhausted", 12, 12)
    assert [number for number, _, _ in outcomes(delivery)] == list(range(1, 13))
    told = mails_by_hour(days)
    assert [kind for kind, _ in told] == [
        "endpoint_failing", "delivery_exhausted", "endpoint_failing", "endpoint_disabled",
    ]  # fmt: skip
    hours = dict(zip(["day", "exhausted", "four", "off"], [at for _, at in told], strict=True))
    assert 24.0 <= hours["day"] <= 25.1
    assert hours["exhausted"] == pytest.approx(heard[-1] / 3_600, abs=0.1)
    assert 96.0 <= hours["four"] <= 97.1
    assert 120.0 <= hours["off"] <= 121.1
    endpoint.refresh_from_db()
    assert endpoint.status == "disabled"


def test_a_dead_host_spends_no_attempts_while_it_is_paused(days, receiver):
    endpoint = make_endpoint("http://127.0.0.1:9/dead")
    for _ in range(30):
        emit(endpoint.partner)
    probes = 0
    while days.passed_s < 6 * 3_600:
        probes += run_deliveries().failed
        days.pass_to_next(at_most_s=600.0)
    # Five to trip, then pauses of 30 s doubling to ten minutes: some forty probes in six hours.
    assert 30 <= probes <= 60
    spent = sum(Delivery.objects.values_list("attempt_count", flat=True))
    assert spent == probes
    assert Delivery.objects.filter(state="pending").count() == 30
    # It is back: all thirty arrive, in order, within the next probe's pause.
    type(endpoint).objects.filter(pk=endpoint.id).update(url=receiver.url + "/ok")
    came_back_s = days.passed_s
    while Delivery.objects.filter(state="pending").exists():
        run_deliveries()
        days.pass_to_next(at_most_s=60.0)
        assert days.passed_s < came_back_s + 1_800
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 30 == len(receiver.got)


def test_a_wrong_address_is_mailed_within_half_a_minute_and_repaired_without_loss(days, receiver):
    endpoint = make_endpoint(receiver.url + "/status/404")
    emit(endpoint.partner)
    heard: list[float] = []
    live(days, until_s=2 * 3_600, heard=heard, receiver=receiver)
    ((kind, hour),) = mails_by_hour(days)
    assert (kind, hour) == ("endpoint_misconfigured", 0.0)
    assert [at <= 30 for at in heard[:3]] == [True] * 3
    type(endpoint).objects.filter(pk=endpoint.id).update(url=receiver.url + "/ok")
    live(days, until_s=12 * 3_600, heard=heard, receiver=receiver)
    assert Delivery.objects.get().state == "delivered"
    kinds = [kind for kind, _ in mails_by_hour(days)]
    assert kinds == ["endpoint_misconfigured", "endpoint_recovered"]
