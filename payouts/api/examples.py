"""Examples in the OpenAPI document: one small batch in EUR, followed through the API."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

_BATCH_ID = "bt_01jd3v8q0se5a9y2m4k7n6p8rt"
_PAYOUT_ID = "po_01jd3v8q0te0hw4zj6c2x9b1fd"
_AT = "2026-11-22T09:30:00.120Z"

BATCH: dict[str, Any] = {
    "reference": "sellers-2026-11-22",
    "currency": "EUR",
    "payouts": [
        {
            "reference": "seller-1001",
            "amount_minor": 12550,
            "recipient": {
                "name": "Anna de Vries",
                "country": "NL",
                "account": {"type": "iban", "iban": "NL64ATLS0000000000"},
            },
            "description": "Sales of week 47",
            "metadata": {"seller": "1001"},
        }
    ],
}

CSV = (
    "reference,amount_minor,currency,recipient_name,recipient_country,account_type,iban\n"
    "seller-1001,12550,EUR,Anna de Vries,NL,iban,NL64ATLS0000000000\n"
)

_NOTHING = {"count": 0, "amount_minor": 0}
_ALL = {"count": 1, "amount_minor": 12550}
_STATUSES = ("queued", "in_review", "processing", "settled", "failed", "canceled", "returned")


def _batch(status: str, completed_at: str | None) -> dict[str, Any]:
    return {
        "id": _BATCH_ID,
        "object": "batch",
        "reference": "sellers-2026-11-22",
        "currency": "EUR",
        "status": status,
        "intake": "accepted",
        "atomic": False,
        "rail_requested": None,
        "execute_at": None,
        "item_count": 1,
        "accepted_count": 1,
        "accepted_minor": 12550,
        "rejected_count": 0,
        "rejected": [],
        "problem": None,
        "totals": {name: _ALL if name == status else _NOTHING for name in _STATUSES},
        "cancelable": status == "queued",
        "created_at": _AT,
        "completed_at": completed_at,
    }


_PREVIEW: dict[str, Any] = {
    "object": "batch_preview",
    "reference": "sellers-2026-11-22",
    "currency": "EUR",
    "would_be_accepted": True,
    "errors": [],
    "item_count": 1,
    "accepted_count": 1,
    "accepted_minor": 12550,
    "rejected_count": 0,
    "rejected": [],
    "items": [
        {
            "index": 0,
            "reference": "seller-1001",
            "amount_minor": 12550,
            "rail": "sepa_inst",
            "fallback_reason": None,
            "fee_minor": 0,
        }
    ],
    "fee_minor": 0,
    "funds": {
        "currency": "EUR",
        "available_minor": 500000,
        "required_minor": 12550,
        "shortfall_minor": 0,
    },
    "suspected_duplicates": [],
}

_PAYOUT: dict[str, Any] = {
    "id": _PAYOUT_ID,
    "object": "payout",
    "batch_id": _BATCH_ID,
    "position": 0,
    "reference": "seller-1001",
    "amount_minor": 12550,
    "currency": "EUR",
    "recipient": {
        "name": "Anna de Vries",
        "country": "NL",
        "account": {"type": "iban", "bank": "NLATLS", "last4": "0000"},
    },
    "description": "Sales of week 47",
    "metadata": {"seller": "1001"},
    "status": "settled",
    "stage": "done",
    "waiting_on": None,
    "next_step": None,
    "due_at": None,
    "cancelable": False,
    "failure": None,
    "rail_requested": None,
    "rail_applied": "sepa_inst",
    "fallback_reason": None,
    "attempt_count": 1,
    "returned_minor": 0,
    "finality": {
        "state": "provisional",
        "until": "2026-12-06T09:30:01.480Z",
        "basis": "return_window_open",
    },
    "timings": {
        "screening_s": 0.31,
        "review_s": None,
        "queue_s": 0.24,
        "bank_s": 0.81,
        "total_s": 1.36,
    },
    "execute_at": None,
    "submitted_at": _AT,
    "sent_at": "2026-11-22T09:30:00.670Z",
    "final_at": "2026-11-22T09:30:01.480Z",
    "updated_at": "2026-11-22T09:30:01.480Z",
    "version": 4,
    "returns": [],
    "timeline": [
        {
            "at": _AT,
            "status": "queued",
            "stage": "screening",
            "actor": "partner",
            "detail": "Submitted; its funds are reserved.",
        },
        {
            "at": "2026-11-22T09:30:01.480Z",
            "status": "settled",
            "stage": "done",
            "actor": "bank",
            "detail": "Settled.",
        },
    ],
}

_BALANCE = {
    "object": "balance",
    "balances": [
        {
            "currency": "EUR",
            "available_minor": 487450,
            "reserved_minor": 12550,
            "in_transit_minor": 0,
        }
    ],
}

BATCH_SENT = OpenApiExample(
    "A batch of one", value=BATCH, request_only=True, media_type="application/json"
)
BATCH_CSV = OpenApiExample("The same as CSV", value=CSV, request_only=True, media_type="text/csv")
BATCH_ANSWER = OpenApiExample(
    "Accepted", value=_batch("queued", None), response_only=True, status_codes=["202"]
)
BATCH_READ = OpenApiExample(
    "Settled",
    value=_batch("settled", "2026-11-22T09:30:02.000Z"),
    response_only=True,
    status_codes=["200"],
)
PREVIEW_ANSWER = OpenApiExample(
    "All would be accepted", value=_PREVIEW, response_only=True, status_codes=["200"]
)
PAYOUT_READ = OpenApiExample("Settled", value=_PAYOUT, response_only=True, status_codes=["200"])
BALANCE = OpenApiExample("One currency", value=_BALANCE, response_only=True, status_codes=["200"])
