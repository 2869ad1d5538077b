"""The second factor is required here, as in production, and the password hash is quick."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from django.test import Client

from atlaspay.core import clock
from tests.access.people import START


class Time:
    """A clock that tests move."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        """Return the present instant."""
        return self.at


@pytest.fixture(autouse=True)
def _strict(settings) -> None:
    settings.ATLASPAY_REQUIRE_TOTP = True
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def time() -> Iterator[Time]:
    """Hold the clock; the test moves it by `time.at += …`."""
    held = Time(START)
    token = clock._source.set(held)
    yield held
    clock._source.reset(token)


@pytest.fixture
def client() -> Client:
    """Return a browser that checks CSRF tokens no more than Django's usual test client."""
    return Client()
