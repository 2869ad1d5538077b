"""Rescreens that do not get on: given up after so many lost workers, resumed by a person, and an
alarm while one waits for that or nothing moves.
"""

import logging
import uuid

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import connection, transaction
from django.db.models.functions import Now

from atlaspay.core.errors import ConflictError, NotFoundError
from atlaspay.core.nudge import nudge
from compliance.models import Rescreen
from compliance.services import watchlist_checks as checks

log = logging.getLogger(__name__)

TASK = "compliance.rescreen"
# A page that ends its process again and again ends the rescreen.
INTERRUPTIONS_MAX = 5
OVERDUE_S = 600

State = Rescreen.State
_GIVE_UP = """
UPDATE compliance_rescreen SET state = 'failed', detail = %s, claim_id = NULL, leased_until = NULL,
    finished_at = clock_timestamp()
WHERE id = %s AND claim_id = %s
"""
# One after the other: while any of them gets on, those behind it only wait their turn.
_OVERDUE = """
SELECT min(id), extract(epoch FROM clock_timestamp()
    - max(coalesce(progressed_at, created_at)))::int
FROM compliance_rescreen WHERE state IN ('waiting', 'running')
HAVING max(coalesce(progressed_at, created_at)) < clock_timestamp() - %s * interval '1 second'
UNION ALL
SELECT id, extract(epoch FROM clock_timestamp() - finished_at)::int
FROM compliance_rescreen WHERE state = 'failed' ORDER BY 1
"""


def give_up(rescreen: Rescreen, claim_id: uuid.UUID) -> None:
    """End a rescreen that lost too many workers at one place; it can be resumed from there."""
    phase, _, at = rescreen.cursor.partition(":")
    place = f"after payout {at}" if at else "at its beginning"
    detail = f"Given up {place} ({phase or 'open'}): {INTERRUPTIONS_MAX} workers were lost there."
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_UP, [detail, rescreen.pk, claim_id])
    log.error("rescreen.failed", extra={"rescreen": rescreen.pk, "detail": detail})


def resume(rescreen_id: int, *, user: AbstractBaseUser | None) -> Rescreen:
    """Let workers go on with a rescreen that was given up, from its cursor.

    `user` is None for the operator's shell. Raises PermissionRefusedError, NotFoundError,
    ConflictError where it was not given up.
    """
    checks.check_permission(user)
    with transaction.atomic():
        found = Rescreen.objects.select_for_update().filter(pk=rescreen_id).first()
        if found is None:
            raise NotFoundError(f"There is no rescreen {rescreen_id}.")
        if found.state != State.FAILED:
            raise ConflictError(f"Rescreen {rescreen_id} was not given up: nothing is to resume.")
        found.state, found.interruptions, found.finished_at = State.WAITING, 0, None
        found.detail, found.progressed_at = "Resumed.", Now()
        found.save(
            update_fields=["state", "interruptions", "finished_at", "detail", "progressed_at"]
        )
        nudge(TASK)
    log.info("rescreen.resumed", extra={"rescreen": found.pk})
    return found


def sound_alarm() -> list[int]:
    """Log a line for each rescreen that was given up and not resumed, and one where none of those
    that wait got on for ten minutes; return their ids."""
    with connection.cursor() as cursor:
        cursor.execute(_OVERDUE, [OVERDUE_S])
        rows = cursor.fetchall()
    for pk, age in rows:
        log.error("rescreen.overdue", extra={"rescreen": pk, "age_s": age})
    return [pk for pk, _ in rows]
