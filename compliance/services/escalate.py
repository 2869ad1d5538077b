"""Handing a case to the leads, with a note. Only a decision takes it out of their hands again."""

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models.functions import Now

from atlaspay.core import context
from atlaspay.core.errors import InvalidRequestError, NotFoundError, StaleFormError
from compliance.models import Case
from compliance.services import docket
from compliance.services.permissions import DECIDE, require
from compliance.services.ruling import already_decided, who
from compliance.services.words import internal_faults
from payouts.services import unit

NOTE_MAX = 500


def escalate(case_id: str, *, note: str, user: AbstractBaseUser) -> Case:
    """Put an open case before the leads and give it back to the queue; return it.

    Locks payout and case. Raises PermissionRefusedError, NotFoundError, InvalidRequestError, and
    StaleFormError where it is closed, proposed or escalated already; each of them changes nothing.
    """
    officer = require(user, DECIDE, case_id, "You may not decide cases.")
    if faults := internal_faults(note, most=NOTE_MAX):
        faults = [{**fault, "pointer": "/note"} for fault in faults]
        raise InvalidRequestError("The note is not complete.", errors=faults)
    payout_id = Case.objects.filter(id=case_id).values_list("payout_id", flat=True).first()
    if payout_id is None:
        raise NotFoundError(f"There is no case {case_id}.")
    with (
        context.bind(actor=f"user:{officer.get_username()}", user_id=officer.pk),
        unit.open(reason="escalated") as work,
    ):
        case = docket.load([case_id], work.lock([payout_id]))[case_id].case
        if not case.is_waiting:
            raise already_decided(case, docket.load_decisions([case_id])[case_id])
        if case.state == Case.State.SECOND:
            raise StaleFormError("A proposal waits for its second officer; decline it instead.")
        if case.escalated_at is not None:
            raise StaleFormError(
                f"{who(case.escalated_by)} escalated it at"
                f" {case.escalated_at:%Y-%m-%d %H:%M:%S} UTC."
            )
        Case.objects.filter(id=case_id).update(
            escalated_at=Now(),
            escalated_by=context.actor(),
            escalation_note=note.strip(),
            assignee=None,
            assigned_at=None,
            heartbeat_at=None,
        )
    case.refresh_from_db()
    return case
