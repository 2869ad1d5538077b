"""Ways to get a payout past compliance, each tried and found shut."""

from datetime import timedelta

import pytest
from django.db import connection

from atlaspay.core.crypto import blind_index
from atlaspay.core.errors import ConflictError, PermissionRefusedError
from compliance.models import Case, RescreenHit, SafeMatch, ScreeningRun, Watchlist
from compliance.rules.errors import PolicyError
from compliance.rules.policy import CompiledPolicy
from compliance.screening import live
from compliance.services import audit, docket, four_eyes, policies, rescreen, safe_matches
from compliance.services.decide import decide
from compliance.services.screen import screen_chunk
from compliance.services.second import confirm
from compliance.services.watchlists import switch
from payouts.models import Payout
from payouts.services import dispatch
from payouts.services.cancel import cancel_payout
from tests.compliance.factories import (
    flagged_payout,
    known_partner,
    listed_case,
    open_case,
    publish,
    staff,
)
from tests.compliance.lists import PUBLISHED, import_plain
from tests.compliance.test_decide import approve
from tests.payouts.factories import make_payouts

pytestmark = pytest.mark.django_db
NAME = "Odette Farnsleigh"
PARTIES = 40
ACCOUNT = blind_index("iban:attack")


def asks(fact: str, op: str, value: object, **more: object) -> dict[str, object]:
    return {"fact": fact, **more, "op": op, "value": value}


def document(when: dict[str, object], rule_class: str = "sanctions") -> dict[str, object]:
    rule = {"code": "r", "title": "R", "class": rule_class, "weight": 20, "when": when}
    return {
        "format": 2,
        "rules": [rule],
        "thresholds": {"review_score": 20, "review_minutes": 30},
    }


def fresh(payout: Payout) -> Payout:
    return Payout.objects.get(id=payout.id)


def let_go(case: Case) -> None:
    proposal = approve(case, staff("officer", "anna"))
    confirm(
        case.id, proposal_id=proposal.id, internal_text="Looked too.", user=staff("lead", "lena")
    )


# --- the good-guy list ---


@pytest.mark.parametrize("ends", ["canceled", "rejected"])
def test_an_old_approval_clears_nobody_of_a_name_that_came_later(ends: str) -> None:
    case = open_case(1_200_000, recipient_name=NAME)
    anna = staff("officer", "anna")
    approve(case, anna)
    import_plain(f"1,{NAME}")
    rescreen.run(slice_s=60)
    held = Case.objects.get(payout=case.payout_id, origin="rescreen")
    if ends == "canceled":
        cancel_payout(held.partner_id, held.payout_id)
    else:
        decide(
            held.id,
            kind="reject",
            reason_code="listed_name",
            internal_text="It is him.",
            user=staff("lead"),
        )
    (party,) = safe_matches.parties_met(held.payout_id)

    with pytest.raises(ConflictError):
        safe_matches.add(held.payout_id, [party], reason="Not him at all.", user=anna)

    assert SafeMatch.objects.count() == 0


def test_safe_parties_do_not_crowd_out_the_one_that_is_not() -> None:
    import_plain(*[f"{number},{NAME}" for number in range(PARTIES)])
    payout = flagged_payout(25_000, recipient_name=NAME, account_index=ACCOUNT)
    let_go(Case.objects.get(payout=payout))
    parties = safe_matches.parties_met(payout.id)
    assert len(parties) == 25
    safe_matches.add(payout.id, parties, reason="None of these.", user=staff("officer", "otto"))

    again = flagged_payout(
        25_000, recipient_name=NAME, partner=payout.partner, account_index=ACCOUNT
    )

    assert again.state == "in_review"
    run = ScreeningRun.objects.get(payout=again)
    shown = {hit["party"] for hit in run.facts["watch_hits"]}
    assert len(shown) == 15
    assert not shown & parties
    assert len(run.facts["safe_hits"]) == 25


# --- policies and lists ---


@pytest.mark.parametrize("rule_class", ["other", "amount", "country"])
def test_a_rule_about_lists_is_of_no_softer_class(rule_class: str) -> None:
    when = {"any": [asks("amount", "at_least", "1"), asks("name_similarity", "at_least", 80)]}

    with pytest.raises(PolicyError, match="class sanctions"):
        CompiledPolicy(9, document(when, rule_class))
    assert CompiledPolicy(9, document(when)).rules[0].can_be_snoozed is False


def test_a_later_policy_does_not_soften_the_class_a_hit_had() -> None:
    case = open_case(25_000, recipient_name="Viktor Drazhenko")
    one = docket.load([case.id], [case.payout], lock=False)[case.id]
    (code,) = case.codes
    later = publish(document(asks("amount", "at_least", "1"), "amount"))
    soft = {"rules": [{"code": code, "class": "amount"}]}
    (run,) = one.runs
    again = ScreeningRun(id="sr_z", payout=case.payout, policy=later)

    two = docket.Docket(
        case=case,
        payout=one.payout,
        runs=(run, again),
        policies={**one.policies, later.number: soft},
        decisions=(),
    )

    assert four_eyes.classes(two) == {"sanctions", "amount"}
    assert four_eyes.SANCTIONS in four_eyes.reasons(two, "approve")


def test_a_rule_about_a_list_that_is_gone_holds() -> None:
    publish(document(asks("name_similarity", "at_least", 80, lists=["gone"])))

    payout = flagged_payout(100)

    assert payout.state == "in_review"
    run = ScreeningRun.objects.get(payout=payout)
    assert run.findings[0]["result"] == "error"
    case = Case.objects.get(payout=payout)
    assert "sanctions" in four_eyes.reasons(
        docket.load([case.id], [payout], lock=False)[case.id], "approve"
    )


def test_with_no_list_at_all_every_name_is_held() -> None:
    Watchlist.objects.update(is_active=False)
    live.forget()

    assert flagged_payout(100).state == "in_review"


def test_a_list_the_live_policy_asks_is_not_switched_off() -> None:
    import_plain("1,Somebody Else")
    publish(document(asks("name_similarity", "at_least", 80, lists=["own"])))
    with pytest.raises(ConflictError, match="compares names with"):
        switch("own", is_active=False, reason="in the way", user=staff("lead"))
    publish(document(asks("name_similarity", "at_least", 80)))
    with pytest.raises(PermissionRefusedError, match="A lead"):
        switch("own", is_active=False, reason="in the way", user=staff("operator"))
    assert Watchlist.objects.get(code="own").is_active

    switch("own", is_active=False, reason="in the way", user=staff("lead", "lena"))
    (last,) = Watchlist.objects.filter(is_active=True)
    with pytest.raises(ConflictError, match="compares names with"):
        switch(last.code, is_active=False, reason="in the way", user=None)
    assert Watchlist.objects.filter(is_active=True).count() == 1


def test_a_policy_that_asks_a_list_not_in_use_is_not_published() -> None:
    staff("rule_author", "a")
    before = live.live_number()
    made = publish(document(asks("name_similarity", "at_least", 80, lists=["gone"])))
    policies.publish(before or 1, staff("rule_publisher"), note="back", expected_live=made.number)

    with pytest.raises(ConflictError, match="gone, which is no list in use"):
        policies.publish(
            made.number,
            staff("rule_publisher", "pia"),
            note="again",
            expected_live=before,
        )

    assert live.live_number() == before


# --- facts ---


def test_a_payout_that_was_canceled_makes_no_account_known() -> None:
    publish(document(asks("first_to_account", "is", True), "other"))
    partner = known_partner()
    (trial,) = make_payouts(partner, [1], account_index=ACCOUNT)
    cancel_payout(partner.id, trial.id)

    payout = flagged_payout(500_000, partner=partner, account_index=ACCOUNT)

    assert payout.state == "in_review"
    assert flagged_payout(500_000, partner=partner, account_index=ACCOUNT).state == "queued"


def test_a_twin_let_go_while_the_large_batch_was_taken_in_is_seen() -> None:
    publish(document(asks("has_twin", "is", True, window="24h"), "duplicate"))
    partner = known_partner()
    (slow,) = make_payouts(partner, [70_000], account_index=ACCOUNT)
    (quick,) = make_payouts(partner, [70_000], account_index=ACCOUNT)
    # The quick one is screened as if the slow one's intake had not committed yet.
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE payouts_payout DISABLE TRIGGER USER")
        cursor.execute(
            "UPDATE payouts_payout SET state = 'queued', stage = 'ready',"
            " screened_at = clock_timestamp() WHERE id = %s",
            [quick.id],
        )
        cursor.execute("ALTER TABLE payouts_payout ENABLE TRIGGER USER")

    screen_chunk()

    assert fresh(slow).state == "in_review"
    run = ScreeningRun.objects.get(payout=slow)
    assert run.facts["twin_24h"] == quick.id
    assert run.facts["twin_batch_24h"] == quick.batch_id


# --- the audit ---


def test_one_persons_word_on_a_listed_name_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    case = listed_case()
    monkeypatch.setattr(four_eyes, "reasons", lambda docket, kind: [])
    decision = approve(case, staff("officer"))

    faults = {check.name: check.fault for check in audit.verify().checks if check.fault}

    assert list(faults) == ["four_eyes"]
    assert faults["four_eyes"].startswith(f"decision {decision.id} let case {case.id} go")


# --- what is on its way ---


def test_what_a_rescreen_reported_on_its_way_is_not_sent_again() -> None:
    payout = flagged_payout(100, recipient_name=NAME)
    assert payout.state == "queued"
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE payouts_payout DISABLE TRIGGER USER")
        cursor.execute(
            "UPDATE payouts_payout SET attempt_count = 1, due_at = now() - interval '1 s'"
            " WHERE id = %s",
            [payout.id],
        )
        cursor.execute("ALTER TABLE payouts_payout ENABLE TRIGGER USER")
    assert dispatch.due([payout.rail], 10) == 1
    import_plain(f"1,{NAME}", published_on=PUBLISHED + timedelta(days=1))
    found = rescreen.start("x", since_lists={"own": 0})
    (entry_id,) = rescreen.new_names({"own": 0}).entry_ids
    hit = RescreenHit.objects.create(
        rescreen=found, payout=payout, entry_id=entry_id, similarity=100, outcome="paid"
    )

    assert dispatch.due([payout.rail], 10) == 0
    RescreenHit.objects.filter(pk=hit.pk).update(reviewed_at=payout.submitted_at)
    assert dispatch.due([payout.rail], 10) == 1
