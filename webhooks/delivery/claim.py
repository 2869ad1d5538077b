"""Claiming due deliveries: fairly over endpoints, in order within one object, each by one sender.

The claim is committed before anything is sent. It raises `attempt_count`, sets `claim_id` (the
fencing token) and moves `due_at` to the end of the lease, all on the database's clock. A row whose
lease ran out is simply due again; the claim that finds it leaves an `in_doubt` attempt behind,
which uses up no step of the schedule. A step on the way (event_types.PASSING) that has failed gives
way to the later event of its payout: it is superseded, not sent again. An endpoint in test mode is
sent its own tests alone, whatever else waits for it.
"""

import logging
import random
import time
import uuid
from dataclasses import dataclass, replace

from atlaspay.core import crypto
from webhooks import secret_box, sql
from webhooks.delivery.breaker import Health
from webhooks.event_types import PASSING

log = logging.getLogger(__name__)

LEASE_S = 60
# Rows claimed ahead per parallel call of an endpoint that answers; one that fails gets no backlog.
DEPTH = 16
# A later event of an object whose earlier one is on its way looks again after this long, unless
# the earlier one's outcome releases it first.
RECHECK_S = 2


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint with due deliveries: where to send, with which keys, how much it may get."""

    endpoint_id: str
    partner_id: str
    url: str
    keys: tuple[bytes, ...]
    health: Health
    has_backlog: bool = True

    @property
    def depth(self) -> int:
        """Return how many deliveries may be claimed at once."""
        if self.health.is_probing:
            return 1
        is_ahead = self.has_backlog and self.health.failing_since is None
        return self.health.window * (DEPTH if is_ahead else 1)

    def without_backlog(self) -> "Target":
        """Return it with no rows claimed ahead of its calls."""
        return replace(self, has_backlog=False)

    def narrowed(self, window: int) -> "Target":
        """Return it with no more than so many calls at once."""
        if self.health.window <= window:
            return self
        return replace(self, health=replace(self.health, window=window))


@dataclass(frozen=True, slots=True)
class Claimed:
    """One delivery to send. `number` is this attempt's; `step` counts earlier failures."""

    id: str
    claim_id: uuid.UUID
    endpoint_id: str
    object_id: str
    sequence: int
    message_id: str
    number: int
    step: int
    body: bytes
    lease_end: float  # on time.monotonic()


# The endpoints with pending rows, by one index probe each, however many rows they have.
_TARGETS = """
WITH RECURSIVE fresh(endpoint_id) AS (
    (SELECT d.endpoint_id FROM webhooks_delivery d
     WHERE d.state = 'pending' AND d.attempt_count = 0 ORDER BY d.endpoint_id LIMIT 1)
    UNION ALL
    SELECT (SELECT d.endpoint_id FROM webhooks_delivery d
            WHERE d.state = 'pending' AND d.attempt_count = 0 AND d.endpoint_id > f.endpoint_id
            ORDER BY d.endpoint_id LIMIT 1)
    FROM fresh f WHERE f.endpoint_id IS NOT NULL
), retry(endpoint_id) AS (
    (SELECT d.endpoint_id FROM webhooks_delivery d
     WHERE d.state = 'pending' AND d.attempt_count > 0 ORDER BY d.endpoint_id LIMIT 1)
    UNION ALL
    SELECT (SELECT d.endpoint_id FROM webhooks_delivery d
            WHERE d.state = 'pending' AND d.attempt_count > 0 AND d.endpoint_id > r.endpoint_id
            ORDER BY d.endpoint_id LIMIT 1)
    FROM retry r WHERE r.endpoint_id IS NOT NULL
), busy AS (
    SELECT endpoint_id FROM fresh UNION SELECT endpoint_id FROM retry
), due AS MATERIALIZED (
    -- The first by due time, which only the queue's indexes can give: an EXISTS would be answered
    -- by reading the table, whose past is long.
    SELECT b.endpoint_id,
           (SELECT d.due_at FROM webhooks_delivery d WHERE d.endpoint_id = b.endpoint_id
            AND d.state = 'pending' AND d.attempt_count = 0 ORDER BY d.due_at LIMIT 1) AS fresh_at,
           (SELECT d.due_at FROM webhooks_delivery d WHERE d.endpoint_id = b.endpoint_id
            AND d.state = 'pending' AND d.attempt_count > 0 ORDER BY d.due_at LIMIT 1) AS retry_at
    FROM busy b WHERE b.endpoint_id IS NOT NULL
)
SELECT e.id, e.partner_id, e.url, e.secret_sealed,
       CASE WHEN e.previous_secret_until IS NULL
                 OR e.previous_secret_until > statement_timestamp()
            THEN e.previous_secret_sealed END AS previous_secret_sealed,
       h.failing_since, h.streak, h.breaker_trips, h.breaker_open_until, h."window",
       h.warnings_sent
FROM due
JOIN webhooks_endpoint e ON e.id = due.endpoint_id
LEFT JOIN webhooks_endpointhealth h ON h.endpoint_id = e.id
WHERE least(due.fresh_at, due.retry_at) <= statement_timestamp()
  AND e.status = 'enabled' AND e.deleted_at IS NULL
  -- What waits for an endpoint that has not passed its check waits on; tests of its own go out.
  AND (e.mode = 'live' OR EXISTS (
      SELECT FROM webhooks_delivery t WHERE t.object_id = e.id AND t.endpoint_id = e.id
      AND t.state = 'pending' AND t.due_at <= statement_timestamp()))
  AND (h.breaker_open_until IS NULL OR h.breaker_open_until <= statement_timestamp())
"""

_CLAIM = """
WITH want AS (
    SELECT w.endpoint_id, w.quota, e.mode = 'live' AS is_live
    FROM unnest(%(endpoints)b::text[], %(quotas)b::int[]) AS w(endpoint_id, quota)
    JOIN webhooks_endpoint e ON e.id = w.endpoint_id
), fresh AS MATERIALIZED (
    SELECT p.* FROM want w CROSS JOIN LATERAL (
        SELECT d.id, d.event_id, d.object_id, d.endpoint_id, d.sequence,
               d.claim_id IS NOT NULL AS was_claimed
        FROM webhooks_delivery d
        WHERE d.endpoint_id = w.endpoint_id AND d.state = 'pending' AND d.attempt_count = 0
          AND d.due_at <= statement_timestamp() AND (w.is_live OR d.object_id = d.endpoint_id)
        ORDER BY d.due_at LIMIT w.quota FOR UPDATE SKIP LOCKED
    ) p
), retry AS MATERIALIZED (
    SELECT p.* FROM want w CROSS JOIN LATERAL (
        SELECT d.id, d.event_id, d.object_id, d.endpoint_id, d.sequence,
               d.claim_id IS NOT NULL AS was_claimed
        FROM webhooks_delivery d
        WHERE d.endpoint_id = w.endpoint_id AND d.state = 'pending' AND d.attempt_count > 0
          AND d.due_at <= statement_timestamp() AND (w.is_live OR d.object_id = d.endpoint_id)
        ORDER BY d.due_at LIMIT greatest(1, w.quota / 4) FOR UPDATE SKIP LOCKED
    ) p
), picked AS MATERIALIZED (
    -- First attempts first; a quarter on top for retries, and nothing on top of a single probe.
    SELECT * FROM (
        SELECT r.*, row_number() OVER (PARTITION BY r.endpoint_id ORDER BY r.turn) AS place
        FROM (SELECT *, 0 AS turn FROM fresh UNION ALL SELECT *, 1 FROM retry) r
    ) r JOIN want w USING (endpoint_id) WHERE r.place <= w.quota + w.quota / 4
), earlier AS MATERIALIZED (
    -- OFFSET keeps this one look-up a row by the whole key: where the statistics know of no pending
    -- rows, a join would read all of them for each row picked.
    SELECT p.id AS later_id, q.* FROM picked p CROSS JOIN LATERAL (
        SELECT q.id, q.event_id, q.claim_id, q.due_at, q.attempt_count FROM webhooks_delivery q
        WHERE q.object_id = p.object_id AND q.endpoint_id = p.endpoint_id
          AND q.state = 'pending' AND q.sequence < p.sequence
        OFFSET 0
    ) q
), outdated AS MATERIALIZED (
    -- A step on the way that has failed: the later event of the payout goes in its place. Only
    -- what is pending is due; its state in words would let the planner read all that is pending.
    SELECT q.id FROM earlier r
    JOIN webhooks_event e ON e.id = r.event_id
    JOIN webhooks_delivery q ON q.id = r.id
    WHERE r.claim_id IS NULL AND r.attempt_count > 0 AND e.type = ANY(%(passing)s)
      AND q.claim_id IS NULL AND q.due_at IS NOT NULL
    FOR UPDATE OF q SKIP LOCKED
), superseded AS (
    UPDATE webhooks_delivery d SET state = 'superseded', due_at = NULL
    FROM outdated o WHERE d.id = o.id
), blocked AS (
    SELECT r.later_id AS id, max(CASE WHEN r.claim_id IS NULL THEN r.due_at END) AS until
    FROM earlier r
    WHERE NOT EXISTS (SELECT FROM picked k WHERE k.id = r.id)
      AND NOT EXISTS (SELECT FROM outdated o WHERE o.id = r.id)
    GROUP BY r.later_id
), later AS (
    UPDATE webhooks_delivery d
    SET due_at = greatest(b.until, statement_timestamp() + make_interval(secs => %(recheck)s))
    FROM blocked b WHERE d.id = b.id AND NOT EXISTS (SELECT FROM outdated o WHERE o.id = d.id)
), claimed AS (
    UPDATE webhooks_delivery d
    SET claim_id = %(claim)s, attempt_count = d.attempt_count + 1,
        due_at = statement_timestamp() + make_interval(secs => %(lease)s)
    FROM picked p
    WHERE d.id = p.id AND NOT EXISTS (SELECT FROM blocked b WHERE b.id = p.id)
      AND NOT EXISTS (SELECT FROM outdated o WHERE o.id = p.id)
    RETURNING d.id, p.event_id, d.endpoint_id, d.object_id, d.sequence, d.message_id,
              d.attempt_count, d.step, p.was_claimed
), doubtful AS (
    INSERT INTO webhooks_deliveryattempt
        (delivery_id, number, outcome, error, detail, response_headers)
    SELECT id, attempt_count - 1, 'in_doubt', 'in_doubt',
           'The sender stopped before it knew; the event may have been sent.', '{}'
    FROM claimed WHERE was_claimed
    ON CONFLICT (delivery_id, number) DO NOTHING
)
SELECT c.id, c.endpoint_id, c.object_id, c.sequence, c.message_id, c.attempt_count, c.step, e.body
FROM claimed c JOIN webhooks_event e ON e.id = c.event_id
ORDER BY c.endpoint_id, c.object_id, c.sequence
"""


def due_targets() -> list[Target]:
    """Return the enabled endpoints that have due deliveries and whose breaker is closed.

    One whose secret does not open is left out with an alarm; its deliveries wait.
    """
    found = []
    for row in sql.fetch(_TARGETS, {}):
        try:
            keys = secret_box.keys(row["id"], row["secret_sealed"], row["previous_secret_sealed"])
        except (crypto.SealError, ValueError) as error:
            extra = {"endpoint_id": row["id"], "error": str(error)}
            log.error("webhook.secret_unreadable", extra=extra)  # noqa: TRY400 - no key in a trace
            continue
        found.append(
            Target(
                endpoint_id=row["id"],
                partner_id=row["partner_id"],
                url=row["url"],
                keys=keys,
                health=health_of(row),
            )
        )
    return found


def health_of(row: sql.Row) -> Health:
    """Return the health in a row that may be that of a missing record."""
    if row["window"] is None:
        return Health()
    return Health(
        failing_since=row["failing_since"],
        streak=row["streak"],
        breaker_trips=row["breaker_trips"],
        breaker_open_until=row["breaker_open_until"],
        window=row["window"],
        warnings_sent=row["warnings_sent"],
    )


def share(targets: list[Target], *, capacity: int, in_flight: dict[str, int]) -> dict[str, int]:
    """Divide `capacity` claims among the endpoints: equal shares, never above an endpoint's depth.

    With more endpoints than capacity, chance decides whose turn it is.
    """
    quotas: dict[str, int] = {}
    waiting = random.sample(targets, len(targets))
    for index, target in enumerate(waiting):
        equal = max(1, capacity // (len(waiting) - index))
        room = target.depth - in_flight.get(target.endpoint_id, 0)
        quota = min(equal, room, capacity)
        if quota > 0:
            quotas[target.endpoint_id] = quota
            capacity -= quota
    return quotas


def claim(quotas: dict[str, int]) -> list[Claimed]:
    """Claim due deliveries of these endpoints and commit. Two claimers never share a row."""
    if not quotas:
        return []
    claim_id = uuid.uuid4()
    lease_end = time.monotonic() + LEASE_S
    rows = sql.fetch(
        _CLAIM,
        {
            "endpoints": list(quotas),
            "quotas": list(quotas.values()),
            "claim": claim_id,
            "lease": float(LEASE_S),
            "recheck": float(RECHECK_S),
            "passing": list(PASSING),
        },
    )
    return [
        Claimed(
            id=row["id"],
            claim_id=claim_id,
            endpoint_id=row["endpoint_id"],
            object_id=row["object_id"],
            sequence=row["sequence"],
            message_id=row["message_id"],
            number=row["attempt_count"],
            step=row["step"],
            body=row["body"],
            lease_end=lease_end,
        )
        for row in rows
    ]
