"""Sending: claim, commit, call with no transaction open, absorb what comes back.

One loop a process keeps many calls in flight; the database is touched in sets between them. The
queue is the table: several processes claim with SKIP LOCKED, a lease and a fencing token, and a
killed one loses nothing but the lease's seconds.
"""

import logging
import threading
import time
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connections
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from atlaspay.core import context
from atlaspay.core.crypto import SealError
from atlaspay.core.ids import new_id
from partners.models import Partner
from payouts import writes
from payouts.machine import State
from payouts.models import Attempt, Payout
from payouts.rails import base
from payouts.rails.throttle import Throttle
from payouts.services import banking, outcomes, rails_control, settlement, unit
from payouts.services.in_flight import Sending, Wire
from payouts.vault import open_account

log = logging.getLogger(__name__)

CHUNK = 250
IDLE_CLAIM_S = 0.05
STRAGGLER_S = 1.0
UNREADABLE_DELAY = timedelta(minutes=1)
KEY_SPACE = uuid.UUID("6f0c1d0e-5d2f-5c38-9f41-0c1b7f3a9a55")

# What must not be sent now though it is due; a room that knows of a reason adds its own, once.
HELD_BACK: list[Q] = []


def bank_key(payout_id: str, number: int) -> str:
    """Return the idempotency key of an attempt: the same whenever it is asked for, another for each
    number.
    """
    return str(uuid.uuid5(KEY_SPACE, f"{payout_id}:{number}"))


def order_of(payout: Payout, attempt: Attempt) -> base.Order:
    """Make what goes on the wire. Holds the account in plain text: hand it over and drop it."""
    return base.Order(
        attempt_id=attempt.id,
        payout_id=payout.id,
        number=attempt.number,
        rail=attempt.rail,
        bank_key=attempt.bank_key,
        end_to_end_id=attempt.end_to_end_id,
        amount_minor=payout.amount_minor,
        currency=payout.currency,
        recipient_name=payout.recipient_name,
        recipient_country=payout.recipient_country,
        account=open_account(payout),
        description=payout.description,
    )


def due(rails: Sequence[str], limit: int) -> int:
    """Return how many payouts of these rails are due, counting to `limit`; locks nothing."""
    # In no order: for the first of all, many more are sorted.
    return _waiting(rails, Now()).order_by()[:limit].count()


def _waiting(rails: Sequence[str], now: Any) -> QuerySet[Payout]:
    waiting = Payout.objects.filter(state=State.QUEUED, due_at__lte=now, rail__in=rails)
    for reason in HELD_BACK:
        waiting = waiting.exclude(reason)
    return waiting.exclude(partner__status=Partner.Status.PAUSED).order_by("deadline_at", "id")


def claim(rails: Sequence[str], limit: int) -> list[Sending]:
    """Claim due payouts of these rails, oldest deadline first; when this returns their attempts are
    committed.

    queued -> sending with lease and token. An attempt that never reached the bank goes out again
    under its own key; one the bank turned out to have is asked about instead. A payout whose
    account does not open is put off with an alarm.
    """
    lease_ends = time.monotonic() + settings.ATLASPAY_LEASE_S
    lease = timedelta(seconds=settings.ATLASPAY_LEASE_S)
    token = uuid.uuid4()
    with unit.open(reason="dispatch") as work:
        payouts = work.claim(_waiting(rails, work.now)[:limit])
        if not payouts:
            return []
        again = {
            a.payout_id: a
            for a in Attempt.objects.filter(
                payout_id__in=[p.id for p in payouts if p.attempt_count],
                state__in=[Attempt.State.NOT_SENT, Attempt.State.UNKNOWN],
            )
        }
        sendings, fresh = [], []
        for payout in payouts:
            attempt = again.get(payout.id)
            if attempt is not None and attempt.state == Attempt.State.UNKNOWN:
                outcomes.ask_again(work, payout, attempt)
                continue
            if is_new := attempt is None or attempt.rail != payout.rail:
                attempt = _new_attempt(payout, token, work.now)
            try:
                order = order_of(payout, attempt)
            except SealError:
                log.critical("payout.account_unreadable", extra={"payout": payout.id})
                payout.due_at = work.now + UNREADABLE_DELAY
                work.change(payout)
                continue
            payout.begin_send()
            payout.claim_id = token
            payout.leased_until = payout.due_at = work.now + lease
            payout.sent_at = payout.sent_at or work.now
            if is_new:
                payout.attempt_count = attempt.number
                fresh.append(attempt)
            else:
                attempt.claim_id = token
                attempt.state = Attempt.State.SENDING
                attempt.started_at = work.now
            attempt.payload_hash = banking.rail(attempt.rail).payload_hash(order)
            sendings.append(Sending(payout, attempt, order, lease_ends))
            work.change(payout)
        writes.insert_attempts(fresh)
        writes.resend_attempts(
            [s.attempt for s in sendings if s.payout.id in again and s.attempt not in fresh]
        )
    return sendings


# What an attempt holds before its bank has said anything.
_BLANK = {
    **dict.fromkeys(("bank_reference", "bank_status", "bank_code", "canonical_code", "detail"), ""),
    **dict.fromkeys(("http_status", "response_hash", "answered_at", "finished_at"), None),
    "state": Attempt.State.SENDING,
    "payload_hash": b"",
    "sends": 1,
    "inquiries": 0,
}


def _new_attempt(payout: Payout, token: uuid.UUID, now: datetime) -> Attempt:
    number = payout.attempt_count + 1
    return Attempt.quick(
        **_BLANK,
        id=new_id("at"),
        payout_id=payout.id,
        number=number,
        rail=payout.rail,
        bank_key=bank_key(payout.id, number),
        end_to_end_id=f"{payout.id.removeprefix('po_')}-{number}",
        claim_id=token,
        started_at=now,
    )


def run(*, slice_s: float = 5.0) -> int:
    """Send what is due, for about `slice_s` seconds; return how many answers were absorbed.

    Answers that take longer than the rest are absorbed by a thread of their own, so that a bank
    that hangs on one payout keeps no worker from the others; if the process dies meanwhile, the
    lease ends and the bank is asked.
    """
    absorbed = 0
    for throttle, rails in banking.lanes("submit"):
        running = [name for name in rails if not rails_control.is_paused(name)]
        if running:
            absorbed += _run_lane(throttle, running, slice_s)
    return absorbed


def _run_lane(throttle: Throttle, rails: Sequence[str], slice_s: float) -> int:
    wire = Wire()
    try:
        return _send_and_absorb(throttle, rails, slice_s, wire)
    finally:
        # What hangs, or was in flight when something broke: its answers are heard all the same.
        if wire.in_flight:
            _hand_over(throttle, wire)


def _send_and_absorb(throttle: Throttle, rails: Sequence[str], slice_s: float, wire: Wire) -> int:
    room = settings.ATLASPAY_BANK_IN_FLIGHT
    refill_at = max(1, min(room // 4, CHUNK))
    ends = time.monotonic() + slice_s
    next_claim = heard = 0.0
    absorbed = 0
    has_more = False
    while True:
        now = time.monotonic()
        wait_s = IDLE_CLAIM_S
        if next_claim <= now < ends and room - wire.in_flight >= refill_at:
            free = min(room - wire.in_flight, CHUNK)
            # Slots are asked for what is there, so that a lone payout finds the budget full; after
            # a claim that took all it could, more is there for sure.
            wanted = free if has_more else due(rails, free)
            if not wanted and not wire.in_flight:
                return absorbed
            grant = throttle.take(wanted)
            sendings: list[Sending] = []
            try:
                sendings = claim(rails, grant.granted) if grant.granted else []
            finally:
                throttle.release(grant.granted - len(sendings))
            wire.send(sendings)
            if sendings:
                heard = time.monotonic()
            has_more = len(sendings) == free
            if not has_more:
                next_claim = now + max(IDLE_CLAIM_S, grant.wait_s)
                wait_s = next_claim - now
        if wire.in_flight:
            answers = wire.gather(most=CHUNK, wait_s=min(wait_s, 0.25))
            if answers:
                heard = time.monotonic()
                absorbed += len(answers)
                absorb(throttle, answers)
            elif time.monotonic() - heard > STRAGGLER_S:
                return absorbed
        elif next_claim >= ends or time.monotonic() >= ends:
            return absorbed
        else:
            time.sleep(min(max(next_claim - time.monotonic(), 0.0), 0.25))


def _hand_over(throttle: Throttle, wire: Wire) -> None:
    """Let a thread wait for the calls that hang; it ends when the last of them has answered or
    timed out.
    """
    actor = context.actor()

    def finish() -> None:
        try:
            with context.bind(actor=actor):
                while wire.in_flight:
                    if answers := wire.gather(most=CHUNK, wait_s=30.0):
                        absorb(throttle, answers)
        finally:
            connections.close_all()

    threading.Thread(target=finish, name="stragglers", daemon=True).start()


def absorb(
    throttle: Throttle, answers: Sequence[tuple[Sending, base.Outcome]]
) -> settlement.Report:
    """Steer the throttle by what the bank said, write the outcomes, pause rails whose set-up was
    refused.
    """
    _steer(throttle, [outcome for _, outcome in answers])
    report = settlement.apply(
        [
            settlement.Answer(s.payout.id, s.attempt.id, outcome, s.payout, s.attempt)
            for s, outcome in answers
        ],
        reason="bank answered",
    )
    for rail, why in report.pause.items():
        with context.bind(actor="system:dispatch"):
            rails_control.pause(rail, reason=why)
    return report


def _steer(throttle: Throttle, outcomes: Sequence[base.Outcome]) -> None:
    limited = [o for o in outcomes if isinstance(o, base.RateLimited)]
    throttle.release(len(outcomes))
    throttle.report(
        successes=sum(
            isinstance(o, base.Settled | base.Accepted | base.Rejected | base.Blocked)
            for o in outcomes
        ),
        limited=len(limited),
        retry_after_s=max((o.retry_after_s or 0.0 for o in limited), default=0.0) or None,
        errors=sum(isinstance(o, base.Unavailable | base.Unknown) for o in outcomes),
    )
