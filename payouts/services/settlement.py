"""Banks' answers, whoever brought them: the call itself, a callback, an inquiry, a person.

`apply` absorbs many in one unit; `outcomes` says what each of them means.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import DatabaseError, OperationalError
from django_fsm import TransitionNotAllowed
from psycopg.errors import DeadlockDetected

from atlaspay.core.errors import AtlasError
from payouts.errors import LostRaceError
from payouts.models import Attempt, Payout
from payouts.rails import base
from payouts.services import unit
from payouts.services.outcomes import Report, absorb
from payouts.services.returns import apply_returns, refuse_returns
from payouts.services.unit import Work

log = logging.getLogger(__name__)

# What one answer that makes no sense may raise; a database that is away is nobody's answer.
UNFIT = (AtlasError, DatabaseError, TransitionNotAllowed, ValueError, TypeError, LookupError)


@dataclass(slots=True)
class Answer:
    """One answer of a bank about one attempt."""

    payout_id: str
    attempt_id: str
    outcome: base.Outcome
    # Objects as claimed; given by whoever still holds them, so that the fast path need not read
    # again.
    payout: Payout | None = None
    attempt: Attempt | None = None


def apply(answers: Sequence[Answer], *, reason: str) -> Report:
    """Absorb answers in one unit: transition, attempt row, ledger, event.

    Tries with the objects the caller holds (compare and set on state and version); if anybody moved
    one of them since, all are locked and read again. Safe to repeat: an answer that tells nothing
    new changes nothing. Where one of several cannot be written, each is absorbed by itself, so that
    it keeps no other payout from its outcome; a single one raises.
    """
    if not answers:
        return Report()
    try:
        return _apply_set(answers, reason)
    except OperationalError:
        raise
    except UNFIT:
        if len(answers) == 1:
            raise
        log.exception("settlement.set_refused", extra={"answers": len(answers)})
    whole = Report()
    for answer in answers:
        try:
            one = _apply_set([Answer(answer.payout_id, answer.attempt_id, answer.outcome)], reason)
        except OperationalError:
            raise
        except UNFIT:
            log.critical(
                "settlement.answer_unfit",
                exc_info=True,
                extra={"payout": answer.payout_id, "attempt": answer.attempt_id},
            )
        else:
            whole.moved += one.moved
            whole.resend += one.resend
            whole.pause |= one.pause
    return whole


def _apply_set(answers: Sequence[Answer], reason: str) -> Report:
    claimed = [(a.payout, a.attempt, a.outcome) for a in answers if a.payout and a.attempt]
    if len(claimed) == len(answers):
        try:
            with unit.open(reason=reason) as work:
                work.adopt(p for p, _, _ in claimed)
                report, returned = _absorb_all(work, claimed)
        except (LostRaceError, OperationalError) as error:
            if isinstance(error, OperationalError) and not isinstance(
                error.__cause__, DeadlockDetected
            ):
                raise
            log.info("settlement.reread", extra={"answers": len(answers)})
        else:
            apply_returns(returned, reason=reason)
            return report
    with unit.open(reason=reason) as work:
        payouts = {p.id: p for p in work.lock(a.payout_id for a in answers)}
        attempts = Attempt.objects.in_bulk([a.attempt_id for a in answers])
        report, returned = _absorb_all(
            work, [(payouts[a.payout_id], attempts[a.attempt_id], a.outcome) for a in answers]
        )
    apply_returns(returned, reason=reason)
    return report


def _absorb_all(
    work: Work, triples: Iterable[tuple[Payout, Attempt, base.Outcome]]
) -> tuple[Report, dict[str, tuple[base.ReturnHint, ...]]]:
    report = Report()
    returned: dict[str, tuple[base.ReturnHint, ...]] = {}
    for payout, attempt, outcome in triples:
        absorb(work, payout, attempt, outcome, report)
        if isinstance(outcome, base.Settled) and outcome.returned:
            if attempt.state == Attempt.State.SETTLED:
                returned[payout.id] = outcome.returned
            else:
                refuse_returns(attempt, outcome.returned)
    report.moved = len(work.changed)
    return report, returned


__all__ = ["UNFIT", "Answer", "Report", "apply"]
