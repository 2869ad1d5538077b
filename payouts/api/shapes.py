"""What the API answers, as types: the source of the OpenAPI components.

Documentation that cannot rot: a test converts real answers to these types. The answers themselves
are made by `payouts.representation`, which events share.
"""

from typing import Annotated, Any, Literal

import msgspec

from payouts.api.words import (
    AccountType,
    BatchStatus,
    FinalityBasis,
    FinalityState,
    Instant,
    IntakeState,
    Minor,
    PayoutStatus,
    RailName,
    Seconds,
    StageName,
    TimelineActor,
    WaitingOn,
    about,
)


class FieldFault(msgspec.Struct):
    """One fault of the input."""

    pointer: Annotated[str, about("JSON pointer (RFC 6901) into the body.")]
    code: str
    detail: str


class Rejection(msgspec.Struct):
    """A refused item of a batch."""

    index: Annotated[int, about("Place in `payouts`, from 0.", ge=0)]
    reference: str | None
    errors: list[FieldFault]


class Total(msgspec.Struct):
    """How many payouts, and the sum of their amounts."""

    count: int
    amount_minor: Minor


class Totals(msgspec.Struct):
    """The accepted payouts of a batch by status."""

    queued: Total
    in_review: Total
    processing: Total
    settled: Total
    failed: Total
    canceled: Total
    returned: Total


class BatchListed(msgspec.Struct):
    """A batch. `status` is derived from its payouts; `settled` means all that was asked for."""

    id: str
    object: Literal["batch"]
    reference: str
    currency: str
    status: BatchStatus
    intake: Annotated[
        IntakeState,
        about("`received`: stored, taken in by a worker next."),
    ]
    atomic: bool
    rail_requested: RailName | None
    execute_at: Instant | None
    item_count: int
    accepted_count: int
    accepted_minor: Minor
    rejected_count: int
    problem: Annotated[
        dict[str, Any] | None, about("Why the batch as a whole was refused: code, title, detail.")
    ]
    totals: Totals
    cancelable: bool
    created_at: Instant
    completed_at: Instant | None


class Batch(BatchListed):
    """A batch with its refused items."""

    rejected: list[Rejection]


class AccountShown(msgspec.Struct):
    """An account as it is shown: never more than its last four characters."""

    type: AccountType
    bank: Annotated[str, about("Country and national bank code, routing number or sort code.")]
    last4: str


class RecipientShown(msgspec.Struct):
    """Who is paid."""

    name: str
    country: str
    account: AccountShown


class Failure(msgspec.Struct):
    """Why a payout ended unpaid or came back, and what to do."""

    code: str
    message: str
    action: str
    retryable: bool


class Finality(msgspec.Struct):
    """Can this outcome still change? `until`: when it becomes final by itself."""

    state: FinalityState
    until: Instant | None
    basis: FinalityBasis


class Timings(msgspec.Struct):
    """Where the time went; null where the payout has not been."""

    screening_s: Seconds | None
    review_s: Seconds | None
    queue_s: Seconds | None
    bank_s: Seconds | None
    total_s: Seconds | None


class Step(msgspec.Struct):
    """One entry of the timeline."""

    at: Instant
    status: PayoutStatus
    stage: StageName
    actor: TimelineActor
    detail: str


class Returned(msgspec.Struct):
    """Money that came back after settlement."""

    id: str
    amount_minor: Minor
    currency: str
    reason: str
    returned_at: Instant


class PayoutListed(msgspec.Struct):
    """A payout."""

    id: str
    object: Literal["payout"]
    batch_id: str
    position: Annotated[int, about("Index in the batch as submitted.", ge=0)]
    reference: str
    amount_minor: Minor
    currency: str
    recipient: RecipientShown
    description: str
    metadata: dict[str, str]
    status: PayoutStatus
    stage: StageName
    waiting_on: WaitingOn | None
    next_step: str | None
    due_at: Annotated[Instant | None, about("When the platform acts on it next.")]
    cancelable: bool
    failure: Failure | None
    rail_requested: RailName | None
    rail_applied: RailName | None
    fallback_reason: str | None
    attempt_count: int
    returned_minor: Minor
    finality: Finality
    timings: Timings
    execute_at: Instant | None
    submitted_at: Instant
    sent_at: Instant | None
    final_at: Instant | None
    updated_at: Instant
    version: int


class Payout(PayoutListed):
    """A payout with its timeline and what came back."""

    returns: list[Returned]
    timeline: list[Step]


class BatchPage(msgspec.Struct):
    """One page of batches, newest first."""

    object: Literal["list"]
    data: list[BatchListed]
    has_more: bool
    next_cursor: str | None


class PayoutPage(msgspec.Struct):
    """One page of payouts, newest first."""

    object: Literal["list"]
    data: list[PayoutListed]
    has_more: bool
    next_cursor: str | None


class CanceledItem(msgspec.Struct):
    """A payout of a batch that was to be canceled."""

    id: str
    reference: str
    status: PayoutStatus
    stage: StageName


class BatchCancellation(msgspec.Struct):
    """What of a batch is canceled and what could not be."""

    object: Literal["batch_cancellation"]
    batch: Batch
    canceled: list[CanceledItem]
    not_canceled: list[CanceledItem]


class PreviewItem(msgspec.Struct):
    """An item that would be accepted."""

    index: int
    reference: str
    amount_minor: Minor
    rail: RailName
    fallback_reason: str | None
    fee_minor: Minor


class PreviewFunds(msgspec.Struct):
    """Whether the balance covers the accepted items."""

    currency: str
    available_minor: Minor
    required_minor: Minor
    shortfall_minor: Minor


class SuspectedDuplicate(msgspec.Struct):
    """An item with the account and amount of another one, here or in the last 24 hours."""

    index: int
    reference: str
    twin_index: int | None
    payout_id: str | None
    batch_id: str | None
    submitted_at: Instant | None


class BatchPreview(msgspec.Struct):
    """What submitting the same body now would do. AtlasPay charges no fee: `fee_minor` is 0."""

    object: Literal["batch_preview"]
    reference: str
    currency: str
    would_be_accepted: bool
    errors: list[FieldFault]
    item_count: int
    accepted_count: int
    accepted_minor: Minor
    rejected_count: int
    rejected: list[Rejection]
    items: list[PreviewItem]
    fee_minor: Minor
    funds: PreviewFunds
    suspected_duplicates: list[SuspectedDuplicate]
