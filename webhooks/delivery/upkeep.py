"""What is not an attempt: ending deliveries of disabled endpoints, warning and disabling the dead.

Runs beside delivering, at most every few seconds a process; every step is bounded and repeatable.
"""

from datetime import timedelta

from django.db import transaction

from webhooks import mail, services, sql
from webhooks.models import Endpoint, EndpointHealth

SLICE = 1_000
WARN_AFTER = (timedelta(hours=24), timedelta(days=4))
DISABLE_AFTER = timedelta(days=5)

# Claimed rows are left to their sender; SKIP LOCKED waits for nobody.
_CANCEL = """
UPDATE webhooks_delivery SET state = 'canceled', due_at = NULL, last_error = 'endpoint_disabled'
WHERE id IN (
    SELECT d.id FROM webhooks_endpoint e JOIN LATERAL (
        SELECT x.id FROM webhooks_delivery x
        WHERE x.endpoint_id = e.id AND x.state = 'pending'
          AND (x.claim_id IS NULL OR x.due_at <= statement_timestamp())
        ORDER BY x.id LIMIT %(slice)s FOR UPDATE SKIP LOCKED
    ) d ON true
    WHERE e.status = 'disabled' OR e.deleted_at IS NOT NULL
    LIMIT %(slice)s
)
"""


def tidy() -> int:
    """Cancel what waits for disabled endpoints, warn of failing ones, disable after five days.

    Returns how many deliveries were canceled; a full slice means there are more.
    """
    canceled = 0
    while True:
        done = sql.run(_CANCEL, {"slice": SLICE})
        canceled += done
        if done < SLICE or canceled >= 10 * SLICE:
            break
    _warn_and_disable()
    return canceled


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
