"""What is not an attempt: ending deliveries of disabled endpoints, warning and disabling the dead.

Runs beside delivering, at most every few seconds a process; every step is bounded and repeatable.
"""

from datetime import timedelta

from django.db import transaction

from webhooks import mail, services, sql
from webhooks.models import Endpoint, EndpointHealth

SLICE = 1_000
SLICES = 5
WARN_AFTER = (timedelta(hours=24), timedelta(days=4))
DISABLE_AFTER = timedelta(days=5)

# Claimed rows are left to their sender; SKIP LOCKED waits for nobody. Two statements, because the
# queue's two partial indexes each need their own condition.
_CANCEL_FRESH = """
UPDATE webhooks_delivery
SET state = 'canceled', due_at = NULL, claim_id = NULL, last_error = 'endpoint_disabled'
WHERE id IN (
    SELECT d.id FROM webhooks_endpoint e JOIN LATERAL (
        SELECT x.id FROM webhooks_delivery x
        WHERE x.endpoint_id = e.id AND x.state = 'pending' AND x.attempt_count = 0
          AND (x.claim_id IS NULL OR x.due_at <= statement_timestamp())
        LIMIT %(slice)s FOR UPDATE SKIP LOCKED
    ) d ON true
    WHERE e.status = 'disabled' OR e.deleted_at IS NOT NULL
    LIMIT %(slice)s
)
"""
_CANCEL_RETRY = _CANCEL_FRESH.replace("x.attempt_count = 0", "x.attempt_count > 0")


def tidy() -> int:
    """Cancel what waits for disabled endpoints, warn of failing ones, disable after five days.

    Returns how many deliveries were canceled; what is left over has its turn the next time.
    """
    canceled = _cancel(_CANCEL_FRESH) + _cancel(_CANCEL_RETRY)
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


def _warn_and_disable() -> None:
    now = sql.now()
    failing = EndpointHealth.objects.filter(
        failing_since__lte=now - WARN_AFTER[0], endpoint__status=Endpoint.Status.ENABLED
    )
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
