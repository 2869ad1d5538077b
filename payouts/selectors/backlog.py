"""What waits for the platform, and since when: the figures of /readyz, /metrics and the
dashboards.

Raw SQL over known tables, each on a partial index: cheap with millions of payouts stored.
"""

from math import inf
from typing import NamedTuple

from django.db import connection


class Queue(NamedTuple):
    """Rows that wait for the platform, and from what age the oldest makes it not ready."""

    name: str
    due: str
    table: str
    condition: str
    alarm_after_s: float


_PAYOUTS, _DUE = "payouts_payout", "due_at <= statement_timestamp()"
# Rows that wait for an officer, a partner or a paused rail are no backlog of the platform. Webhooks
# are shown and never an alarm: one partner's dead endpoint must not take the API out of service.
QUEUES = (
    Queue(
        "intake", "created_at", "payouts_batch", "intake = 'received' AND completed_at IS NULL", 60
    ),
    Queue("screening", "due_at", _PAYOUTS, f"state = 'screening' AND {_DUE}", 60),
    Queue(
        "queued", "due_at", _PAYOUTS, f"state = 'queued' AND stage <> 'rail_paused' AND {_DUE}", 300
    ),
    Queue("sending", "due_at", _PAYOUTS, f"state = 'sending' AND {_DUE}", 300),
    Queue("sent", "due_at", _PAYOUTS, f"state = 'sent' AND {_DUE}", 300),
    Queue("callbacks", "received_at", "payouts_bankcallback", "state = 'stored'", 60),
    Queue("webhooks", "due_at", "webhooks_delivery", f"state = 'pending' AND {_DUE}", inf),
)


def oldest_due_s() -> dict[str, float]:
    """Return, for each queue, how many seconds ago its oldest row fell due; 0 where nothing is
    due.
    """
    parts = [
        f"SELECT '{q.name}', extract(epoch FROM statement_timestamp() - min({q.due}))"  # noqa: S608 - constants
        f" FROM {q.table} WHERE {q.condition}"
        for q in QUEUES
    ]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts))
        return {name: round(float(age or 0), 3) for name, age in cursor.fetchall()}


def late_queues() -> dict[str, float]:
    """Return the age in seconds of each queue's oldest row, where that is an alarm."""
    ages = oldest_due_s()
    return {q.name: ages[q.name] for q in QUEUES if ages[q.name] > q.alarm_after_s}
