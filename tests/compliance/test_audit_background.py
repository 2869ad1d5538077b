"""Verifications that workers make: in slices, once, resumed by another, given up with words."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models.functions import Now

from atlaspay.core import context
from compliance import tasks
from compliance.models import AuditHead, Verification
from compliance.services.audit import background, work
from tests.compliance.factories import open_case, staff
from tests.compliance.forging import forge
from tests.compliance.test_decide import approve

pytestmark = pytest.mark.django_db


def lapse() -> None:
    Verification.objects.update(leased_until=Now() - timedelta(seconds=1))


def test_slices_end_in_the_same_words_as_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "PIECE", 1)
    approve(open_case(), staff("officer"))
    open_case()
    with context.bind(actor="user:vera"):
        asked = background.ask()
    assert (asked.state, asked.total) == ("waiting", 5)  # 1 receipt, 2 cases, 2 payouts

    slices = 1
    while background.run_slice(slice_s=0):
        slices += 1
        kept = Verification.objects.get()
        assert (kept.state, kept.claim_id, kept.finished_at) == ("running", None, None)

    done = Verification.objects.get()
    assert slices > 8
    assert (done.state, done.is_sound, done.position, done.done) == ("done", True, 1, 5)
    assert done.figures == {
        "flagged": 2,
        "decided": 1,
        "open": 1,
        "withdrawn": 0,
        "in_effect": 1,
        "decisions": 1,
    }
    assert [check["name"] for check in done.checks if not check["fault"]] == [
        *("guards", "heads", "policies", "automatic", "chain", "cases", "case_history"),
        *("receipts", "four_eyes", "screened", "flagged", "moves", "versions", "last", "money"),
        *("replay", "counts"),
    ]
    assert not background.run_slice()


def test_a_worker_that_died_is_followed_by_another_after_its_lease() -> None:
    background.ask()
    Verification.objects.update(
        state="running", claim_id="00000000-0000-0000-0000-000000000001", leased_until=Now()
    )
    Verification.objects.update(leased_until=Now() + timedelta(seconds=60))
    assert not background.run_slice()

    lapse()
    while background.run_slice():
        pass

    assert Verification.objects.get().is_sound


def test_a_piece_that_kills_its_worker_is_given_up_with_words(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(one: Any) -> bool:
        raise Killed

    monkeypatch.setattr(work, "STEPS", (die,))
    background.ask()
    for _ in range(background.INTERRUPTIONS_MAX + 1):
        with pytest.raises(Killed):
            background.run_slice()
        lapse()
    assert not background.run_slice()

    given_up = Verification.objects.get()
    assert (given_up.state, given_up.is_sound) == ("failed", None)
    assert "stopped 5 times" in given_up.detail
    assert [one.message for one in caplog.records if one.levelno == logging.ERROR] == [
        "audit.unverified"
    ]


def test_a_break_is_an_alarm(caplog: pytest.LogCaptureFixture) -> None:
    receipt = approve(open_case(), staff("officer"))
    forge("UPDATE compliance_decision SET internal_text = 'x'", "compliance_decision")
    background.ask()

    tasks.verify_audit()

    (alarm,) = [one for one in caplog.records if one.levelno == logging.CRITICAL]
    assert (alarm.message, alarm.check) == ("audit.broken", "chain")
    assert receipt.id in alarm.detail


def test_an_ended_verification_stays() -> None:
    background.ask()
    while background.run_slice():
        pass

    for statement in (
        "UPDATE compliance_verification SET is_sound = false",
        "DELETE FROM compliance_verification",
        "TRUNCATE compliance_verification",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_the_hourly_task_anchors_and_asks_once_a_day() -> None:
    tasks.anchor()
    tasks.anchor()

    assert AuditHead.objects.count() == 1
    assert Verification.objects.count() == 1
    assert Verification.objects.get().actor == "system:compliance.screen"
