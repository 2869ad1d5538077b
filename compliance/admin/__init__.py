"""Compliance's part of the console."""

from compliance.admin import (
    cases,
    decisions,
    policies,
    policies_backtests,
    policies_drafts,
    policies_snoozes,
    reference,
)

__all__ = [
    "cases",
    "decisions",
    "policies",
    "policies_backtests",
    "policies_drafts",
    "policies_snoozes",
    "reference",
]
