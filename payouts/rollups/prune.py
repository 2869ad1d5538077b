"""Removing sums by hour that are older than they are kept; days and weeks stay."""

import random
import time
from typing import Any

from django.db import connection

from atlaspay.core import clock
from payouts.rollups.tables import PayoutRollup, PayoutTime, hours_since

_SLICE = 10_000
# Scopes by name: only then does the key lead to the hours of one time.
_SCOPES_AT_ONCE = 500
_SCOPES = "SELECT id FROM partners_partner UNION ALL SELECT ''"
_PRUNE = """
DELETE FROM {table} WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM {table}
    WHERE generation = (SELECT generation FROM payouts_payoutrollupmark WHERE is_live)
      AND scope = ANY(%(scopes)s) AND grain = 'h' AND start_at < %(before)s
    LIMIT %(slice)s
))
"""
_STATEMENTS = tuple(
    _PRUNE.format(table=model._meta.db_table) for model in (PayoutRollup, PayoutTime)
)


def prune_hours(*, budget_s: float | None = None) -> int:
    """Remove what no page reads and no count adds to any more; return how many rows.

    Each slice is a statement by itself: call it outside any transaction. Safe twice, at once, or
    never. What the budget leaves has its turn the next time: chance decides who is first.
    """
    ends = None if budget_s is None else time.monotonic() + budget_s
    values: dict[str, Any] = {"before": hours_since(clock.now()), "slice": _SLICE}
    removed = 0
    with connection.cursor() as cursor:
        cursor.execute(_SCOPES)
        scopes = [scope for (scope,) in cursor.fetchall()]
        random.shuffle(scopes)
        for first in range(0, len(scopes), _SCOPES_AT_ONCE):
            values["scopes"] = scopes[first : first + _SCOPES_AT_ONCE]
            for statement in _STATEMENTS:
                gone = _SLICE
                while gone == _SLICE:
                    if ends is not None and time.monotonic() > ends:
                        return removed
                    cursor.execute(statement, values)
                    gone = cursor.rowcount
                    removed += gone
    return removed
