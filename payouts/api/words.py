"""The words and numbers that the API's types are made of, described once."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from payouts.services.intake_schema import RailName


def about(text: str, **more: Any) -> Meta:
    """Return a description for the OpenAPI document."""
    return Meta(description=text, **more)


Minor = Annotated[int, about("Minor units of the currency (cents; JPY 0, KWD 3 digits).")]
Instant = Annotated[
    str, Meta(description="RFC 3339, UTC.", extra_json_schema={"format": "date-time"})
]
Seconds = Annotated[float, about("Seconds, to the millisecond.", ge=0)]
PayoutStatus = Literal[
    "queued", "in_review", "processing", "settled", "failed", "canceled", "returned"
]
BatchStatus = Literal["queued", "processing", "partially_settled", "settled", "failed", "canceled"]
StageName = Literal[
    "screening",
    "review",
    "ready",
    "scheduled",
    "retry",
    "rail_paused",
    "sending",
    "outcome_unknown",
    "sent",
    "done",
]

IntakeState = Literal["received", "accepted", "rejected"]
AccountType = Literal["iban", "us", "uk"]
WaitingOn = Literal["platform", "reviewer", "bank", "partner"]
FinalityState = Literal["provisional", "final"]
FinalityBasis = Literal[
    "not_settled", "return_window_open", "return_window_passed", "returned_in_full", "never_paid"
]
TimelineActor = Literal["partner", "platform", "reviewer", "bank"]
BalanceAccount = Literal["available", "reserved", "in_transit"]

__all__ = [
    "AccountType",
    "BalanceAccount",
    "BatchStatus",
    "FinalityBasis",
    "FinalityState",
    "Instant",
    "IntakeState",
    "Minor",
    "PayoutStatus",
    "RailName",
    "Seconds",
    "StageName",
    "TimelineActor",
    "WaitingOn",
    "about",
]
