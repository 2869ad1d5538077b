"""The one way a held payout is decided, whatever door asks: every one calls `decide` with a person.

Checks permission and words, then `ruling` locks, judges, moves the payout and writes the receipt
in one transaction. `second` answers proposals, `bulk` decides many, `undo` takes an approval back.
"""

import logging

from django.contrib.auth.base_user import AbstractBaseUser

from atlaspay.core import context
from atlaspay.core.errors import AtlasError, NotFoundError, PermissionRefusedError
from compliance.models import Case, Decision
from compliance.services import docket, words
from compliance.services.permissions import DECIDE, LEAD, refused, require
from compliance.services.ruling import Order, Sitting

log = logging.getLogger(__name__)

PERMISSION = DECIDE


def decide(
    case_id: str,
    *,
    kind: str,
    reason_code: str,
    internal_text: str,
    partner_text: str = "",
    seen: str = "",
    expected_version: int | None = None,
    user: AbstractBaseUser,
) -> Decision:
    """Approve, reject or override the payout of an open case and return the receipt.

    Its `stage` says whether it took effect or waits for a second officer (then nothing has moved).
    `seen` is the mark of what the officer read (`seen_mark`); `expected_version` the payout's
    version alone. Raises PermissionRefusedError, NotFoundError, InvalidRequestError (with a
    pointer per field, or where a block asks for an override) or, where somebody else was first or
    a hit was added, StaleFormError that says who, what and when; each of them changes nothing.
    """
    officer = require(user, DECIDE, case_id, "You may not decide cases.")
    payout_id = Case.objects.filter(id=case_id).values_list("payout_id", flat=True).first()
    if payout_id is None:
        raise NotFoundError(f"There is no case {case_id}.")
    said = words.checked(kind, reason_code, internal_text, partner_text)
    order = Order(case_id, payout_id, seen, expected_version)
    reason = f"{case_id}: {kind}, {reason_code}"
    with context.bind(actor=f"user:{officer.get_username()}", user_id=officer.pk, reason=reason):
        outcome = Sitting([order], said, officer).hold()[case_id]
        if isinstance(outcome.refusal, PermissionRefusedError):
            refused(officer, LEAD, case_id)
        if outcome.refusal is not None:
            raise outcome.refusal
        if outcome.decision is None:
            raise AtlasError(f"{case_id} was neither decided nor refused")
        log_made(outcome.decision)
    return outcome.decision


def seen_mark(case: Case) -> str:
    """Return the mark a form carries, so that deciding by a page of old news is refused."""
    return docket.seen(case, case.payout)


def log_made(decision: Decision) -> None:
    """Log one receipt."""
    log.info(
        "decision.made",
        extra={
            "case": decision.case_id,
            "payout": decision.payout_id,
            "decision": decision.id,
            "kind": decision.kind,
            "stage": decision.stage,
        },
    )
