"""The catalogue of what partners are told.

Additive: a type is never renamed or given another meaning.
"""

EVENT_VERSION = 1

CATALOGUE: dict[str, str] = {
    "payout.in_review": "The payout was flagged and waits for a compliance officer.",
    "payout.queued": "A compliance officer approved the payout; it goes to the bank next.",
    "payout.processing": "The bank has accepted the payout, or its answer is not known yet.",
    "payout.settled": "The bank has confirmed that the money reached the recipient.",
    "payout.failed": "The payout will not be paid; `failure` says why, and the funds are back.",
    "payout.canceled": "The payout was canceled before it was sent; the funds are back.",
    "payout.returned": "The recipient's bank sent money back after settlement, wholly or in part.",
    "batch.accepted": "The batch was taken in; rejected items, if any, are listed in it.",
    "batch.rejected": "No item of the batch was taken in; the batch says why.",
    "batch.completed": "Every payout of the batch has reached an end state.",
    "endpoint.test": "A test you asked for; it tells nothing about money.",
}

# Steps on the way: one that could not be delivered gives way to the next event of its payout.
PASSING = ("payout.in_review", "payout.queued", "payout.processing")

SUBSCRIBABLE = tuple(name for name in CATALOGUE if name != "endpoint.test")


def unknown(names: list[str]) -> list[str]:
    """Return those names that an endpoint cannot subscribe to."""
    return [name for name in names if name not in SUBSCRIBABLE]
