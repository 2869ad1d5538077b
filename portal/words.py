"""The portal's words for what the API names: statuses, rails, actors."""

from typing import Final

STATUS: Final = {
    "queued": "Queued",
    "in_review": "In review",
    "processing": "Processing",
    "settled": "Settled",
    "partially_settled": "Partly settled",
    "failed": "Failed",
    "canceled": "Canceled",
    "returned": "Returned",
}
TONES: Final = {
    "queued": "idle",
    "in_review": "warn",
    "processing": "info",
    "settled": "good",
    "partially_settled": "warn",
    "failed": "bad",
    "canceled": "idle",
    "returned": "bad",
}
RAILS: Final = {
    "sepa_inst": "SEPA Instant",
    "rtp": "RTP",
    "fednow": "FedNow",
    "fps": "Faster Payments",
}
ACTORS: Final = {
    "partner": "you",
    "platform": "AtlasPay",
    "reviewer": "a reviewer",
    "bank": "the bank",
}
WAITING_ON: Final = {
    "platform": "AtlasPay",
    "reviewer": "A reviewer",
    "bank": "The bank",
    "partner": "You",
}
ROLES_OF_MONEY: Final = {
    "available": "Available",
    "reserved": "Reserved for payouts",
    "in_transit": "On its way",
}
KINDS: Final = {
    "payouts.reserved": "Reserved for a payout",
    "payouts.released": "Given back: not paid",
    "payouts.in_transit": "Sent to the bank",
    "payouts.settled": "Paid",
    "payouts.returned": "Came back",
    "partners.funded": "Paid in",
}
