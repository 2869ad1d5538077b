"""Does one dead endpoint with a great backlog make the healthy ones wait?

Short stretches with the dead endpoint held back and let loose take turns, so that whatever else the
machine does falls on both; each figure is that of all stretches of its kind together. A first
vacuum of a table that has grown shows as a third of a second in one stretch of either kind: hence
the figures of each.
"""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from bench.drive import Run, run
from bench.figures import percentile, ratio, rounded
from bench.stack import Stack, Tenant

OVERDUE = 50_000
BATCHES_PER_S = 4.0
GOAL_RATIO = 1.2
ROUNDS = 6

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
# The breaker's row decides whether the dead endpoint is sent to at all.
_TURN = """
INSERT INTO webhooks_endpointhealth (endpoint_id, streak, breaker_trips, "window", warnings_sent,
    breaker_open_until)
VALUES (%(endpoint)s, 0, 0, 4, 0, %(until)s::timestamptz)
ON CONFLICT (endpoint_id) DO UPDATE SET streak = 0, breaker_trips = 0, "window" = 4,
    failing_since = NULL, breaker_open_until = excluded.breaker_open_until
"""
_TRIED = "SELECT sum(attempt_count) FROM webhooks_delivery WHERE endpoint_id = %s"


@contextmanager
def black_hole() -> Iterator[str]:
    """Yield the URL of a peer that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1024)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/hooks"


def measure(stack: Stack, *, seconds: float) -> dict[str, Any]:
    """Measure webhook p99 of a healthy endpoint, with a dead neighbour held back and let loose."""
    alone: list[Run] = []
    beside: list[Run] = []
    with black_hole() as url:
        dead = stack.new_tenant("Dead End GmbH", url)
        _turn(stack, dead, is_loose=False)
        _pile_up(stack, dead)
        for number in range(ROUNDS):
            # Who begins changes, so that a drift of the machine favours nobody.
            for is_loose in (number % 2 == 1, number % 2 == 0):
                _turn(stack, dead, is_loose=is_loose)
                (beside if is_loose else alone).append(_paced(stack, seconds / 2))
        with stack.connect() as connection:
            tried = connection.execute(_TRIED, [dead.endpoint_id]).fetchone()
        _turn(stack, dead, is_loose=False)
    before, after = _p99(alone), _p99(beside)
    stack.say(f"fairness: webhook p99 {before} s alone, {after} s beside a dead endpoint")
    return {
        "overdue_deliveries": OVERDUE,
        "batches_per_s": BATCHES_PER_S,
        "for_s": seconds / 2,
        "rounds": ROUNDS,
        "calls_to_the_dead_endpoint": tried[0] if tried else 0,
        "webhook_p99_alone_s": before,
        "webhook_p99_beside_dead_endpoint_s": after,
        "webhook_p50_alone_s": _share_of(alone, 0.5),
        "webhook_p50_beside_dead_endpoint_s": _share_of(beside, 0.5),
        "webhook_p99_alone_s_by_round": [_p99([one]) for one in alone],
        "webhook_p99_beside_dead_endpoint_s_by_round": [_p99([one]) for one in beside],
        "ratio": ratio(after, before),
        "goal_ratio": GOAL_RATIO,
        "why_null": "; ".join(fault for one in alone + beside for fault in one.faults) or None,
    }


def _paced(stack: Stack, seconds: float) -> Run:
    return run(stack, count=round(BATCHES_PER_S * seconds), rate_per_s=BATCHES_PER_S)


def _turn(stack: Stack, dead: Tenant, *, is_loose: bool) -> None:
    # Python's calendar has no infinity.
    until = "2000-01-01T00:00:00Z" if is_loose else "2100-01-01T00:00:00Z"
    with stack.connect() as connection:
        connection.execute(_TURN, {"endpoint": dead.endpoint_id, "until": until})


def _pile_up(stack: Stack, dead: Tenant) -> None:
    values = {"partner": dead.partner_id, "endpoint": dead.endpoint_id, "count": OVERDUE}
    with stack.connect() as connection:
        connection.execute(_BACKLOG, values)
        connection.execute("VACUUM ANALYZE webhooks_delivery, webhooks_event")


def _p99(runs: Sequence[Run]) -> float | None:
    return _share_of(runs, 0.99)


def _share_of(runs: Sequence[Run], share: float) -> float | None:
    if any(one.faults for one in runs):
        return None
    return rounded(percentile([took_s for one in runs for took_s in one.notify_s], share))
