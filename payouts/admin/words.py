"""Tones and words of payouts, attempts and callbacks in the console."""

from atlaspay.core import console

PAYOUT_TONES = {
    "screening": "info",
    "in_review": "warn",
    "queued": "info",
    "sending": "info",
    "sent": "info",
    "settled": "good",
    "failed": "bad",
    "canceled": "idle",
    "returned": "bad",
}
ATTEMPT_TONES = {
    "sending": "info",
    "unknown": "warn",
    "accepted": "info",
    "settled": "good",
    "rejected": "bad",
    "not_sent": "idle",
}
CALLBACK_TONES = {
    "stored": "info",
    "applied": "good",
    "ignored": "idle",
    "refused": "bad",
    "unmatched": "warn",
    "broken": "bad",
}
DELIVERY_TONES = {"pending": "info", "delivered": "good", "exhausted": "bad", "canceled": "idle"}
BATCH_TONES = {
    "queued": "info",
    "processing": "info",
    "partially_settled": "warn",
    "settled": "good",
    "failed": "bad",
    "canceled": "idle",
}
RAIL_NAMES = {
    "rtp": "RTP",
    "fednow": "FedNow",
    "sepa_inst": "SEPA Instant",
    "fps": "Faster Payments",
}


for _rail in RAIL_NAMES:
    console.NAMERS[_rail.partition("_")[0]] = lambda ids: {each: rail_words(each) for each in ids}
console.PAGES["po"] = "payouts_payout"

RAIL_CHOICES = list(RAIL_NAMES.items())
CURRENCIES = [(code, code) for code in ("EUR", "GBP", "USD")]


def rail_words(rail: str) -> str:
    """Return a rail's name as banks write it."""
    return RAIL_NAMES.get(rail, rail)
