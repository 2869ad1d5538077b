"""Batches that are stored first and taken in by a worker, with the answers on the batch.

The body lies sealed in its own row until then. A body that cannot be taken in ends as a rejected
batch with a problem, after a few tries at most; it never loops.
"""

import json
import logging
from typing import Any

from django.db import connection

from atlaspay.core import context
from atlaspay.core.crypto import seal, unseal
from atlaspay.core.errors import InvalidRequestError, ProblemError
from payouts.models import Batch, BatchUpload
from payouts.pipeline import TAKE_IN
from payouts.representation import batch_summary
from payouts.services import banking, unit
from payouts.services.intake_accept import accept
from payouts.services.intake_items import Judged, judge
from payouts.services.intake_request import BatchRequest, of_parts
from payouts.services.unit import Work

log = logging.getLogger(__name__)

TRIES_MAX = 5
CONTENT_TYPE = "application/json"

# The try is counted and committed before the work: a body that kills its worker is counted too.
_CLAIM = """
UPDATE payouts_batchupload SET attempts = attempts + 1 WHERE batch_id = (
    SELECT batch_id FROM payouts_batchupload ORDER BY attempts, batch_id
    FOR UPDATE SKIP LOCKED LIMIT 1)
RETURNING batch_id, attempts
"""


def store(work: Work, batch: Batch, request: BatchRequest) -> None:
    """Store a batch and its sealed body; the worker is woken after the commit."""
    batch.intake = Batch.Intake.RECEIVED
    batch.save(force_insert=True)
    BatchUpload.objects.create(
        batch=batch,
        content_type=CONTENT_TYPE,
        body_sealed=seal(request.dump(), place=_place(batch.id)),
    )
    work.nudge(TAKE_IN)


def take_in(*, limit: int = 1) -> int:
    """Take in up to `limit` stored batches, least tried first; return how many were looked at.

    Each in its own transaction. Safe to repeat and to run at the same time: the row is locked, and
    what another worker holds is passed by.
    """
    for done in range(limit):
        with connection.cursor() as cursor:
            cursor.execute(_CLAIM)
            row = cursor.fetchone()
        if row is None:
            return done
        batch_id, attempts = row
        if attempts > TRIES_MAX:
            log.error("batch.intake_given_up", extra={"batch_id": batch_id, "tries": TRIES_MAX})
            detail = "The batch could not be taken in. Nothing of it was paid; submit it again."
            _reject(batch_id, ProblemError(detail, code="intake_failed"), [])
        else:
            _take_in_one(batch_id)
    return limit


def cancel_stored(work: Work, batch_id: str, refusal: ProblemError) -> bool:
    """End a stored batch before it is taken in; say whether it was still stored. Locks its row."""
    upload = BatchUpload.objects.select_for_update(of=("self",)).filter(batch_id=batch_id).first()
    if upload is None:
        return False
    _end(work, upload, refusal, [])
    return True


def _take_in_one(batch_id: str) -> None:
    judged = Judged()
    with context.bind(request_id=_request_id(batch_id)):
        try:
            with unit.open(reason="batch taken in") as work:
                upload = _locked(batch_id)
                if upload is None:
                    return
                request = of_parts(json.loads(unseal(upload.body_sealed, place=_place(batch_id))))
                judged = judge(request, banking.capabilities())
                batch = upload.batch
                upload.delete()
                accept(work, batch, request.header, judged)
        except ProblemError as refusal:
            _reject(batch_id, refusal, judged.rejections)


def _request_id(batch_id: str) -> str:
    return Batch.objects.values_list("request_id", flat=True).get(id=batch_id)


def _locked(batch_id: str) -> BatchUpload | None:
    return (
        BatchUpload.objects.select_related("batch")
        .select_for_update(skip_locked=True, of=("self", "batch"))
        .filter(batch_id=batch_id)
        .first()
    )


def _reject(batch_id: str, refusal: ProblemError, rejections: list[dict[str, Any]]) -> None:
    with unit.open(reason="batch refused") as work:
        upload = _locked(batch_id)
        if upload is not None:
            _end(work, upload, refusal, rejections)


def _end(
    work: Work, upload: BatchUpload, refusal: ProblemError, rejections: list[dict[str, Any]]
) -> None:
    batch = upload.batch
    batch.intake = Batch.Intake.REJECTED
    batch.rejections = rejections
    batch.problem = {
        "code": refusal.code,
        "title": refusal.title,
        "detail": refusal.detail,
        **refusal.extra,
    }
    if isinstance(refusal, InvalidRequestError) and not rejections:
        batch.problem["errors"] = refusal.errors
    batch.completed_at = work.now
    upload.delete()
    batch.save()
    work.emit_batch("batch.rejected", batch, batch_summary(batch, {}))


def _place(batch_id: str) -> str:
    return f"payouts_batchupload|body_sealed|{batch_id}"
