"""What a person may settle by hand where the bank's answer never came: with evidence, as an answer.

An operator's word goes through the same `settlement.apply` as a bank's, so that the same law,
ledger and events follow. Permission is the door's; the actor is in the context.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models.functions import Now

from atlaspay.core.errors import ConflictError, InvalidRequestError, NotFoundError
from payouts.machine import Stage, State
from payouts.models import Attempt, Payout
from payouts.rails import base
from payouts.services import outcomes, settlement, unit

MANUAL_STAGES = (Stage.OUTCOME_UNKNOWN, Stage.INQUIRY, Stage.BLOCKED, Stage.MONEY_MOVED, Stage.SENT)
CONFIRMED_UNPAID = "refused_unspecified"
EVIDENCE_LENGTH = (10, 300)
# A send that began just before the outcome was unknown for good has ended after this.
LAST_SEND = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Stuck:
    """One payout that waits for an answer of the bank, oldest attempt first."""

    payout_id: str
    state: str
    stage: str
    rail: str
    amount_minor: int
    currency: str
    end_to_end_id: str
    bank_key: str
    bank_reference: str
    bank_status: str
    inquiries: int
    since: datetime
    next_inquiry_at: datetime | None


def stuck(*, limit: int = 200) -> list[Stuck]:
    """Return payouts that wait for a bank's answer: unknown outcomes and blocked ones first."""
    open_states = [Attempt.State.SENDING, Attempt.State.UNKNOWN, Attempt.State.ACCEPTED]
    attempts = (
        Attempt.objects.filter(state__in=open_states, payout__stage__in=MANUAL_STAGES)
        .select_related("payout")
        .order_by("started_at", "id")[:limit]
    )
    rows = [
        Stuck(
            payout_id=a.payout_id,
            state=str(a.payout.state),
            stage=str(a.payout.stage),
            rail=a.rail,
            amount_minor=a.payout.amount_minor,
            currency=a.payout.currency,
            end_to_end_id=a.end_to_end_id,
            bank_key=a.bank_key,
            bank_reference=a.bank_reference,
            bank_status=a.bank_status,
            inquiries=a.inquiries,
            since=a.started_at,
            next_inquiry_at=a.payout.due_at,
        )
        for a in attempts
    ]
    first = (str(Stage.OUTCOME_UNKNOWN), str(Stage.BLOCKED))
    return sorted(rows, key=lambda row: row.stage not in first)


def ask_now(payout_ids: list[str]) -> int:
    """Let the bank be asked about these payouts at once; return how many will be."""
    asked = 0
    with unit.open(reason="an operator asks the bank") as work:
        for payout in work.lock(payout_ids):
            if payout.state in (State.SENDING, State.SENT) and payout.stage != Stage.SENDING:
                payout.due_at = work.now
                work.change(payout)
                asked += 1
        work.nudge("payouts.resolve_unknown")
        work.nudge("payouts.poll_sent")
    return asked


def confirm(payout_id: str, *, is_paid: bool, evidence: str) -> Payout:
    """Settle or fail one payout by hand on what the bank confirmed otherwise (statement, phone).

    `evidence` says where that is seen and is kept on the attempt and in history. Failing one whose
    money may have moved is what loses money: the door must ask twice, and while the platform itself
    still asks, and may send again under the same key, it is refused. Raises NotFoundError,
    InvalidRequestError (no evidence), ConflictError (`not_waiting`: nothing of it waits for a
    bank; `still_asking`).
    """
    evidence = evidence.strip()
    low, high = EVIDENCE_LENGTH
    if not low <= len(evidence) <= high:
        raise InvalidRequestError(f"Evidence has {low} to {high} characters: where is it seen?")
    payout = Payout.objects.filter(id=payout_id).first()
    if payout is None:
        raise NotFoundError(f"No payout {payout_id[:40]}.")
    attempt = (
        Attempt.objects.filter(
            payout=payout, state__in=[Attempt.State.UNKNOWN, Attempt.State.ACCEPTED]
        )
        .order_by("-number")
        .first()
    )
    if attempt is None or payout.stage not in MANUAL_STAGES:
        raise ConflictError(
            f"{payout.id} is {payout.state} ({payout.stage}): it does not wait for a bank.",
            code="not_waiting",
        )
    if not is_paid and _may_be_sent(payout, attempt):
        raise ConflictError(
            f"{payout.id} is still being asked about and may be sent again under the same key."
            " Wait until its outcome is unknown for good, six minutes after it was sent.",
            code="still_asking",
        )
    detail = f"by hand: {evidence}"
    outcome: base.Outcome = (
        base.Settled(bank_status="confirmed_by_hand", detail=detail)
        if is_paid
        else base.Rejected(
            canonical=CONFIRMED_UNPAID,
            retry_class=base.RetryClass.TERMINAL,
            bank_status="confirmed_by_hand",
            detail=detail,
        )
    )
    settlement.apply(
        [settlement.Answer(payout.id, attempt.id, outcome)], reason=f"by hand: {evidence}"[:100]
    )
    return Payout.objects.get(id=payout_id)


def _may_be_sent(payout: Payout, attempt: Attempt) -> bool:
    """Say whether a send of this attempt may still begin, or be on the wire."""
    lease = timedelta(seconds=settings.ATLASPAY_LEASE_S)
    quiet_at = Now() - max(outcomes.UNKNOWN_AFTER, lease) - LAST_SEND
    is_quiet = Attempt.objects.filter(id=attempt.id, started_at__lte=quiet_at).exists()
    is_unknown = attempt.state == Attempt.State.UNKNOWN
    return payout.stage == Stage.INQUIRY or (is_unknown and not is_quiet)
