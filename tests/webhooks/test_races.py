"""Two senders at once, a sender that died, and an endpoint that would starve the rest."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections, transaction
from django.db.models import Count

from atlaspay.core import nudge
from atlaspay.core.errors import ConflictError
from atlaspay.core.redis import client as redis_client
from tests.e2e.platform import test_database_url
from tests.factories import PartnerFactory
from tests.webhooks.factories import (
    emit,
    emit_many,
    jump_to_next_attempt,
    make_endpoint,
    outcomes,
)
from webhooks import resend
from webhooks.delivery import claim, loop
from webhooks.delivery.loop import run_deliveries
from webhooks.delivery.record import record
from webhooks.delivery.result import Outcome, Result
from webhooks.models import Delivery, DeliveryAttempt, EndpointHealth, Event
from webhooks.outbox import DELIVER_TASK

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]


def in_thread(work):
    """Run `work` with a connection of its own."""
    try:
        return work()
    finally:
        connections.close_all()


def test_two_claimers_never_claim_the_same_row():
    endpoint = make_endpoint()
    emit_many(endpoint.partner, 400)
    start = threading.Barrier(4)

    def claim_all() -> list[str]:
        start.wait()
        mine: list[str] = []
        while len(found := claim.claim({endpoint.id: 25})):
            mine += [item.id for item in found]
        return mine

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(in_thread, claim_all) for _ in range(4)]
        shares = [future.result() for future in futures]
    everything = [delivery_id for share in shares for delivery_id in share]
    assert len(everything) == len(set(everything)) == 400
    assert set(Delivery.objects.values_list("attempt_count", flat=True)) == {1}
    assert not DeliveryAttempt.objects.exists()


def test_a_row_that_another_transaction_holds_is_skipped_and_not_waited_for():
    endpoint = make_endpoint()
    emit_many(endpoint.partner, 2)
    held = Delivery.objects.order_by("id").first()
    with transaction.atomic():
        Delivery.objects.select_for_update().get(pk=held.pk)
        with ThreadPoolExecutor(1) as pool:
            found = pool.submit(in_thread, lambda: claim.claim({endpoint.id: 10})).result(5)
    assert [item.id for item in found] == [Delivery.objects.exclude(pk=held.pk).get().pk]


def test_a_lost_claim_changes_nothing_but_settles_its_own_attempt():
    endpoint = make_endpoint()
    emit(endpoint.partner)
    targets = {target.endpoint_id: target for target in claim.due_targets()}
    (first,) = claim.claim({endpoint.id: 1})
    jump_to_next_attempt()  # the lease ran out
    (second,) = claim.claim({endpoint.id: 1})
    assert (first.number, second.number) == (1, 2)
    delivery = Delivery.objects.get()
    assert outcomes(delivery) == [(1, "in_doubt", None)]
    record([Result(first, Outcome.REFUSED, http_status=500, error="http_500")], targets)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.claim_id) == ("pending", second.claim_id)
    assert outcomes(delivery) == [(1, "refused", 500)]
    record([Result(second, Outcome.DELIVERED, http_status=200)], targets)
    delivery.refresh_from_db()
    assert delivery.state == "delivered"
    record([Result(second, Outcome.REFUSED, http_status=500, error="http_500")], targets)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempt_count) == ("delivered", 2)
    assert outcomes(delivery) == [(1, "refused", 500), (2, "delivered", 200)]


def test_a_retry_by_hand_is_refused_while_an_attempt_is_under_way():
    endpoint = make_endpoint()
    emit(endpoint.partner)
    (item,) = claim.claim({endpoint.id: 1})
    with pytest.raises(ConflictError) as caught:
        resend.retry_delivery(endpoint.partner_id, item.id)
    assert caught.value.code == "delivery_in_flight"
    assert Delivery.objects.get().claim_id == item.claim_id


def overdue(endpoint, count: int) -> None:
    """Put `count` deliveries before everything else, each of a payout of its own."""
    connection.cursor().execute(
        """
        WITH e AS (
            INSERT INTO webhooks_event (id, partner_id, type, object_id, sequence, body)
            SELECT 'ev_dead' || n, %(partner)s, 'payout.settled', 'po_dead' || n, 1, '{}'
            FROM generate_series(1, %(count)s) n RETURNING id, object_id
        )
        INSERT INTO webhooks_delivery (id, event_id, endpoint_id, partner_id, object_id, sequence,
            message_id, state, attempt_count, step, due_at, last_error, misconfigured)
        SELECT 'wd_' || id, id, %(endpoint)s, %(partner)s, object_id, 1, 'msg_' || id, 'pending',
               3, 3, now() - interval '1 hour', '', false
        FROM e
        """,
        {"partner": endpoint.partner_id, "endpoint": endpoint.id, "count": count},
    )


@pytest.mark.parametrize(
    ("dead_url", "count"),
    [("http://127.0.0.1:9/dead", 50_000), ("/hang/dead", 5_000), ("/status/500", 5_000)],
)
def test_a_bad_endpoint_with_many_overdue_rows_holds_nobody_up(receiver, dead_url, count):
    dead = make_endpoint(dead_url if dead_url.startswith("http") else receiver.url + dead_url)
    overdue(dead, count)
    connection.cursor().execute("ANALYZE webhooks_delivery")
    healthy = PartnerFactory()
    for name in ("a", "b", "c"):
        make_endpoint(f"{receiver.url}/ok/{name}", partner=healthy)
    emit_many(healthy, 300)
    started = time.monotonic()
    thread = threading.Thread(target=in_thread, args=(lambda: run_deliveries(1.0),))
    thread.start()
    arrived: list = []
    while len(arrived) < 900 and time.monotonic() - started < 30:
        time.sleep(0.02)
        arrived = [got for got in receiver.got if got.path.startswith("/ok")]
    took_s = time.monotonic() - started
    # Let hanging calls end without waiting for their deadline.
    receiver.release.set()
    thread.join(30)
    assert len(arrived) == 900
    assert took_s < 6.0  # a hanging call ends after eight
    assert Delivery.objects.filter(endpoint__partner=healthy, state="delivered").count() == 900
    if "hang" not in dead_url:
        assert EndpointHealth.objects.get(pk=dead.id).failing_since is not None


def test_a_run_looks_until_nudges_are_sent_again(receiver, clean_redis):
    endpoint = make_endpoint(receiver.url + "/ok/1")
    assert run_deliveries().claimed == 0
    nudged = f"atlaspay:nudge:{DELIVER_TASK}"
    redis_client().set(nudged, 1, px=5_000)
    assert 0 < nudge.window_left_s(DELIVER_TASK) <= 5
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(in_thread, lambda: run_deliveries(30.0))
        time.sleep(0.3)
        emit(endpoint.partner)  # the nudge of this one counts as sent
        found = running.result(60)
    assert (found.delivered, len(receiver.got)) == (1, 1)
    assert nudge.window_left_s(DELIVER_TASK) == 0


def test_what_waits_behind_calls_that_hang_is_given_back_unspent(receiver):
    dead = make_endpoint(receiver.url + "/hang/1")
    emit_many(dead.partner, 64)
    thread = threading.Thread(target=in_thread, args=(lambda: run_deliveries(20.0),))
    thread.start()
    held = Delivery.objects.exclude(claim_id=None)
    deadline = time.monotonic() + 6  # a hanging call ends after eight seconds
    most = 0
    while time.monotonic() < deadline:
        now_held = held.count()
        most = max(most, now_held)
        if most == 64 and now_held == 4:
            break
        time.sleep(0.02)
    held_for_s = [held.count() for _ in range(20) if time.sleep(0.06) is None]
    receiver.release.set()
    thread.join(60)
    assert most == 64
    # Four calls are under way; the others are due again, and nobody claims them meanwhile.
    assert set(held_for_s) == {4}
    while Delivery.objects.filter(state="pending").exists() and time.monotonic() < deadline + 30:
        run_deliveries(1.0)  # a second after they were given back
    assert set(Delivery.objects.values_list("state", "attempt_count")) == {("delivered", 1)}
    assert len(receiver.got) == 64


def test_beside_calls_that_hang_the_next_claim_waits_for_no_clock(receiver, monkeypatch):
    monkeypatch.setattr("webhooks.delivery.sender.deadline_s", lambda failures: 30.0)
    for number in range(3):
        emit_many(make_endpoint(f"{receiver.url}/hang/{number}").partner, 64)
    healthy = make_endpoint(receiver.url + "/slow/20")
    thread = threading.Thread(target=in_thread, args=(lambda: run_deliveries(20.0),))
    thread.start()
    deadline = time.monotonic() + 20
    held = Delivery.objects.exclude(claim_id=None)
    while held.count() != 12 and time.monotonic() < deadline:
        time.sleep(0.02)
    emit_many(healthy.partner, 300)
    while not any(got.path == "/slow/20" for got in receiver.got):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    monkeypatch.setattr(loop, "CLAIM_EVERY_S", 60.0)
    waiting = Delivery.objects.filter(endpoint=healthy, state="pending")
    while waiting.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    still_waiting, hanging = waiting.count(), held.count()
    receiver.release.set()
    thread.join(60)
    assert (still_waiting, hanging) == (0, 12)


def test_where_much_hangs_one_that_has_not_answered_yet_gets_one_call(receiver, monkeypatch):
    monkeypatch.setattr("webhooks.delivery.sender.deadline_s", lambda failures: 30.0)
    monkeypatch.setattr(loop, "HANGING_MAX", 4)
    first = make_endpoint(receiver.url + "/hang/1")
    emit_many(first.partner, 64)
    thread = threading.Thread(target=in_thread, args=(lambda: run_deliveries(20.0),))
    thread.start()
    deadline = time.monotonic() + 20
    held = Delivery.objects.exclude(claim_id=None)
    while held.count() != 4 or len(receiver.got) < 4:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    second = make_endpoint(receiver.url + "/hang/2")
    healthy = make_endpoint(receiver.url + "/ok/1")
    emit_many(second.partner, 64)
    emit_many(healthy.partner, 200)
    delivered = Delivery.objects.filter(endpoint=healthy, state="delivered")
    while delivered.count() < 200 and time.monotonic() < deadline:
        time.sleep(0.02)
    counts = delivered.count(), held.filter(endpoint=second).count()
    calls = sum(got.path == "/hang/2" for got in receiver.got)
    receiver.release.set()
    thread.join(60)
    assert (counts, calls) == ((200, 1), 1)


def test_events_arriving_while_a_call_hangs_are_sent_at_once_also_past_the_slice(receiver):
    emit(make_endpoint(receiver.url + "/hang/1").partner)
    healthy = make_endpoint(receiver.url + "/ok/1")
    thread = threading.Thread(target=in_thread, args=(lambda: run_deliveries(0.3),))
    thread.start()
    while not receiver.got:
        time.sleep(0.01)
    time.sleep(0.8)  # the slice is over; the hanging call is not
    emit(healthy.partner)
    started = time.monotonic()
    while len(receiver.got) < 2 and time.monotonic() - started < 5:
        time.sleep(0.01)
    took_s = time.monotonic() - started
    receiver.release.set()
    thread.join(20)
    assert receiver.got[1].path == "/ok/1"
    assert took_s < 1.0


@pytest.mark.crash
def test_killed_senders_lose_nothing_and_leave_doubt_behind(receiver):
    endpoint = make_endpoint(receiver.url + "/slow/150")
    emit_many(endpoint.partner, 60)
    kills = 5
    for number in range(1, kills + 1):
        seen = len(receiver.got)
        sender = subprocess.Popen(
            [sys.executable, "-c", SENDER], env={**os.environ, "DATABASE_URL": test_database_url()}
        )
        deadline = time.monotonic() + 30
        while len(receiver.got) < seen + 5 and time.monotonic() < deadline:
            time.sleep(0.01)
        sender.send_signal(signal.SIGKILL)
        sender.wait(10)
        assert len(receiver.got) >= seen + 5, f"sender {number} sent nothing"
        jump_to_next_attempt()  # the lease has run out
    claimed = Delivery.objects.filter(state="pending").exclude(claim_id=None).count()
    assert claimed > 0
    run_deliveries()
    run_deliveries()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
    bodies = {got.body for got in receiver.got}
    assert len(bodies) == 60 == Event.objects.count()
    doubtful = DeliveryAttempt.objects.filter(outcome="in_doubt")
    assert doubtful.count() >= kills
    # Each send is numbered once, and an attempt is either known or in doubt.
    sends = {(got.headers["webhook-id"], got.headers["webhook-attempt"]) for got in receiver.got}
    assert len(sends) == len(receiver.got)
    for delivery in Delivery.objects.annotate(rows=Count("attempts")):
        assert delivery.rows == delivery.attempt_count
        numbers = [number for number, _, _ in outcomes(delivery)]
        assert numbers == list(range(1, delivery.attempt_count + 1))
    resent = [got for got in receiver.got if got.headers["webhook-attempt"] != "1"]
    assert resent
    assert set(Delivery.objects.values_list("step", flat=True)) == {0}


SENDER = """
import django
django.setup()
from webhooks.delivery.loop import run_deliveries
run_deliveries(30)
"""
