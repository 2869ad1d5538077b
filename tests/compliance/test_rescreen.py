"""Rescreening: what waits is held, open cases are raised, what was sent is laid before a person."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from atlaspay.core.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PermissionRefusedError,
    StaleFormError,
)
from compliance.models import Case, Rescreen, RescreenHit, ScreeningRun
from compliance.rules.names import MATCHER_VERSION
from compliance.services import rescreen, rescreen_cases
from compliance.services.audit import verify
from compliance.services.rescreen_review import mark_reviewed
from compliance.services.screen import judge, screen_chunk
from compliance.services.second import confirm
from compliance.services.watchlists import switch
from compliance.tasks import run_rescreen
from payouts.models import Payout
from payouts.rails import base
from payouts.services import decisions, dispatch, settlement
from payouts.services.cancel import cancel_payout
from payouts.services.in_flight import Sending
from payouts.services.settlement import Answer
from tests.compliance.factories import listed_case, open_case, staff
from tests.compliance.lists import import_plain
from tests.compliance.test_decide import approve
from tests.payouts.factories import ended, fresh, funded_partner, make_due, make_payouts, sending
from tests.plans import count_of_plans
from webhooks.models import Event

pytestmark = pytest.mark.django_db
NAME = "Odette Farnsleigh"


@pytest.fixture(autouse=True)
def _no_memory() -> None:
    rescreen.forget()


def cleared(count: int = 1, name: str = NAME, **fields: object) -> list[Payout]:
    """Payouts screened before the name was listed."""
    partner = fields.pop("partner", None) or funded_partner()
    made = make_payouts(partner, [100 + n for n in range(count)], recipient_name=name, **fields)
    screen_chunk()
    return [fresh(payout) for payout in made]


def answer(sent: Sending, outcome: base.Outcome) -> None:
    settlement.apply([Answer(sent.payout.id, sent.attempt.id, outcome)], reason="test")


def settle(*payouts: Payout) -> None:
    """Send these, the only ones that are queued, and have the bank settle them."""
    sent = dispatch.claim(["sepa_inst"], 100)
    assert {each.payout.id for each in sent} == {payout.id for payout in payouts}
    for each in sent:
        answer(each, base.Settled(bank_reference=each.attempt.id))


def finish() -> Rescreen:
    """Work on rescreens until none waits; return the latest."""
    for _ in range(50):
        if not rescreen.run(slice_s=60):
            break
    latest = Rescreen.objects.order_by("-id")[0]
    assert latest.state == "done"
    return latest


def list_the_name(*more: str) -> Rescreen:
    import_plain(f"1,{NAME}", *more)
    return finish()


def test_a_queued_payout_is_held_with_a_run_and_a_case() -> None:
    payout, other = *cleared(), *cleared(name="Anna Jansen")
    assert (payout.state, other.state) == ("queued", "queued")

    done = list_the_name()

    payout = fresh(payout)
    assert (payout.state, payout.stage, fresh(other).state) == ("in_review", "review", "queued")
    run = ScreeningRun.objects.get(payout=payout, occasion="rescreen")
    case = Case.objects.get(payout=payout)
    assert (case.run, case.origin, case.state, case.codes) == (
        run,
        "rescreen",
        "open",
        ["watchlist"],
    )
    assert case.due_at - case.opened_at == timedelta(minutes=30)
    assert (run.verdict, run.lists, run.score) == (
        "review",
        f"own@1, synthetic@1, {MATCHER_VERSION}",
        80,
    )
    assert run.facts["watch_hits"][0]["entry"] == NAME
    hit = RescreenHit.objects.get()
    assert (hit.payout_id, hit.entry.name, hit.outcome) == (payout.id, NAME, "held")
    assert (done.held, done.raised, done.paid, done.detail) == (1, 0, 0, "1 new names")
    assert (
        Event.objects.filter(object_id=payout.id).order_by("-sequence")[0].type
        == "payout.in_review"
    )
    move = payout.history.latest("history_id")
    assert move.history_change_reason == f"rescreen {done.pk}: {done.cause}"[:100]
    assert verify().is_sound


def test_a_scheduled_payout_is_held_too() -> None:
    (payout,) = cleared(execute_at=timezone.now() + timedelta(days=3))
    assert payout.stage == "scheduled"

    list_the_name()

    assert fresh(payout).state == "in_review"


def test_an_open_case_is_raised_and_keeps_what_it_had() -> None:
    case = open_case(1_000_000, recipient_name=NAME)
    first = (case.codes, case.score, case.run_id, case.due_at)
    assert first[:2] == (["amount_over_limit"], 30)

    done = list_the_name()

    case.refresh_from_db()
    assert (case.codes, case.score) == (["amount_over_limit", "watchlist"], 110)
    assert (case.run_id, case.due_at, case.state) == (first[2], first[3], "open")
    assert case.raised_at is not None
    assert ScreeningRun.objects.filter(payout=case.payout, occasion="rescreen").count() == 1
    assert (done.held, done.raised, done.paid) == (0, 1, 0)
    assert Case.objects.count() == 1
    assert case.history.count() == 2


def test_a_proposal_made_without_the_hit_goes_back_to_the_queue() -> None:
    case = open_case(10_000_000, recipient_name=NAME, partner=funded_partner(100_000_000))
    proposal = approve(case, staff("officer"))
    assert proposal.stage == "proposed"
    Case.objects.filter(pk=case.pk).update(auto="eligible")

    list_the_name()

    case.refresh_from_db()
    assert (case.state, case.auto, case.assignee) == ("open", "", None)
    with pytest.raises(StaleFormError):
        confirm(case.id, proposal_id=proposal.id, internal_text="Fine.", user=staff("lead"))
    assert fresh(case.payout).state == "in_review"


def test_recipients_paid_already_are_reported_once_each_and_left_alone() -> None:
    partner = funded_partner()
    same = cleared(3, partner=partner, account_index=b"same account 016")
    other = cleared(1)
    settle(*same, *other)

    done = list_the_name()

    hits = {hit.payout_id: hit for hit in RescreenHit.objects.all()}
    assert set(hits) == {same[2].id, other[0].id}  # the latest to that account, and the other
    assert {hit.outcome for hit in hits.values()} == {"paid"}
    assert (done.held, done.paid) == (0, 2)
    assert {fresh(payout).state for payout in (*same, *other)} == {"settled"}
    assert Case.objects.count() == 0

    rescreen.start("again", since_lists={"own": 0})
    assert finish().paid == 0
    assert RescreenHit.objects.count() == 2


def test_a_payout_on_the_wire_is_left_alone_and_held_if_it_comes_back() -> None:
    (payout,) = cleared()
    sent = sending(payout)

    done = list_the_name()
    assert (fresh(payout).state, done.paid) == ("sending", 1)

    refused = base.Rejected(
        canonical="beneficiary_bank_timeout",
        retry_class=base.RetryClass.RETRY_NEW,
        bank_code="AB05",
    )
    answer(sent, refused)
    make_due(payout)
    assert fresh(payout).state == "queued"
    rescreen.run(slice_s=60)

    assert fresh(payout).state == "in_review"
    assert RescreenHit.objects.get().outcome == "held"
    assert Case.objects.get(payout=payout).origin == "rescreen"
    rescreen.run(slice_s=60)
    assert ScreeningRun.objects.filter(occasion="rescreen").count() == 1


def test_what_was_refused_or_canceled_or_long_ago_is_no_matter() -> None:
    partner = funded_partner()
    failed, canceled, old, fits = cleared(4, partner=partner)
    cancel_payout(partner.id, canceled.id)
    decisions.hold([failed.id], record=lambda changes: None)
    decisions.reject([failed.id], partner_message="no", record=lambda changes: None)
    settle(old, fits)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE payouts_payout DISABLE TRIGGER USER")
        cursor.execute(
            "UPDATE payouts_payout SET submitted_at = submitted_at - interval '400 days'"
            " WHERE id = %s",
            [old.id],
        )
        cursor.execute("ALTER TABLE payouts_payout ENABLE TRIGGER USER")

    list_the_name()

    assert [hit.payout_id for hit in RescreenHit.objects.all()] == [fits.id]


def test_days_bound_how_far_back_it_looks() -> None:
    (payout,) = cleared()
    settle(payout)
    import_plain(f"1,{NAME}")
    Rescreen.objects.update(days=0)

    assert finish().paid == 0
    with pytest.raises(InvalidRequestError):
        rescreen.start("too far", since_lists={}, days=4_000)


def test_what_an_officer_let_go_is_not_held_again_for_the_same_name() -> None:
    (payout,) = cleared()
    list_the_name()
    proposal = approve(Case.objects.get(payout=payout), staff("officer"))
    confirm(
        proposal.case_id, proposal_id=proposal.id, internal_text="Looked too.", user=staff("lead")
    )
    assert fresh(payout).state == "queued"

    rescreen.start("all again", since_lists={"own": 0, "synthetic": 0})
    done = finish()

    assert (fresh(payout).state, done.held) == ("queued", 0)


def test_only_names_that_are_new_are_compared() -> None:
    import_plain("1,Somebody Else")
    finish()
    (payout,) = cleared()
    case = listed_case()  # of the synthetic list, which did not change
    before = (case.score, case.raised_at)

    import_plain("1,Somebody Else", f"2,{NAME}")
    done = finish()

    assert (fresh(payout).state, done.held, done.raised) == ("in_review", 1, 0)
    case.refresh_from_db()
    assert (case.score, case.raised_at) == before


def test_a_weak_alias_that_becomes_strong_is_a_new_name() -> None:
    import_plain(f"1,Somebody Else,,,{NAME}")
    finish()
    import_plain(f"1,Somebody Else,,{NAME}")

    assert rescreen.new_names({"own": 1}).entry_ids != frozenset()
    assert rescreen.new_names({"own": 2}).entry_ids == frozenset()


def test_a_list_that_is_off_is_not_compared() -> None:
    (payout,) = cleared()
    import_plain(f"1,{NAME}")
    rescreen.start("x", since_lists={"own": 0})
    switch("own", is_active=False, reason="by mistake", user=None)

    assert finish().detail == "no name is new"
    assert fresh(payout).state == "queued"


def test_payouts_still_in_screening_are_left_to_screening() -> None:
    (payout,) = make_payouts(funded_partner(), [100], recipient_name=NAME)

    done = list_the_name()
    assert (fresh(payout).state, done.held) == ("screening", 0)
    screen_chunk()

    assert fresh(payout).state == "in_review"
    assert Case.objects.get(payout=payout).origin == "screening"


def test_pages_and_slices_go_on_where_they_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rescreen, "PAGE", 3)
    monkeypatch.setattr(rescreen, "CHUNK", 2)
    paid = cleared(4)
    settle(*paid)
    queued = cleared(7)
    import_plain(f"1,{NAME}")

    slices = 0
    while rescreen.run(slice_s=0):
        slices += 1
        row = Rescreen.objects.get()
        assert (row.claim_id, row.leased_until) == (None, None)

    assert slices == 7  # open: 3 + 3 + 1, all: 3 + 3 + 3 + 2
    assert {fresh(payout).state for payout in queued} == {"in_review"}
    assert RescreenHit.objects.filter(outcome="paid", payout__in=paid).count() == 4
    assert (row.state, row.done, row.total, row.held, row.paid) == ("done", 18, 18, 7, 4)


def test_a_worker_that_died_is_followed_by_another_and_loses_its_lease() -> None:
    (payout,) = cleared()
    import_plain(f"1,{NAME}")
    real = rescreen_cases.act

    def stolen(*args: object) -> int:
        Rescreen.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE compliance_rescreen SET claim_id = gen_random_uuid()"
            )  # somebody else took it
        return real(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rescreen_cases, "act", stolen)
        assert rescreen.run(slice_s=60) is True
    row = Rescreen.objects.get()
    assert (row.state, row.cursor, row.done) == ("running", "", 0)

    Rescreen.objects.update(leased_until=timezone.now() + timedelta(minutes=1))
    assert rescreen.run(slice_s=60) is False
    Rescreen.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    assert finish().held == 1
    assert Case.objects.filter(payout=payout).count() == 1


def test_what_has_not_ended_is_not_looked_for_among_all_that_has() -> None:
    partner = funded_partner(10_000_000)
    ended(partner, 3_000)
    cleared(3, partner=partner)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    import_plain(f"1,{NAME}")
    Rescreen.objects.update(days=0)
    with CaptureQueriesContext(connection) as ran:
        assert finish().held == 3
    assert count_of_plans(ran, "payouts_payout") >= 3


def test_the_task_takes_one_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr("compliance.tasks.nudge", sent.append)
    cleared()
    import_plain(f"1,{NAME}")

    run_rescreen()
    run_rescreen()

    assert Rescreen.objects.get().state == "done"
    assert sent == ["compliance.rescreen"]


def test_who_was_paid_is_reviewed_once_by_somebody_who_may() -> None:
    (payout,) = cleared()
    settle(payout)
    list_the_name()
    hit = RescreenHit.objects.get()
    anna = staff("officer", "anna")

    with pytest.raises(PermissionRefusedError):
        mark_reviewed(hit.pk, note="looked", user=staff("auditor"))
    for note in ("", " x ", "n" * 501, "a\x00b"):
        with pytest.raises(InvalidRequestError):
            mark_reviewed(hit.pk, note=note, user=anna)
    with pytest.raises(NotFoundError):
        mark_reviewed(0, note="looked", user=anna)
    assert RescreenHit.objects.get().reviewed_at is None

    mark_reviewed(hit.pk, note="Another person, born 1990.", user=anna)
    with pytest.raises(ConflictError):
        mark_reviewed(hit.pk, note="once more", user=anna)

    hit.refresh_from_db()
    assert (hit.reviewed_by, hit.review_note) == (anna, "Another person, born 1990.")


@pytest.mark.django_db(transaction=True)
@pytest.mark.race
def test_a_payout_cleared_by_the_old_lists_while_they_change_is_held() -> None:
    (payout,) = make_payouts(funded_partner(), [100], recipient_name=NAME)
    judged, listed = threading.Event(), threading.Event()

    def slow_judge(found: list[Payout]) -> list[decisions.Verdict]:
        verdicts = judge(found)
        judged.set()
        assert listed.wait(30)
        return verdicts

    def screening() -> None:
        try:
            decisions.screen_waiting(slow_judge)
        finally:
            connection.close()

    def rescreening() -> None:
        try:
            rescreen.run(slice_s=60)
        finally:
            connection.close()

    one = threading.Thread(target=screening)
    one.start()
    assert judged.wait(30)
    import_plain(f"1,{NAME}")
    other = threading.Thread(target=rescreening)
    other.start()
    listed.set()
    one.join(30)
    other.join(30)

    assert not one.is_alive()
    assert not other.is_alive()
    runs = ScreeningRun.objects.filter(payout=payout).order_by("id")
    assert [run.lists for run in runs] == [
        f"synthetic@1, {MATCHER_VERSION}",
        f"own@1, synthetic@1, {MATCHER_VERSION}",
    ]
    assert fresh(payout).state == "in_review"
    assert Case.objects.get(payout=payout).origin == "rescreen"


@pytest.mark.django_db(transaction=True)
@pytest.mark.race
def test_dispatch_and_rescreen_race_and_each_payout_is_either_sent_or_held() -> None:
    partner = funded_partner()
    for round_ in range(4):
        name = f"Zebedee Quillfeather {'abcd'[round_] * 4}"
        made = cleared(20, name=name, partner=partner)
        import_plain(*[f"{n},Zebedee Quillfeather {'abcd'[n] * 4}" for n in range(round_ + 1)])
        gate = threading.Barrier(2)
        claimed: list[str] = []

        def send() -> None:
            try:
                gate.wait(30)
                claimed.extend(s.payout.id for s in dispatch.claim(["sepa_inst"], 10))
            finally:
                connection.close()

        thread = threading.Thread(target=send)
        thread.start()
        gate.wait(30)
        rescreen.run(slice_s=60)
        thread.join(30)
        states = {payout.id: fresh(payout).state for payout in made}
        hits = dict(RescreenHit.objects.filter(payout__in=made).values_list("payout_id", "outcome"))
        for payout_id, state in states.items():
            assert state == ("sending" if payout_id in claimed else "in_review")
            assert hits[payout_id] == ("paid" if payout_id in claimed else "held")
            assert Case.objects.filter(payout=payout_id).exists() is (state == "in_review")
