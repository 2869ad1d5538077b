"""A rescreen that loses its workers: given up with words, alarmed about, resumed where it stood;
and what a rescreen finds stops automatic approval.
"""

import json
import logging
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now
from django.urls import reverse

from atlaspay.core.errors import ConflictError, NotFoundError, PermissionRefusedError
from compliance.models import AutoStep, Rescreen, RescreenHit
from compliance.services import audit, rescreen, rescreen_cases, rescreen_stuck
from compliance.services.auto import approve_eligible
from compliance.tasks import alarms
from tests.compliance.factories import staff
from tests.compliance.lists import import_plain
from tests.compliance.test_auto import armed, eligible, record
from tests.compliance.test_rescreen import NAME, cleared, finish
from tests.console.test_pages import listing, page, signed_in
from tests.payouts.factories import fresh

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_memory() -> None:
    rescreen.forget()


def lapse() -> None:
    Rescreen.objects.update(leased_until=Now() - timedelta(seconds=1))


def lose_workers(count: int) -> None:
    """Let workers die in the middle of the same page, one after the other."""

    def dies(*args: object) -> int:
        raise MemoryError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rescreen_cases, "act", dies)
        for _ in range(count):
            with pytest.raises(MemoryError):
                rescreen.run(slice_s=60)
            lapse()


def given_up() -> Rescreen:
    """Return the only rescreen, given up at its beginning; one payout is not compared."""
    cleared()
    import_plain(f"1,{NAME}")
    lose_workers(6)
    assert rescreen.run(slice_s=60) is True
    return Rescreen.objects.get()


def events(caplog: pytest.LogCaptureFixture, name: str) -> list[int]:
    return [line.rescreen for line in caplog.records if line.message == name]


def test_one_that_lost_five_workers_at_a_place_is_given_up_with_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    row = given_up()

    assert (row.state, row.claim_id, row.leased_until, row.done) == ("failed", None, None, 0)
    assert row.detail == "Given up at its beginning (open): 5 workers were lost there."
    assert row.finished_at is not None
    assert events(caplog, "rescreen.failed") == [row.pk]
    assert rescreen.run(slice_s=60) is False


def test_getting_on_forgets_the_workers_lost() -> None:
    (payout,) = cleared()
    import_plain(f"1,{NAME}")

    lose_workers(5)
    assert Rescreen.objects.get().interruptions == 4
    row = finish()

    assert (row.interruptions, row.held, fresh(payout).state) == (0, 1, "in_review")
    assert row.progressed_at is not None


def test_it_is_resumed_where_it_stood_by_who_may() -> None:
    row = given_up()
    for user in (staff("officer"), staff("auditor")):
        with pytest.raises(PermissionRefusedError):
            rescreen_stuck.resume(row.pk, user=user)
    with pytest.raises(NotFoundError):
        rescreen_stuck.resume(row.pk + 1, user=staff("lead"))
    assert Rescreen.objects.get().state == "failed"

    resumed = rescreen_stuck.resume(row.pk, user=None)
    assert (resumed.state, resumed.interruptions, resumed.finished_at) == ("waiting", 0, None)
    with pytest.raises(ConflictError, match="nothing is to resume"):
        rescreen_stuck.resume(row.pk, user=None)

    assert finish().held == 1


def test_the_pages_say_so_and_resume_it() -> None:
    row = given_up()
    url = reverse("admin:compliance_rescreen_resume", args=[row.pk])
    officer, lead = signed_in(staff("officer", "anna")), signed_in(staff("lead", "lena"))
    for client in (officer, lead):
        assert "Given up" in client.get(listing(Rescreen)).content.decode()
        text = client.get(page(row)).content.decode()
        assert "5 workers were lost there" in text
        assert (url in text) == (client is lead)
    assert officer.post(url).status_code == 403
    assert lead.get(url).status_code == 405
    assert Rescreen.objects.get().state == "failed"

    answer = lead.post(url, follow=True).content.decode()

    assert "Workers go on with it" in answer
    assert Rescreen.objects.get().state == "waiting"
    assert "nothing is to resume" in lead.post(url, follow=True).content.decode()
    lose_workers(2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rescreen, "_page", lambda turn: False)
        rescreen.run(slice_s=0)
    assert "Interrupted, 2 times here" in lead.get(listing(Rescreen)).content.decode()


def test_the_command_resumes_and_says_when_it_is_given_up(
    capsys: pytest.CaptureFixture[str],
) -> None:
    row = given_up()

    call_command("rescreen", "--resume", str(row.pk), "--json")

    assert json.loads(capsys.readouterr().out)["held"] == 1
    with pytest.raises(CommandError, match="nothing is to resume"):
        call_command("rescreen", "--resume", str(row.pk))
    Rescreen.objects.update(state="failed", detail="Given up.")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rescreen_stuck, "resume", lambda pk, user: Rescreen.objects.get(pk=pk))
        with pytest.raises(CommandError, match=f"rescreen --resume {row.pk}"):
            call_command("rescreen", "--resume", str(row.pk))


def test_the_alarm_sounds_for_what_stands_still_and_for_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR)
    old = Now() - timedelta(minutes=11)
    first = Rescreen.objects.create(cause="a", actor="system:test", state="running")
    second = Rescreen.objects.create(cause="b", actor="system:test")
    Rescreen.objects.create(cause="c", actor="system:test", state="done")
    alarms()
    Rescreen.objects.update(created_at=old)
    Rescreen.objects.filter(pk=first.pk).update(progressed_at=Now() - timedelta(minutes=9))
    alarms()  # the second only waits its turn
    assert events(caplog, "rescreen.overdue") == []

    Rescreen.objects.filter(pk=first.pk).update(progressed_at=old)
    alarms()
    assert events(caplog, "rescreen.overdue") == [first.pk]

    caplog.clear()
    Rescreen.objects.update(progressed_at=Now())
    Rescreen.objects.filter(pk=second.pk).update(state="failed", finished_at=Now())
    alarms()
    assert events(caplog, "rescreen.overdue") == [second.pk]


def test_a_hit_on_what_automatic_approval_let_go_stops_it_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("compliance.rules.auto.AutoRules.is_good", lambda _, a, n: a == n >= 2)
    record(staff("officer", "anna"))
    armed()
    case = eligible(recipient_name=NAME)
    assert approve_eligible() == 1
    assert fresh(case.payout).state == "queued"
    assert AutoStep.objects.first().kind == "armed"

    import_plain(f"1,{NAME}")
    finish()

    step = AutoStep.objects.first()
    assert (step.kind, step.case) == ("stopped", case)
    assert RescreenHit.objects.get().outcome == "held"
    assert audit.verify().is_sound
