"""What the case page's forms do: four eyes, escalation, undo, presence; and what they keep when
refused."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from compliance.models import Case, Decision
from compliance.services.decide import seen_mark
from payouts.models import Payout
from tests.compliance.factories import blocked_case, listed_case, open_case, staff
from tests.compliance.test_decide import everything
from tests.console.test_pages import page, signed_in

pytestmark = pytest.mark.django_db


def post(client: Client, case: Case, verb: str, **fields: str) -> Any:
    fields.setdefault("seen", seen_mark(Case.objects.select_related("payout").get(pk=case.pk)))
    return client.post(reverse(f"admin:compliance_case_{verb}", args=[case.pk]), fields)


def propose(client: Client, case: Case, **fields: str) -> Decision:
    words = {
        "kind": "approve",
        "reason_code": "name_differs",
        "internal_text": "Another date of birth.",
    }
    post(client, case, "decide", **{**words, **fields})
    return Decision.objects.get(case=case, stage="proposed")


def state_of(case: Case) -> str:
    return Payout.objects.get(id=case.payout_id).state


@pytest.fixture
def anna() -> Client:
    return signed_in(staff("officer", "anna"))


@pytest.fixture
def lena() -> Client:
    return signed_in(staff("lead", "lena"))


@pytest.fixture
def otis() -> Client:
    return signed_in(staff("officer", "otis"))


def test_an_approval_that_needs_four_eyes_becomes_a_proposal(anna: Client, lena: Client) -> None:
    case = listed_case()
    assert "A lead has to confirm" in anna.get(page(case)).content.decode()

    proposal = propose(anna, case)

    case.refresh_from_db()
    assert (case.state, state_of(case)) == ("second", "in_review")
    own = anna.get(page(case)).content.decode()
    assert "You proposed this. Somebody else has to confirm or decline it." in own
    assert 'name="internal_text"' not in own
    text = lena.get(page(case)).content.decode()
    assert "Another date of birth." in text
    assert f'name="about" value="{proposal.id}"' in text

    answer = post(
        lena,
        case,
        "answer",
        kind="confirm",
        about=proposal.id,
        internal_text="Read it again; agreed.",
    )

    assert answer.status_code == 302
    assert state_of(case) == "queued"
    confirmed = Decision.objects.get(case=case, stage="confirmed")
    assert (confirmed.actor, confirmed.about_id) == ("user:lena", proposal.id)


def test_nobody_is_their_own_second_officer(anna: Client) -> None:
    case = open_case(3_000_000)
    proposal = propose(anna, case, reason_code="amount_explained")
    before = everything(case)

    for kind in ("confirm", "decline"):
        answer = post(
            anna,
            case,
            "answer",
            kind=kind,
            about=proposal.id,
            reason_code="disagree",
            internal_text="It was me.",
        )
        assert answer.status_code == 403
    assert everything(case) == before


def test_another_officer_confirms_an_amount_but_not_a_list(anna: Client, otis: Client) -> None:
    large, listed = open_case(3_000_000), listed_case()
    by_amount = propose(anna, large, reason_code="amount_explained")
    by_list = propose(anna, listed)

    first = post(otis, large, "answer", kind="confirm", about=by_amount.id, internal_text="Agreed.")
    text = otis.get(page(listed)).content.decode()
    second = post(otis, listed, "answer", kind="confirm", about=by_list.id, internal_text="Agreed.")

    assert (first.status_code, state_of(large)) == (302, "queued")
    assert "only a lead may be the second officer here" in text
    assert (second.status_code, state_of(listed)) == (403, "in_review")


def test_a_declined_proposal_goes_to_the_leads(anna: Client, lena: Client) -> None:
    case = listed_case()
    proposal = propose(anna, case)

    post(
        lena,
        case,
        "answer",
        kind="decline",
        about=proposal.id,
        reason_code="evidence_missing",
        internal_text="No date of birth seen.",
    )

    case.refresh_from_db()
    assert (case.state, state_of(case)) == ("open", "in_review")
    text = anna.get(page(case)).content.decode()
    assert "a lead decides it" in text
    assert "No date of birth seen." in text
    assert 'name="kind"' not in text


def test_a_blocked_payout_can_be_overridden_and_not_approved(anna: Client, lena: Client) -> None:
    case = blocked_case()
    text = anna.get(page(case)).content.decode()
    assert 'value="approve"' not in text
    assert "Override the block" in text
    before = everything(case)

    answer = post(
        anna,
        case,
        "decide",
        kind="approve",
        reason_code="name_differs",
        internal_text="Let it go.",
    )

    assert answer.status_code == 422
    assert "This payout is blocked" in answer.content.decode()
    assert everything(case) == before
    proposal = propose(anna, case, kind="override", reason_code="identity_proven")
    post(lena, case, "answer", kind="confirm", about=proposal.id, internal_text="Passport seen.")
    assert state_of(case) == "queued"
    receipt = Decision.objects.get(case=case, stage="confirmed")
    assert (receipt.before["state"], receipt.after["state"]) == ("in_review", "queued")


def test_escalating_leaves_the_officers_hands_and_shows_the_note(
    anna: Client, lena: Client
) -> None:
    case, other = open_case(), open_case()

    answer = post(anna, case, "escalate", kind="escalate", note="Is this licence still valid?")

    assert (answer.status_code, answer.url) == (302, page(other))
    assert "a lead decides it" in anna.get(page(case)).content.decode()
    text = lena.get(page(case)).content.decode()
    assert "Is this licence still valid?" in text
    assert 'id="ap-approve"' in text
    refused = post(
        anna,
        case,
        "decide",
        kind="approve",
        reason_code="name_differs",
        internal_text="I do it anyway.",
    )
    assert (refused.status_code, state_of(case)) == (403, "in_review")


def test_an_escalation_without_a_note_comes_back(anna: Client) -> None:
    case = open_case()

    answer = post(anna, case, "escalate", kind="escalate", note=" ")

    assert answer.status_code == 422
    assert "Say in a few words why" in answer.content.decode()
    case.refresh_from_db()
    assert case.escalated_at is None


def test_an_approval_is_undone_while_nothing_was_sent(anna: Client) -> None:
    case = open_case()
    post(
        anna,
        case,
        "decide",
        kind="approve",
        reason_code="amount_explained",
        internal_text="Invoice seen.",
    )
    decision = Decision.objects.get(case=case)
    assert "Undo this approval" in anna.get(page(case)).content.decode()

    answer = post(
        anna,
        case,
        "undo",
        kind="undo",
        about=decision.id,
        reason_code="mistake",
        internal_text="Wrong window.",
    )

    again = Case.objects.get(payout_id=case.payout_id, state="open")
    assert (answer.status_code, answer.url) == (302, page(again))
    assert state_of(case) == "in_review"
    text = anna.get(page(again)).content.decode()
    assert "An approval of this payout was undone" in text
    assert "Wrong window." in anna.get(page(case)).content.decode()


def test_a_rejection_offers_no_undo(anna: Client) -> None:
    case = open_case()
    post(
        anna,
        case,
        "decide",
        kind="reject",
        reason_code="unexplained",
        internal_text="Nobody knows.",
    )

    assert "Undo this approval" not in anna.get(page(case)).content.decode()


def test_the_questions_gone_through_are_kept_in_the_receipt(anna: Client) -> None:
    case = listed_case()
    text = anna.get(page(case)).content.decode()
    assert "Do birth date, nationality, address and aliases agree?" in text
    assert 'form="ap-approve-form"' in text

    proposal = propose(anna, case, step_1="1", step_3="1", step_9="1")

    assert proposal.internal_text == ("Another date of birth.\n[Questions gone through: 1, 3]")


def test_a_late_decision_keeps_what_was_typed(anna: Client, lena: Client) -> None:
    case = open_case()
    late = {
        "kind": "reject",
        "reason_code": "unexplained",
        "internal_text": "A long text <b>typed</b> in vain.",
        "partner_text": "We could not pay this.",
        "seen": seen_mark(case),
    }
    post(
        anna,
        case,
        "decide",
        kind="approve",
        reason_code="amount_explained",
        internal_text="Invoice seen.",
    )
    before = everything(case)

    answer = post(lena, case, "decide", **late)

    text = answer.content.decode()
    assert answer.status_code == 409
    assert "anna approved it at" in text
    assert "A long text &lt;b&gt;typed&lt;/b&gt; in vain." in text
    assert "To the partner: We could not pay this." in text
    assert everything(case) == before


def test_a_new_hit_makes_an_open_form_stale_and_fills_it_again(anna: Client) -> None:
    case = open_case()
    seen = seen_mark(case)
    Case.objects.filter(pk=case.pk).update(
        raised_at=timezone.now(), score=case.score + 80, codes=[*case.codes, "watchlist"]
    )

    answer = post(
        anna,
        case,
        "decide",
        kind="approve",
        reason_code="amount_explained",
        internal_text="Invoice seen.",
        seen=seen,
    )

    text = answer.content.decode()
    assert answer.status_code == 409
    assert "A later screening added a hit" in text
    assert ">Invoice seen.</textarea>" in text
    assert state_of(case) == "in_review"


def test_presence_claims_keeps_and_tells_who_took_over(anna: Client, lena: Client) -> None:
    case = open_case()

    first = post(anna, case, "presence", first="1").json()
    refused = post(lena, case, "presence", first="1")
    text = lena.get(page(case)).content.decode()
    post(lena, case, "take_over")
    told = post(anna, case, "presence").json()

    assert first == {"is_mine": True, "is_waiting": True, "holder": "anna"}
    assert refused.status_code == 409
    assert "anna has this case since" in refused.json()["words"]
    assert "Take over" in text
    assert told == {"is_mine": False, "is_waiting": True, "holder": "lena"}
    assert "Taken over from anna" in lena.get(page(case)).content.decode()


def test_a_silent_claim_lapses_on_the_page(anna: Client, lena: Client) -> None:
    case = open_case()
    post(anna, case, "presence", first="1")
    silent_at = timezone.now() - timedelta(minutes=3)
    Case.objects.filter(pk=case.pk).update(assigned_at=silent_at, heartbeat_at=silent_at)

    assert "has this case open" not in lena.get(page(case)).content.decode()


def test_a_case_is_given_back(anna: Client) -> None:
    case = open_case()
    post(anna, case, "presence", first="1")
    assert "Give it back" in anna.get(page(case)).content.decode()

    post(anna, case, "release")

    case.refresh_from_db()
    assert case.assignee is None


@pytest.mark.parametrize(
    "verb", ["decide", "answer", "escalate", "undo", "take_over", "release", "presence"]
)
def test_an_unknown_case_and_a_reader_get_nowhere(verb: str, anna: Client) -> None:
    case = open_case()
    before = everything(case)
    fields = {"kind": "confirm", "about": "dc_none", "internal_text": "Words.", "note": "Words."}
    vera = signed_in(staff("auditor", "vera"))

    assert post(vera, case, verb, **fields).status_code == 403
    assert everything(case) == before
    unknown = anna.post(
        reverse(f"admin:compliance_case_{verb}", args=["cs_none"]),
        {**fields, "kind": "approve", "reason_code": "name_differs"},
    )
    assert unknown.status_code in ({404} if verb != "release" else {302})


def test_the_case_page_costs_as_many_queries_with_a_past_as_without(anna: Client) -> None:
    def cost(case: Case) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert anna.get(page(case)).status_code == 200
        return len(captured)

    def past(case: Case, count: int) -> None:
        for _ in range(count):
            decided = listed_case(partner=case.partner, account_index=b"one account")
            post(
                anna,
                decided,
                "decide",
                kind="reject",
                reason_code="unexplained",
                internal_text="Nobody knows.",
            )

    case = listed_case(account_index=b"one account")
    past(case, 1)
    anna.get(page(case))
    few = cost(case)
    past(case, 4)

    assert cost(case) == few
    assert few <= 20


def test_a_decision_costs_as_many_queries_whoever_waits_behind(anna: Client) -> None:
    def cost() -> int:
        case = open_case()
        with CaptureQueriesContext(connection) as captured:
            post(
                anna,
                case,
                "decide",
                kind="reject",
                reason_code="unexplained",
                internal_text="Nobody knows.",
            )
        return len(captured)

    cost()
    few = cost()
    User.objects.create_user("more")
    assert cost() == few
    assert few <= 40
