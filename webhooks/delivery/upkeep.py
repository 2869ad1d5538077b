"""What is not an attempt: ending deliveries of disabled endpoints, bringing forward those of
recovered ones, warning of and disabling the dead.

Runs beside delivering, at most every few seconds a process; every step is bounded and repeatable.
"""

from datetime import timedelta

from django.db import transaction
from django.db.models import Q

from webhooks import mail, services, sql
from webhooks.letters import DISABLE_AFTER
from webhooks.models import Endpoint, EndpointHealth

SLICE = 1_000
SLICES = 5
WARN_AFTER = (timedelta(hours=24), timedelta(days=4))

# Claimed rows are left to their sender; SKIP LOCKED waits for nobody. Two statements, because the
# queue's two partial indexes each need their own condition. The array keeps a slice to its size.
_CANCEL_FRESH = """
UPDATE webhooks_delivery
SET state = 'canceled', due_at = NULL, claim_id = NULL, last_error = 'endpoint_disabled'
WHERE id = ANY(ARRAY(
    SELECT d.id FROM webhooks_endpoint e JOIN LATERAL (
        SELECT x.id FROM webhooks_delivery x
        WHERE x.endpoint_id = e.id AND x.state = 'pending' AND x.attempt_count = 0
          AND (x.claim_id IS NULL OR x.due_at <= statement_timestamp())
        ORDER BY x.due_at LIMIT %(slice)s FOR UPDATE SKIP LOCKED
    ) d ON true
    WHERE e.status = 'disabled' OR e.deleted_at IS NOT NULL
    LIMIT %(slice)s
))
"""
_CANCEL_RETRY = _CANCEL_FRESH.replace("x.attempt_count = 0", "x.attempt_count > 0")

# An attempt brought forward stands beside the schedule: where it fails too, the row is where it
# was. A microsecond apart, in the order of the events: the claim goes by due time.
_BRING_FORWARD = """
WITH waiting AS MATERIALIZED (
    SELECT w.id, row_number() OVER (ORDER BY w.event_at, w.id) AS turn FROM (
        SELECT d.id, d.event_at FROM webhooks_delivery d
        WHERE d.endpoint_id = %(endpoint)s AND d.state = 'pending' AND d.attempt_count > 0
          AND d.claim_id IS NULL
          AND d.due_at > statement_timestamp() + make_interval(secs => %(soon)s)
        ORDER BY d.event_at, d.id LIMIT %(slice)s FOR UPDATE SKIP LOCKED
    ) w
)
UPDATE webhooks_delivery d
SET step = greatest(d.step - 1, 0),
    due_at = statement_timestamp() + make_interval(secs => waiting.turn / 1e6)
FROM waiting WHERE waiting.id = d.id
"""
SOON_S = 5.0


def tidy() -> int:
    """Cancel what waits for disabled endpoints, bring forward what waits for recovered ones, warn
    of failing ones, disable after five days.

    Returns how many deliveries were canceled; what is left over has its turn the next time.
    """
    canceled = _cancel(_CANCEL_FRESH) + _cancel(_CANCEL_RETRY)
    _bring_forward()
    _warn_and_disable()
    return canceled


def _cancel(statement: str) -> int:
    total = 0
    for _ in range(SLICES):
        done = sql.run(statement, {"slice": SLICE})
        total += done
        if done < SLICE:
            break
    return total


def _bring_forward() -> None:
    recovered = EndpointHealth.objects.filter(recovered_at__isnull=False, failing_since=None)
    for endpoint_id in list(recovered.values_list("pk", flat=True)[:SLICE]):
        values = {"endpoint": endpoint_id, "slice": SLICE, "soon": SOON_S}
        for _ in range(SLICES):
            if sql.run(_BRING_FORWARD, values) < SLICE:
                EndpointHealth.objects.filter(pk=endpoint_id).update(recovered_at=None)
                break


def _warn_and_disable() -> None:
    now = sql.now()
    is_due = Q(failing_since__lte=now - DISABLE_AFTER)
    for count, limit in enumerate(WARN_AFTER):
        is_due |= Q(failing_since__lte=now - limit, warnings_sent__lte=count)
    failing = EndpointHealth.objects.filter(is_due, endpoint__status=Endpoint.Status.ENABLED)
    for endpoint_id in list(failing.values_list("pk", flat=True)[:SLICE]):
        with transaction.atomic():
            health = (
                EndpointHealth.objects.select_for_update(of=("self",))
                .select_related("endpoint")
                .filter(pk=endpoint_id)
                .first()
            )
            if health is None or health.failing_since is None:
                continue
            age = now - health.failing_since
            if age >= DISABLE_AFTER:
                services.disable_dead(endpoint_id)
                continue
            due = sum(age >= limit for limit in WARN_AFTER)
            if due > health.warnings_sent:
                mail.tell_failing(
                    health.endpoint.partner_id, endpoint_id, health.failing_since, due
                )
                EndpointHealth.objects.filter(pk=endpoint_id).update(warnings_sent=due)
