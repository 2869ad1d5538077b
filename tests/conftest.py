"""What all tests share: a clean database also after real commits, no memory of keys, no nudges."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import Client, TransactionTestCase, override_settings
from pytest_django import DjangoDbBlocker

from atlaspay.core.redis import client as redis_client
from partners import auth, guesses, throttles
from tests import database


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Remember what migrations put in, so that a committing test can be undone to it."""
    with django_db_blocker.unblock():
        database.remember_seed()


@pytest.fixture(autouse=True, scope="session")
def _reset_instead_of_flush() -> Iterator[None]:
    """Append-only tables refuse Django's TRUNCATE; put the database back in our own way."""
    patch = pytest.MonkeyPatch()
    patch.setattr(TransactionTestCase, "_fixture_teardown", lambda case: database.reset())
    yield
    patch.undo()


@pytest.fixture(autouse=True, scope="session")
def _cheap_passwords() -> Iterator[None]:
    """A million rounds a password guard nobody here, and cost most of the time of many tests."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(autouse=True, scope="session")
def _static_root() -> None:
    """Make the directory that `collectstatic` would have made; WhiteNoise warns without it."""
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)


@pytest.fixture(autouse=True)
def _quiet(settings: object) -> None:
    """Send no nudges and remember no keys of another test."""
    settings.ATLASPAY_NUDGES_MUTED = True  # type: ignore[attr-defined]
    auth.forget_all()
    throttles.forget_all()
    guesses.forget_all()
    # All tests call from one address.
    settings.ATLASPAY_KEY_FAILURES_PER_MINUTE = 1_000_000  # type: ignore[attr-defined]


@pytest.fixture
def clean_redis() -> None:
    """Empty this run's Redis database, for tests that count in it."""
    redis_client().flushdb()


@pytest.fixture
def web() -> Client:
    """Return a client that answers 500 as a server would, instead of raising."""
    return Client(raise_request_exception=False)
