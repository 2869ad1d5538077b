"""Changes that go around the services: raw SQL, `.update()`, saves in a shell, the admin's bulk
actions. Each is refused by the database, or found by the verification.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.db.models.functions import Now

from atlaspay.core import context
from atlaspay.core.access.log import Kind, record
from atlaspay.core.models import AccessEvent
from compliance.models import (
    AuditHead,
    AutoPolicy,
    AutoStep,
    BlindReview,
    Case,
    Decision,
    Policy,
    PolicyDraft,
    PolicyStep,
    RuleSnooze,
    ScreeningRun,
    Verification,
    WatchlistEntry,
)
from compliance.services import audit
from compliance.services.audit import background, heads
from ledger.models import Account, Balance, Journal, Posting
from partners.models import ApiKey, Partner
from payouts.models import Attempt, Batch, Payout
from tests.compliance.factories import flagged_payout, open_case, staff
from tests.compliance.forging import faults, forge
from tests.compliance.test_decide import approve, reject
from tests.console.test_pages import ROOMS
from webhooks.models import Event

pytestmark = pytest.mark.django_db
Payouts = Payout.objects


@pytest.fixture
def anna() -> User:
    return staff("officer", "anna")


@pytest.fixture
def world(anna: User) -> dict[str, Any]:
    """One row of all that nobody may change."""
    decided = approve(open_case(), anna)
    refused = reject(open_case(), anna)
    heads.anchor(every=timedelta(0))
    background.record(audit.verify(), 3, replays_all=False)
    record(Kind.VERIFIED, detail="once")
    policy = Policy.objects.get(number=1)
    draft = PolicyDraft.objects.create(
        title="x", document=policy.document, author="user:a", became=policy
    )
    snooze = RuleSnooze.objects.create(
        partner_id=decided.payout.partner_id, rule_code="x", until=Now(), comment="c", actor="u"
    )
    RuleSnooze.objects.update(ended_at=Now(), ended_by="user:b")
    BlindReview.objects.get_or_create(decision=decided)
    BlindReview.objects.filter(decision=decided).update(reviewed_at=Now(), opinion="approve")
    auto = AutoPolicy.objects.create(number=1, document={}, author="user:a")
    AutoStep.objects.create(policy=auto, kind="armed", actor="user:b")
    AutoStep.objects.create(policy=auto, kind="disarmed", actor="user:b")
    return {"decided": decided, "refused": refused, "draft": draft, "snooze": snooze}


def sql(text: str) -> Callable[[], None]:
    def run() -> None:
        with connection.cursor() as cursor:
            cursor.execute(text)

    return run


def counts() -> list[int]:
    return [
        model.objects.count()
        for model in (Decision, Case, Payout, Policy, ScreeningRun, Posting, Event, AccessEvent)
    ]


REFUSED: list[Callable[[], Any]] = [
    lambda: Decision.objects.update(reason_code="other_approve"),
    lambda: Decision.objects.all().delete(),
    lambda: Decision.objects.bulk_update(
        [one for one in Decision.objects.all() if not setattr(one, "actor", "x")], ["actor"]
    ),
    lambda: Decision.objects.order_by("position")[0].save(),
    sql("TRUNCATE compliance_decision CASCADE"),
    lambda: Case.objects.filter(state="decided").update(state="open", closed_at=None),
    lambda: Case.objects.filter(state="decided").update(score=0),
    lambda: Case.objects.all()._raw_delete("default"),
    sql("TRUNCATE compliance_case CASCADE"),
    lambda: Case.history.update(actor="user:eve"),
    lambda: Case.history.all()._raw_delete("default"),
    lambda: ScreeningRun.objects.update(verdict="clear"),
    lambda: ScreeningRun.objects.all()._raw_delete("default"),
    lambda: Policy.objects.update(document={}),
    lambda: Policy.objects.all()._raw_delete("default"),
    lambda: PolicyStep.objects.update(actor="user:eve"),
    lambda: PolicyStep.objects.all()._raw_delete("default"),
    lambda: PolicyDraft.objects.update(document={}),
    lambda: PolicyDraft.objects.all()._raw_delete("default"),
    lambda: RuleSnooze.objects.update(until=Now()),
    lambda: RuleSnooze.objects.all()._raw_delete("default"),
    lambda: BlindReview.objects.update(opinion="reject"),
    lambda: AutoPolicy.objects.update(document={"x": 1}),
    lambda: AutoStep.objects.update(kind="armed"),
    lambda: WatchlistEntry.objects.all()._raw_delete("default"),
    lambda: AuditHead.objects.update(position=0),
    lambda: Verification.objects.update(is_sound=False),
    lambda: Verification.objects.all()._raw_delete("default"),
    lambda: AccessEvent.objects.update(username="x"),
    lambda: AccessEvent.objects.all()._raw_delete("default"),
    lambda: Payouts.filter(state="queued").update(state="settled", stage="done"),
    lambda: Payouts.update(amount_minor=1),
    lambda: Payouts.update(recipient_name="Eve"),
    lambda: Payouts.all()._raw_delete("default"),
    sql("TRUNCATE payouts_payout CASCADE"),
    lambda: Payout.history.update(actor="user:eve"),
    lambda: Payout.history.all()._raw_delete("default"),
    lambda: Batch.objects.all()._raw_delete("default"),
    lambda: Posting.objects.update(amount_minor=1),
    lambda: Posting.objects.all()._raw_delete("default"),
    lambda: Journal.objects.update(kind="x"),
    lambda: Balance.objects.update(balance_minor=10**9),
    lambda: Account.objects.update(is_guarded=False),
    lambda: Event.objects.update(body=b"{}"),
    lambda: Partner.objects.all()._raw_delete("default"),
    sql("TRUNCATE payouts_historicalpayout"),
    sql("TRUNCATE compliance_historicalcase"),
    sql("TRUNCATE ledger_posting CASCADE"),
    sql("TRUNCATE core_accessevent"),
]


def test_what_is_evidence_cannot_be_changed_by_any_means(world: dict[str, Any]) -> None:
    before = counts()
    for number, change in enumerate(REFUSED):
        try:
            with transaction.atomic():
                change()
        except DatabaseError:
            continue
        pytest.fail(f"change {number} went through")
    assert counts() == before
    assert faults() == {}


def _save_in_a_shell() -> None:
    payout = Payouts.get(state="in_review")
    payout.approve()
    payout.version += 1
    payout.save()


def _decide_by_hand() -> None:
    case = Case.objects.get(state="open")
    Case.objects.filter(id=case.id).update(state="decided", closed_at=Now())
    Payouts.filter(id=case.payout_id).update(state="queued", stage="ready")


def _forget_the_actor() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('atlaspay.actor', 'system:unbound', true)")
    Payouts.filter(state="queued").update(state="canceled", stage="done")


def _receipt_by_hand() -> None:
    case = Case.objects.get(state="open")
    Decision.objects.create(
        case=case,
        payout_id=case.payout_id,
        kind="approve",
        reason_code="name_differs",
        internal_text="by hand",
        actor="user:eve",
        before={"state": "in_review", "version": 2},
        after={"state": "queued", "version": 3},
        evidence={},
        policy_id=2,
    )


# What no constraint can refuse, because a service might do it: found, and the row named.
FOUND: list[tuple[Callable[[], Any], str, str]] = [
    (_save_in_a_shell, "moves", "in_review -> queued by 'sql:"),
    (_decide_by_hand, "cases", "and its decision disagree: one of the two is missing"),
    (_forget_the_actor, "moves", "by 'system:unbound' is no legal move"),
    (_receipt_by_hand, "receipts", "was made by 'user:eve', who is neither a person nor"),
    (
        lambda: Case.objects.filter(state="open").update(state="second"),
        "cases",
        "waits for a second officer, but nobody proposed anything",
    ),
    (
        lambda: Payouts.filter(state="queued").update(stage="retry"),
        "versions",
        "a change is missing or doubled",
    ),
    (
        lambda: Case.objects.filter(state="open").update(state="withdrawn", closed_at=Now()),
        "flagged",
        "waits for a review but has no open case",
    ),
]


@pytest.mark.parametrize(("change", "check", "words"), FOUND)
def test_what_a_service_might_do_is_found_when_it_was_none(
    anna: User, change: Callable[[], Any], check: str, words: str
) -> None:
    approve(open_case(), anna)
    open_case()
    assert faults() == {}
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        # The unit of work has told this transaction who acts; a shell has told nobody.
        cursor.execute("SELECT set_config('atlaspay.actor', '', true)")

    with context.bind(actor="system:unbound"):
        change()

    assert words in faults()[check]


@pytest.mark.parametrize(
    ("statement", "table", "check", "words"),
    [
        (
            "UPDATE compliance_policystep SET actor = 'user:a' WHERE policy_id = 1",
            "compliance_policystep",
            "policies",
            "policy 1 was published by user:a, who wrote it",
        ),
        (
            "UPDATE compliance_policy SET document = '{}' WHERE number = 1",
            "compliance_policy",
            "policies",
            "policy 1 no longer compiles",
        ),
        (
            "UPDATE compliance_screeningrun SET facts = facts || '{\"watch_hits\": []}',"
            " score = 1 WHERE verdict <> 'clear'",
            "compliance_screeningrun",
            "replay",
            "its policy over the same facts says",
        ),
        (
            "UPDATE compliance_screeningrun SET verdict = 'clear' WHERE verdict <> 'clear'",
            "compliance_screeningrun",
            "cases",
            "does not fit the screening run that opened it",
        ),
        (
            "UPDATE payouts_payout SET amount_minor = amount_minor + 1",
            "payouts_payout",
            "money",
            "was reserved for it",
        ),
        (
            "UPDATE compliance_historicalcase SET actor = 'sql:root' WHERE state = 'decided'",
            "compliance_historicalcase",
            "case_history",
            "open -> decided by 'sql:root'",
        ),
        (
            "UPDATE compliance_case SET score = score - 1 WHERE state = 'open'",
            "compliance_case",
            "case_history",
            "is not as its last history row says",
        ),
        (
            "DELETE FROM compliance_screeningrun WHERE verdict = 'clear'",
            "compliance_screeningrun",
            "screened",
            "went on without a screening run",
        ),
        (
            "DELETE FROM payouts_historicalpayout WHERE state = 'queued'",
            "payouts_historicalpayout",
            "last",
            "is not as its last history row says",
        ),
        (
            "UPDATE payouts_historicalpayout SET version = version + 1 WHERE state = 'queued'",
            "payouts_historicalpayout",
            "versions",
            "a change is missing or doubled",
        ),
        (
            "UPDATE compliance_decision SET four_eyes = '{amount}'",
            "compliance_decision",
            "four_eyes",
            "needed a second officer and had none",
        ),
        (
            "UPDATE compliance_decision SET actor = 'somebody'",
            "compliance_decision",
            "receipts",
            "was made by 'somebody', who is neither a person nor automatic approval",
        ),
        (
            "UPDATE compliance_decision SET actor = 'system:auto-approval@1', user_id = NULL",
            "compliance_decision",
            "automatic",
            "was made by system:auto-approval@1 while that was not armed",
        ),
        (
            "UPDATE compliance_case SET is_blocked = true WHERE state = 'decided'",
            "compliance_case",
            "four_eyes",
            "let the blocked case",
        ),
    ],
)
def test_what_only_the_owner_of_the_tables_can_do_is_found(
    anna: User, statement: str, table: str, check: str, words: str
) -> None:
    approve(open_case(), anna)
    open_case()
    flagged_payout(1_000)
    assert faults() == {}
    if "user:a" in statement:
        forge(
            "UPDATE compliance_policy SET author = 'user:a' WHERE number = 1", "compliance_policy"
        )

    forge(statement, table)

    assert words in faults()[check]


def test_a_whole_payout_deleted_leaves_its_history_as_witness() -> None:
    case = open_case()
    for table, column in [
        ("compliance_historicalcase", "id"),
        ("compliance_case", "id"),
    ]:
        forge(f"DELETE FROM {table} WHERE {column} = %s", table, values=[case.id])
    forge("DELETE FROM compliance_screeningrun", "compliance_screeningrun")
    forge("DELETE FROM payouts_payout", "payouts_payout")

    assert faults()["last"] == f"payout {case.payout_id} was deleted: only its history is left"


def test_more_broken_rows_are_listed_up_to_twenty(anna: User) -> None:
    cases = [open_case() for _ in range(22)]
    forge("UPDATE compliance_case SET score = score - 1", "compliance_case")

    report = audit.verify()

    (check,) = [one for one in report.checks if one.name == "case_history"]
    assert check.subject == min(case.id for case in cases)
    assert check.rows == sorted(case.id for case in cases)[:20]
    assert report.as_dict()["rows"] == {"case_history": check.rows}


def test_the_console_offers_no_bulk_change_of_evidence() -> None:
    for model, found in admin.site._registry.items():
        if model._meta.app_label in ROOMS and model not in (Partner, ApiKey):
            assert found.actions in (None, [], ()), model
    assert Attempt not in admin.site._registry or admin.site._registry[Attempt].actions is None
