"""The payouts' part of the console: batches, payouts, the bank's messages, the rails."""

from payouts.admin import bank, batches, payouts, rails, reconciliation

__all__ = ["bank", "batches", "payouts", "rails", "reconciliation"]
