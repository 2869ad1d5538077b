"""Automatic approval: what it may answer, on whose record, within which caps, and what stops it."""

import pytest
from django.contrib.auth.models import User

from atlaspay.core.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PermissionRefusedError,
)
from compliance.models import (
    AutoDay,
    AutoPolicy,
    AutoStep,
    Case,
    Decision,
    Rescreen,
    RescreenHit,
    WatchlistEntry,
)
from compliance.services import audit, auto_policy, auto_watch
from compliance.services.assign import claim
from compliance.services.auto import approve_eligible
from compliance.services.escalate import escalate
from compliance.services.undo import undo
from compliance.tasks import approve as task
from compliance.tasks import screen
from payouts.models import Payout
from payouts.services import unit
from tests.compliance.factories import LISTED, known_partner, listed_case, open_case, staff
from tests.compliance.test_decide import approve, reject
from tests.payouts.factories import funded_partner, make_payouts

pytestmark = pytest.mark.django_db
# What a large first payout of a new partner is flagged by, and one to another account of its own.
CODES = ["amount_over_limit", "new_account_new_partner", "destination_changed"]
DOCUMENT = {
    "codes": CODES,
    "max_amount": {"EUR": "15000.00"},
    "day_count": 3,
    "day_amount": {"EUR": "30000.00"},
    "record": {"days": 90, "decided": 50, "approved_percent": 90},
    "holdout_percent": 5,
}


@pytest.fixture(autouse=True)
def _good_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let five decisions be a record: fifty cost minutes and prove nothing more."""
    monkeypatch.setattr("compliance.rules.auto.AutoRules.is_good", lambda _, a, n: a == n >= 2)


@pytest.fixture
def anna() -> User:
    return staff("officer", "anna")


def document(**changes: object) -> dict[str, object]:
    return {**DOCUMENT, **changes}


def armed(**changes: object) -> AutoPolicy:
    """Return a version that is armed, written and armed by two people."""
    author = User.objects.filter(username="arne").first() or staff("rule_author", "arne")
    publisher = User.objects.filter(username="petra").first() or staff("rule_publisher", "petra")
    policy = auto_policy.write(document(**changes), note="small ones", user=author)
    auto_policy.arm(policy.number, note="agreed in the meeting", user=publisher)
    return policy


def record(anna: User, approved: int = 2) -> None:
    """Let an officer approve cases, so that there is a record."""
    for _ in range(approved):
        approve(open_case(), anna)


def eligible(amount_minor: int = 1_000_000, **fields: object) -> Case:
    """Return an open case that screening marked for automatic approval."""
    case = open_case(amount_minor, **fields)
    with unit.open(reason="marked"):
        Case.objects.filter(id=case.id).update(auto="eligible")
    case.refresh_from_db()
    return case


def state(case: Case) -> str:
    return Payout.objects.get(id=case.payout_id).state


def test_what_officers_always_approve_goes_by_itself_with_a_receipt(anna: User) -> None:
    record(anna)
    policy, case = armed(), eligible()

    assert approve_eligible() == 1

    receipt = Decision.objects.latest("position")
    case.refresh_from_db()
    assert (case.state, state(case)) == ("decided", "queued")
    assert (receipt.actor, receipt.user) == (f"system:auto-approval@{policy.number}", None)
    assert (receipt.kind, receipt.stage, receipt.reason_code) == (
        "approve",
        "final",
        "good_record",
    )
    assert receipt.internal_text.startswith(
        "Officers approved 2 of 2 cases flagged by the same rules within 90 days"
    )
    assert receipt.evidence["auto"] == {
        "policy": 1,
        "armed_step": policy.steps.get().pk,
        "decided": 2,
        "approved": 2,
    }
    assert receipt.evidence["findings"] == case.run.findings
    payout = Payout.objects.get(id=case.payout_id)
    assert payout.history.latest("history_id").actor == f"system:auto-approval@{policy.number}"
    day = AutoDay.objects.get()
    assert (day.count, day.total_minor, day.currency) == (1, 1_000_000, "EUR")
    assert audit.verify().is_sound
    assert approve_eligible() == 0


def test_nothing_goes_before_a_version_is_armed(anna: User) -> None:
    record(anna)
    eligible()
    author = staff("rule_author")
    auto_policy.write(document(), note="small ones", user=author)

    assert approve_eligible() == 0
    assert AutoStep.objects.count() == 0


def test_nothing_goes_without_a_record_of_people(anna: User) -> None:
    record(anna, 1)
    armed()
    case = eligible()

    assert approve_eligible() == 0
    record(anna, 1)
    assert approve_eligible() == 1
    assert state(case) == "queued"


def test_its_own_approvals_are_no_record(anna: User) -> None:
    record(anna)
    armed()
    eligible()
    approve_eligible()

    reject(open_case(), anna)

    eligible()
    assert approve_eligible() == 0


@pytest.mark.parametrize(
    "change",
    [
        {"auto": "holdout"},
        {"auto": ""},
        {"is_blocked": True},
        {"codes": [*CODES, "duplicate"]},
        {"raised_at": "2026-11-22T10:00:00Z"},
    ],
    ids=["hold-out", "not eligible", "blocked", "other codes", "raised"],
)
def test_what_the_version_does_not_answer_waits_for_people(anna: User, change: dict) -> None:
    record(anna)
    armed()
    case = eligible()
    Case.objects.filter(id=case.id).update(**change)

    assert approve_eligible() == 0
    assert state(case) == "in_review"


def test_lists_excluded_partners_and_large_amounts_wait(anna: User) -> None:
    record(anna)
    partner = funded_partner(100_000_000)
    armed(excluded_partners=[partner.id])
    cases = [eligible(partner=partner), eligible(1_500_001), listed_case()]
    Case.objects.filter(id=cases[2].id).update(auto="eligible")

    assert approve_eligible() == 0
    assert {state(case) for case in cases} == {"in_review"}


def test_an_amount_that_needs_two_officers_never_goes_by_itself(anna: User) -> None:
    record(anna)
    armed(max_amount={"EUR": "90000"}, day_amount={"EUR": "900000"})
    below, above = eligible(2_499_999), eligible(2_500_000)

    assert approve_eligible() == 1
    assert (state(below), state(above)) == ("queued", "in_review")


def test_what_an_officer_reads_or_escalated_is_left_alone(anna: User) -> None:
    record(anna)
    armed()
    read, escalated = eligible(), eligible()
    claim(read.id, anna)
    escalate(escalated.id, note="please look", user=anna)

    assert approve_eligible() == 0


def test_the_days_caps_hold_by_count_and_by_sum(anna: User) -> None:
    record(anna)
    armed()
    cases = [eligible() for _ in range(5)]
    assert approve_eligible() == 3
    assert [state(case) for case in cases].count("queued") == 3
    assert approve_eligible() == 0

    # What the first version let go that day counts against the second one's caps.
    armed(day_count=100, day_amount={"EUR": "50000"})

    assert approve_eligible() == 2
    last = eligible()
    assert approve_eligible() == 0
    assert state(last) == "in_review"
    assert sorted(AutoDay.objects.values_list("count", "total_minor")) == [
        (2, 2_000_000),
        (3, 3_000_000),
    ]


@pytest.mark.parametrize("auto", ["holdout", "eligible"])
def test_a_rejection_stops_it_in_the_same_transaction(
    anna: User, auto: str, caplog: pytest.LogCaptureFixture
) -> None:
    record(anna)
    policy, case, other = armed(), eligible(), eligible()
    Case.objects.filter(id=case.id).update(auto=auto)

    reject(case, anna, reason_code="suspected_fraud")

    step = AutoStep.objects.first()
    assert (step.kind, step.policy, step.case) == ("stopped", policy, case)
    assert step.actor == f"system:auto-approval@{policy.number}"
    assert "auto.stopped" in [line.message for line in caplog.records]
    assert approve_eligible() == 0
    assert state(other) == "in_review"


def test_a_partners_own_wish_shows_nothing(anna: User) -> None:
    record(anna)
    armed()
    case = eligible()

    reject(case, anna, reason_code="partner_withdrew")

    assert auto_watch.armed_step() is not None


def test_undoing_one_of_its_approvals_stops_it(anna: User) -> None:
    record(anna)
    armed()
    case = eligible()
    approve_eligible()
    receipt = Decision.objects.latest("position")

    undo(
        receipt.id, reason_code="mistake", internal_text="Not this one.", user=staff("lead", "lena")
    )

    step = AutoStep.objects.first()
    assert (step.kind, step.case) == ("stopped", case)
    assert audit.verify().is_sound


def test_a_later_hit_on_what_it_let_go_stops_it(anna: User) -> None:
    record(anna)
    armed()
    case = eligible()
    approve_eligible()
    rescreen = Rescreen.objects.create(cause="a list changed", actor="system:test")
    RescreenHit.objects.create(
        rescreen=rescreen,
        payout=case.payout,
        entry=WatchlistEntry.objects.first(),
        similarity=91,
        outcome="paid",
    )
    waiting = eligible()

    assert approve_eligible() == 0

    step = AutoStep.objects.first()
    assert (step.kind, step.case) == ("stopped", case)
    assert state(waiting) == "in_review"


def screened(amounts: list[int], **fields: object) -> list[str]:
    """Screen payouts as the task does; return what automatic approval makes of each case."""
    payouts = make_payouts(funded_partner(100_000_000), amounts, **fields)
    screen()
    found = dict(Case.objects.filter(payout__in=payouts).values_list("payout_id", "auto"))
    return [found[payout.id] for payout in payouts]


def test_screening_marks_what_the_armed_version_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compliance.services.auto.secrets.randbelow", lambda _: 5)
    assert screened([1_000_000]) == [""]

    armed()

    assert screened([1_000_000, 1_500_000, 1_500_001]) == ["eligible", "eligible", ""]
    assert screened([1_000_000], recipient_name=LISTED) == [""]
    assert screened([1_000_000], recipient_country="RU") == [""]
    monkeypatch.setattr("compliance.services.auto.secrets.randbelow", lambda _: 4)
    assert screened([1_000_000, 1_500_001]) == ["holdout", ""]


def test_the_hold_out_is_drawn_for_each_case(monkeypatch: pytest.MonkeyPatch) -> None:
    armed(holdout_percent=50)
    draws = iter([49, 50, 0, 99])
    monkeypatch.setattr("compliance.services.auto.secrets.randbelow", lambda _: next(draws))

    assert screened([1_000_000] * 4) == ["holdout", "eligible"] * 2


def test_the_task_approves_what_screening_marked(
    anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compliance.services.auto.secrets.randbelow", lambda _: 99)
    record(anna)
    armed()
    payouts = [
        payout
        for amount_minor in (1_000_000, 1_000_001)
        for payout in make_payouts(known_partner(), [amount_minor])
    ]
    screen()

    task()

    states = Payout.objects.filter(id__in=[payout.id for payout in payouts])
    assert set(states.values_list("state", flat=True)) == {"queued"}
    assert audit.verify().is_sound


def test_waking_without_work_costs_two_statements(anna: User, django_assert_num_queries) -> None:
    armed()
    with django_assert_num_queries(2):
        assert approve_eligible() == 0


def test_who_wrote_a_version_cannot_arm_it() -> None:
    root = User.objects.create_superuser("root", is_staff=True)
    policy = auto_policy.write(document(), note="my own", user=root)

    with pytest.raises(PermissionRefusedError, match="somebody else has to arm it"):
        auto_policy.arm(policy.number, note="my own", user=root)

    assert AutoStep.objects.count() == 0


def test_one_version_is_armed_at_a_time(anna: User) -> None:
    first, second = armed(), armed()
    petra = User.objects.get(username="petra")

    steps = list(AutoStep.objects.order_by("id").values_list("policy_id", "kind"))
    assert steps == [
        (first.number, "armed"),
        (first.number, "disarmed"),
        (second.number, "armed"),
    ]
    with pytest.raises(ConflictError, match="armed already"):
        auto_policy.arm(second.number, note="once more", user=petra)
    with pytest.raises(NotFoundError):
        auto_policy.arm(99, note="once more", user=petra)


def test_disarming_is_immediate_and_a_lead_may(anna: User) -> None:
    record(anna)
    armed()
    eligible()
    lena = staff("lead", "lena")

    auto_policy.disarm(note="odd pattern", user=lena)

    assert approve_eligible() == 0
    with pytest.raises(ConflictError, match="No version is armed"):
        auto_policy.disarm(note="odd pattern", user=lena)


def test_each_step_takes_its_permission(anna: User) -> None:
    policy = armed()
    for act in (
        lambda user: auto_policy.write(document(), note="mine", user=user),
        lambda user: auto_policy.arm(policy.number, note="mine", user=user),
        lambda user: auto_policy.disarm(note="mine", user=user),
    ):
        for user in (anna, User.objects.filter(username="auditor").first() or staff("auditor")):
            with pytest.raises(PermissionRefusedError):
                act(user)
    with pytest.raises(PermissionRefusedError):
        auto_policy.arm(policy.number, note="mine", user=User.objects.get(username="arne"))
    assert AutoStep.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"codes": []}, "/document/codes"),
        ({"codes": ["watchlist"]}, "/document/codes"),
        ({"codes": ["country"]}, "/document/codes"),
        ({"codes": ["no_such_rule"]}, "/document/codes"),
        ({"max_amount": {"EUR": 500}}, "/document/max_amount/EUR"),
        ({"max_amount": {"EUR": "5.001"}}, "/document/max_amount/EUR"),
        ({"max_amount": {"XXX": "5"}}, "/document/max_amount"),
        ({"day_amount": {"GBP": "5"}}, "/document/day_amount"),
        ({"day_count": 0}, "/document/day_count"),
        ({"day_count": True}, "/document/day_count"),
        ({"holdout_percent": 4}, "/document/holdout_percent"),
        (
            {"record": {"days": 90, "decided": 49, "approved_percent": 98}},
            "/document/record/decided",
        ),
        ({"record": {"days": 90, "decided": 50, "approved_percent": 100}}, "/document/record"),
        ({"record": {**DOCUMENT["record"], "by": "me"}}, "/document/record/by"),
        ({"extra": 1}, "/document/extra"),
        ({"excluded_partners": "pt_1"}, "/document/excluded_partners"),
    ],
)
def test_a_version_with_a_fault_is_not_written(change: dict, pointer: str) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        auto_policy.write(document(**change), note="small ones", user=staff("rule_author"))

    assert any(fault["pointer"].startswith(pointer) for fault in refusal.value.errors)
    assert AutoPolicy.objects.count() == 0


def test_a_note_is_asked_for() -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        auto_policy.write(document(), note=" ", user=staff("rule_author"))

    assert refusal.value.errors[0]["pointer"] == "/note"
