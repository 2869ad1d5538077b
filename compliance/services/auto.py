"""Automatic approval: after screening, what officers nearly always approve goes without one.

`classify` marks what the armed version would answer, and holds some out for people by chance that
nobody sees; `approve_eligible` lets the rest go within the day's caps, by the engine and with the
receipts of officers' decisions.
"""

import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce, Now

from atlaspay.core import clock, context
from atlaspay.core.nudge import nudge
from compliance.models import AutoDay, AutoStep, Case, Decision, Policy, RescreenHit
from compliance.models.reasons import AutoReason
from compliance.rules.auto import NEVER_CLASSES, AutoError, AutoRules, read, wilson_lower
from compliance.rules.policy import Assessment, Result, Verdict
from compliance.screening import live
from compliance.selectors.auto import (
    Combination,
    Record,
    officers_record,
    spent_by_others,
    spent_on,
)
from compliance.services import auto_watch, docket, four_eyes, receipts
from compliance.services.assign import HELD_FOR
from compliance.services.docket import Docket
from compliance.services.receipts import Draft
from compliance.services.ruling import settle
from payouts.machine import State
from payouts.models import Payout
from payouts.services import decisions
from payouts.services.decisions import Change, Ruling

log = logging.getLogger(__name__)

TASK = "compliance.approve"
LIMIT = 500
TEXT = (
    "Officers approved {approved} of {decided} cases flagged by the same rules within {days} days"
    " (at least {least:.1f} % by Wilson's bound at 95 %). Number {count} of {most} today."
)


def classify(payouts: Sequence[Payout], assessments: Sequence[Assessment]) -> list[str]:
    """Return what the armed version makes of each flagged payout, in order: a `Case.Auto` each.

    Screening calls it inside its transaction, and the worker that approves is woken by its commit.
    Moves nothing; without an armed version all are ineligible.
    """
    step = auto_watch.armed_step()
    rules = _rules_of(step)
    if rules is None:
        return [Case.Auto.NONE] * len(payouts)
    classes = _live_classes()
    marks = [
        _class_of(payout, each, rules, classes)
        for payout, each in zip(payouts, assessments, strict=True)
    ]
    if Case.Auto.ELIGIBLE in marks:
        nudge(TASK, queue="screening")
    return marks


def approve_eligible(*, limit: int = LIMIT) -> int:
    """Let up to `limit` eligible cases go in one transaction; return how many.

    Locks payouts, cases and the versions, whose lock holds the caps: any number of workers
    may call it. Stops the version instead where a later screening flagged what it let go.
    """
    step = auto_watch.armed_step()
    rules = _rules_of(step)
    if step is None or rules is None or not _has_eligible():
        return 0
    used = spent_on(step.policy, clock.now().date()).values()
    if sum(row.count for row in used) >= rules.day_count:
        return 0
    record = officers_record(rules.codes, rules.record_days)
    good = {key: one for key, one in record.items() if rules.is_good(one.approved, one.decided)}
    if not good:
        return 0
    waiting = list(_eligible(rules, good)[:limit].values_list("id", "payout_id"))
    if not waiting:
        return 0
    run = _Run(step, rules, good, dict(waiting))
    actor = auto_watch.actor_of(step.policy_id)
    with context.bind(actor=actor, user_id=None, reason=f"automatic approval {step.policy_id}"):
        decisions.review(list(run.case_ids.values()), choose=run.choose, record=run.record)
        if run.finals:
            log.info("auto.approved", extra={"policy": step.policy_id, "count": len(run.finals)})
    return len(run.finals)


@dataclass
class _Run:
    """One transaction of one version."""

    step: AutoStep
    rules: AutoRules
    good: Mapping[Combination, Record]
    case_ids: dict[str, str]  # case -> payout, in the queue's order
    finals: dict[str, Docket] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    day: date = field(default_factory=lambda: clock.now().date())
    spent: dict[str, AutoDay] = field(default_factory=dict)
    # A day's caps hold whatever was armed that day: another version is no fresh purse.
    others: dict[str, tuple[int, int]] = field(default_factory=dict)

    def choose(self, payouts: Sequence[Payout]) -> list[Ruling]:
        found = docket.load(list(self.case_ids), payouts)
        if not self._hold_version():
            return []
        self.spent = spent_on(self.step.policy, self.day)
        self.others = spent_by_others(self.step.policy, self.day)
        for case_id, payout_id in self.case_ids.items():
            one = found.get(case_id)
            if one is not None and self._admits(one) and self._spend(one.payout):
                self.finals[payout_id] = one
        return [Ruling(payout_id, is_approved=True) for payout_id in self.finals]

    def record(self, changes: Sequence[Change]) -> None:
        if not changes:
            return
        settle([one.case for one in self.finals.values()])
        AutoDay.objects.bulk_create(
            self.spent.values(),
            update_conflicts=True,
            unique_fields=["policy", "day", "currency"],
            update_fields=["count", "total_minor"],
        )
        receipts.write([self._draft(change) for change in changes])

    def _hold_version(self) -> bool:
        """Lock the version and say whether it is still armed and unblemished."""
        auto_watch.lock_policies()
        armed = auto_watch.armed_step()
        if armed is None or armed.pk != self.step.pk:
            return False
        hits = RescreenHit.objects.filter(rescreen__created_at__gte=armed.at)
        flagged = list(hits.values_list("payout_id", flat=True).distinct())
        return not flagged or auto_watch.flagged_later(flagged) is None

    def _admits(self, one: Docket) -> bool:
        case, payout = one.case, one.payout
        return (
            case.state == Case.State.OPEN
            and case.auto == Case.Auto.ELIGIBLE
            and not case.is_blocked
            and case.escalated_at is None
            and case.raised_at is None
            and payout.state == State.IN_REVIEW
            and self.rules.admits(
                payout.amount_minor, payout.currency, payout.partner_id, set(case.codes)
            )
            and _combination(case) in self.good
            and not four_eyes.classes(one) & NEVER_CLASSES
            and not _has_error(one)
            and not four_eyes.reasons(one, Decision.Kind.APPROVE)
        )

    def _spend(self, payout: Payout) -> bool:
        """Take a payout from the day's caps, if they hold it."""
        row = self.spent.get(payout.currency) or AutoDay(
            policy_id=self.step.policy_id, day=self.day, currency=payout.currency
        )
        used = sum(one.count for one in self.spent.values())
        used += sum(count for count, _ in self.others.values())
        _, spent_minor = self.others.get(payout.currency, (0, 0))
        total_minor = row.total_minor + payout.amount_minor
        most_minor = self.rules.day_minor[payout.currency] - spent_minor
        if used >= self.rules.day_count or total_minor > most_minor:
            return False
        row.count, row.total_minor = row.count + 1, total_minor
        self.spent[payout.currency] = row
        self.counts[payout.id] = used + 1
        return True

    def _draft(self, change: Change) -> Draft:
        one = self.finals[change.payout.id]
        known = self.good[_combination(one.case)]
        bound = wilson_lower(known.approved, known.decided)
        text = TEXT.format(
            approved=known.approved,
            decided=known.decided,
            days=self.rules.record_days,
            least=bound * 100,
            count=self.counts[change.payout.id],
            most=self.rules.day_count,
        )
        return Draft(
            docket=one,
            kind=Decision.Kind.APPROVE,
            stage=Decision.Stage.FINAL,
            reason_code=AutoReason.GOOD_RECORD,
            internal_text=text,
            before=change.before,
            after=change.after,
            added={
                "auto": {
                    "policy": self.step.policy_id,
                    "armed_step": self.step.pk,
                    "decided": known.decided,
                    "approved": known.approved,
                }
            },
        )


def _rules_of(step: AutoStep | None) -> AutoRules | None:
    """Return what the armed version says; a document no longer understood answers nothing."""
    if step is None:
        return None
    try:
        return read(step.policy.document)
    except AutoError:
        log.exception("auto.unreadable", extra={"policy": step.policy_id})
        return None


def _eligible(rules: AutoRules, good: Mapping[Combination, Record]) -> QuerySet[Case]:
    """Return what may go now: neither at the end of a cap nor read by an officer at this moment."""
    combinations = Q(pk__in=[])
    for codes in good:
        combinations |= Q(codes__contains=list(codes), codes__len=len(codes))
    said_at = Coalesce("heartbeat_at", "assigned_at")
    return (
        Case.objects.alias(said_at=said_at)
        .filter(state=Case.State.OPEN, auto=Case.Auto.ELIGIBLE)
        .filter(combinations, payout__currency__in=sorted(rules.max_minor))
        .filter(Q(assignee=None) | Q(said_at__lte=Now() - HELD_FOR))
        .order_by(F("rank_at"), F("id"))
    )


def _has_eligible() -> bool:
    return Case.objects.filter(state=Case.State.OPEN, auto=Case.Auto.ELIGIBLE).exists()


def _live_classes() -> dict[str, str]:
    number = live.live_number() or 0
    document = Policy.objects.values_list("document", flat=True).filter(number=number).first()
    return {} if document is None else four_eyes.rule_classes(document)


def _class_of(
    payout: Payout, assessment: Assessment, rules: AutoRules, classes: Mapping[str, str]
) -> str:
    codes = set(assessment.codes)
    is_answerable = (
        assessment.verdict is Verdict.REVIEW
        and rules.admits(payout.amount_minor, payout.currency, payout.partner_id, codes)
        and not {classes.get(code, four_eyes.UNKNOWN_CLASS) for code in codes} & NEVER_CLASSES
        and all(finding["result"] != Result.ERROR for finding in assessment.findings)
    )
    if not is_answerable:
        return Case.Auto.NONE
    is_held_out = secrets.randbelow(100) < rules.holdout_percent
    return Case.Auto.HOLDOUT if is_held_out else Case.Auto.ELIGIBLE


def _combination(case: Case) -> Combination:
    return tuple(sorted(case.codes))


def _has_error(one: Docket) -> bool:
    return any(finding["result"] == Result.ERROR for run in one.runs for finding in run.findings)
