"""The suite's parameters: each test of the contract runs once for every rail."""

import asyncio
from collections.abc import Callable, Iterator

import aiohttp
import pytest

from payouts.rails.base import Order, Outcome, Rail
from tests.contracts.misbehaving import MisbehavingBank, misbehaving_bank
from tests.contracts.voices import RAILS, VOICES, Voice, order_for, rail_at

Send = Callable[..., Outcome]


@pytest.fixture(params=RAILS, ids=lambda pair: "-".join(pair))
def case(request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param


@pytest.fixture
def bank() -> Iterator[MisbehavingBank]:
    with misbehaving_bank() as running:
        yield running


@pytest.fixture
def rail(case: tuple[str, str], bank: MisbehavingBank) -> Rail:
    return rail_at(bank.url, *case)


@pytest.fixture
def voice(case: tuple[str, str]) -> Voice:
    return VOICES[case[0]]


@pytest.fixture
def order(case: tuple[str, str]) -> Order:
    return order_for(case[1])


@pytest.fixture
def send() -> Send:
    """Submit through a session set up as the fan-out's, with a short total deadline."""

    def _send(rail: Rail, order: Order, *, total_s: float = 0.4, connect_s: float = 0.2) -> Outcome:
        async def main() -> Outcome:
            timeout = aiohttp.ClientTimeout(total=total_s, sock_connect=connect_s)
            async with aiohttp.ClientSession(
                timeout=timeout, auto_decompress=False, trust_env=False
            ) as session:
                return await rail.submit(session, order)

        return asyncio.run(main())

    return _send
