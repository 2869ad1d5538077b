"""What the platform's support does about members: suspend, let in again, end sessions, reset a
second factor, withdraw an invitation.

Each asks for the permission and a reason, is one transaction with its history row and its row in
the access log, and is safe to repeat. Locks the membership, or the person's memberships by id.
"""

from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest

from atlaspay.core import clock
from atlaspay.core.access import second_factor
from atlaspay.core.access.log import Kind, record
from atlaspay.core.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PermissionRefusedError,
)
from portal.members import invitations
from portal.models import Invitation, Membership

PERMISSION = "portal.manage_member"
REASON_MIN, REASON_MAX = 5, 300
# What django-simple-history's column takes; the access log has the whole reason.
_HISTORY_REASON = 100


def suspend(request: HttpRequest, membership_id: int, *, reason: str) -> Membership:
    """Keep a person out of one partner's portal until they are let in again.

    The last owner may be suspended: an account in wrong hands is worse than none. Raises
    PermissionRefusedError, InvalidRequestError, NotFoundError.
    """
    words = _checked(request, reason)
    with transaction.atomic():
        found = _locked(membership_id)
        if found.suspended_at is None:
            found.suspended_at = clock.now()
            _save(found, "suspended_at", words)
            _note(request, found, "suspended", words)
    return found


def readmit(request: HttpRequest, membership_id: int, *, reason: str) -> Membership:
    """Let a suspended person in again, with a new sign-in.

    Raises PermissionRefusedError, InvalidRequestError, NotFoundError.
    """
    words = _checked(request, reason)
    with transaction.atomic():
        found = _locked(membership_id)
        if found.suspended_at is not None:
            found.suspended_at = None
            # A session that was open when they were suspended must not go on by itself.
            found.sessions_ended_at = clock.now()
            _save(found, "suspended_at", words, "sessions_ended_at")
            _note(request, found, "let in again", words)
    return found


def end_sessions(request: HttpRequest, membership_id: int, *, reason: str) -> Membership:
    """End all the person's sessions, at whatever partner: a session is of a person.

    Raises PermissionRefusedError, InvalidRequestError, NotFoundError.
    """
    words = _checked(request, reason)
    with transaction.atomic():
        found = _get(membership_id)
        rows = Membership.objects.select_for_update().filter(user_id=found.user_id)
        now = clock.now()
        for one in rows.order_by("id"):
            one.sessions_ended_at = now
            _save(one, "sessions_ended_at", words)
        _note(request, found, "all sessions ended", words)
    return found


def reset_factor(request: HttpRequest, membership_id: int, *, reason: str) -> bool:
    """Take the person's authenticator app away; say whether there was one.

    Sessions it opened end, failed codes are forgotten. Never of staff: who may help members must
    not be able to open the console. Raises PermissionRefusedError, InvalidRequestError,
    NotFoundError, ConflictError (staff).
    """
    words = _checked(request, reason)
    with transaction.atomic():
        found = _get(membership_id)
        user = User.objects.select_for_update().get(pk=found.user_id)
        if user.is_staff:
            raise ConflictError(
                "This account is of staff: a superuser resets it under Staff.", code="is_staff"
            )
        was_enrolled = second_factor.reset(user)
        detail = f"{user.get_username()}: {words}"
        record(Kind.SECOND_FACTOR_RESET, request, obj=found, detail=detail)
    return was_enrolled


def withdraw(request: HttpRequest, invitation_id: int, *, reason: str) -> Invitation:
    """Let an invitation's link open nothing any more.

    Raises PermissionRefusedError, InvalidRequestError, NotFoundError, ConflictError (accepted).
    """
    words = _checked(request, reason)
    with transaction.atomic():
        found = Invitation.objects.select_for_update().filter(pk=invitation_id).first()
        if found is None:
            raise NotFoundError("There is no such invitation.")
        if found.accepted_at is not None:
            raise ConflictError("It was accepted: suspend the member.", code="invitation_accepted")
        if found.revoked_at is None:
            invitations.withdraw(found)
            detail = f"{found.email}: invitation withdrawn: {words}"
            record(Kind.MEMBER_CHANGED, request, obj=found, detail=detail)
    return found


def _checked(request: HttpRequest, reason: str) -> str:
    """Return the reason of somebody who may. Raises PermissionRefusedError,
    InvalidRequestError.
    """
    if not request.user.has_perm(PERMISSION):
        raise PermissionRefusedError("This takes the permission to manage portal members.")
    words = " ".join(reason.split())
    if not REASON_MIN <= len(words) <= REASON_MAX:
        raise InvalidRequestError(
            f"Say why, in {REASON_MIN} to {REASON_MAX} characters: who asked, and how you know."
        )
    return words


def _get(membership_id: int) -> Membership:
    found = Membership.objects.select_related("user").filter(pk=membership_id).first()
    if found is None:
        raise NotFoundError("There is no such member.")
    return found


def _locked(membership_id: int) -> Membership:
    rows = Membership.objects.select_for_update(of=("self",)).select_related("user")
    found = rows.filter(pk=membership_id).first()
    if found is None:
        raise NotFoundError("There is no such member.")
    return found


def _save(found: Membership, field: str, reason: str, *more: str) -> None:
    found._change_reason = reason[:_HISTORY_REASON]  # type: ignore[attr-defined]
    found.save(update_fields=[field, *more])


def _note(request: HttpRequest, found: Membership, what: str, reason: str) -> None:
    detail = f"{found.user.get_username()}: {what}: {reason}"
    record(Kind.MEMBER_CHANGED, request, obj=found, detail=detail)
