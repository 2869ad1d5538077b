"""A throttle in the tests' Redis that runs on virtual time."""

from collections.abc import Callable

import pytest

from atlaspay.core.redis import client
from payouts.rails.throttle import Limits, Throttle
from tests.rails.moving_bank import VirtualClock

Make = Callable[..., Throttle]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def make(clock: VirtualClock) -> Make:
    def _make(endpoint_class: str = "submit", **limits: float) -> Throttle:
        return Throttle(
            client(),
            provider="testbank",
            credential="cafe",
            endpoint_class=endpoint_class,  # type: ignore[arg-type]
            limits=Limits(**limits),  # type: ignore[arg-type]
            now_us=clock.us,
        )

    return _make
