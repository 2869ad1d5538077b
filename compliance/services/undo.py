"""Taking an approval back while nothing was sent: a new decision and a new case, never an edit.

A rejection is final: its funds were released and the partner was told; paying after all is a new
payout.
"""

from collections.abc import Sequence
from datetime import timedelta

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User

from atlaspay.core import context
from atlaspay.core.clock import now
from atlaspay.core.errors import ConflictError, NotFoundError, PermissionRefusedError
from compliance.models import Case, Decision
from compliance.models.reasons import UndoReason
from compliance.services import auto_watch, docket, receipts
from compliance.services.decide import log_made
from compliance.services.permissions import DECIDE, LEAD, is_lead, refused, require
from compliance.services.receipts import Draft
from compliance.services.ruling import who
from compliance.services.words import check_answer
from payouts.services import decisions
from payouts.services.decisions import Change

OWN_FOR = timedelta(minutes=5)


def undo(
    decision_id: str, *, reason_code: str, internal_text: str, user: AbstractBaseUser
) -> Decision:
    """Take an approval back and return the receipt: its payout is in review again, in a new case.

    A lead may at any time; who made the decision within five minutes. Raises
    PermissionRefusedError, NotFoundError, InvalidRequestError, and ConflictError with words where
    the payout was sent, canceled or undone before; each of them changes nothing.
    """
    officer = require(user, DECIDE, decision_id, "You may not decide cases.")
    text = check_answer(UndoReason, reason_code, internal_text)
    undone = Decision.objects.filter(id=decision_id).defer("evidence").first()
    if undone is None:
        raise NotFoundError(f"There is no decision {decision_id}.")
    _check_kind(undone)
    if not may_undo(undone, officer):
        refused(officer, LEAD, decision_id)
        raise PermissionRefusedError(
            "A lead can undo this; its officer could for five minutes."
            " The refused attempt is logged."
        )
    made: list[Decision] = []

    def record(changes: Sequence[Change]) -> None:
        (change,) = changes
        one = docket.load([undone.case_id], [change.payout])[undone.case_id]
        _check_latest(undone)
        _open_again(one.case)
        auto_watch.undone(one.case, undone)
        made.extend(
            receipts.write(
                [
                    Draft(
                        docket=one,
                        kind=Decision.Kind.UNDO,
                        stage=Decision.Stage.FINAL,
                        about=undone,
                        reason_code=reason_code,
                        internal_text=text,
                        before=change.before,
                        after=change.after,
                    )
                ]
            )
        )

    reason = f"{undone.case_id}: undo, {reason_code}"
    with context.bind(actor=f"user:{officer.get_username()}", user_id=officer.pk, reason=reason):
        decisions.recall([undone.payout_id], record=record)
        (decision,) = made
        log_made(decision)
    return decision


def may_undo(decision: Decision, user: User) -> bool:
    """Say whether this person may still undo a decision; not whether the payout can come back."""
    if is_lead(user):
        return True
    return decision.user_id == user.pk and now() - decision.decided_at < OWN_FOR


def _check_kind(undone: Decision) -> None:
    if not undone.is_in_effect or undone.kind == Decision.Kind.UNDO:
        raise ConflictError("Only a decision that took effect can be undone.")
    if undone.kind == Decision.Kind.REJECT:
        raise ConflictError(
            "A rejection is final: the funds were released and the partner was told. Paying after"
            " all takes a new payout."
        )


def _check_latest(undone: Decision) -> None:
    """Raise ConflictError where it was undone, or another decision let the payout go."""
    later = (
        Decision.objects.filter(payout_id=undone.payout_id, position__gt=undone.position)
        .exclude(stage__in=[Decision.Stage.PROPOSED, Decision.Stage.DECLINED])
        .order_by("-position")
        .defer("evidence")
        .first()
    )
    if later is not None:
        raise ConflictError(
            f"{who(later.actor)} {later.get_kind_display().lower()} it at"
            f" {later.decided_at:%Y-%m-%d %H:%M:%S} UTC; that decision counts now.",
            extra={"decision_id": later.id},
        )


def _open_again(closed: Case) -> Case:
    """Open the new case with as much time as the old one had, ranked by the same amount."""
    opened_at = now()
    due_at = opened_at + (closed.due_at - closed.opened_at)
    return Case.objects.create(
        payout_id=closed.payout_id,
        partner_id=closed.partner_id,
        run=None,
        origin=Case.Origin.UNDO,
        is_blocked=closed.is_blocked,
        codes=closed.codes,
        score=closed.score,
        opened_at=opened_at,
        due_at=due_at,
        rank_at=due_at + (closed.rank_at - closed.due_at),
    )
