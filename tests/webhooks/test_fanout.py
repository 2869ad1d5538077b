"""The fan-out: one loop a process, a true deadline, safe with fork, cleanly stopped."""

import asyncio
import os
import time

import aiohttp
import pytest

from atlaspay.core import fanout

OPTIONS = fanout.SessionOptions(name="test", connections=50, total_s=2.0)


async def call(url: str, **kwargs) -> int:
    session = fanout.session(OPTIONS)
    async with session.post(url, data=b"x", allow_redirects=False, **kwargs) as response:
        await response.read()
        return response.status


def test_many_calls_run_at_once(receiver):
    started = time.monotonic()
    futures = [fanout.submit(call(receiver.url + "/slow/200")) for _ in range(30)]
    assert [future.result(5) for future in futures] == [200] * 30
    assert time.monotonic() - started < 2.0
    assert receiver.most_in_flight == 30


def test_the_deadline_holds_against_a_dripping_peer(receiver):
    started = time.monotonic()
    future = fanout.submit(call(receiver.url + "/drip", timeout=aiohttp.ClientTimeout(total=0.4)))
    with pytest.raises(asyncio.TimeoutError):
        future.result(5)
    assert 0.3 < time.monotonic() - started < 1.5


def test_a_forked_child_has_a_loop_of_its_own(receiver):
    assert fanout.submit(call(receiver.url + "/ok")).result(5) == 200
    parent = fanout.current()
    child = os.fork()
    if child == 0:
        status = fanout.submit(call(receiver.url + "/ok")).result(5)
        is_own = fanout.current() is not parent
        fanout.stop()
        os._exit(0 if status == 200 and is_own else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert fanout.current() is parent
    assert fanout.submit(call(receiver.url + "/ok")).result(5) == 200


def test_stopping_cancels_what_is_in_flight_and_the_next_call_starts_anew(receiver):
    hanging = fanout.submit(call(receiver.url + "/hang"))
    while not receiver.got:
        time.sleep(0.01)
    started = time.monotonic()
    fanout.stop()
    assert time.monotonic() - started < 2.0
    assert hanging.cancelled()
    fanout.stop()
    assert fanout.submit(call(receiver.url + "/ok")).result(5) == 200


def test_a_session_keeps_its_connections(receiver):
    for _ in range(5):
        fanout.submit(call(receiver.url + "/ok")).result(5)
    assert len(receiver.got) == 5
    assert len({got.peer_port for got in receiver.got}) == 1


def test_proxies_of_the_environment_are_ignored(receiver, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert fanout.submit(call(receiver.url + "/ok")).result(5) == 200
