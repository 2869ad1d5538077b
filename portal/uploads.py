"""Files between preview and submission: kept sealed for a day, submitted once whatever is
clicked.
"""

from datetime import timedelta

from atlaspay.core import clock
from atlaspay.core.crypto import seal, unseal
from atlaspay.core.errors import ConflictError
from payouts.services.intake import Sender, submit
from portal.batch_file import BatchFile
from portal.models import Upload
from portal.scope import Scope

KEPT_FOR = timedelta(days=1)
GONE = "This file was kept for a day and is gone. Upload it again."
NAME_LENGTH = 120


def keep(scope: Scope, filename: str, file: BatchFile, parameters: dict[str, str]) -> Upload:
    """Keep a file until it is submitted, or for a day."""
    made = Upload(
        partner_id=scope.partner_id,
        user=scope.user,
        filename=filename[:NAME_LENGTH],
        parameters=parameters,
        notes=file.notes,
    )
    made.sealed_body = seal(file.body, place=_place(made))
    made.save(force_insert=True)
    return made


def drop_old() -> int:
    """Drop the files that are too old; returns how many. Safe to repeat."""
    held = Upload.objects.filter(sealed_body__isnull=False)
    return held.filter(created_at__lt=clock.now() - KEPT_FOR).update(sealed_body=None)


def body_of(upload: Upload) -> bytes:
    """Return the kept file. Raises ConflictError where it is gone."""
    if upload.sealed_body is None or upload.created_at < clock.now() - KEPT_FOR:
        raise ConflictError(GONE, code="upload_gone")
    return unseal(upload.sealed_body, place=_place(upload))


def submit_upload(scope: Scope, upload: Upload) -> str:
    """Submit a kept file and return the batch's id; again is safe and returns the same.

    Raises what submitting raises, and ConflictError where the file is gone or the first click is
    still at work; then nothing is changed.
    """
    if upload.batch_id:
        return upload.batch_id
    answer = submit(
        Sender(scope.partner_id, None),
        f"portal-{upload.id}",
        body_of(upload),
        is_csv=True,
        query=upload.parameters,
    )
    # The account numbers are in the payouts now, sealed one by one.
    Upload.objects.filter(pk=upload.pk).update(batch_id=answer.batch_id, sealed_body=None)
    return answer.batch_id


def _place(upload: Upload) -> str:
    return f"portal_upload|sealed_body|{upload.id}"
