"""Many cases decided with the same words: looked over first, then one receipt each.

One transaction for all; what cannot be decided is left as it is and named. A form sent twice
answers the same twice: its cases carry its `bulk_id`.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User

from atlaspay.core import context
from atlaspay.core.errors import (
    AtlasError,
    FieldError,
    InvalidRequestError,
    ProblemError,
)
from atlaspay.core.ids import new_id
from compliance.models import Case, Decision
from compliance.services import words
from compliance.services.decide import log_made
from compliance.services.permissions import DECIDE, require
from compliance.services.ruling import Order, Sitting
from payouts.models import Payout

MOST = 200
KINDS = (Decision.Kind.APPROVE, Decision.Kind.REJECT)
_BULK_ID = re.compile(r"[A-Za-z0-9_-]{8,32}", re.ASCII)


class Result(StrEnum):
    """What becomes, or became, of one case."""

    DECIDED = "decided"
    PROPOSED = "proposed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Line:
    """One case of a bulk decision; `words` says why it was skipped."""

    case_id: str
    result: Result
    words: str = ""
    decision: Decision | None = None
    payout: Payout | None = None


@dataclass(frozen=True)
class Report:
    """All lines as asked for; `sums` are the minor units by currency of those not skipped."""

    lines: tuple[Line, ...]
    sums: Mapping[str, int] = field(default_factory=dict)

    def count(self, result: str) -> int:
        """Return how many cases ended so."""
        return sum(line.result == result for line in self.lines)


def new_bulk_id() -> str:
    """Return an id for a form: sent twice, it decides once."""
    return new_id("bulk")


def preview(kind: str, seen: Mapping[str, str], user: AbstractBaseUser) -> Report:
    """Say what deciding these cases would do, and change nothing.

    `seen` maps case id -> the mark the list showed (`decide.seen_mark`), empty for as it is.
    Raises PermissionRefusedError, InvalidRequestError. What is true now may not be at the click.
    """
    officer = require(user, DECIDE, "", "You may not decide cases.")
    _check(kind, seen)
    cases = _cases(seen)
    orders = [Order(key, cases[key].payout_id, seen[key]) for key in seen if key in cases]
    sitting = Sitting(orders, words.untold(kind), officer, bulk_id=new_bulk_id())
    weighed = sitting.look([case.payout for case in cases.values()])
    lines = []
    for case_id in seen:
        case = cases.get(case_id)
        if case is None:
            lines.append(_missing(case_id))
            continue
        outcome = weighed[case_id]
        if isinstance(outcome, ProblemError):
            lines.append(Line(case_id, Result.SKIPPED, outcome.detail, payout=case.payout))
        else:
            result = Result.PROPOSED if outcome else Result.DECIDED
            lines.append(Line(case_id, result, payout=case.payout))
    return _report(lines)


def execute(
    bulk_id: str,
    *,
    kind: str,
    reason_code: str,
    internal_text: str,
    partner_text: str = "",
    seen: Mapping[str, str],
    user: AbstractBaseUser,
) -> Report:
    """Decide these cases in one transaction and report on each.

    What needs a second officer is proposed; what is blocked, stale, closed, escalated or may match
    a list is skipped. Repeating with the same `bulk_id` reports the first call's receipts. Raises
    PermissionRefusedError, InvalidRequestError: then nothing has changed.
    """
    officer = require(user, DECIDE, "", "You may not decide cases.")
    _check(kind, seen)
    if _BULK_ID.fullmatch(bulk_id) is None:
        raise InvalidRequestError(
            "The form has no id of its own.",
            errors=[FieldError(pointer="/bulk_id", code="shape", detail="8 to 32 characters")],
        )
    said = words.checked(kind, reason_code, internal_text, partner_text)
    cases = _cases(seen)
    orders = [Order(key, cases[key].payout_id, seen[key]) for key in seen if key in cases]
    reason = f"bulk {bulk_id}: {kind}, {reason_code}"
    with context.bind(actor=f"user:{officer.get_username()}", user_id=officer.pk, reason=reason):
        outcomes = Sitting(orders, said, officer, bulk_id=bulk_id).hold() if orders else {}
        made = _made_before(bulk_id, kind, list(seen), officer)
        lines = []
        for case_id in seen:
            case, outcome = cases.get(case_id), outcomes.get(case_id)
            if case is None or outcome is None:
                lines.append(_missing(case_id))
            elif decision := outcome.decision or made.get(case_id):
                lines.append(_done(case, decision))
                if outcome.decision is not None:
                    log_made(decision)
            elif outcome.refusal is not None:
                skipped = Line(case_id, Result.SKIPPED, outcome.refusal.detail, None, case.payout)
                lines.append(skipped)
            else:
                raise AtlasError(f"{case_id} was neither decided nor refused")
    return _report(lines)


def _check(kind: str, seen: Mapping[str, str]) -> None:
    errors: list[FieldError] = []
    if kind not in KINDS:
        detail = "Many at once can be approved or rejected."
        errors.append(FieldError(pointer="/kind", code="unknown", detail=detail))
    if not 1 <= len(seen) <= MOST:
        detail = f"Choose between 1 and {MOST} cases."
        errors.append(FieldError(pointer="/cases", code="length", detail=detail))
    if errors:
        raise InvalidRequestError("These cases cannot be decided together.", errors=errors)


def _cases(seen: Mapping[str, str]) -> dict[str, Case]:
    found = Case.objects.filter(id__in=list(seen)).select_related("payout")
    return {case.id: case for case in found.defer("payout__account_sealed", "payout__metadata")}


def _made_before(bulk_id: str, kind: str, case_ids: list[str], user: User) -> dict[str, Decision]:
    """Return the receipts an earlier call of the same form wrote."""
    found = Decision.objects.filter(
        case_id__in=case_ids, bulk_id=bulk_id, kind=kind, user=user
    ).defer("evidence")
    return {decision.case_id: decision for decision in found}


def _done(case: Case, decision: Decision) -> Line:
    is_final = decision.stage == Decision.Stage.FINAL
    result = Result.DECIDED if is_final else Result.PROPOSED
    return Line(case.id, result, "", decision, case.payout)


def _missing(case_id: str) -> Line:
    return Line(case_id, Result.SKIPPED, f"There is no case {case_id}.")


def _report(lines: Sequence[Line]) -> Report:
    sums: Counter[str] = Counter()
    for line in lines:
        if line.payout is not None and line.result != Result.SKIPPED:
            sums[line.payout.currency] += line.payout.amount_minor
    return Report(tuple(lines), dict(sorted(sums.items())))
