"""Money that comes back after settlement: a linked Return and new postings, never an edit of what
was.
"""

import logging
from collections.abc import Mapping

from payouts import postings
from payouts.machine import State
from payouts.models import Attempt, Payout, Return
from payouts.rails import codes, failures
from payouts.rails.base import ReturnHint
from payouts.representation import instant
from payouts.services import unit
from payouts.services.banking import rail
from payouts.services.unit import Work

log = logging.getLogger(__name__)


def apply_returns(returned: Mapping[str, tuple[ReturnHint, ...]], *, reason: str) -> int:
    """Book returns by payout id; return how many were new. Safe to repeat: a bank reference is
    booked once a rail.
    """
    if not returned:
        return 0
    booked = 0
    with unit.open(reason=reason) as work:
        payouts = work.lock(returned)
        references = {hint.bank_reference for hints in returned.values() for hint in hints}
        known = {
            (rail_name, reference): payout_id
            for rail_name, reference, payout_id in Return.objects.filter(
                bank_reference__in=references
            ).values_list("rail", "bank_reference", "payout_id")
        }
        for payout in payouts:
            for hint in returned[payout.id]:
                place = (payout.rail, hint.bank_reference)
                if place in known:
                    _check_first(payout, hint, known[place])
                    continue
                known[place] = payout.id
                booked += _book(work, payout, hint)
    return booked


def refuse_returns(attempt: Attempt, hints: tuple[ReturnHint, ...]) -> None:
    """Alarm over money that came back of an attempt that did not pay here: it is not the payout's,
    which another attempt may have paid. Reconciliation shows it as theirs only.
    """
    for hint in hints:
        log.critical(
            "bank.return_does_not_fit",
            extra={
                "payout": attempt.payout_id,
                "attempt": attempt.id,
                "state": attempt.state,
                "return": hint.bank_reference,
            },
        )


def _check_first(payout: Payout, hint: ReturnHint, first: str) -> None:
    """Alarm where one reference stands for the money of two payouts: a person finds which."""
    if first != payout.id:
        extra = {"payout": payout.id, "return": hint.bank_reference, "first": first}
        log.critical("bank.return_reference_reused", extra=extra)


def _book(work: Work, payout: Payout, hint: ReturnHint) -> int:
    left_minor = payout.amount_minor - payout.returned_minor
    fits = hint.currency == payout.currency and 0 < hint.amount_minor <= left_minor
    if payout.state != State.SETTLED or not fits:
        # Booked nowhere on a guess: reconciliation shows it as theirs only until a person looks.
        log.critical(
            "bank.return_does_not_fit",
            extra={
                "payout": payout.id,
                "state": payout.state,
                "return": hint.bank_reference,
                "left_minor": left_minor,
            },
        )
        return 0
    canonical = codes.resolve(hint.bank_code, codes.ISO, codes.NACHA, source=payout.rail).canonical
    came_back = Return.objects.create(
        payout=payout,
        rail=payout.rail,
        bank_reference=hint.bank_reference,
        amount_minor=hint.amount_minor,
        currency=hint.currency,
        bank_code=hint.bank_code,
        canonical_code=canonical,
        returned_at=hint.at,
        created_at=work.now,
    )
    payout.returned_minor += hint.amount_minor
    if payout.returned_minor == payout.amount_minor:
        payout.give_back()
        payout.failure_code = canonical
        payout.failure_message = failures.explain(canonical).message
        payout.bank_code = hint.bank_code
    work.post(postings.RETURNED, postings.returned(payout, came_back, rail(payout.rail).provider))
    work.emit("payout.returned", payout, **{"return": return_public(came_back)})
    return 1


def return_public(came_back: Return) -> dict[str, object]:
    """Return one return as partners see it."""
    return {
        "id": came_back.id,
        "amount_minor": came_back.amount_minor,
        "currency": came_back.currency,
        "code": came_back.canonical_code,
        "returned_at": instant(came_back.returned_at),
    }
