"""A running receiver, and no memory of an earlier test's keys or connections."""

from collections.abc import Iterator

import pytest

from tests.webhooks.receiver import Receiver, ReceiverThread
from webhooks import signing_keys
from webhooks.delivery import loop


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Return a receiver that listens on loopback."""
    running = ReceiverThread()
    yield running.receiver
    running.stop()


@pytest.fixture(autouse=True)
def _forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signing keys live in the database of one test; upkeep is due in each."""
    signing_keys.forget()
    monkeypatch.setattr(loop, "_tidied_at", float("-inf"))
