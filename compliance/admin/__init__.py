"""Compliance's part of the console."""

from compliance.admin import (
    audit,
    audit_heads,
    auto,
    cases,
    decisions,
    paid_before,
    policies,
    policies_backtests,
    policies_drafts,
    policies_snoozes,
    reference,
    rescreens,
    safe_matches,
    watchlist_history,
    watchlist_parties,
    watchlists,
)

__all__ = [
    "audit",
    "audit_heads",
    "auto",
    "cases",
    "decisions",
    "paid_before",
    "policies",
    "policies_backtests",
    "policies_drafts",
    "policies_snoozes",
    "reference",
    "rescreens",
    "safe_matches",
    "watchlist_history",
    "watchlist_parties",
    "watchlists",
]
