"""What one outcome does to one payout and its attempt: transition, evidence, ledger lines, event.

In memory, inside the unit that loaded them. The rule that protects money: only a definite refusal
lets another attempt be made, and never while one is alive (the schema refuses a second live attempt
as well).
"""

import logging
import random
from dataclasses import dataclass, field
from datetime import timedelta

from payouts import postings
from payouts.machine import Stage, State
from payouts.models import Attempt, Payout
from payouts.rails import base, failures
from payouts.services.banking import next_rail, rail
from payouts.services.unit import Work

log = logging.getLogger(__name__)

# After the first silence the bank is asked again at these ages of the question, in seconds (design:
# rails).
INQUIRY_DELAYS_S = (1, 4, 10, 30, 75, 60, 120)
UNKNOWN_AFTER = timedelta(minutes=5)
LATE_INQUIRY = timedelta(minutes=10)
RETRY_DELAYS_S = (2, 6, 15, 40, 90)
BUSY_DELAY_S = 2.0
HOLD_DELAY_S = 30.0
POLL_DELAYS_S = (10, 30, 60, 300)
RESEND_AFTER_INQUIRIES = 2

# The bank said that money moved, or holds it: whatever follows, no second attempt is made.
_MAY_HAVE_MOVED = (Stage.MONEY_MOVED, Stage.BLOCKED)
_ALIVE = frozenset({Attempt.State.SENDING, Attempt.State.UNKNOWN, Attempt.State.ACCEPTED})


@dataclass(slots=True)
class Report:
    """What `apply` did, in numbers and ids; `resend` are attempts the bank definitely does not
    know.
    """

    moved: int = 0
    resend: list[str] = field(default_factory=list)
    pause: dict[str, str] = field(default_factory=dict)


def absorb(
    work: Work, payout: Payout, attempt: Attempt, outcome: base.Outcome, report: Report
) -> None:
    """Let an outcome do what it says; one that tells nothing new changes nothing."""
    if attempt.state in _ALIVE and payout.state in (State.SENDING, State.SENT):
        _absorb(work, payout, attempt, outcome, report)
    else:
        _absorb_late(work, payout, attempt, outcome)
    work.answered(attempt)


def _note(work: Work, attempt: Attempt, outcome: base.Outcome) -> None:
    """Keep the evidence: raw status and code, hash of the raw answer."""
    attempt.answered_at = work.now
    attempt.bank_status = _clean(outcome.bank_status) or attempt.bank_status
    attempt.bank_code = _clean(outcome.bank_code) or attempt.bank_code
    attempt.bank_reference = _clean(outcome.bank_reference) or attempt.bank_reference
    attempt.http_status = outcome.http_status or attempt.http_status
    attempt.response_hash = outcome.response_hash or attempt.response_hash
    attempt.detail = (_clean(outcome.detail) or attempt.detail)[:300]


def _clean(text: str) -> str:
    """Return a bank's words without NUL, which no text column takes."""
    return text.replace("\0", "\ufffd")


def _absorb(
    work: Work, payout: Payout, attempt: Attempt, outcome: base.Outcome, report: Report
) -> None:
    is_new = (outcome.bank_status, outcome.bank_code) != (attempt.bank_status, attempt.bank_code)
    _note(work, attempt, outcome)
    match outcome:
        case base.Settled():
            _settle(work, payout, attempt)
        case base.Accepted():
            _accept(work, payout, attempt, Stage.MONEY_MOVED if outcome.money_moved else Stage.SENT)
        case base.Blocked():
            _accept(work, payout, attempt, Stage.BLOCKED)
            if is_new:
                log.error(
                    "payout.blocked_at_bank", extra={"payout": payout.id, "attempt": attempt.id}
                )
        case base.Rejected() if _proves_nothing_of_earlier_sends(attempt, outcome):
            _unknown(work, payout, attempt)
        case base.Rejected():
            _refuse(work, payout, attempt, outcome)
        case base.RateLimited() | base.Unavailable() | base.ConfigError() if (
            attempt.state == Attempt.State.SENDING
        ):
            _not_sent(work, payout, attempt, outcome, report)
        case base.NotFound():
            _not_found(work, payout, attempt, report)
        case _:
            _unknown(work, payout, attempt)


def _proves_nothing_of_earlier_sends(attempt: Attempt, outcome: base.Rejected) -> bool:
    """Say whether only the last of several sends was refused: at the door, with no transfer made.

    An earlier send of the same key, whose answer was lost, may have been taken all the same.
    """
    is_door = outcome.http_status is not None and outcome.http_status >= 400
    is_again = attempt.state == Attempt.State.UNKNOWN and attempt.sends > 1
    return is_again and is_door and not outcome.bank_reference


def _settle(work: Work, payout: Payout, attempt: Attempt) -> None:
    held_as = payout.state
    attempt.state = Attempt.State.SETTLED
    attempt.finished_at = work.now
    payout.settle()
    _release_lease(payout)
    payout.bank_code = ""
    work.post(postings.SETTLED, postings.settled(payout, held_as, rail(payout.rail).provider))
    work.emit("payout.settled", payout)


def _accept(work: Work, payout: Payout, attempt: Attempt, stage: Stage) -> None:
    attempt.state = Attempt.State.ACCEPTED
    _release_lease(payout)
    age = (work.now - attempt.started_at).total_seconds()
    payout.due_at = work.now + timedelta(
        seconds=next((d for d in POLL_DELAYS_S if d > age), POLL_DELAYS_S[-1])
    )
    if payout.state == State.SENDING:
        payout.accept()
        payout.stage = stage
        work.post(postings.IN_TRANSIT, postings.in_transit(payout))
        work.emit("payout.processing", payout)
    else:
        # An older message that comes late takes back no word that money may have moved.
        if stage != Stage.SENT or payout.stage not in _MAY_HAVE_MOVED:
            payout.stage = stage
        work.change(payout)


def _refuse(work: Work, payout: Payout, attempt: Attempt, outcome: base.Rejected) -> None:
    if outcome.retry_class == base.RetryClass.RECONCILE:
        # The bank says it knows this payment: not a refusal. Ask for the original.
        _unknown(work, payout, attempt)
        return
    held_as = payout.state
    attempt.state = Attempt.State.REJECTED
    attempt.canonical_code = outcome.canonical
    attempt.finished_at = work.now
    payout.bank_code = _clean(outcome.bank_code)
    delay_s = _next_try(work, payout, outcome)
    if delay_s is None:
        payout.fail()
        _release_lease(payout)
        work.post(postings.RELEASED, postings.released(payout, held_as))
        work.emit("payout.failed", payout)
        return
    payout.requeue()
    _release_lease(payout)
    payout.due_at = work.now + timedelta(seconds=delay_s)
    if held_as == State.SENT:
        work.post(postings.IN_TRANSIT, postings.back_to_reserved(payout))
    work.change(payout)


def _next_try(work: Work, payout: Payout, outcome: base.Rejected) -> float | None:
    """Return the delay until the next attempt, or None and set the failure if there is none."""
    code = outcome.canonical
    left_s = (payout.deadline_at - work.now).total_seconds()
    if payout.stage in _MAY_HAVE_MOVED:
        pass
    elif outcome.retry_class == base.RetryClass.RETRY_NEW:
        step = min(payout.attempt_count, len(RETRY_DELAYS_S)) - 1
        delay_s = RETRY_DELAYS_S[step] * random.uniform(0.8, 1.2)
        if payout.attempt_count <= len(RETRY_DELAYS_S) and delay_s < left_s:
            return delay_s
        code = failures.RETRIES_EXHAUSTED
    elif outcome.retry_class == base.RetryClass.REROUTE and left_s > 0:
        if other := next_rail(payout):
            payout.fallback_reason = (
                f"{payout.rail} refused: {outcome.canonical} ({payout.bank_code})"[:140]
            )
            payout.rail = other
            return 0.0
    elif outcome.retry_class == base.RetryClass.HOLD:
        log.error("rail.prefunding_short", extra={"rail": payout.rail, "currency": payout.currency})
        return HOLD_DELAY_S
    payout.failure_code = code
    payout.failure_message = failures.explain(code).message
    return None


def _not_sent(
    work: Work, payout: Payout, attempt: Attempt, outcome: base.Outcome, report: Report
) -> None:
    """The bank never took it: same attempt, same key, a little later. Spends no attempt."""
    attempt.state = Attempt.State.NOT_SENT
    payout.requeue()
    _release_lease(payout)
    asked = getattr(outcome, "retry_after_s", None) or 0.0
    delay_s = max(BUSY_DELAY_S, min(asked, 60.0)) * random.uniform(0.5, 1.5)
    payout.due_at = work.now + timedelta(seconds=delay_s)
    if isinstance(outcome, base.ConfigError):
        report.pause[payout.rail] = outcome.detail or "the bank refused our credential or set-up"
    work.change(payout)


def _unknown(work: Work, payout: Payout, attempt: Attempt) -> None:
    """It may have been paid: keep the money reserved and ask again, at last by a person."""
    was_inquiry = payout.stage in (Stage.INQUIRY, Stage.OUTCOME_UNKNOWN)
    if attempt.state == Attempt.State.ACCEPTED:
        _release_lease(payout)
        payout.due_at = work.now + timedelta(seconds=POLL_DELAYS_S[1])
        work.change(payout)
        return
    attempt.state = Attempt.State.UNKNOWN
    _release_lease(payout)
    if work.now - attempt.started_at >= UNKNOWN_AFTER:
        payout.due_at = work.now + LATE_INQUIRY
        if payout.stage != Stage.OUTCOME_UNKNOWN:
            payout.stage = Stage.OUTCOME_UNKNOWN
            log.error("payout.outcome_unknown", extra={"payout": payout.id, "attempt": attempt.id})
            work.emit("payout.processing", payout)
            return
    else:
        step = min(attempt.inquiries, len(INQUIRY_DELAYS_S) - 1)
        payout.due_at = work.now + timedelta(seconds=INQUIRY_DELAYS_S[step])
        payout.stage = Stage.INQUIRY
        if not was_inquiry:
            work.emit("payout.processing", payout)
            return
    work.change(payout)


def _not_found(work: Work, payout: Payout, attempt: Attempt, report: Report) -> None:
    """The bank definitely has no such key. Early it may still be on its way in; later the same key
    is sent again.
    """
    if attempt.state == Attempt.State.ACCEPTED:
        log.critical("bank.forgot_transfer", extra={"payout": payout.id, "attempt": attempt.id})
    elif attempt.inquiries >= RESEND_AFTER_INQUIRIES and payout.stage != Stage.OUTCOME_UNKNOWN:
        report.resend.append(attempt.id)
    _unknown(work, payout, attempt)


def _absorb_late(work: Work, payout: Payout, attempt: Attempt, outcome: base.Outcome) -> None:
    """An answer about an attempt that is closed here: usually an echo, else a contradiction that a
    person must see.
    """
    was = attempt.state
    contradiction = (
        attempt.state != Attempt.State.SETTLED and isinstance(outcome, base.Settled)
    ) or (attempt.state == Attempt.State.SETTLED and isinstance(outcome, base.Rejected))
    if contradiction:
        attempt.detail = (
            f"CONTRADICTION: closed as {was}, the bank now says {_clean(outcome.bank_status)}"[:300]
        )
        log.critical(
            "bank.contradiction",
            extra={
                "payout": payout.id,
                "attempt": attempt.id,
                "closed": was,
                "bank": outcome.bank_status,
            },
        )
    if payout.state in (State.QUEUED, State.IN_REVIEW) and (
        (was == Attempt.State.NOT_SENT and _says_bank_has_it(outcome))
        or (was == Attempt.State.REJECTED and isinstance(outcome, base.Settled))
    ):
        # It was taken after all, and no other attempt is alive: go and ask before one is made,
        # about a payout in review when it is let go.
        attempt.state = Attempt.State.UNKNOWN
        attempt.finished_at = None
        if payout.state == State.QUEUED:
            ask_again(work, payout, attempt)


def ask_again(work: Work, payout: Payout, attempt: Attempt) -> None:
    """Have the bank asked about a queued payout's attempt: another one would pay twice."""
    payout.begin_send()
    payout.rail = attempt.rail
    payout.stage = Stage.INQUIRY
    payout.due_at = work.now
    work.change(payout)


def _says_bank_has_it(outcome: base.Outcome) -> bool:
    return isinstance(outcome, base.Settled | base.Accepted | base.Blocked | base.Rejected)


def _release_lease(payout: Payout) -> None:
    payout.claim_id = None
    payout.leased_until = None
    payout.due_at = None
