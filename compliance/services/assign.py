"""Who reads which case: a claim with a heartbeat, so that two officers rarely read the same one.

A claim promises nothing: whoever decides first has decided (`ruling` sees to that). It lapses two
minutes after the last heartbeat; taking one over is allowed and leaves a row of history.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import BooleanField, ExpressionWrapper, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now

from atlaspay.core import context
from atlaspay.core.errors import ConflictError, NotFoundError
from compliance.models import Case, Decision
from compliance.services.docket import load_decisions
from compliance.services.four_eyes import LEADS_ONLY
from compliance.services.permissions import DECIDE, is_lead, require
from compliance.services.ruling import already_decided
from payouts.services import unit

HELD_FOR = timedelta(minutes=2)
_FREE: dict[str, Any] = {"assignee": None, "assigned_at": None, "heartbeat_at": None}


@dataclass(frozen=True, slots=True)
class Claim:
    """Who has a case now; `since` is None where nobody has it."""

    case_id: str
    holder: str
    since: datetime | None
    is_mine: bool
    is_waiting: bool


@dataclass(frozen=True, slots=True)
class _Locked:
    case: Case
    holder: str  # empty where nobody reads it, or whoever did fell silent


def claim_next(user: User, *, after: str = "") -> Case | None:
    """Claim the first case of the queue that this person may act on and nobody reads; None where
    there is none.

    Escalated cases go to leads; a proposal to whoever may be its second officer. `after` is the
    case in hand: it is given back and passed over. Skips rows others are claiming at this moment.
    Raises PermissionRefusedError.
    """
    officer = require(user, DECIDE, after, "You may not decide cases.")
    with _acting(officer, "claimed"):
        if after:
            _own(after, officer).update(**_FREE)
        case = (
            actionable(officer)
            .filter(~_is_held() | Q(assignee=officer))
            .exclude(id=after)
            .order_by("rank_at", "id")
            .select_for_update(skip_locked=True, of=("self",))
            .first()
        )
        if case is not None:
            _give(case, officer)
        return case


def claim(case_id: str, user: User) -> Claim:
    """Claim a case unless somebody else reads it; for one's own it is a heartbeat.

    Raises PermissionRefusedError, NotFoundError, StaleFormError where it is closed, ConflictError
    that says who has it since when.
    """
    officer = require(user, DECIDE, case_id, "You may not decide cases.")
    with _acting(officer, "claimed"):
        locked = _lock(case_id)
        case = locked.case
        if not locked.holder:
            _give(case, officer)
        elif case.assignee_id == officer.pk:
            _own(case_id, officer).update(heartbeat_at=Now())
        else:
            raise ConflictError(
                f"{locked.holder} has this case since {case.assigned_at:%Y-%m-%d %H:%M:%S} UTC;"
                " you may take it over.",
                extra={"case_id": case.id, "holder": locked.holder},
            )
    return _claim_of(case_id, officer)


def take_over(case_id: str, user: User) -> Claim:
    """Claim a case whoever reads it; history says from whom, their next heartbeat tells them.

    Raises PermissionRefusedError, NotFoundError, StaleFormError where it is closed.
    """
    officer = require(user, DECIDE, case_id, "You may not decide cases.")
    with _acting(officer, "claimed"):
        locked = _lock(case_id)
        is_anothers = locked.holder and locked.case.assignee_id != officer.pk
        reason = f"taken over from {locked.holder}" if is_anothers else "claimed"
        with unit.open(reason=reason):
            _give(locked.case, officer)
    return _claim_of(case_id, officer)


def heartbeat(case_id: str, user: User) -> Claim:
    """Say that this person still reads the case and return who has it now; claims nothing.

    A case somebody took over, or that was closed, is left alone. Raises PermissionRefusedError,
    NotFoundError.
    """
    officer = require(user, DECIDE, case_id, "You may not decide cases.")
    _own(case_id, officer).update(heartbeat_at=Now())
    return _claim_of(case_id, officer)


def release(case_id: str, user: User) -> None:
    """Give a case back to the queue; one that is not this person's stays as it is.

    Raises PermissionRefusedError.
    """
    officer = require(user, DECIDE, case_id, "You may not decide cases.")
    with _acting(officer, "released"):
        _own(case_id, officer).update(**_FREE)


def actionable(user: User) -> QuerySet[Case]:
    """Return the waiting cases this person may act on: leads alone those escalated, and nobody
    their own proposal."""
    is_a_lead = is_lead(user)
    first = Q(state=Case.State.OPEN) if is_a_lead else Q(state=Case.State.OPEN, escalated_at=None)
    proposal = Decision.objects.filter(
        case_id=OuterRef("id"), stage=Decision.Stage.PROPOSED
    ).order_by("-position")[:1]
    second = Q(state=Case.State.SECOND) & ~Q(maker=user.pk)
    if not is_a_lead:
        second &= ~Q(eyes__overlap=sorted(LEADS_ONLY))
    return (
        Case.objects.filter(state__in=Case.WAITING)
        .alias(said_at=Coalesce("heartbeat_at", "assigned_at"))
        .alias(maker=Subquery(proposal.values("user_id")))
        .alias(eyes=Subquery(proposal.values("four_eyes")))
        .filter(first | second)
    )


@contextmanager
def _acting(user: User, reason: str) -> Iterator[None]:
    """Open a transaction whose history names this person."""
    with (
        context.bind(actor=f"user:{user.get_username()}", user_id=user.pk),
        unit.open(reason=reason),
    ):
        yield


def _is_held() -> Q:
    return Q(assignee__isnull=False, said_at__gt=Now() - HELD_FOR)


def _own(case_id: str, user: User) -> QuerySet[Case]:
    return Case.objects.filter(id=case_id, assignee=user, state__in=Case.WAITING)


def _lock(case_id: str) -> _Locked:
    case = (
        Case.objects.select_related("assignee")
        .alias(said_at=Coalesce("heartbeat_at", "assigned_at"))
        .annotate(is_held=ExpressionWrapper(_is_held(), output_field=BooleanField()))
        .filter(id=case_id)
        .select_for_update(of=("self",))
        .first()
    )
    if case is None:
        raise NotFoundError(f"There is no case {case_id}.")
    if not case.is_waiting:
        raise already_decided(case, load_decisions([case.id])[case.id])
    holder = case.assignee.get_username() if case.is_held and case.assignee else ""
    return _Locked(case, holder)


def _give(case: Case, user: User) -> None:
    Case.objects.filter(pk=case.pk).update(assignee=user, assigned_at=Now(), heartbeat_at=Now())


def _claim_of(case_id: str, user: User) -> Claim:
    case = (
        Case.objects.select_related("assignee")
        .alias(said_at=Coalesce("heartbeat_at", "assigned_at"))
        .annotate(is_held=ExpressionWrapper(_is_held(), output_field=BooleanField()))
        .filter(id=case_id)
        .first()
    )
    if case is None:
        raise NotFoundError(f"There is no case {case_id}.")
    holder = case.assignee if case.is_waiting and case.is_held else None
    return Claim(
        case_id=case.id,
        holder=holder.get_username() if holder else "",
        since=case.assigned_at if holder else None,
        is_mine=holder is not None and holder.pk == user.pk,
        is_waiting=case.is_waiting,
    )
