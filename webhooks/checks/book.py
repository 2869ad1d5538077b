"""The rows of checks: opened with the change that asks for one, claimed, closed with the result.

Locks the endpoint first and the check second. A result whose claim was lost, because the endpoint
changed meanwhile or the lease ran out, is dropped.
"""

import logging
import uuid

from django.db import transaction

from atlaspay.core import context, crypto
from atlaspay.core.ids import new_id
from atlaspay.core.nudge import nudge
from webhooks import secret_box, sql
from webhooks.checks import script
from webhooks.checks.probe import Job
from webhooks.checks.script import Finding
from webhooks.delivery.breaker import WINDOW_START
from webhooks.models import Endpoint, EndpointCheck, EndpointHealth

log = logging.getLogger(__name__)

CHECK_TASK = "webhooks.check"
QUEUE = "chores"
LEASE_S = 90
# A receiver that is being deployed is not there yet: so many seconds after a try without answer.
AGAIN_S = (3.0, 15.0, 60.0)
# A new secret may take a day to reach every server; the last wait repeats.
ROTATION_AGAIN_S = (60.0, 300.0, 600.0, 1_800.0, 3_600.0)

_State, _Kind = EndpointCheck.State, EndpointCheck.Kind

# The array is made once, whatever it is joined with: no more than the limit is claimed.
_CLAIM = """
UPDATE webhooks_endpointcheck c
SET claim_id = %(claim)s, attempt_count = c.attempt_count + 1,
    due_at = statement_timestamp() + make_interval(secs => %(lease)s)
FROM webhooks_endpoint e
WHERE e.id = c.endpoint_id AND c.id = ANY(ARRAY(
    SELECT k.id FROM webhooks_endpointcheck k JOIN webhooks_endpoint o ON o.id = k.endpoint_id
    WHERE k.state = 'pending' AND k.due_at <= statement_timestamp() AND o.deleted_at IS NULL
      AND (k.kind = 'conformance' OR o.status = 'enabled')
    ORDER BY k.due_at LIMIT %(limit)s FOR UPDATE OF k SKIP LOCKED
))
RETURNING c.id, c.kind, CASE c.kind WHEN 'rotation' THEN e.url ELSE c.url END AS url,
          e.id AS endpoint_id, e.partner_id, e.secret_sealed,
          CASE WHEN e.previous_secret_until IS NULL
                    OR e.previous_secret_until > statement_timestamp()
               THEN e.previous_secret_sealed END AS previous_secret_sealed
"""
_END_ROTATIONS = """
UPDATE webhooks_endpointcheck c
SET state = 'canceled', claim_id = NULL, finished_at = statement_timestamp()
FROM webhooks_endpoint e
WHERE e.id = c.endpoint_id AND c.state = 'pending' AND c.kind = 'rotation'
  AND (e.previous_secret_sealed IS NULL OR e.previous_secret_until <= statement_timestamp())
"""


def open_check(endpoint: Endpoint, kind: str, url: str, *, delay_s: float = 0.0) -> EndpointCheck:
    """Write a check of this kind, in place of one that is still open; the worker is nudged.

    Call it in the transaction that holds the endpoint's lock.
    """
    cancel_open(endpoint.pk, kind)
    check = EndpointCheck.objects.create(
        id=new_id("wc"),
        endpoint=endpoint,
        kind=kind,
        url=url,
        requested_by=context.actor()[:100],
        due_at=sql.now_plus(delay_s),
    )
    nudge(CHECK_TASK, queue=QUEUE)
    return check


def cancel_open(endpoint_id: str, *kinds: str) -> None:
    """Cancel what is still open of these kinds (all kinds where none is named)."""
    found = EndpointCheck.objects.filter(endpoint_id=endpoint_id, state=_State.PENDING)
    if kinds:
        found = found.filter(kind__in=kinds)
    found.update(state=_State.CANCELED, claim_id=None, finished_at=sql.now())


def end_rotations() -> int:
    """Cancel checks of rotations that have ended otherwise; return how many."""
    return sql.run(_END_ROTATIONS, {})


def claim(limit: int) -> list[Job]:
    """Claim checks that are due and commit. One whose secret does not open ends here."""
    claim_id = uuid.uuid4()
    jobs = []
    for row in sql.fetch(_CLAIM, {"claim": claim_id, "lease": float(LEASE_S), "limit": limit}):
        try:
            keys = secret_box.keys(
                row["endpoint_id"], row["secret_sealed"], row["previous_secret_sealed"]
            )
        except (crypto.SealError, ValueError) as error:
            extra = {"endpoint_id": row["endpoint_id"], "error": str(error)}
            log.error("webhook.secret_unreadable", extra=extra)  # noqa: TRY400 - no key in a trace
            continue
        jobs.append(
            Job(
                check_id=row["id"],
                claim_id=str(claim_id),
                kind=row["kind"],
                partner_id=row["partner_id"],
                endpoint_id=row["endpoint_id"],
                url=row["url"],
                keys=keys,
            )
        )
    return jobs


def close(job: Job, findings: list[Finding]) -> EndpointCheck | None:
    """Write what a check found and what follows from it; None where the claim was lost."""
    with transaction.atomic():
        endpoint = Endpoint.objects.select_for_update(no_key=True).get(pk=job.endpoint_id)
        check = (
            EndpointCheck.objects.select_for_update(of=("self",))
            .filter(pk=job.check_id, claim_id=job.claim_id, state=_State.PENDING)
            .first()
        )
        if check is None:
            return None
        is_passed, check.summary = script.conclude(findings)
        check.results, check.claim_id, check.tried_at = findings, None, sql.now()
        again_s = None if is_passed else _again_s(check, findings)
        if again_s is not None:
            check.due_at = sql.now_plus(again_s)
        else:
            check.state = _State.PASSED if is_passed else _State.FAILED
            check.finished_at = check.tried_at
        check.save()
        if is_passed and check.kind == _Kind.ROTATION:
            _end_rotation(endpoint)
        elif is_passed:
            _admit(endpoint, check.url)
    extra = {"endpoint_id": job.endpoint_id, "kind": job.kind, "state": check.state}
    log.info("webhook.checked", extra=extra)
    return check


def _again_s(check: EndpointCheck, findings: list[Finding]) -> float | None:
    """Return the seconds until the next try, None where there is none."""
    if check.kind == _Kind.ROTATION:
        return ROTATION_AGAIN_S[min(check.attempt_count, len(ROTATION_AGAIN_S)) - 1]
    if check.attempt_count > len(AGAIN_S) or not script.is_worth_waiting(findings[0]):
        return None
    return AGAIN_S[check.attempt_count - 1]


def _admit(endpoint: Endpoint, url: str) -> None:
    """Let the endpoint receive live events at the URL that passed."""
    if endpoint.mode == Endpoint.Mode.LIVE and endpoint.url == url:
        return
    if endpoint.url != url:
        start_afresh(endpoint.pk)
        endpoint.url, endpoint.proposed_url = url, ""
    endpoint.mode = Endpoint.Mode.LIVE
    endpoint.save()
    log.info("webhook.endpoint_admitted", extra={"endpoint_id": endpoint.pk})


def start_afresh(endpoint_id: str) -> None:
    """Forget an endpoint's failures; what waits for it is brought forward."""
    EndpointHealth.objects.filter(pk=endpoint_id).update(
        failing_since=None,
        streak=0,
        breaker_trips=0,
        breaker_open_until=None,
        window=WINDOW_START,
        warnings_sent=0,
        recovered_at=sql.now(),
    )


def _end_rotation(endpoint: Endpoint) -> None:
    endpoint.previous_secret_sealed = endpoint.previous_secret_until = None
    endpoint.save()
    log.info("webhook.rotation_proven", extra={"endpoint_id": endpoint.pk})
