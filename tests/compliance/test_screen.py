"""Screening over the database: facts, runs, cases, verdicts."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from compliance.models import (
    Case,
    PolicyStep,
    ScreeningRun,
    Watchlist,
    WatchlistEntry,
    WatchlistParty,
)
from compliance.rules.names import MATCHER_VERSION
from compliance.screening import live
from compliance.screening.replay import replay
from compliance.services.screen import screen_chunk
from compliance.tasks import screen
from payouts.models import Payout
from payouts.services import decisions
from tests.compliance.factories import LISTED, flagged_payout, publish
from tests.payouts.factories import funded_partner, make_payouts

pytestmark = pytest.mark.django_db
SAME = b"same account 016"


def codes_by_position(payouts: list[Payout]) -> list[list[str]]:
    found = dict(Case.objects.values_list("payout_id", "codes"))
    return [found.get(payout.id, []) for payout in payouts]


def test_a_clear_payout_goes_on_with_a_slim_run() -> None:
    (payout,) = make_payouts(funded_partner(), [1_000])

    assert screen_chunk() == 1

    payout = Payout.objects.get(id=payout.id)
    run = ScreeningRun.objects.get()
    assert (payout.state, payout.stage) == ("queued", "ready")
    assert (run.payout_id, run.verdict, run.policy_id, run.score) == (payout.id, "clear", 2, 0)
    assert (run.facts, run.findings) == ({"is_first_to_account": True}, [])
    assert run.lists == f"synthetic@1, {MATCHER_VERSION}"
    assert Case.objects.count() == 0
    assert payout.history.latest("history_id").history_change_reason == "screening"


def test_a_flagged_payout_is_held_with_its_case() -> None:
    payout = flagged_payout(1_000_000, recipient_name=LISTED, recipient_country="RU")

    case = Case.objects.get()
    assert (payout.state, payout.stage) == ("in_review", "review")
    assert case.codes == [
        "listed_and_sanctioned",
        "watchlist",
        "country",
        "amount_over_limit",
    ]
    assert (case.state, case.score, case.payout_id) == ("open", 270, payout.id)
    assert case.due_at - case.opened_at == timedelta(minutes=30)
    # 10,000 EUR have five digits: four tenths of the half hour nearer.
    assert case.due_at - case.rank_at == timedelta(minutes=12)
    assert (case.run.verdict, case.is_blocked, case.auto) == ("block", True, "")
    assert [(each["code"], each["result"]) for each in case.run.findings] == [
        ("amount_over_limit", "hit"),
        ("country", "hit"),
        ("watchlist", "hit"),
        ("listed_and_sanctioned", "hit"),
        ("account_velocity", "no_hit"),
        ("duplicate", "no_hit"),
        ("destination_changed", "no_hit"),
        ("new_account_new_partner", "no_hit"),
    ]
    assert case.history.count() == 1


def test_the_26th_payout_to_one_account_is_held_and_none_before() -> None:
    payouts = make_payouts(funded_partner(), [100 + n for n in range(27)], account_index=SAME)

    screen_chunk()

    assert codes_by_position(payouts) == [[]] * 25 + [["account_velocity"]] * 2


def test_a_hot_account_is_counted_only_so_far() -> None:
    payouts = make_payouts(funded_partner(), [100] * 230, account_index=SAME)

    screen_chunk()

    case = Case.objects.get(payout=payouts[-1])
    assert case.run.facts["account_count_24h"] == 200
    assert case.run.findings[0]["words"] == (
        "201 or more payouts to this account within 24 hours (limit: above 25)."
    )


def test_a_sum_counts_its_own_currency_and_what_moved_money() -> None:
    partner = funded_partner(100_000_000)
    failed, *_ = make_payouts(partner, [4_000_000, 999_999], account_index=SAME)
    screen_chunk()
    decisions.reject([failed.id], partner_message="no", record=lambda changes: None)
    later = make_payouts(partner, [999_998, 999_997, 999_996, 999_995], account_index=SAME)
    screen_chunk()
    # 9,999.99 + .98 + .97 + .96 + .95 = 49,999.85; the failed 40,000.00 moved no money.
    assert codes_by_position(later) == [[], [], [], []]

    (last,) = make_payouts(partner, [16], account_index=SAME)
    screen_chunk()
    assert codes_by_position([last]) == [["account_velocity"]]


def test_the_window_ends_after_24_hours() -> None:
    partner = funded_partner()
    ago = timezone.now() - timedelta(hours=24, seconds=1)
    make_payouts(partner, [100] * 30, account_index=SAME, submitted_at=ago)
    screen_chunk()
    (now,) = make_payouts(partner, [100], account_index=SAME)

    screen_chunk()

    assert codes_by_position([now]) == [[]]
    assert ScreeningRun.objects.get(payout=now).facts == {}


def test_the_same_payment_in_another_batch_is_held_with_its_twin() -> None:
    partner = funded_partner()
    (first,) = make_payouts(partner, [50_000], account_index=SAME)
    screen_chunk()
    (small,) = make_payouts(partner, [49_999], account_index=SAME)
    (second,) = make_payouts(partner, [50_000], account_index=SAME)
    (strange,) = make_payouts(funded_partner(), [50_000], account_index=SAME)

    screen_chunk()

    assert codes_by_position([first, small, second, strange]) == [[], [], ["duplicate"], []]
    finding = Case.objects.get().run.findings[0]
    assert finding["trace"]["twin_id"] == first.id
    assert finding["trace"]["twin_batch_id"] == first.batch_id
    assert finding["words"] == (
        "500.00 EUR to the same account is in another batch of the last 24 hours already."
        " 500.00 EUR reaches the limit of 500.00 EUR."
    )


def test_twice_in_one_batch_is_no_duplicate() -> None:
    payouts = make_payouts(funded_partner(), [60_000, 60_000], account_index=SAME)

    screen_chunk()

    assert codes_by_position(payouts) == [[], []]


@pytest.mark.parametrize("amount_minor", [100, 25_000, 99_000_000])
def test_a_run_replays_to_the_same_verdict(amount_minor: int) -> None:
    partner = funded_partner(10**10)
    make_payouts(partner, [amount_minor] * 3, account_index=SAME, recipient_name=LISTED)
    make_payouts(partner, [amount_minor], account_index=SAME, recipient_country="RU")
    screen_chunk()

    for run in ScreeningRun.objects.select_related("payout"):
        again = replay(run)
        assert (str(again.verdict), again.score) == (run.verdict, run.score)
        assert list(again.findings) == run.findings


def test_a_run_of_the_first_policy_replays_to_the_same_words() -> None:
    PolicyStep.objects.create(policy_id=1, kind="published", actor="user:b")
    partner = funded_partner(10**10)
    make_payouts(partner, [1_500_000] * 4, account_index=SAME, recipient_name=LISTED)
    make_payouts(partner, [1_500_000], account_index=SAME, recipient_country="RU")
    screen_chunk()

    runs = ScreeningRun.objects.select_related("payout").order_by("id")
    assert [(run.policy_id, run.verdict) for run in runs] == [(1, "review")] * 5
    for run in runs:
        assert list(replay(run).findings) == run.findings
    last = {each["code"]: each["words"] for each in runs[4].findings}
    assert last["account_velocity"] == (
        "5 payouts with 75,000.00 EUR to this account within 24 hours"
        " (limits: 25 payouts, 50,000.00 EUR)."
    )


def test_a_changed_list_is_indexed_anew() -> None:
    Watchlist.objects.filter(code="synthetic").update(revision=2)
    party = WatchlistParty.objects.create(
        watchlist_id="synthetic", subject="SYN-900", kind="person"
    )
    WatchlistEntry.objects.create(party=party, name="Odette Farnsleigh", is_primary=True)

    payout = flagged_payout(recipient_name="Odette Farnsleigh")

    assert payout.state == "in_review"
    assert ScreeningRun.objects.get().lists == f"synthetic@2, {MATCHER_VERSION}"


def test_the_policy_published_last_is_the_live_one() -> None:
    rule = {"code": "any", "rule": "amount_at_least", "weight": 5, "parameters": {"major": 1}}
    publish({"rules": [rule], "thresholds": {"review_score": 5, "review_minutes": 5}})

    payout = flagged_payout(100, recipient_name="Anna Jansen")

    assert Case.objects.get(payout=payout).codes == ["any"]
    assert ScreeningRun.objects.get().policy_id == 3


def test_a_thousand_payouts_cost_as_many_statements_as_one() -> None:
    make_payouts(funded_partner(), [100])
    live.lists()
    live.live_policy()
    with CaptureQueriesContext(connection) as one:
        screen_chunk()
    make_payouts(funded_partner(), [100] * 300)
    with CaptureQueriesContext(connection) as many:
        screen_chunk()

    assert len(many) == len(one)


def test_partner_facts_are_gathered_only_where_a_rule_asks() -> None:
    limits = {"count": 2, "major": 1_000_000}
    rule = {"code": "busy", "rule": "partner_velocity", "weight": 9, "parameters": limits}
    publish({"rules": [rule], "thresholds": {"review_score": 9, "review_minutes": 5}})
    partner = funded_partner()
    first = make_payouts(partner, [100, 100])
    screen_chunk()
    second = make_payouts(partner, [100])
    screen_chunk()

    assert codes_by_position([*first, *second]) == [[], [], ["busy"]]


def test_without_a_policy_nothing_is_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    (payout,) = make_payouts(funded_partner(), [100])
    monkeypatch.setattr(live, "live_number", lambda: None)

    with pytest.raises(live.UnavailableError):
        screen_chunk()

    assert Payout.objects.get(id=payout.id).state == "screening"
    assert ScreeningRun.objects.count() == 0


def test_the_task_screens_all_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compliance.tasks.CHUNK", 2)
    monkeypatch.setattr("compliance.tasks.screen_chunk", lambda **_: screen_chunk(limit=2))
    make_payouts(funded_partner(), [100] * 5)

    assert screen() == 5
    assert screen() == 0


def test_runs_and_policies_are_evidence() -> None:
    payout = flagged_payout(recipient_name=LISTED)
    for statement in (
        "UPDATE compliance_screeningrun SET verdict = 'clear'",
        "DELETE FROM compliance_screeningrun",
        "TRUNCATE compliance_screeningrun CASCADE",
        "UPDATE compliance_policy SET title = ''",
        "DELETE FROM compliance_policy",
        "DELETE FROM compliance_case",
        "UPDATE compliance_case SET partner_id = 'pt_other'",
        "UPDATE compliance_historicalcase SET actor = 'nobody'",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)

    assert ScreeningRun.objects.get(payout=payout).verdict == "review"
