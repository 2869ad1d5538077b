"""Policy documents that tests write, edit and publish."""

from copy import deepcopy
from typing import Any

SMALL: dict[str, Any] = {
    "rules": [
        {
            "code": "amount_over_limit",
            "rule": "amount_at_least",
            "weight": 30,
            "parameters": {"major": 1_000},
        },
        {
            "code": "watchlist",
            "rule": "watchlist_name",
            "weight": 80,
            "parameters": {"similarity": 90},
        },
    ],
    "thresholds": {"review_score": 30, "review_minutes": 30},
}


def small(*, limit: int = 1_000) -> dict[str, Any]:
    """Return a policy that flags amounts from `limit` whole units, and listed names."""
    made = deepcopy(SMALL)
    made["rules"][0]["parameters"]["major"] = limit
    return made
