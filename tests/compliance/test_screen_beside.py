"""What stands beside the verdict: shadows, snoozes, safe matches, blocks, and a broken policy."""

import logging

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from compliance.models import (
    Case,
    Policy,
    PolicyStep,
    RuleSnooze,
    SafeMatch,
    ScreeningRun,
    ShadowRun,
    ShadowTally,
    WatchlistEntry,
    WatchlistParty,
)
from compliance.rules.errors import PolicyError
from compliance.rules.facts import Facts
from compliance.rules.names import recipient_key
from compliance.rules.policy import Assessment, compile_document
from compliance.screening import live
from compliance.screening.replay import clearances, replay
from compliance.services import shadow
from compliance.services.screen import screen_chunk
from payouts.models import Payout
from tests.compliance.factories import LISTED, flagged_payout, known_partner, open_case, publish
from tests.compliance.rule_documents import asks, document, rule
from tests.payouts.factories import funded_partner, make_payouts

pytestmark = pytest.mark.django_db
SAME = b"same account 016"


def shadowed(made: dict, kind: str = "shadow") -> Policy:
    """Let a policy of this document run in shadow."""
    number = Policy.objects.count() + 1
    policy = Policy.objects.create(number=number, title="S", document=made, author="user:a")
    PolicyStep.objects.create(policy=policy, kind=kind, actor="user:a")
    return policy


DEAR = document(rule(asks("amount", "at_least", "100"), code="dear"))


def test_a_shadow_assesses_and_moves_nothing() -> None:
    policy = shadowed(DEAR)
    partner = known_partner()
    both, only_shadow, neither = make_payouts(partner, [1_000_000, 10_000, 9_999])
    (only_live,) = make_payouts(partner, [5_000], recipient_name=LISTED)

    screen_chunk()

    states = dict(Payout.objects.values_list("id", "state"))
    assert [states[one.id] for one in (both, only_shadow, neither, only_live)] == [
        "in_review",
        "queued",
        "queued",
        "in_review",
    ]
    seen = {
        row.run.payout_id: (row.verdict, row.live_verdict, row.score)
        for row in ShadowRun.objects.select_related("run")
    }
    assert seen == {
        both.id: ("review", "review", 10),
        only_shadow.id: ("review", "clear", 10),
        only_live.id: ("clear", "review", 0),
    }
    tally = ShadowTally.objects.get(policy=policy)
    assert (tally.screened, tally.both, tally.only_live, tally.only_shadow) == (4, 1, 1, 1)
    assert ShadowRun.objects.get(run__payout=both).findings[0]["code"] == "dear"


def test_tallies_of_an_hour_add_up() -> None:
    policy = shadowed(DEAR)
    for _ in range(2):
        make_payouts(known_partner(), [10_000, 100])
        screen_chunk()

    tallies = ShadowTally.objects.filter(policy=policy)
    assert sum(tally.screened for tally in tallies) == 4
    assert sum(tally.only_shadow for tally in tallies) == 2


def test_a_shadow_that_ended_or_went_live_is_no_shadow() -> None:
    ended, published = shadowed(DEAR), shadowed(DEAR)
    PolicyStep.objects.create(policy=ended, kind="shadow_end", actor="user:a")
    PolicyStep.objects.create(policy=published, kind="published", actor="user:b")

    assert live.shadow_policies(published.number) == []


def test_a_shadow_gathers_more_than_the_live_policy_and_errors_stay_its_own() -> None:
    publish(document(rule(asks("amount", "at_least", "1000000"))))
    shadowed(document(rule(asks("account_count", "at_least", 2, window="24h"))))
    shadowed(document(rule(asks("rail", "is", "rtp"))))
    first, second = make_payouts(funded_partner(), [100, 200], account_index=SAME, rail="")

    screen_chunk()

    assert set(Payout.objects.values_list("state", flat=True)) == {"queued"}
    said = {(row.policy_id, row.run.payout_id): row.verdict for row in ShadowRun.objects.all()}
    assert said == {(4, second.id): "review", (5, first.id): "review", (5, second.id): "review"}
    assert ShadowRun.objects.filter(policy=5).first().findings[0]["result"] == "error"
    assert ScreeningRun.objects.get(payout=second).facts == {}


def test_a_shadow_that_fails_is_forgotten(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shadowed(DEAR)
    monkeypatch.setattr(shadow, "_TALLY", "SELECT 1 / 0, %s, %s, %s, %s, %s")
    (payout,) = make_payouts(known_partner(), [10_000])

    with caplog.at_level(logging.WARNING):
        assert screen_chunk() == 1

    assert Payout.objects.get(id=payout.id).state == "queued"
    assert ShadowRun.objects.count() == 0
    assert [record.msg for record in caplog.records] == ["shadow.failed"]


def test_a_shadow_with_a_fault_in_python_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = shadowed(DEAR)

    def broken(facts: Facts) -> Assessment:
        raise KeyError("nobody thought of this")

    monkeypatch.setattr(live.policy(policy.number), "assess", broken)
    (payout,) = make_payouts(known_partner(), [10_000])

    screen_chunk()

    assert Payout.objects.get(id=payout.id).state == "queued"


# --- snoozes ---


def snooze(payout: Payout, code: str, hours: int = 1) -> RuleSnooze:
    return RuleSnooze.objects.create(
        partner_id=payout.partner_id,
        rule_code=code,
        until=timezone.now() + timezone.timedelta(hours=hours),
        comment="a campaign",
        actor="user:lead",
    )


def test_a_snoozed_rule_lets_go_and_its_hit_is_kept() -> None:
    first = flagged_payout()
    made = snooze(first, "amount_over_limit")
    partner = first.partner

    (payout,) = make_payouts(partner, [1_000_000], recipient_name="Bram Aalders")
    (strange,) = make_payouts(known_partner(), [1_000_000])
    screen_chunk()

    run = ScreeningRun.objects.get(payout=payout)
    assert (run.verdict, run.score, run.findings[0]["result"]) == ("clear", 0, "snoozed")
    assert run.facts["snoozed"] == ["amount_over_limit"]
    assert list(replay(run).findings) == run.findings
    assert Payout.objects.get(id=strange.id).state == "in_review"

    RuleSnooze.objects.filter(id=made.id).update(ended_at=timezone.now(), ended_by="user:lead")
    (later,) = make_payouts(partner, [1_000_000])
    screen_chunk()
    assert Payout.objects.get(id=later.id).state == "in_review"


def test_a_snooze_ends_by_itself_and_never_silences_sanctions() -> None:
    first = flagged_payout()
    snooze(first, "amount_over_limit", hours=-1)
    snooze(first, "watchlist")

    make_payouts(first.partner, [1_000_000])
    make_payouts(first.partner, [100], recipient_name=LISTED)
    screen_chunk()

    runs = ScreeningRun.objects.exclude(payout=first).order_by("id")
    assert [run.verdict for run in runs] == ["review", "review"]
    assert [run.facts.get("snoozed") for run in runs] == [None, None]


# --- safe matches ---


def safe(payout: Payout, party: WatchlistParty, **changes: object) -> SafeMatch:
    return SafeMatch.objects.create(
        **{
            "partner_id": payout.partner_id,
            "recipient_key": recipient_key(payout.recipient_name),
            "recipient_name": payout.recipient_name,
            "account_index": payout.account_index,
            "account_last4": payout.account_last4,
            "party": party,
            "party_hash": party.content_hash,
            "reason": "Another person",
            "actor": "user:officer",
            **changes,
        }
    )


@pytest.fixture
def party() -> WatchlistParty:
    return WatchlistEntry.objects.select_related("party").get(name=LISTED).party


def again(payout: Payout, **changes: object) -> Payout:
    """Pay the same recipient once more; return the payout as screened."""
    same = {
        "partner": payout.partner,
        "recipient_name": "VIKTOR  Drazhenko",
        "account_index": payout.account_index,
    }
    return flagged_payout(100, **{**same, **changes})


def test_a_safe_match_flags_no_more_and_is_kept(party: WatchlistParty) -> None:
    first = flagged_payout(100, recipient_name=LISTED)
    safe(first, party)

    payout = again(first)

    run = ScreeningRun.objects.get(payout=payout)
    assert (payout.state, run.verdict) == ("queued", "clear")
    assert [hit["entry"] for hit in run.facts["safe_hits"]] == [LISTED]
    assert "watch_hits" not in run.facts
    assert again(first, account_index=SAME).state == "in_review"
    assert again(first, partner=known_partner()).state == "in_review"
    assert again(first, recipient_name="Viktor Drashenko").state == "in_review"


def test_a_safe_match_ends_with_its_revocation_or_the_party(party: WatchlistParty) -> None:
    first = flagged_payout(100, recipient_name=LISTED)
    made = safe(first, party, party_hash="what the list said before")
    assert again(first).state == "in_review"

    made.revoked_at = timezone.now()
    made.save()
    made = safe(first, party)
    assert again(first).state == "queued"
    made.revoked_at = timezone.now()
    made.save()
    assert again(first).state == "in_review"


def test_safe_matches_cost_one_statement_and_none_without_a_hit(party: WatchlistParty) -> None:
    partner = known_partner()
    live.lists()

    def asked() -> int:
        with CaptureQueriesContext(connection) as captured:
            screen_chunk()
        return sum("compliance_safematch" in query["sql"] for query in captured)

    make_payouts(partner, [100] * 5)
    assert asked() == 0
    make_payouts(partner, [100] * 5, recipient_name=LISTED)
    assert asked() == 1


# --- a policy nobody understands ---


def test_a_broken_policy_holds_everything_and_raises_the_alarm(
    caplog: pytest.LogCaptureFixture,
) -> None:
    publish({"format": 2, "rules": [{"code": "future", "when": {"fact": "moon", "op": "full"}}]})
    payouts = make_payouts(funded_partner(), [100, 200])

    with caplog.at_level(logging.ERROR):
        screen_chunk()

    assert {one.state for one in Payout.objects.filter(id__in=[p.id for p in payouts])} == {
        "in_review"
    }
    case = Case.objects.first()
    assert (case.codes, case.score, case.is_blocked) == (["policy_broken"], 1, False)
    assert case.run.findings[0]["result"] == "error"
    alarms = [record for record in caplog.records if record.msg == "policy.broken"]
    assert len(alarms) == 1
    assert alarms[0].policy == 3
    assert replay(case.run).verdict == "review"


def test_a_broken_shadow_is_only_a_shadow() -> None:
    shadowed({"format": 9})

    make_payouts(funded_partner(), [100])
    screen_chunk()

    assert ScreeningRun.objects.get().verdict == "clear"


# --- the second policy ---


def codes(payout: Payout) -> list[str]:
    screen_chunk()
    return list(Case.objects.filter(payout=payout).values_list("codes", flat=True)[:1]) or []


def test_a_changed_account_cools_off_for_a_day() -> None:
    partner = known_partner()
    make_payouts(partner, [200_000], recipient_name="Wilma Veldhoven", account_index=SAME)
    screen_chunk()
    (small,) = make_payouts(partner, [100_000], recipient_name="Wilma Veldhoven")
    (large,) = make_payouts(partner, [100_001], recipient_name="Wilma Veldhoven")

    assert codes(small) == []
    assert codes(large) == [["destination_changed"]]
    finding = Case.objects.get(payout=large).run.findings[0]
    assert finding["words"] == (
        "The recipient was paid at another account before, and this one is new within 24 hours."
        " 1,000.01 EUR is above the limit of 1,000.00 EUR."
    )


def test_a_new_partner_starts_small_at_new_accounts() -> None:
    new, known = funded_partner(100_000_000), known_partner()
    (small,) = make_payouts(new, [500_000])
    (large,) = make_payouts(new, [500_001], recipient_name="Bram Aalders")
    (trusted,) = make_payouts(known, [500_001])

    assert codes(small) == []
    assert codes(large) == [["new_account_new_partner"]]
    assert codes(trusted) == []


def test_a_listed_name_in_a_sanctioned_country_is_blocked() -> None:
    case = open_case(100, recipient_name=LISTED, recipient_country="IR")

    assert (case.is_blocked, case.run.verdict) == (True, "block")
    assert open_case(100, recipient_name=LISTED).is_blocked is False
    assert open_case(100, recipient_country="IR").is_blocked is False


def test_both_policies_of_the_migrations_compile() -> None:
    assert [live.policy(number).review_minutes for number in (1, 2)] == [30, 30]
    assert live.policy(2).four_eyes_minor("EUR") == 2_500_000
    assert live.policy(2).four_eyes_minor("JPY") == 4_000_000
    with pytest.raises(PolicyError):
        compile_document({**Policy.objects.get(number=2).document, "format": "2"})


def test_screening_tells_automatic_approval_what_it_flagged() -> None:
    make_payouts(known_partner(), [1_000_000, 100])
    asked = []

    def classify(payouts: list[Payout], assessments: list[Assessment]) -> list[str]:
        pairs = zip(payouts, assessments, strict=True)
        asked.extend((one.amount_minor, said.codes) for one, said in pairs)
        return ["eligible"] * len(payouts)

    screen_chunk(classify=classify)

    assert asked == [(1_000_000, ["amount_over_limit"])]
    assert Case.objects.get().auto == "eligible"


def test_a_stored_run_says_what_would_have_cleared_it() -> None:
    case = open_case(1_000_000)

    assert [each.words for each in clearances(case.run)] == ["An amount of at most 9,999.99 EUR."]


@pytest.mark.parametrize(
    ("amount_minor", "minutes"), [(100, 0), (1_000, 3), (1_000_000, 12), (100_000_000, 18)]
)
def test_a_larger_amount_ranks_a_case_nearer(amount_minor: int, minutes: int) -> None:
    publish(document(rule(asks("amount", "at_least", "0"))))
    case = open_case(amount_minor)

    assert round((case.due_at - case.rank_at).total_seconds() / 60) == minutes
