"""Take back what was not sent. A row lock decides between the partner and the dispatcher."""

from dataclasses import dataclass, field

from atlaspay.core.errors import ConflictError
from payouts import postings
from payouts.models import Batch, Payout
from payouts.rails.failures import CANCELED_BY_PARTNER, explain
from payouts.selectors.batches import batch_of
from payouts.selectors.payouts import payout_of, with_the_bank
from payouts.services import unit
from payouts.services.intake_deferred import cancel_stored
from payouts.services.unit import Work
from payouts.wording import CANCELABLE_STATES, step


@dataclass(slots=True)
class Canceled:
    """What of a batch was canceled, by this call or before, and what was not."""

    batch: Batch
    canceled: list[Payout] = field(default_factory=list)
    not_canceled: list[Payout] = field(default_factory=list)


class CanceledError(ConflictError):
    """How a stored batch that was canceled explains itself; never answered to a request."""

    code = CANCELED_BY_PARTNER
    title = "Canceled"


def cancel_payout(partner_id: str, payout_id: str) -> Payout:
    """Cancel one payout and give its funds back; one that is canceled already is returned as it is.

    Locks the payout. Raises NotFoundError, ConflictError (`not_cancelable`: it was sent, or ended).
    """
    found = payout_of(partner_id, payout_id)
    with unit.open(reason="canceled by the partner") as work:
        (payout,) = work.lock([found.id])
        if payout.state == "canceled":
            return payout
        if payout.state not in CANCELABLE_STATES or with_the_bank([payout]):
            words = step(payout.state, payout.stage)
            raise ConflictError(
                f"The payout is {words.status}; only what was not sent can be canceled.",
                code="not_cancelable",
                extra={
                    "payout_id": payout.id,
                    "payout_status": words.status,
                    "payout_stage": words.stage,
                },
            )
        _cancel(work, payout)
    return payout


def cancel_batch(partner_id: str, batch_id: str) -> Canceled:
    """Cancel every payout of a batch that was not sent; say which were and which were not.

    Locks the payouts in id order. Repeating is safe. Raises NotFoundError, ConflictError
    (`not_cancelable`: nothing is left to cancel, and not because all was canceled).
    """
    batch = batch_of(partner_id, batch_id)
    with unit.open(reason="canceled by the partner") as work:
        refusal = CanceledError("You canceled the batch before it was taken in.")
        if batch.intake == Batch.Intake.RECEIVED and cancel_stored(work, batch.id, refusal):
            return Canceled(batch_of(partner_id, batch_id))
        ids = Payout.objects.filter(batch_id=batch.id).values_list("id", flat=True)
        result = Canceled(batch_of(partner_id, batch_id))
        payouts = work.lock(ids)
        kept = with_the_bank(payouts)
        for payout in payouts:
            if payout.state in CANCELABLE_STATES and payout.id not in kept:
                _cancel(work, payout)
            done = payout.state == "canceled"
            (result.canceled if done else result.not_canceled).append(payout)
        if result.not_canceled and not result.canceled:
            raise ConflictError(
                "Every payout of the batch was sent or has ended.",
                code="not_cancelable",
                extra={"batch_id": batch.id},
            )
    return result


def _cancel(work: Work, payout: Payout) -> None:
    before = payout.state
    payout.cancel()
    payout.due_at = None
    payout.failure_code = CANCELED_BY_PARTNER
    payout.failure_message = explain(CANCELED_BY_PARTNER).message
    work.post(postings.RELEASED, postings.released(payout, before))
    work.emit("payout.canceled", payout)
