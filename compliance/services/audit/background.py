"""Verifications that workers make: asked for by a person or once a day, done in slices under a
lease, so that screening and intake never wait for one.
"""

import logging
import time
import uuid
from datetime import timedelta

from django.db import connection, transaction

from atlaspay.core import context
from atlaspay.core.nudge import nudge
from compliance.models import Verification
from compliance.services.audit.probes import rows
from compliance.services.audit.report import Report
from compliance.services.audit.work import Work, total

log = logging.getLogger(__name__)

TASK = "compliance.verify_audit"
LEASE_S = 60
SLICE_S = 1.0
PIECE = 5_000
SAMPLE = 1_000
# A piece that ends its process again and again ends the verification.
INTERRUPTIONS_MAX = 5
DAILY = timedelta(hours=24)

State = Verification.State
_UNFINISHED = (State.WAITING, State.RUNNING)
_CLAIM = """
UPDATE compliance_verification SET state = 'running', claim_id = %s,
    leased_until = clock_timestamp() + %s * interval '1 second',
    work = work || jsonb_build_object('interruptions',
        coalesce((work ->> 'interruptions')::int, 0) + (leased_until IS NOT NULL)::int)
WHERE id = (
    SELECT id FROM compliance_verification WHERE state IN ('waiting', 'running')
        AND (leased_until IS NULL OR leased_until < clock_timestamp())
    ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id
"""
_GIVE_UP = """
UPDATE compliance_verification SET state = 'failed', detail = %s, claim_id = NULL,
    leased_until = NULL, finished_at = clock_timestamp()
WHERE id = %s AND claim_id = %s
"""
_IS_DUE = """
SELECT NOT EXISTS (SELECT FROM compliance_verification WHERE asked_at > clock_timestamp() - %s)
"""


def ask(*, replays_all: bool = False) -> Verification:
    """Ask for a verification, by whoever the context says acts; return one that is under way
    instead, if there is one. Workers do it."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('compliance_verification'), 1)")
        present = Verification.objects.filter(state__in=_UNFINISHED).order_by("id").first()
        if present is not None:
            return present
        made = Verification.objects.create(
            actor=context.actor(), replays_all=replays_all, total=total()
        )
        nudge(TASK, queue="default")
    return made


def ask_daily() -> Verification | None:
    """Ask for one if none was asked for in a day."""
    return ask() if rows(_IS_DUE, [DAILY])[0][0] else None


def run_slice(*, slice_s: float = SLICE_S) -> bool:
    """Work on the oldest verification that nobody holds for about `slice_s`; say whether more is
    left. Safe in parallel and twice."""
    claim_id = uuid.uuid4()
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [claim_id, LEASE_S])
        row = cursor.fetchone()
    if row is None:
        return False
    verification = Verification.objects.get(pk=row[0])
    interruptions = verification.work["interruptions"]
    if interruptions > INTERRUPTIONS_MAX:
        _give_up(verification.pk, claim_id)
        return False
    work = Work.from_dict(
        {"replays": 0 if verification.replays_all else SAMPLE, **verification.work}, size=PIECE
    )
    ends = time.monotonic() + slice_s
    is_left = work.advance()
    while is_left and time.monotonic() < ends:
        is_left = work.advance()
    if is_left:
        Verification.objects.filter(pk=verification.pk, claim_id=claim_id).update(
            work={**work.as_dict(), "interruptions": interruptions},
            done=work.done,
            claim_id=None,
            leased_until=None,
        )
        return True
    finish(verification, work, claim_id)
    return False


def finish(verification: Verification, work: Work, claim_id: uuid.UUID | None) -> None:
    """Keep what a verification found, and raise the alarm where something is broken."""
    report = work.report()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (ended_at,) = cursor.fetchone()
    changed = Verification.objects.filter(
        pk=verification.pk, claim_id=claim_id, finished_at=None
    ).update(
        state=State.DONE,
        is_sound=report.is_sound,
        checks=[check.as_dict() for check in report.checks],
        figures=report.figures,
        position=report.position,
        head=report.head,
        done=work.done,
        total=work.done,
        work={},
        claim_id=None,
        leased_until=None,
        finished_at=ended_at,
    )
    if changed:
        _say(verification.pk, report)


def record(report: Report, work_done: int, *, replays_all: bool) -> Verification:
    """Keep a verification that a command made by itself."""
    made = Verification.objects.create(
        actor=context.actor(), replays_all=replays_all, state=State.RUNNING, total=work_done
    )
    work = Work(done=work_done, position=report.position, head=report.head)
    work.checks = {check.name: check for check in report.checks}
    work.figures = report.figures
    finish(made, work, None)
    made.refresh_from_db()
    return made


def _give_up(pk: int, claim_id: uuid.UUID) -> None:
    detail = f"Its worker was stopped {INTERRUPTIONS_MAX} times in the middle of a piece."
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_UP, [detail, pk, claim_id])
    log.error("audit.unverified", extra={"verification": pk, "detail": detail})


def _say(pk: int, report: Report) -> None:
    broken = report.first_fault
    if broken is None:
        log.info("audit.verified", extra={"verification": pk, "receipts": report.position})
    else:
        log.critical(
            "audit.broken",
            extra={"verification": pk, "check": broken.name, "detail": broken.fault},
        )
