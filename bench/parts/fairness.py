"""Does one dead endpoint with a great backlog make the healthy ones wait?"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench.drive import Run, run
from bench.figures import percentile, ratio, rounded
from bench.stack import Stack, Tenant

OVERDUE = 50_000
BATCHES_PER_S = 4.0
GOAL_RATIO = 1.2

_BACKLOG = """
WITH e AS (
    INSERT INTO webhooks_event (id, partner_id, type, object_id, sequence, body, created_at)
    SELECT 'ev_dead' || n, %(partner)s, 'payout.settled', 'po_dead' || n, 1,
        convert_to(repeat('x', 1350), 'UTF8'), now() - interval '1 hour'
      FROM generate_series(1, %(count)s) AS n RETURNING id, object_id)
INSERT INTO webhooks_delivery (id, event_id, endpoint_id, partner_id, object_id, sequence,
    message_id, state, attempt_count, step, due_at, last_error, misconfigured)
SELECT 'wd' || substr(e.id, 3), e.id, %(endpoint)s, %(partner)s, e.object_id, 1,
    'msg' || substr(e.id, 3), 'pending', 0, 0, now() - interval '1 hour', '', false FROM e
"""
_STOP = "UPDATE webhooks_endpoint SET status = 'disabled' WHERE id = %s"


@contextmanager
def black_hole() -> Iterator[str]:
    """Yield the URL of a peer that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1024)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/hooks"


def measure(stack: Stack, *, seconds: float) -> dict[str, Any]:
    """Measure webhook p99 of a healthy endpoint, without and with a dead neighbour."""
    alone = _paced(stack, seconds)
    with black_hole() as url:
        dead = stack.new_tenant("Dead End GmbH", url)
        _pile_up(stack, dead)
        beside = _paced(stack, seconds)
        with stack.connect() as connection:
            connection.execute(_STOP, [dead.endpoint_id])
    before, after = _p99(alone), _p99(beside)
    stack.say(f"fairness: webhook p99 {before} s alone, {after} s beside a dead endpoint")
    return {
        "overdue_deliveries": OVERDUE,
        "batches_per_s": BATCHES_PER_S,
        "for_s": seconds,
        "webhook_p99_alone_s": before,
        "webhook_p99_beside_dead_endpoint_s": after,
        "ratio": ratio(after, before),
        "goal_ratio": GOAL_RATIO,
        "why_null": "; ".join(alone.faults + beside.faults) or None,
    }


def _paced(stack: Stack, seconds: float) -> Run:
    return run(stack, count=round(BATCHES_PER_S * seconds), rate_per_s=BATCHES_PER_S)


def _pile_up(stack: Stack, dead: Tenant) -> None:
    values = {"partner": dead.partner_id, "endpoint": dead.endpoint_id, "count": OVERDUE}
    with stack.connect() as connection:
        connection.execute(_BACKLOG, values)
        connection.execute("ANALYZE webhooks_delivery")


def _p99(one: Run) -> float | None:
    return None if one.faults else rounded(percentile(one.notify_s, 0.99))
