"""Reads of payouts. Selectors change nothing and lock nothing."""

from payouts.selectors.batches import counters_of

__all__ = ["counters_of"]
