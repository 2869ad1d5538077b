"""Bodies of batches for intake tests: valid unless a test breaks them."""

import json
from typing import Any

from payouts.models import Batch, Payout
from webhooks.models import Event

IBAN = "NL64ATLS0000000000"
OTHER_IBAN = "NL91ABNA0417164300"


def item(reference: str = "r-0", amount_minor: int = 1000, **changes: Any) -> dict[str, Any]:
    """Return one valid item; `iban=` replaces its account's number."""
    iban = changes.pop("iban", IBAN)
    made = {
        "reference": reference,
        "amount_minor": amount_minor,
        "recipient": {
            "name": "Anna Jansen",
            "country": "NL",
            "account": {"type": "iban", "iban": iban},
        },
    }
    return {**made, **changes}


def us_item(reference: str = "r-0", amount_minor: int = 1000) -> dict[str, Any]:
    """Return one valid item in USD."""
    account = {"type": "us", "routing_number": "790100016", "account_number": "100000000"}
    recipient = {"name": "Joe Smith", "country": "US", "account": account}
    return {"reference": reference, "amount_minor": amount_minor, "recipient": recipient}


def batch(*items: Any, **fields: Any) -> dict[str, Any]:
    """Return a batch of these items (one valid one by default)."""
    listed = list(items) or [item()]
    return {"reference": "b-1", "currency": "EUR", **fields, "payouts": listed}


def body(*items: Any, **fields: Any) -> bytes:
    """Return the batch as JSON."""
    return json.dumps(batch(*items, **fields)).encode()


def stored_counts() -> tuple[int, int, int]:
    """Return how many batches, payouts and events there are."""
    return Batch.objects.count(), Payout.objects.count(), Event.objects.count()
