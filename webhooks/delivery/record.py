"""Writing what attempts came to: rows, attempts, successors, health and mails in one transaction.

Set-based: a flush of one result or five hundred costs the same few statements. A result whose
claim was lost meanwhile changes no delivery (fencing); it only settles its own doubtful attempt.
"""

import json
import logging
from collections import defaultdict
from datetime import timedelta
from typing import Any

from django.db import transaction

from webhooks import mail, services, sql
from webhooks.delivery import breaker
from webhooks.delivery.claim import Target, health_of
from webhooks.delivery.result import Outcome, Result
from webhooks.delivery.schedule import next_delay_s

log = logging.getLogger(__name__)

MISCONFIGURED_MAIL_AT = 3  # failures
RECOVERY_AFTER = timedelta(minutes=1)  # a shorter failure leaves nothing to bring forward

_DELIVERIES = """
WITH o AS (
    SELECT * FROM unnest(
        %(ids)b::text[], %(claims)b::uuid[], %(states)b::text[], %(delays)b::float8[],
        %(steps)b::int[], %(given_back)b::int[], %(errors)b::text[], %(misconfigured)b::bool[]
    ) AS o(id, claim_id, state, delay_s, step, given_back, error, misconfigured)
), done AS (
    UPDATE webhooks_delivery d
    SET state = o.state, claim_id = NULL, step = o.step,
        attempt_count = d.attempt_count - o.given_back,
        due_at = CASE WHEN o.state = 'pending'
                 THEN statement_timestamp() + make_interval(secs => o.delay_s) END,
        delivered_at = CASE WHEN o.state = 'delivered' THEN statement_timestamp() END,
        last_error = CASE WHEN o.given_back = 0 THEN o.error ELSE d.last_error END,
        misconfigured = CASE WHEN o.given_back = 0 THEN o.misconfigured ELSE d.misconfigured END
    FROM o WHERE d.id = o.id AND d.claim_id = o.claim_id
    RETURNING d.id, d.object_id, d.endpoint_id, d.sequence, d.state
), later AS MATERIALIZED (
    -- One look-up a row by the whole key, whatever the statistics know of pending rows.
    SELECT p.id FROM done CROSS JOIN LATERAL (
        SELECT n.id FROM webhooks_delivery n
        WHERE n.object_id = done.object_id AND n.endpoint_id = done.endpoint_id
          AND n.state = 'pending' AND n.sequence > done.sequence AND n.claim_id IS NULL
        OFFSET 0
    ) p WHERE done.state <> 'pending'
), next AS (
    SELECT n.id FROM webhooks_delivery n JOIN later ON later.id = n.id
    WHERE n.due_at IS NOT NULL AND n.claim_id IS NULL
    ORDER BY n.id FOR UPDATE OF n
), released AS (
    UPDATE webhooks_delivery d SET due_at = least(d.due_at, statement_timestamp())
    FROM next WHERE d.id = next.id AND d.attempt_count = 0
)
SELECT id, state FROM done
"""

_ATTEMPTS = """
INSERT INTO webhooks_deliveryattempt AS a
    (delivery_id, number, outcome, http_status, error, detail, response_body, response_headers,
     started_at, duration_ms, gave_up)
SELECT u.delivery_id, u.number, u.outcome, u.http_status, u.error, u.detail, u.body,
       u.headers::jsonb, u.started_at, u.duration_ms, u.gave_up
FROM unnest(
    %(ids)b::text[], %(numbers)b::int[], %(outcomes)b::text[], %(statuses)b::int[],
    %(errors)b::text[], %(details)b::text[], %(bodies)b::bytea[], %(headers)b::text[],
    %(started)b::timestamptz[], %(durations)b::int[], %(gave_up)b::bool[]
) AS u(delivery_id, number, outcome, http_status, error, detail, body, headers, started_at,
       duration_ms, gave_up)
ON CONFLICT (delivery_id, number) DO UPDATE
SET outcome = excluded.outcome, http_status = excluded.http_status, error = excluded.error,
    detail = excluded.detail, response_body = excluded.response_body,
    response_headers = excluded.response_headers, started_at = excluded.started_at,
    duration_ms = excluded.duration_ms, gave_up = excluded.gave_up
WHERE a.outcome = 'in_doubt'
"""

_HEALTH_ROWS = """
INSERT INTO webhooks_endpointhealth (endpoint_id, streak, breaker_trips, "window", warnings_sent)
SELECT id, 0, 0, %(window)s, 0 FROM unnest(%(ids)b::text[]) AS id ORDER BY id
ON CONFLICT (endpoint_id) DO NOTHING
"""
_HEALTH_LOCK = """
SELECT * FROM webhooks_endpointhealth WHERE endpoint_id = ANY(%(ids)b)
ORDER BY endpoint_id FOR UPDATE
"""
_HEALTH_UPDATE = """
UPDATE webhooks_endpointhealth
SET failing_since = %(failing_since)s, streak = %(streak)s, breaker_trips = %(breaker_trips)s,
    breaker_open_until = %(breaker_open_until)s, "window" = %(window)s,
    warnings_sent = %(warnings_sent)s,
    recovered_at = CASE WHEN %(has_recovered)s THEN statement_timestamp() ELSE recovered_at END
WHERE endpoint_id = %(endpoint_id)s
"""


def record(results: list[Result], targets: dict[str, Target]) -> None:
    """Write the results and what follows from them. Locks deliveries, then health rows, by id.

    Repeating is safe: a result that was written changes nothing the second time.
    """
    verdicts = [_verdict(result) for result in results]
    with transaction.atomic():
        rows = sql.fetch(_DELIVERIES, _delivery_columns(results, verdicts))
        kept = {row["id"]: row["state"] for row in rows}
        _write_attempts([one for one in results if one.outcome is not Outcome.UNSENT], kept)
        _write_health(results, targets)
        _follow_up(results, kept, targets)


def _verdict(result: Result) -> tuple[str, float]:
    """Return (state, seconds until due)."""
    if result.outcome is Outcome.UNSENT:
        return "pending", result.unsent_delay_s
    if result.outcome is Outcome.DELIVERED:
        return "delivered", 0.0
    if result.is_gone:
        return "canceled", 0.0
    delay_s = next_delay_s(result.item.step + 1, retry_after_s=result.retry_after_s)
    return ("exhausted", 0.0) if delay_s is None else ("pending", delay_s)


def _delivery_columns(
    results: list[Result], verdicts: list[tuple[str, float]]
) -> dict[str, list[Any]]:
    failed = (Outcome.REFUSED, Outcome.FAILED)
    return {
        "ids": [result.item.id for result in results],
        "claims": [result.item.claim_id for result in results],
        "states": [state for state, _ in verdicts],
        "delays": [delay_s for _, delay_s in verdicts],
        "steps": [result.item.step + (result.outcome in failed) for result in results],
        "given_back": [int(result.outcome is Outcome.UNSENT) for result in results],
        "errors": [result.error for result in results],
        "misconfigured": [result.is_misconfigured for result in results],
    }


def _write_attempts(sent: list[Result], kept: dict[str, str]) -> None:
    if not sent:
        return
    sql.run(
        _ATTEMPTS,
        {
            "ids": [result.item.id for result in sent],
            "numbers": [result.item.number for result in sent],
            "outcomes": [result.outcome.value for result in sent],
            "statuses": [result.http_status for result in sent],
            "errors": [result.error for result in sent],
            "details": [result.detail for result in sent],
            "bodies": [result.body for result in sent],
            "headers": [json.dumps(dict(result.headers)) for result in sent],
            "started": [result.started_at for result in sent],
            "durations": [result.duration_ms for result in sent],
            "gave_up": [kept.get(result.item.id) == "exhausted" for result in sent],
        },
    )


def _write_health(results: list[Result], targets: dict[str, Target]) -> None:
    signs: dict[str, list[breaker.Sign]] = defaultdict(list)
    asked: dict[str, float] = {}
    saturated: set[str] = set()
    for result in results:
        endpoint_id = result.item.endpoint_id
        if result.sign is not None:
            signs[endpoint_id].append(result.sign)
        if result.retry_after_s:
            asked[endpoint_id] = max(result.retry_after_s, asked.get(endpoint_id, 0.0))
        if result.is_saturated:
            saturated.add(endpoint_id)
    changing = sorted(
        endpoint_id
        for endpoint_id, heard in signs.items()
        if _is_news(targets[endpoint_id].health, heard, is_saturated=endpoint_id in saturated)
    )
    if not changing:
        return
    sql.run(_HEALTH_ROWS, {"ids": changing, "window": breaker.WINDOW_START})
    now = sql.now()
    for row in sql.fetch(_HEALTH_LOCK, {"ids": changing}):
        endpoint_id = row["endpoint_id"]
        before = health_of(row)
        health = breaker.after(
            before,
            signs[endpoint_id],
            now,
            retry_after_s=asked.get(endpoint_id),
            is_saturated=endpoint_id in saturated,
        )
        if health == before:
            continue
        columns = {name: getattr(health, name) for name in health.__slots__}
        failed_for = now - (before.failing_since or now)
        has_recovered = health.failing_since is None and failed_for >= RECOVERY_AFTER
        sql.run(
            _HEALTH_UPDATE,
            {"endpoint_id": endpoint_id, "has_recovered": has_recovered, **columns},
        )
        if has_recovered and before.failing_since is not None:
            mail.tell_recovered(targets[endpoint_id].partner_id, endpoint_id, before.failing_since)
        if health.breaker_trips > before.breaker_trips:
            log.warning(
                "webhook.breaker_opened",
                extra={"endpoint_id": endpoint_id, "until": health.breaker_open_until},
            )


def _is_news(health: breaker.Health, heard: list[breaker.Sign], *, is_saturated: bool) -> bool:
    """Say whether these answers can change the row: successes of a healthy endpoint cannot."""
    is_well = health.failing_since is None and health.breaker_open_until is None
    grows = is_saturated and health.window < breaker.WINDOW_MAX
    return grows or not is_well or any(sign is not breaker.Sign.OK for sign in heard)


def _follow_up(results: list[Result], kept: dict[str, str], targets: dict[str, Target]) -> None:
    for result in results:
        item = result.item
        state = kept.get(item.id)
        if state is None or result.outcome in (Outcome.UNSENT, Outcome.DELIVERED):
            continue
        target = targets[item.endpoint_id]
        if state == "exhausted":
            log.error(
                "webhook.exhausted",
                extra={
                    "delivery_id": item.id,
                    "endpoint_id": item.endpoint_id,
                    "object_id": item.object_id,
                    "error": result.error,
                },
            )
            mail.tell_exhausted(target.partner_id, item.endpoint_id, item.id)
        elif result.is_gone:
            services.disable_gone(item.endpoint_id)
        elif result.is_misconfigured and item.step + 1 == MISCONFIGURED_MAIL_AT:
            mail.tell_misconfigured(
                target.partner_id, item.endpoint_id, item.id, result.http_status or 0
            )
