"""Asking the bank: unknown outcomes on their schedule, lost leases, and transfers whose callback
never came.

A look-up is a read; it may be repeated for ever. Only an attempt the bank definitely does not know
is sent again, and then under the same key.
"""

import logging
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Now

from atlaspay.core import fanout
from payouts import writes
from payouts.machine import Stage, State
from payouts.models import Attempt, Payout
from payouts.rails import base
from payouts.rails.registry import RAIL_NAMES
from payouts.rails.throttle import Throttle
from payouts.services import banking, outcomes, rails_control, settlement, unit
from payouts.services.dispatch import order_of

log = logging.getLogger(__name__)

CHUNK = 100
# A round ends well inside the task's limit of a minute, however slowly the bank answers.
ROUND_S = 20.0
INQUIRIES_MAX = 32_767
THREADS = 8
TOO_MANY = 429
# A send under the same key begins within this of the check that it may, and ends with its session.
SEND_WITHIN_S = 30.0
LEASE = timedelta(seconds=60)
_OPEN = [Attempt.State.SENDING, Attempt.State.UNKNOWN, Attempt.State.ACCEPTED]


def run(state: State, *, limit: int = CHUNK) -> int:
    """Ask about due payouts in SENDING (outcome unknown, or lease lost) or SENT (no callback yet);
    return how many.
    """
    return sum(_ask(throttle, rails, state, limit) for throttle, rails in banking.lanes("lookup"))


def _ask(throttle: Throttle, rails: Sequence[str], state: State, limit: int) -> int:
    wanted = _due(state, rails, Now())[:limit].count()
    grant = throttle.take(wanted)
    if not grant.granted:
        return 0
    try:
        claimed = _claim(state, grant.granted, rails)
        outcomes = _look_up_all(claimed)
    finally:
        throttle.release(grant.granted)
    _steer(throttle, outcomes)
    answers = [
        settlement.Answer(payout.id, attempt.id, outcome)
        for (payout, attempt), outcome in zip(claimed, outcomes, strict=True)
    ]
    report = settlement.apply(answers, reason="bank was asked")
    resend([pair for pair in claimed if pair[1].id in set(report.resend)])
    return len(claimed)


def _look_up_all(claimed: Sequence[tuple[Payout, Attempt]]) -> list[base.Outcome]:
    """Ask about each, some at once; one that breaks or is not answered in the round is unknown."""
    if not claimed:
        return []
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="inquiry")
    calls = [pool.submit(_look_up, payout, attempt) for payout, attempt in claimed]
    wait(calls, ROUND_S)
    pool.shutdown(wait=False, cancel_futures=True)
    return [_outcome_of(call, attempt) for call, (_, attempt) in zip(calls, claimed, strict=True)]


def _look_up(payout: Payout, attempt: Attempt) -> base.Outcome:
    return banking.rail(attempt.rail).lookup(order_of(payout, attempt))


def _outcome_of(call: Future[base.Outcome], attempt: Attempt) -> base.Outcome:
    if not call.done() or call.cancelled():
        return base.Unknown(detail=f"look-up: no answer within {ROUND_S:.0f} s")
    if error := call.exception():
        extra = {"attempt": attempt.id, "rail": attempt.rail}
        log.error("inquiry.look_up_broke", exc_info=error, extra=extra)
        return base.Unknown(detail=f"look-up: {type(error).__name__}")
    return call.result()


def _steer(throttle: Throttle, outcomes: Sequence[base.Outcome]) -> None:
    """Tell the budget what look-ups came to; a refused one is `Unknown` with the bank's status."""
    silent = [o for o in outcomes if isinstance(o, base.Unknown | base.Unavailable)]
    limited = [o for o in silent if o.http_status == TOO_MANY]
    throttle.report(
        successes=len(outcomes) - len(silent),
        limited=len(limited),
        retry_after_s=max((o.retry_after_s or 0.0 for o in limited), default=0.0) or None,
        errors=len(silent) - len(limited),
    )


def _due(state: State, rails: Sequence[str], now: Any) -> QuerySet[Payout]:
    return Payout.objects.filter(state=state, due_at__lte=now, rail__in=rails).order_by(
        "due_at", "id"
    )


def _claim(
    state: State, limit: int, rails: Sequence[str] = RAIL_NAMES
) -> list[tuple[Payout, Attempt]]:
    with unit.open(reason="inquiry") as work:
        due = _due(state, rails, work.now)[:limit]
        payouts = {p.id: p for p in work.claim(due)}
        attempts = list(Attempt.objects.filter(payout_id__in=payouts, state__in=_OPEN))
        for attempt in attempts:
            payout = payouts[attempt.payout_id]
            # Whoever held the lease is gone or late: from here on nobody may take a refusal at the
            # door for "not sent".
            if attempt.state == Attempt.State.SENDING:
                attempt.state = Attempt.State.UNKNOWN
            attempt.inquiries = min(attempt.inquiries + 1, INQUIRIES_MAX)
            payout.claim_id = uuid.uuid4()
            payout.leased_until = payout.due_at = work.now + LEASE
            work.change(payout)
            work.answered(attempt)
    return [(payouts[attempt.payout_id], attempt) for attempt in attempts]


def resend(pairs: Sequence[tuple[Payout, Attempt]]) -> None:
    """Put attempts the bank definitely does not know on the wire again, under the same key, where
    it promises one object a key.
    """
    sendable = [
        (payout, attempt)
        for payout, attempt in pairs
        if banking.rail(attempt.rail).capabilities().one_object_per_key
        and not rails_control.is_paused(attempt.rail)
    ]
    if not sendable:
        return
    ends = time.monotonic() + SEND_WITHIN_S
    with unit.open(reason="sent again under the same key") as work:
        locked = {
            p.id
            for p in work.lock(p.id for p, _ in sendable)
            if p.state == State.SENDING and p.stage != Stage.OUTCOME_UNKNOWN
        }
        # What is unknown for good is a person's, who counts on nothing being sent any more.
        young = work.now - outcomes.UNKNOWN_AFTER
        free = writes.resend_attempts(
            [a for p, a in sendable if p.id in locked and a.started_at > young]
        )
    sending = [(payout, attempt) for payout, attempt in sendable if attempt.id in free]
    calls = [
        fanout.submit(_submit(attempt.rail, order_of(payout, attempt), ends))
        for payout, attempt in sending
    ]
    settlement.apply(
        [
            settlement.Answer(payout.id, attempt.id, call.result())
            for (payout, attempt), call in zip(sending, calls, strict=True)
        ],
        reason="bank answered",
    )


async def _submit(rail_name: str, order: base.Order, ends: float) -> base.Outcome:
    """Send unless `ends`, on `time.monotonic()`, is over: held up, it would come as a surprise."""
    if time.monotonic() > ends:
        return base.Unknown(detail="not sent again: held up for too long")
    rail = banking.rail(rail_name)
    return await rail.submit(fanout.session(rail.session_options()), order)
