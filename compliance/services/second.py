"""The second officer's answer to a proposal: confirm, and it takes effect; decline, and a lead
takes the case.

Nobody answers their own proposal, by whatever session or role; the database refuses it as well.
"""

from collections.abc import Sequence

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User
from django.db.models.functions import Now

from atlaspay.core import context
from atlaspay.core.errors import NotFoundError, PermissionRefusedError, StaleFormError
from compliance.models import Case, Decision
from compliance.models.reasons import REASONS, DeclineReason
from compliance.services import docket, receipts
from compliance.services.decide import log_made
from compliance.services.docket import Docket
from compliance.services.four_eyes import LEADS_ONLY
from compliance.services.permissions import DECIDE, LEAD, is_lead, refused, require
from compliance.services.receipts import Draft
from compliance.services.ruling import check_seen, check_waiting, settle, who
from compliance.services.words import check_answer
from payouts.models import Payout
from payouts.services import decisions
from payouts.services.decisions import Change, Ruling, Snapshot

NOTE_MAX = 500


def confirm(
    case_id: str,
    *,
    proposal_id: str,
    internal_text: str,
    seen: str = "",
    user: AbstractBaseUser,
) -> Decision:
    """Let a proposal take effect as its second officer and return the receipt.

    `internal_text` says what this officer looked at. Raises PermissionRefusedError (also for one's
    own proposal, and for who is no lead where one is needed), NotFoundError, InvalidRequestError,
    StaleFormError where the proposal no longer waits; each of them changes nothing.
    """
    text = check_answer(None, "", internal_text)
    return _answer(case_id, proposal_id, Decision.Stage.CONFIRMED, "", text, seen, user)


def decline(
    case_id: str,
    *,
    proposal_id: str,
    reason_code: str,
    internal_text: str,
    seen: str = "",
    user: AbstractBaseUser,
) -> Decision:
    """Send a proposal back: the case is open again, escalated to the leads with these words.

    Moves no payout. Raises as `confirm` does.
    """
    text = check_answer(DeclineReason, reason_code, internal_text)
    return _answer(case_id, proposal_id, Decision.Stage.DECLINED, reason_code, text, seen, user)


def may_answer(proposal: Decision, user: User) -> bool:
    """Say whether this person may be the second officer of a proposal."""
    return _objection(proposal, user) == ""


def _answer(
    case_id: str,
    proposal_id: str,
    stage: Decision.Stage,
    reason_code: str,
    text: str,
    seen: str,
    user: AbstractBaseUser,
) -> Decision:
    officer = require(user, DECIDE, case_id, "You may not decide cases.")
    payout_id = Case.objects.filter(id=case_id).values_list("payout_id", flat=True).first()
    if payout_id is None:
        raise NotFoundError(f"There is no case {case_id}.")
    found: list[Docket] = []
    made: list[Decision] = []

    def choose(payouts: Sequence[Payout]) -> list[Ruling]:
        one = docket.load([case_id], payouts)[case_id]
        proposal = _waiting_proposal(one, proposal_id)
        if words := _objection(proposal, officer):
            refused(officer, LEAD, case_id)
            raise PermissionRefusedError(f"{words} The refused attempt is logged.")
        check_seen(one, seen, proposal.after["version"])
        found.append(one)
        return [Ruling(payout_id, is_approved=True)] if stage == Decision.Stage.CONFIRMED else []

    def record(changes: Sequence[Change]) -> None:
        (one,) = found
        proposal = _waiting_proposal(one, proposal_id)
        if changes:
            settle([one.case])
        else:
            _give_back(one, reason_code, text)
        as_is = Snapshot.of(one.payout)
        made.extend(
            receipts.write(
                [
                    Draft(
                        docket=one,
                        kind=proposal.kind,
                        stage=stage,
                        about=proposal,
                        four_eyes=proposal.four_eyes,
                        reason_code=reason_code or proposal.reason_code,
                        internal_text=text,
                        before=changes[0].before if changes else as_is,
                        after=changes[0].after if changes else as_is,
                    )
                ]
            )
        )

    reason = f"{case_id}: {stage}, {reason_code or 'as proposed'}"
    with context.bind(actor=f"user:{officer.get_username()}", user_id=officer.pk, reason=reason):
        decisions.review([payout_id], choose=choose, record=record)
        (decision,) = made
        log_made(decision)
    return decision


def _waiting_proposal(one: Docket, proposal_id: str) -> Decision:
    check_waiting(one)
    proposal = one.proposal
    if proposal is not None and proposal.id == proposal_id:
        return proposal
    answer = next((row for row in one.decisions if row.about_id == proposal_id), None)
    if answer is not None:
        raise StaleFormError(
            f"{who(answer.actor)} {answer.stage} it at {answer.decided_at:%Y-%m-%d %H:%M:%S} UTC.",
            extra={"case_id": one.case.id, "decision_id": answer.id},
        )
    if one.case.raised_at is not None:
        raise StaleFormError(
            f"A later screening added a hit at {one.case.raised_at:%Y-%m-%d %H:%M:%S} UTC: the"
            " proposal lapsed and the case is open again.",
            extra={"case_id": one.case.id},
        )
    raise StaleFormError(
        "The proposal you saw does not wait for an answer.", extra={"case_id": one.case.id}
    )


def _objection(proposal: Decision, user: User) -> str:
    """Return why this person may not be the second officer, empty where they may."""
    if proposal.user_id == user.pk:
        return "You proposed this: another officer answers it."
    if LEADS_ONLY & set(proposal.four_eyes) and not is_lead(user):
        return "A lead answers this proposal."
    return ""


def _give_back(one: Docket, reason_code: str, text: str) -> None:
    note = f"{REASONS[reason_code]}: {text}"[:NOTE_MAX]
    Case.objects.filter(id=one.case.id).update(
        state=Case.State.OPEN,
        assignee=None,
        assigned_at=None,
        heartbeat_at=None,
        escalated_at=Now(),
        escalated_by=context.actor(),
        escalation_note=note,
    )
