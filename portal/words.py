"""The portal's words for what the API names: statuses, rails, actors."""

from typing import Final

from payouts.rails import failures

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
    "reviewer": "a reviewer",
    "bank": "the bank",
    "partner": "you",
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
# What to do about a failure: the API says it by a code.
ACTIONS: Final = {
    failures.FIX_BANK_DETAILS: "Correct the account and pay again in a new batch.",
    failures.ASK_RECIPIENT: "Ask the recipient for another account.",
    failures.CHANGE_RAIL: "Pay to another account of the recipient, or outside the instant rails.",
    failures.LATER: "Pay again later, in a new batch.",
    failures.CHANGE_RAIL_OR_SPLIT: "Pay over another rail, or in several payouts.",
    failures.FIX_REQUEST: "Correct the payout and send it in a new batch.",
    failures.FIX_NAME: "Correct the recipient's name and pay again in a new batch.",
    failures.SUPPORT: "Write to AtlasPay.",
    failures.NOTHING: "",
}
