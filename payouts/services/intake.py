"""Take a batch in: one request, one transaction, a few statements whatever the number of payouts.

A large or deferred batch is only stored here; `intake_deferred` takes it in.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from django.db import IntegrityError
from psycopg.errors import UniqueViolation

from atlaspay.core.errors import ConflictError, ProblemError
from partners.idempotency import claim
from payouts.models import Batch
from payouts.representation import Counters, batch_public
from payouts.services import banking, intake_deferred, unit
from payouts.services.intake_accept import Sender, accept, check_execute_at, new_batch
from payouts.services.intake_deferred import take_in
from payouts.services.intake_items import judge
from payouts.services.intake_request import read_request
from payouts.services.intake_schema import fault

OPERATION = "batches.create"
ITEMS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What the partner gets: `body` is the exact JSON, the same for every repetition."""

    status: int
    body: bytes
    batch_id: str
    is_replay: bool


def submit(
    sender: Sender,
    idempotency_key: str,
    body: bytes,
    *,
    is_csv: bool = False,
    query: Mapping[str, str] | None = None,
    is_deferred: bool = False,
) -> Answer:
    """Take in a batch, or store it for a worker where that is asked for or it is large.

    Locks the idempotency key, then the partner's available balance. Repeating with the same key is
    safe and gives the first answer. Raises MalformedRequestError, InvalidRequestError (also
    `idempotency_key_reused`), InsufficientFundsError, ConflictError (`batch_reference_taken`,
    `idempotency_in_progress`); nothing is changed then.
    """
    request = read_request(body, is_csv=is_csv, query=query or {})
    header = request.header
    is_deferred = is_deferred or len(request.items) > ITEMS_AT_ONCE
    judged = None if is_deferred else judge(request, banking.capabilities())
    try:
        with (
            unit.open(reason="batch submitted") as work,
            claim(sender.partner_id, idempotency_key, OPERATION, request.canonical()) as slot,
        ):
            if slot.replay:
                first = slot.replay
                return Answer(first.status, first.body.encode(), first.object_id, is_replay=True)
            check_execute_at(header, work.now)
            batch = new_batch(sender, header, work.now, item_count=len(request.items))
            if judged is None:
                intake_deferred.store(work, batch, request)
                counters: Counters = {}
            else:
                counters = accept(work, batch, header, judged)
            answer = msgspec.json.encode(batch_public(batch, counters))
            slot.store(202, answer, batch.id)
    except IntegrityError as error:
        raise _translated(error, sender.partner_id, header.reference) from error
    return Answer(202, answer, batch.id, is_replay=False)


def _translated(error: IntegrityError, partner_id: str, reference: str) -> Exception:
    """Turn the database's refusal of a second batch with one reference into the partner's 409."""
    cause = error.__cause__
    taken = isinstance(cause, UniqueViolation) and (
        cause.diag.constraint_name == "batch_reference_once"
    )
    return reference_taken(partner_id, reference) or error if taken else error


def reference_taken(partner_id: str, reference: str) -> ProblemError | None:
    """Return the refusal of a reference that an earlier batch has, or None if it is free."""
    first = Batch.objects.filter(partner_id=partner_id, reference=reference).first()
    if first is None:
        return None
    detail = f"Your batch {first.id} has this reference already; each batch has its own."
    errors = [fault("/reference", "batch_reference_taken", detail)]
    return ConflictError(
        detail, code="batch_reference_taken", errors=errors, extra={"batch_id": first.id}
    )


__all__ = ["ITEMS_AT_ONCE", "Answer", "Sender", "reference_taken", "submit", "take_in"]
