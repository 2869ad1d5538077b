"""How screening is doing, for work that must step aside for it."""

from django.db import connection

LATE_S = 2

_LATE = f"""
SELECT EXISTS (SELECT 1 FROM payouts_payout
    WHERE state = 'screening' AND due_at < clock_timestamp() - interval '{LATE_S} seconds')
"""  # noqa: S608 - constants only


def is_screening_late() -> bool:
    """Say whether payouts have waited for screening longer than a moment."""
    with connection.cursor() as cursor:
        cursor.execute(_LATE)
        return bool(cursor.fetchone()[0])
