"""Backtests: what a policy would have done to past payouts, counted by what became of them."""

import json
import threading
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from atlaspay.core import clock
from atlaspay.core.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PermissionRefusedError,
)
from compliance.models import AutoPolicy, AutoStep, Backtest, Case, Decision, Policy
from compliance.selectors.auto import Record
from compliance.services import backtest, backtest_auto, backtest_past, backtest_run
from compliance.services.backtest_report import figures_of, report, tally_of
from compliance.services.screen import screen_chunk
from compliance.tasks import backtest as backtest_task
from partners.models import Partner
from payouts.models import Payout
from payouts.services.cancel import cancel_payout
from tests.compliance.factories import LISTED, publish, staff
from tests.compliance.policy_documents import small
from tests.compliance.test_decide import approve, reject
from tests.payouts.factories import funded_partner, make_payouts

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def order(document: dict | None = None, **changes: object) -> Backtest:
    given = {
        "title": "A try",
        "since": clock.now() - HOUR,
        "until": clock.now() + HOUR,
        "actor": "system:test",
        **changes,
    }
    return backtest.backtest_document(document or small(), **given)


def finished(document: dict | None = None, **changes: object) -> Backtest:
    ordered = order(document, **changes)
    while backtest_run.run_slice(only=ordered.pk):
        pass
    ordered.refresh_from_db()
    return ordered


def take_in(partner: Partner, *amounts: int, **fields: object) -> list[Payout]:
    made = make_payouts(partner, list(amounts), **fields)
    screen_chunk()
    return made


def case_of(payout: Payout) -> Case:
    return Case.objects.select_related("payout").get(payout=payout)


@pytest.fixture
def past() -> dict[str, Payout]:
    """Seven payouts under a live policy that flags from 2,000.00 and listed names.

    From 1,000.00 on: `open` and `approved`, `rejected`, `withdrawn` were flagged; `never` is one
    that only a lower limit finds; `listed` is small and on the list; `small` nobody minds.
    """
    publish(small(limit=2_000))
    partner, officer = funded_partner(10_000_000), staff("officer", "anna")
    made = dict(
        zip(
            ("open", "approved", "rejected", "withdrawn", "never", "small"),
            take_in(partner, 300_000, 250_000, 200_000, 210_000, 150_000, 5_000),
            strict=True,
        )
    )
    (made["listed"],) = take_in(partner, 4_000, recipient_name=LISTED)
    approve(case_of(made["approved"]), officer)
    reject(case_of(made["rejected"]), officer)
    reject(case_of(made["listed"]), officer)
    cancel_payout(partner.id, made["withdrawn"].id)
    return made


NONE = {"approved": 0, "rejected": 0, "open": 0, "withdrawn": 0, "never": 0}


def test_a_lower_limit_gains_what_was_never_flagged(past: dict[str, Payout]) -> None:
    tally = tally_of(finished(small(limit=1_000)))

    assert tally.seen == {"approved": 1, "rejected": 2, "open": 1, "withdrawn": 1, "never": 2}
    assert tally.flagged == {"approved": 1, "rejected": 2, "open": 1, "withdrawn": 1, "never": 1}
    assert tally.live_flagged == {**tally.flagged, "never": 0}
    assert tally.gained == {**NONE, "never": 1}
    assert tally.new == {**NONE, "never": 1}
    assert (tally.lost, tally.dropped) == (NONE, NONE)
    assert tally.gained_sample == [
        {"id": past["never"].id, "outcome": "never", "codes": ["amount_over_limit"]}
    ]
    assert tally.rules == {
        "amount_over_limit": {
            "hits": 5,
            "alone": 5,
            "errors": 0,
            "approved": 1,
            "rejected": 1,
            "open": 1,
            "withdrawn": 1,
            "never": 1,
        },
        "watchlist": {**NONE, "hits": 1, "alone": 1, "errors": 0, "rejected": 1},
    }


def test_a_higher_limit_loses_what_officers_rejected(past: dict[str, Payout]) -> None:
    done = finished(small(limit=2_600))

    tally, sums = tally_of(done), figures_of(done)
    assert tally.flagged == {**NONE, "open": 1, "rejected": 1}
    assert tally.lost == {**NONE, "approved": 1, "rejected": 1, "withdrawn": 1}
    assert tally.dropped == tally.lost
    assert {each["id"] for each in tally.lost_sample} == {
        past[name].id for name in ("approved", "rejected", "withdrawn")
    }
    assert (sums.flagged, sums.live_flagged, sums.missed, sums.payouts) == (2, 5, 1, 7)
    said = report(done)
    assert said["rules"]["watchlist"]["precision_percent"] == 100
    assert said["rules"]["amount_over_limit"]["precision_percent"] is None


def test_minutes_a_day_come_from_how_long_officers_take(past: dict[str, Payout]) -> None:
    assert backtest_past.handling_s() == (300, False)
    done = finished(small(limit=1_000))
    sums = figures_of(done)
    assert (sums.days, sums.minutes_a_day, sums.live_minutes_a_day) == (1, 30, 25)
    assert sums.extra_minutes_a_day == 5

    case, user = case_of(past["open"]), staff("officer", "otto")
    receipt = Decision(
        case=case,
        payout_id=case.payout_id,
        kind="approve",
        stage="proposed",
        reason_code="name_differs",
        internal_text="two minutes",
        actor="user:otto",
        user=user,
        before={},
        after={},
        evidence={},
        policy_id=case.run.policy_id,
        opened_at=clock.now() - timedelta(seconds=120),
    )
    receipt.save(force_insert=True)

    seconds, is_measured = backtest_past.handling_s()
    assert is_measured
    assert 119 <= seconds <= 125


def test_nothing_is_moved(past: dict[str, Payout]) -> None:
    before = list(Payout.objects.order_by("id").values()), Case.objects.count()

    finished(small(limit=1))

    assert (list(Payout.objects.order_by("id").values()), Case.objects.count()) == before


def test_only_payouts_of_the_range_count(past: dict[str, Payout]) -> None:
    moment = Payout.objects.get(id=past["listed"].id).submitted_at

    assert finished(since=moment, until=moment + HOUR).done == 1
    assert finished(since=moment - HOUR, until=moment).done == 6
    empty = finished(since=moment - 2 * HOUR, until=moment - HOUR)
    assert (empty.state, empty.done, empty.total) == ("done", 0, 0)
    assert figures_of(empty).minutes_a_day == 0


def test_what_waits_for_screening_is_no_past(past: dict[str, Payout]) -> None:
    make_payouts(funded_partner(), [100])

    assert finished().done == 7


def test_it_goes_on_where_a_killed_run_left(
    past: dict[str, Payout], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backtest_run, "BATCH", 2)
    whole = report(finished(small(limit=1_000)))
    ordered = order(small(limit=1_000))
    assert backtest_run.run_slice(slice_s=0)
    ordered.refresh_from_db()
    assert (ordered.state, ordered.done, ordered.total) == ("running", 2, 7)

    class KilledError(RuntimeError):
        pass

    def die(*args: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(backtest_run, "outcomes", die)
        with pytest.raises(KilledError):
            backtest_run.run_slice()
    ordered.refresh_from_db()
    assert (ordered.state, ordered.done) == ("running", 2)
    assert not backtest_run.run_slice(), "the dead one's lease still holds"
    let_lease_end()

    while backtest_run.run_slice():
        pass
    ordered.refresh_from_db()

    again = report(ordered)
    assert (again["state"], again["payouts"]) == ("done", 7)
    for name in ("flagged", "gained", "lost", "rules", "gained_sample", "live_flagged"):
        assert again[name] == whole[name], name


def let_lease_end() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE compliance_backtest SET leased_until = now() - interval '1 second'")


def test_what_dies_again_and_again_fails(
    past: dict[str, Payout], monkeypatch: pytest.MonkeyPatch
) -> None:
    ordered = order()
    with monkeypatch.context() as patch:
        patch.setattr(backtest_run, "outcomes", lambda ids: 1 / 0)
        for _ in range(6):
            with pytest.raises(ZeroDivisionError):
                backtest_run.run_slice()
            let_lease_end()

    assert not backtest_run.run_slice()

    ordered.refresh_from_db()
    assert ordered.state == "failed"
    assert ordered.detail == "Given up: interrupted 5 times after payout (the first)."


def test_one_at_a_time_in_the_order_they_came(past: dict[str, Payout]) -> None:
    first, second = order(), order()

    assert not backtest_run.run_slice(only=second.pk)
    second.refresh_from_db()
    assert second.state == "waiting"
    assert backtest_run.run_slice(), "the second waits still"
    assert not backtest_run.run_slice()

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("done", "done")
    assert first.finished_at < second.finished_at


def test_stopping_ends_it_within_a_batch(
    past: dict[str, Payout], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backtest_run, "BATCH", 2)
    ordered, author = order(), staff("rule_author", "ines")
    real = backtest_run.outcomes

    def stop_meanwhile(ids: list[str]) -> object:
        backtest.stop_backtest(ordered.pk, author)
        return real(ids)

    monkeypatch.setattr(backtest_run, "outcomes", stop_meanwhile)
    assert not backtest_run.run_slice()

    ordered.refresh_from_db()
    assert (ordered.state, ordered.done) == ("stopped", 0)
    with pytest.raises(ConflictError, match="has ended: stopped"):
        backtest.stop_backtest(ordered.pk, author)
    with pytest.raises(NotFoundError):
        backtest.stop_backtest(ordered.pk + 1, author)


@pytest.mark.parametrize("role", ["officer", "lead", "auditor", "operator"])
def test_who_may_not_orders_and_stops_nothing(role: str) -> None:
    ordered, eve = order(), staff(role, "eve")

    with pytest.raises(PermissionRefusedError):
        order(user=eve)
    with pytest.raises(PermissionRefusedError):
        backtest.stop_backtest(ordered.pk, eve)

    assert list(Backtest.objects.values_list("state", flat=True)) == ["waiting"]


def test_what_cannot_be_tried_is_refused() -> None:
    at = clock.now()
    for changes in (
        {"document": {"rules": []}},
        {"since": at, "until": at},
        {"since": at + HOUR},
        {"since": at - timedelta(days=367), "until": at},
    ):
        with pytest.raises(InvalidRequestError):
            order(**changes)
    with pytest.raises(NotFoundError):
        backtest.backtest_policy(999, since=at - HOUR, until=at)
    with pytest.raises(NotFoundError):
        backtest.backtest_draft(999, since=at - HOUR, until=at)
    assert not Backtest.objects.exists()

    for _ in range(10):
        order()
    with pytest.raises(ConflictError, match="10 backtests wait"):
        order()


def test_the_task_runs_it_and_steps_aside_for_screening(
    past: dict[str, Payout], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backtest_run, "BATCH", 2)
    ordered = order()
    make_payouts(funded_partner(), [100], due_at=clock.now() - timedelta(seconds=10))

    backtest_task()
    ordered.refresh_from_db()
    assert (ordered.state, ordered.done) == ("running", 2)

    screen_chunk()
    backtest_task()
    ordered.refresh_from_db()
    assert (ordered.state, ordered.done) == ("done", 7)


@pytest.mark.django_db(transaction=True)
def test_many_runners_try_each_payout_once() -> None:
    publish(small(limit=2_000))
    take_in(funded_partner(10_000_000), *([150_000] * 40))
    ordered = order()
    gate = threading.Barrier(4)

    def act() -> None:
        gate.wait()
        try:
            while Backtest.objects.get(pk=ordered.pk).state in backtest.UNFINISHED:
                backtest_run.run_slice(slice_s=0)
        finally:
            connection.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backtest_run, "BATCH", 3)
        threads = [threading.Thread(target=act) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

    ordered.refresh_from_db()
    tally = tally_of(ordered)
    assert (ordered.state, ordered.done, ordered.total) == ("done", 40, 40)
    assert sum(tally.gained.values()) == 40
    assert len({each["id"] for each in tally.gained_sample}) == 20


def run_command(*args: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("backtest_rules", *args, stdout=out, stderr=StringIO())
    except CommandError as error:
        return error.returncode, str(error)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


def test_the_command_prints_figures_and_ends_by_what_would_pass(
    past: dict[str, Payout], tmp_path: Path
) -> None:
    live = Policy.objects.order_by("number").last()
    code, text = run_command("--policy", str(live.number), "--days", "1")
    assert code == 0
    assert "would be flagged                        5          1          2" in text

    file = tmp_path / "milder.json"
    file.write_text(json.dumps(small(limit=2_600)))
    code, text = run_command("--file", str(file), "--json")
    said = json.loads(text)
    assert (code, said["missed"], said["lost"]["total"]) == (1, 1, 3)
    assert (said["payouts"], said["compared_with_policy"]) == (7, live.number)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--policy", "999"], "no policy 999"),
        (["--draft", "999"], "no draft 999"),
        (["--file", "missing.json"], "cannot be read"),
        (["--policy", "1", "--days", "0"], "--days is 1 to 366"),
        (["--policy", "1", "--since", "2026-11-02", "--until", "2026-11-01"], "ends before"),
    ],
)
def test_the_command_refuses_what_it_cannot_try(
    args: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    code, text = run_command(*args)

    assert code == 2
    assert words in text
    assert not Backtest.objects.exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "line 1, column 2"),
        ("[]", "is a JSON object"),
        ('{"rules": [], "rules": []}', "'rules' stands twice"),
        ('{"a": NaN}', "NaN is no number"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": 1' + "0" * 5_000 + "}", "No valid JSON"),
        ('{"rules": []}', "does not compile"),
    ],
)
def test_a_broken_file_is_refused_where_it_breaks(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    file.write_text(text)

    code, said = run_command("--file", str(file))

    assert code == 2
    assert words in said


def test_what_automatic_approval_would_answer_is_counted(past: dict[str, Payout]) -> None:
    armed = {
        "codes": ["amount_over_limit"],
        "max_amount": {"EUR": "2500.00"},
        "day_count": 100,
        "day_amount": {"EUR": "10000.00"},
        "record": {"days": 90, "decided": 50, "approved_percent": 90},
        "holdout_percent": 10,
    }
    policy = AutoPolicy.objects.create(number=1, document=armed, author="user:a")
    AutoStep.objects.create(policy=policy, kind=AutoStep.Kind.ARMED, actor="user:b")
    assert tally_of(finished(small(limit=1_000))).auto_eligible == 0

    good = {("amount_over_limit",): Record(("amount_over_limit",), 100, 100)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backtest_auto, "officers_record", lambda codes, days: good)
        tally = tally_of(finished(small(limit=1_000)))

    # 2,500.00, 2,100.00, 2,000.00 and 1,500.00; not 3,000.00, and never the listed name.
    assert tally.auto_eligible == 4


def test_a_document_that_no_longer_compiles_ends_the_backtest(past: dict[str, Payout]) -> None:
    ordered = order()
    Backtest.objects.filter(pk=ordered.pk).update(document={"format": 3})

    assert not backtest_run.run_slice()

    ordered.refresh_from_db()
    assert (ordered.state, ordered.detail) == ("failed", "The policy does not compile.")
    assert figures_of(ordered).payouts == 0
