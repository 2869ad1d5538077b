"""Batches, payouts, attempts, and what banks told us. Columns and constraints only; services hold
the logic.
"""

from payouts.models.bank import Attempt, BankCallback, RailState, Return
from payouts.models.payouts import FIXED_COLUMNS, Batch, BatchUpload, Payout
from payouts.models.reconciliation import (
    BankEntry,
    BankNotice,
    BankStatement,
    BankStream,
    ReconciliationBreak,
)
from payouts.rollups import tables as rollup_tables  # noqa: F401 - Django finds models here

__all__ = [
    "FIXED_COLUMNS",
    "Attempt",
    "BankCallback",
    "BankEntry",
    "BankNotice",
    "BankStatement",
    "BankStream",
    "Batch",
    "BatchUpload",
    "Payout",
    "RailState",
    "ReconciliationBreak",
    "Return",
]
