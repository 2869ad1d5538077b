"""Many at once: looked over first, a receipt each, one answer however often the form is sent."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from atlaspay.core.errors import InvalidRequestError, PermissionRefusedError
from compliance.models import Case, Decision
from compliance.services import audit, bulk
from compliance.services.decide import seen_mark
from compliance.services.escalate import escalate
from compliance.services.screen import screen_chunk
from compliance.services.second import confirm
from payouts.models import Payout
from tests.compliance.factories import blocked_case, listed_case, open_case, staff
from tests.compliance.test_decide import approve, reject
from tests.payouts.factories import funded_partner, make_payouts

pytestmark = pytest.mark.django_db
BULK = "bulk_0001"


@pytest.fixture
def anna() -> User:
    return staff("officer", "anna")


def marks(*cases: Case) -> dict[str, str]:
    return {case.id: seen_mark(Case.objects.get(id=case.id)) for case in cases}


def approve_all(user: User, seen: dict[str, str], **changes: object) -> bulk.Report:
    words = {
        "kind": "approve",
        "reason_code": "known_recipient",
        "internal_text": "The weekly run to known sellers.",
        "seen": seen,
        **changes,
    }
    return bulk.execute(words.pop("bulk_id", BULK), user=user, **words)


def results(report: bulk.Report) -> list[tuple[str, str]]:
    return [(str(line.result), line.words) for line in report.lines]


def counts(report: bulk.Report) -> tuple[int, int, int]:
    return tuple(report.count(name) for name in ("decided", "proposed", "skipped"))


def world(user: User) -> list[Case]:
    """One of every kind: plain, above the limit, blocked, listed, escalated, closed, raised."""
    cases = [
        open_case(),
        open_case(2_500_000),
        blocked_case(),
        listed_case(),
        open_case(),
        open_case(),
        open_case(),
    ]
    escalate(cases[4].id, note="please look", user=user)
    return cases


def test_the_preview_says_what_would_happen_and_changes_nothing(anna: User) -> None:
    cases = world(anna)
    seen = {**marks(*cases), "cs_none": ""}
    reject(cases[5], staff("officer", "berta"))
    Case.objects.filter(id=cases[6].id).update(score=99, raised_at="2026-11-22T10:00:00Z")
    before = Decision.objects.count()

    report = bulk.preview("approve", seen, anna)

    said = results(report)
    assert [result for result, _ in said] == ["decided", "proposed", *["skipped"] * 6]
    assert said[2][1].startswith("This payout is blocked")
    assert said[3][1] == "A possible match with a list is decided on its own page."
    assert said[4][1].startswith("anna escalated this case")
    assert said[5][1].startswith("berta rejected it at")
    assert said[6][1] == "The payout changed since this page was loaded: read it again."
    assert said[7][1] == "There is no case cs_none."
    assert report.sums == {"EUR": 1_200_000 + 2_500_000}
    assert Decision.objects.count() == before


def test_each_case_gets_its_own_receipt(anna: User) -> None:
    cases = world(anna)

    report = approve_all(anna, marks(*cases))

    assert counts(report) == (3, 1, 3)
    made = Decision.objects.order_by("position")
    assert [(one.stage, one.bulk_id) for one in made] == [("final", BULK)] * 3 + [
        ("proposed", BULK)
    ]
    assert {one.case_id for one in made} == {cases[0].id, cases[1].id, cases[5].id, cases[6].id}
    states = dict(Payout.objects.values_list("id", "state"))
    assert [states[case.payout_id] for case in cases] == [
        "queued",
        *["in_review"] * 4,
        "queued",
        "queued",
    ]
    payout = Payout.objects.get(id=cases[0].payout_id)
    reason = payout.history.latest("history_id").history_change_reason
    assert reason == "bulk bulk_0001: approve, known_recipient"
    assert audit.verify().is_sound
    proposal = made[3]
    confirm(
        proposal.case_id,
        proposal_id=proposal.id,
        internal_text="Seen as well.",
        user=staff("officer", "berta"),
    )
    assert audit.verify().is_sound


def test_a_form_sent_twice_decides_once_and_answers_alike(anna: User) -> None:
    cases = world(anna)
    seen = marks(*cases)
    first = approve_all(anna, seen)
    count = Decision.objects.count()

    again = approve_all(anna, seen)

    assert counts(again) == counts(first) == (3, 1, 3)
    assert [line.decision and line.decision.id for line in again.lines] == [
        line.decision and line.decision.id for line in first.lines
    ]
    assert Decision.objects.count() == count


def test_anothers_form_of_the_same_id_is_told_who_was_first(anna: User) -> None:
    case = open_case()
    seen = marks(case)
    approve_all(anna, seen)

    report = approve_all(staff("officer", "berta"), seen)

    assert counts(report) == (0, 0, 1)
    assert report.lines[0].words.startswith("anna approved it at")


def test_rejecting_many_releases_every_sum(anna: User) -> None:
    cases = [open_case(), blocked_case(), listed_case(), open_case(2_500_000)]

    report = approve_all(
        anna,
        marks(*cases),
        kind="reject",
        reason_code="unexplained",
        partner_text="We could not make this payment.",
    )

    assert counts(report) == (4, 0, 0)
    assert report.sums == {"EUR": 1_200_000 * 2 + 25_000 + 2_500_000}
    failed = Payout.objects.filter(state="failed")
    assert {one.failure_message for one in failed} == {"We could not make this payment."}
    assert audit.verify().is_sound


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"kind": "override", "reason_code": "licence"}, "/kind"),
        ({"seen": {}}, "/cases"),
        ({"seen": {f"cs_{n}": "" for n in range(201)}}, "/cases"),
        ({"bulk_id": "short"}, "/bulk_id"),
        ({"bulk_id": "x" * 33}, "/bulk_id"),
        ({"bulk_id": "spaces are wrong"}, "/bulk_id"),
        ({"internal_text": ""}, "/internal_text"),
        ({"kind": "reject", "reason_code": "other_reject", "partner_text": "AML"}, "/partner_text"),
    ],
)
def test_an_incomplete_form_decides_nothing(anna: User, changes: dict, pointer: str) -> None:
    case = open_case()

    with pytest.raises(InvalidRequestError) as refusal:
        approve_all(anna, **{"seen": marks(case), **changes})

    assert [one["pointer"] for one in refusal.value.errors] == [pointer]
    assert Decision.objects.count() == 0
    case.refresh_from_db()
    assert case.state == "open"


def test_it_takes_the_permission() -> None:
    case, vera = open_case(), staff("auditor", "vera")

    for act in (
        lambda: bulk.preview("approve", marks(case), vera),
        lambda: approve_all(vera, marks(case)),
    ):
        with pytest.raises(PermissionRefusedError):
            act()

    assert Decision.objects.count() == 0


def test_two_hundred_cost_as_many_statements_as_two(anna: User, settings: object) -> None:
    settings.ATLASPAY_BLIND_REVIEW_PERCENT = 100  # type: ignore[attr-defined]
    partner = funded_partner(1_000_000_000)
    anna.has_perm("compliance.decide_case")

    def run(number: int, bulk_id: str) -> int:
        made = make_payouts(partner, [1_200_000] * number)
        screen_chunk()
        cases = Case.objects.filter(payout__in=made).select_related("payout")
        seen = {case.id: seen_mark(case) for case in cases}
        with CaptureQueriesContext(connection) as captured:
            report = approve_all(anna, seen, bulk_id=bulk_id)
        assert counts(report) == (number, 0, 0)
        return len(captured)

    assert run(2, "bulk_of_2") == run(200, "bulk_of_200") <= 20


def test_a_bulk_approval_of_one_open_case_equals_a_single_one(anna: User) -> None:
    one, other = open_case(), open_case()
    approve_all(anna, {one.id: ""})
    approve(other, anna)

    first, second = Decision.objects.order_by("position")
    assert (first.kind, first.stage, first.four_eyes) == (second.kind, second.stage, [])
    assert first.before.keys() == second.before.keys()
