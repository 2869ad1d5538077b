"""The public shape of payouts and batches, the same in the API and in events.

Pure: reads loaded objects, asks no database, changes nothing. Plain dicts of text, integers and
booleans, ready for msgspec. Never an account number beyond its last four characters, never a
finding.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from payouts import wording
from payouts.machine import State
from payouts.rails import failures

if TYPE_CHECKING:
    from payouts.models import Batch, Payout

# How long the beneficiary's bank may still send a settled payout back. No scheme of ours lets the
# sender revoke one; ten banking days is the SEPA rulebooks' recall period, and we hold the other
# rails to the same.
RETURN_WINDOW = timedelta(days=14)

# Counters of a batch by machine state: how many payouts, and the sum of their amounts in minor
# units.
Counters = Mapping[str, tuple[int, int]]


def instant(at: datetime | None) -> str | None:
    """Return RFC 3339 with milliseconds and Z, or None; `at` is aware."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def payout_public(
    payout: "Payout",
    *,
    now: datetime | None = None,
    timeline: Sequence[Mapping[str, Any]] | None = None,
    returns: Sequence[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return the payout as partners see it.

    `now` (aware; default: the payout's last change) ends the running stopwatches and decides
    finality; `timeline` and `returns` are added where the caller has loaded them.
    """
    state = payout.state
    words = wording.step(state, payout.stage)
    shown = {
        "id": payout.id,
        "object": "payout",
        "batch_id": payout.batch_id,
        "position": payout.position,
        "reference": payout.reference,
        "amount_minor": payout.amount_minor,
        "currency": payout.currency,
        "recipient": {
            "name": payout.recipient_name,
            "country": payout.recipient_country,
            "account": {
                "type": payout.account_type,
                "bank": payout.account_bank,
                "last4": payout.account_last4,
            },
        },
        "description": payout.description,
        "metadata": payout.metadata,
        "status": words.status,
        "stage": words.stage,
        "waiting_on": words.waiting_on,
        "next_step": words.next_step,
        "due_at": instant(payout.due_at) if words.has_due else None,
        "cancelable": state in wording.CANCELABLE_STATES,
        "failure": failure_public(payout),
        "rail_requested": payout.rail_requested or None,
        "rail_applied": payout.rail or None,
        "fallback_reason": payout.fallback_reason or None,
        "attempt_count": payout.attempt_count,
        "returned_minor": payout.returned_minor,
        "finality": finality_public(payout, now=now),
        "timings": timings_public(payout, now=now),
        "execute_at": instant(payout.execute_at),
        "submitted_at": instant(payout.submitted_at),
        "sent_at": instant(payout.sent_at),
        "final_at": instant(payout.final_at),
        "updated_at": instant(payout.updated_at),
        "version": payout.version,
    }
    if returns is not None:
        shown["returns"] = returns
    if timeline is not None:
        shown["timeline"] = timeline
    return shown


def failure_public(payout: "Payout") -> failures.FailurePublic | None:
    """Return why a payout ended unpaid or came back: `{code, message, action, retryable}`."""
    if payout.state == State.CANCELED:
        return failures.explain(payout.failure_code or failures.CANCELED_BY_PARTNER).public()
    if payout.state not in (State.FAILED, State.RETURNED) or not payout.failure_code:
        return None
    # A masked code must not come back through the sentence that went with it.
    message = "" if payout.failure_code in failures.MASKED else payout.failure_message
    return failures.explain(payout.failure_code).public(message)


def finality_public(payout: "Payout", *, now: datetime | None = None) -> dict[str, Any]:
    """Return `{state, until, basis}`: can this outcome still change, until when, and why."""
    state = payout.state
    if state == State.SETTLED:
        until = (payout.final_at or payout.updated_at) + RETURN_WINDOW
        if (now or payout.updated_at) < until:
            return {"state": "provisional", "until": instant(until), "basis": "return_window_open"}
        return {"state": "final", "until": None, "basis": "return_window_passed"}
    if state == State.RETURNED:
        return {"state": "final", "until": None, "basis": "returned_in_full"}
    if state in (State.FAILED, State.CANCELED):
        return {"state": "final", "until": None, "basis": "never_paid"}
    return {"state": "provisional", "until": None, "basis": "not_settled"}


def timings_public(payout: "Payout", *, now: datetime | None = None) -> dict[str, Any]:
    """Return the seconds spent in screening, review, queue and bank; None where it has not been.

    The wait for `execute_at` is the partner's own wish and no part of the queue. A stopwatch that
    still runs counts to `now`.
    """
    end = payout.final_at or now or payout.updated_at
    submitted, queued, sent = payout.submitted_at, payout.queued_at, payout.sent_at
    screened, reviewed = payout.screened_at, payout.reviewed_at
    was_reviewed = reviewed is not None or payout.state == State.IN_REVIEW
    if queued is not None and payout.execute_at is not None and payout.execute_at > queued:
        queued = payout.execute_at
    return {
        "screening_s": _seconds(submitted, screened or end),
        "review_s": _seconds(screened, reviewed or end) if was_reviewed else None,
        "queue_s": _seconds(queued, sent or end),
        "bank_s": _seconds(sent, end),
        "total_s": _seconds(submitted, end),
    }


def _seconds(start: datetime | None, end: datetime) -> float | None:
    """Seconds between two instants, to the millisecond; never negative."""
    if start is None:
        return None
    return max(0.0, round((end - start).total_seconds(), 3))


def batch_public(batch: "Batch", counters: Counters) -> dict[str, Any]:
    """Return the batch as partners see it, with its refused items."""
    return {**batch_summary(batch, counters), "rejected": batch.rejections}


def batch_summary(batch: "Batch", counters: Counters) -> dict[str, Any]:
    """Return the batch without its refused items, for lists and events, which are small.

    Its status is derived from `counters`, never stored.
    """
    totals = {status: {"count": 0, "amount_minor": 0} for status in wording.STATES_OF_STATUS}
    for state, (count, amount_minor) in counters.items():
        total = totals[wording.STATUS_OF_STATE[state]]
        total["count"] += count
        total["amount_minor"] += amount_minor
    is_received = batch.intake == "received"
    return {
        "id": batch.id,
        "object": "batch",
        "reference": batch.reference,
        "currency": batch.currency,
        "status": batch_status(batch, counters),
        "intake": str(batch.intake),
        "atomic": batch.atomic,
        "rail_requested": batch.rail_requested or None,
        "execute_at": instant(batch.execute_at),
        "item_count": batch.item_count,
        "accepted_count": batch.accepted_count,
        "accepted_minor": batch.accepted_minor,
        "rejected_count": 0 if is_received else batch.item_count - batch.accepted_count,
        "problem": batch.problem,
        "totals": totals,
        "cancelable": is_received
        or any(state in wording.CANCELABLE_STATES for state, (n, _) in counters.items() if n),
        "created_at": instant(batch.created_at),
        "completed_at": instant(batch.completed_at),
    }


def batch_status(batch: "Batch", counters: Counters) -> str:
    """Derive the public status of a batch from the states of its payouts.

    `settled` means all that was asked for: one refused item or one payout that came back makes it
    `partially_settled`.
    """
    if batch.intake == "received":
        return "queued"
    if batch.intake == "rejected":
        was_canceled = (batch.problem or {}).get("code") == failures.CANCELED_BY_PARTNER
        return "canceled" if was_canceled else "failed"
    present = {wording.STATUS_OF_STATE[state] for state, (count, _) in counters.items() if count}
    if present <= {"queued", "in_review"}:
        return "queued"
    if present & {"queued", "in_review", "processing"}:
        return "processing"
    if present == {"settled"}:
        return "settled" if batch.accepted_count == batch.item_count else "partially_settled"
    if "settled" in present:
        return "partially_settled"
    return "canceled" if present == {"canceled"} else "failed"
