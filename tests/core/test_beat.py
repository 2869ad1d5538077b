"""What beat does before its first tick."""

import pytest
from celery.signals import beat_init

from atlaspay import schedule
from atlaspay.core import nudge


def test_beat_has_everything_counted_as_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, str | None]] = []
    monkeypatch.setattr(nudge, "send", lambda name, queue=None: sent.append((name, queue)))
    beat_init.send(sender=None)
    assert sent == [("payouts.roll_up", "chores"), ("webhooks.roll_up", "chores")]
    ticks = {(one["task"], one["options"]["queue"]) for one in schedule.BEAT_SCHEDULE.values()}
    assert ticks >= set(sent)
