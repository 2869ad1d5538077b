"""The window of calls to one endpoint holds over all workers; without Redis it is small."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from atlaspay.core import redis as core_redis
from tests.webhooks.factories import emit_many, make_endpoint
from webhooks.delivery import lanes
from webhooks.delivery.lanes import Lanes
from webhooks.delivery.loop import run_deliveries
from webhooks.models import Delivery

IDS = ["we_1", "we_2", "we_3"]


@pytest.fixture(autouse=True)
def _clean(clean_redis):
    """Begin with no lanes held."""


def test_a_lane_is_one_runs_at_a_time():
    first, second = Lanes(), Lanes()
    assert first.hold(IDS[:2]) == set(IDS[:2])
    assert second.hold(IDS) == {"we_3"}
    assert first.hold(IDS) == set(IDS[:2])
    first.release(keep=["we_1"])
    assert second.hold(IDS) == {"we_2", "we_3"}
    second.release()
    assert first.hold(IDS) == set(IDS)


def test_nobody_gives_back_what_is_anothers():
    first, second = Lanes(), Lanes()
    first.hold(IDS)
    core_redis.client().set(lanes.KEY + "we_1", second._token)
    first.release()
    assert second.hold(IDS) == set(IDS)


def test_the_lanes_of_a_worker_that_died_run_out_and_those_of_a_slow_one_do_not(monkeypatch):
    monkeypatch.setattr(lanes, "TTL_MS", 400)
    monkeypatch.setattr(lanes, "RENEW_S", 0.0)
    dead, other = Lanes(), Lanes()
    dead.hold(["we_1"])
    deadline = time.monotonic() + 30
    while not other.hold(["we_1"]) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert other.hold(["we_1"]) == {"we_1"}
    ends = time.monotonic() + 1.2
    while time.monotonic() < ends:
        other.renew()
        time.sleep(0.02)
        assert dead.hold(["we_1"]) == set()


@pytest.fixture
def no_redis(settings):
    """Point to a Redis that is not there."""
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    core_redis.client.cache_clear()
    yield
    core_redis.client.cache_clear()


def test_without_redis_everything_may_be_sent_and_it_is_said_once(no_redis, caplog):
    alone = Lanes()
    assert alone.hold(IDS) == set(IDS)
    assert alone.hold(IDS) == set(IDS)
    assert not alone.is_coordinated
    assert caplog.text.count("webhook.lanes_uncoordinated") == 1
    alone.release()


@pytest.mark.django_db(transaction=True)
def test_without_redis_two_calls_at_a_time_go_to_an_endpoint(receiver, no_redis):
    endpoint = make_endpoint(receiver.url + "/slow/30")
    emit_many(endpoint.partner, 12)
    assert run_deliveries().delivered == 12
    assert receiver.most_in_flight == 2


@pytest.mark.django_db(transaction=True)
def test_three_workers_together_keep_to_the_window_of_one(receiver):
    endpoint = make_endpoint(receiver.url + "/slow/20")
    emit_many(endpoint.partner, 60)
    start = threading.Barrier(3)

    def work():
        try:
            start.wait()
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                run_deliveries(0.3)
                if not Delivery.objects.filter(state="pending").exists():
                    return
        finally:
            connections.close_all()

    with ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(work) for _ in range(3)]:
            future.result()
    assert set(Delivery.objects.values_list("state", "attempt_count")) == {("delivered", 1)}
    assert len(receiver.got) == 60
    # It grows by one a flush while the endpoint keeps up, from four, and belongs to all of them.
    assert receiver.most_in_flight <= 16
