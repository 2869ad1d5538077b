"""The one way a held payout is decided: the console, an API and a command all call `decide`.

Locks, checks permission, state and version, moves the payout and writes the receipt in one
transaction. Lock order: payout, case, chain, ledger; nothing else may take them the other way.
"""

import logging
from collections.abc import Sequence
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User
from django.db.models.functions import Now

from atlaspay.core import context
from atlaspay.core.errors import (
    FieldError,
    InvalidRequestError,
    NotFoundError,
    PermissionRefusedError,
    StaleFormError,
)
from compliance.models import Case, Decision
from compliance.models.reasons import (
    DEFAULT_PARTNER_TEXT,
    ApproveReason,
    RejectReason,
    tipping_off_words,
)
from compliance.rules.facts import thaw
from payouts.services import decisions

log = logging.getLogger(__name__)

PERMISSION = "compliance.decide_case"
_REASONS = {Decision.Kind.APPROVE: ApproveReason, Decision.Kind.REJECT: RejectReason}
_INTERNAL_MIN, _INTERNAL_MAX, _PARTNER_MAX = 3, 2_000, 300


def decide(
    case_id: str,
    *,
    kind: str,
    reason_code: str,
    internal_text: str,
    partner_text: str = "",
    expected_version: int | None,
    user: AbstractBaseUser,
) -> Decision:
    """Approve or reject the payout of an open case and return the receipt.

    `expected_version` is the payout's version the officer saw. Raises PermissionRefusedError,
    NotFoundError, InvalidRequestError (with a pointer per field) or, where somebody else was first,
    StaleFormError that says who, what and when; each of them changes nothing.
    """
    _check_permission(user, case_id, kind)
    case = Case.objects.select_related("payout", "run").filter(id=case_id).first()
    if case is None:
        raise NotFoundError(f"There is no case {case_id}.")
    _check_words(kind, reason_code, internal_text, partner_text)
    if case.state != Case.State.OPEN:
        raise already_decided(case)
    told = "" if kind == Decision.Kind.APPROVE else partner_text.strip() or DEFAULT_PARTNER_TEXT
    receipts: list[Decision] = []

    def record(changes: Sequence[decisions.Change]) -> None:
        for change in changes:
            closed = Case.objects.filter(id=case.id, state=Case.State.OPEN).update(
                state=Case.State.DECIDED, closed_at=Now()
            )
            if closed == 0:
                raise already_decided(Case.objects.get(id=case.id))
            receipts.append(
                Decision.objects.create(
                    case=case,
                    payout_id=case.payout_id,
                    kind=kind,
                    reason_code=reason_code,
                    internal_text=internal_text.strip(),
                    partner_text=told,
                    actor=context.actor(),
                    user_id=user.pk,
                    before=change.before.as_dict(),
                    after=change.after.as_dict(),
                    evidence=evidence(case),
                    policy_id=case.run.policy_id,
                    request_id=context.current().request_id[:64],
                )
            )

    versions = None if expected_version is None else {case.payout_id: expected_version}
    reason = f"{case.id}: {kind}, {reason_code}"
    with context.bind(actor=f"user:{user.get_username()}", user_id=user.pk, reason=reason):
        try:
            if kind == Decision.Kind.APPROVE:
                decisions.approve([case.payout_id], expected_versions=versions, record=record)
            else:
                decisions.reject(
                    [case.payout_id],
                    partner_message=told,
                    expected_versions=versions,
                    record=record,
                )
        except StaleFormError as error:
            case.refresh_from_db()
            raise (already_decided(case) if case.state != Case.State.OPEN else error) from None
        (receipt,) = receipts
        log.info(
            "decision.made",
            extra={
                "case": case.id,
                "payout": case.payout_id,
                "decision": receipt.id,
                "kind": kind,
            },
        )
    return receipt


def evidence(case: Case) -> dict[str, Any]:
    """Return what an officer had before them: every finding, all facts, the lists' revisions."""
    run, payout = case.run, case.payout
    own = {
        "payout_id": payout.id,
        "partner_id": payout.partner_id,
        "amount_minor": payout.amount_minor,
        "currency": payout.currency,
        "recipient_name": payout.recipient_name,
        "recipient_country": payout.recipient_country,
    }
    return {
        "run_id": run.id,
        "score": run.score,
        "lists": run.lists,
        "findings": run.findings,
        "facts": thaw(own, run.facts).as_dict(),
        "account_last4": payout.account_last4,
    }


def already_decided(case: Case) -> StaleFormError:
    """Return the error for a case that is closed: who decided what, and when."""
    receipt = case.decision
    if receipt is None:
        return StaleFormError(
            f"The partner canceled {case.payout_id} at {case.closed_at:%Y-%m-%d %H:%M:%S} UTC.",
            extra={"case_id": case.id, "state": str(case.state)},
        )
    return StaleFormError(
        f"{receipt.actor.partition(':')[2]} {receipt.get_kind_display().lower()} it at"
        f" {receipt.decided_at:%Y-%m-%d %H:%M:%S} UTC.",
        extra={"case_id": case.id, "decision_id": receipt.id, "kind": receipt.kind},
    )


def _check_permission(user: AbstractBaseUser, case_id: str, kind: str) -> None:
    if isinstance(user, User) and user.is_active and user.has_perm(PERMISSION):
        return
    log.warning(
        "decision.refused",
        extra={"case": case_id, "kind": kind, "username": user.get_username()},
    )
    raise PermissionRefusedError("You may not decide cases; the refused attempt is logged.")


def _check_words(kind: str, reason_code: str, internal_text: str, partner_text: str) -> None:
    errors: list[FieldError] = []
    if kind not in _REASONS:
        raise InvalidRequestError(
            "A decision is approve or reject.",
            errors=[FieldError(pointer="/kind", code="unknown", detail="approve or reject")],
        )
    if reason_code not in _REASONS[Decision.Kind(kind)].values:
        detail = f"Choose one of the reasons to {kind}."
        errors.append(FieldError(pointer="/reason_code", code="unknown", detail=detail))
    if not _INTERNAL_MIN <= len(internal_text.strip()) <= _INTERNAL_MAX:
        detail = "Say in a few words why: the next reader was not here."
        errors.append(FieldError(pointer="/internal_text", code="length", detail=detail))
    if "\x00" in internal_text + partner_text:
        detail = "Control characters are not allowed."
        errors.append(FieldError(pointer="/internal_text", code="charset", detail=detail))
    if len(partner_text) > _PARTNER_MAX:
        detail = f"At most {_PARTNER_MAX} characters."
        errors.append(FieldError(pointer="/partner_text", code="length", detail=detail))
    if words := tipping_off_words(partner_text):
        detail = f"The partner must not read: {', '.join(words)}."
        errors.append(FieldError(pointer="/partner_text", code="tipping_off", detail=detail))
    if errors:
        raise InvalidRequestError("The decision is not complete.", errors=errors)
