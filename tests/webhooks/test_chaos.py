"""Receivers nobody here wrote, in their bad moods: nothing is lost, the order within a payout
holds, and a healthy endpoint does not notice.

nginx answers a third of the requests with errors, closed connections, redirects and pages, and
drips the rest; httpbin fails at random, takes long, or hangs past every deadline.
"""

import threading
import time
from collections import defaultdict

import pytest
from django.db import connection, connections, transaction

from atlaspay.core.ids import new_id
from tests.factories import PartnerFactory
from tests.webhooks import outside
from tests.webhooks.factories import make_endpoint
from webhooks import outbox
from webhooks.delivery.loop import run_deliveries
from webhooks.models import Delivery, DeliveryAttempt, EndpointHealth

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

PATIENCE_S = 240
PAYOUTS, STEPS = 12, ("payout.settled", "payout.returned", "payout.returned")
# Time is made short for what has failed; claims and first attempts keep their own.
_HURRY = """
UPDATE webhooks_delivery SET due_at = now()
WHERE state = 'pending' AND claim_id IS NULL AND attempt_count > 0 AND due_at > now()
  AND endpoint_id = ANY(%s)
"""


def emit_payouts(partner, count=PAYOUTS) -> None:
    """Emit three events of each of some payouts, in one transaction a step."""
    payouts = [new_id("po") for _ in range(count)]
    for sequence, kind in enumerate(STEPS, start=1):
        with transaction.atomic():
            outbox.emit(
                [outbox.NewEvent(partner.id, kind, one, sequence, None, {}) for one in payouts]
            )


class Workers:
    """Two workers at once, until told to stop."""

    def __init__(self) -> None:
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(2)]

    def __enter__(self) -> "Workers":
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for one in self._threads:
            one.join(60)

    def _work(self) -> None:
        try:
            while not self._is_over.is_set():
                run_deliveries(1.0)
                self._is_over.wait(0.05)
        finally:
            connections.close_all()


def drive(endpoints, *, while_waiting=lambda: None) -> None:
    """Let failed attempts be due at once until all is delivered, or the patience is over."""
    ids = [one.id for one in endpoints]
    deadline = time.monotonic() + PATIENCE_S
    while Delivery.objects.filter(endpoint_id__in=ids, state="pending").exists():
        assert time.monotonic() < deadline, "it does not end"
        connection.cursor().execute(_HURRY, [ids])
        EndpointHealth.objects.filter(pk__in=ids).update(breaker_open_until=None)
        while_waiting()
        time.sleep(0.1)


def assert_in_order() -> None:
    """No event of a payout was sent before the one before it had arrived."""
    arrived: dict[tuple[str, str], dict[int, object]] = defaultdict(dict)
    begun: dict[tuple[str, str], dict[int, object]] = defaultdict(dict)
    rows = DeliveryAttempt.objects.select_related("delivery").order_by("started_at")
    for attempt in rows:
        lane = (attempt.delivery.endpoint_id, attempt.delivery.object_id)
        begun[lane].setdefault(attempt.delivery.sequence, attempt.started_at)
        if attempt.outcome == "delivered":
            arrived[lane][attempt.delivery.sequence] = attempt.started_at
    for lane, starts in begun.items():
        for sequence, started_at in starts.items():
            if sequence > 1:
                assert arrived[lane][sequence - 1] <= started_at, lane


def p99_s(endpoint) -> float:
    """Return the 99th percentile from event to receipt."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM"
            " delivered_at - event_at)) FROM webhooks_delivery WHERE endpoint_id = %s",
            [endpoint.id],
        )
        return float(cursor.fetchone()[0])


def test_behind_a_capricious_nginx_everything_arrives_once_known_and_in_order(receiver, tmp_path):
    with outside.nginx(tmp_path, receiver.url) as url:
        endpoint = make_endpoint(f"{url}/ok/shop")
        emit_payouts(endpoint.partner)
        with Workers():
            drive([endpoint])
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
    sent = set(Delivery.objects.values_list("message_id", flat=True))
    assert {got.headers["webhook-id"] for got in receiver.got} == sent
    assert len(sent) == PAYOUTS * len(STEPS)
    assert_in_order()
    met = set(DeliveryAttempt.objects.exclude(outcome="delivered").values_list("error", flat=True))
    assert met <= {"http_500", "http_503", "http_404", "http_302", "connection_reset"}
    assert len(met) >= 3


def test_httpbin_in_four_moods_keeps_no_healthy_endpoint_waiting(receiver, monkeypatch):
    monkeypatch.setattr("webhooks.delivery.sender.deadline_s", lambda failures: 3.0)
    with outside.httpbin() as url:
        lucky = make_endpoint(f"{url}/status/200:0.7,500:0.2,429:0.1")
        slow = make_endpoint(f"{url}/delay/1")
        hanging = make_endpoint(f"{url}/delay/10")
        moved = make_endpoint(f"{url}/redirect-to?url=/anything&status_code=308")
        healthy = make_endpoint(receiver.url + "/ok/healthy", partner=PartnerFactory())
        for one in (lucky, slow, hanging, moved):
            emit_payouts(one.partner, 6)
        with Workers():
            drive([lucky, slow], while_waiting=lambda: emit_payouts(healthy.partner, 2))
            drive([healthy])
    for one in (lucky, slow, healthy):
        states = set(Delivery.objects.filter(endpoint=one).values_list("state", flat=True))
        assert states == {"delivered"}
    for one, errors in ((hanging, {"timeout"}), (moved, {"http_308"})):
        rows = Delivery.objects.filter(endpoint=one)
        assert set(rows.values_list("state", flat=True)) == {"pending"}
        kept = DeliveryAttempt.objects.filter(delivery__endpoint=one)
        assert set(kept.values_list("error", flat=True)) == errors
    assert_in_order()
    assert len(receiver.got) == Delivery.objects.filter(endpoint=healthy).count() >= 6
    assert p99_s(healthy) < 5.0
