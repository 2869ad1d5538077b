"""Which automatic approval is armed, and the automatic stop when people show it was wrong.

Steps are written under a lock of all policies' rows, approvals under a shared one of theirs: after
a stop has committed nothing more is approved.
"""

import logging
from collections.abc import Iterable, Sequence

from compliance.models import AutoPolicy, AutoStep, Case, Decision
from compliance.models.reasons import RejectReason

log = logging.getLogger(__name__)

ACTOR_PREFIX = "system:auto-approval@"


def actor_of(number: int) -> str:
    """Return who a policy acts as."""
    return f"{ACTOR_PREFIX}{number}"


def armed_step() -> AutoStep | None:
    """Return the step that armed the policy in force, None where none is armed."""
    last = AutoStep.objects.select_related("policy").order_by("-id").first()
    return last if last is not None and last.kind == AutoStep.Kind.ARMED else None


def lock_policies() -> None:
    """Lock every policy's row, in order: call before reading the armed step in order to add one."""
    list(AutoPolicy.objects.select_for_update().order_by("number").values_list("number"))


def rejected(cases: Iterable[Case], kind: str, reason_code: str) -> None:
    """Stop the armed policy if one of these cases, which officers just rejected, was one it would
    have let go. Call inside their transaction.

    A partner's own wish to stop a payout shows nothing.
    """
    if kind != Decision.Kind.REJECT or reason_code == RejectReason.PARTNER_WITHDREW:
        return
    missed = next((case for case in cases if case.auto), None)
    if missed is not None:
        stop(f"An officer rejected {missed.id}, which it would have approved.", missed)


def undone(case: Case, decision: Decision) -> None:
    """Stop the armed policy if an automatic approval was just undone. Call inside its
    transaction."""
    if decision.actor.startswith(ACTOR_PREFIX):
        stop(f"The automatic approval of {case.id} was undone.", case)


def flagged_later(payout_ids: Sequence[str]) -> AutoStep | None:
    """Stop the armed policy if automatic approval let one of these payouts go, which a later
    screening flagged; return the step. Call inside the transaction that holds them."""
    decision = (
        Decision.objects.filter(payout_id__in=payout_ids, actor__startswith=ACTOR_PREFIX)
        .select_related("case")
        .defer("evidence")
        .order_by("position")
        .first()
    )
    if decision is None:
        return None
    return stop(f"{decision.payout_id}, approved automatically, was flagged later.", decision.case)


def stop(note: str, case: Case) -> AutoStep | None:
    """Stop the armed policy because of a case; None where none is armed."""
    lock_policies()
    armed = armed_step()
    if armed is None:
        return None
    step = AutoStep.objects.create(
        policy=armed.policy,
        kind=AutoStep.Kind.STOPPED,
        actor=actor_of(armed.policy_id),
        note=note,
        case=case,
    )
    log.error("auto.stopped", extra={"policy": armed.policy_id, "case": case.id})
    return step
