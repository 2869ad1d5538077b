"""Recipients who were paid before they were listed: a person looks at each and says so."""

import logging

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User
from django.db import transaction

from atlaspay.core import clock
from atlaspay.core.errors import (
    ConflictError,
    FieldError,
    InvalidRequestError,
    NotFoundError,
    PermissionRefusedError,
)
from compliance.models import RescreenHit

log = logging.getLogger(__name__)

PERMISSION = "compliance.decide_case"


def mark_reviewed(hit_id: int, *, note: str, user: AbstractBaseUser) -> RescreenHit:
    """Say that a person has looked at a recipient who was paid before being listed, and what came
    of it. Raises PermissionRefusedError, NotFoundError, InvalidRequestError, ConflictError."""
    if not (isinstance(user, User) and user.is_active and user.has_perm(PERMISSION)):
        log.warning("rescreen.refused", extra={"username": user.get_username()})
        raise PermissionRefusedError("You may not review recipients that were paid already.")
    note = note.strip()
    if not 3 <= len(note) <= 500 or "\x00" in note:
        error = FieldError(pointer="/note", code="length", detail="3 to 500 characters")
        raise InvalidRequestError("Say what you found, in 3 to 500 characters.", errors=[error])
    with transaction.atomic():
        hit = RescreenHit.objects.select_for_update().filter(pk=hit_id).first()
        if hit is None or hit.outcome != RescreenHit.Outcome.PAID:
            raise NotFoundError("There is no such recipient to look at.")
        if hit.reviewed_at is not None:
            raise ConflictError(
                f"It was looked at {hit.reviewed_at:%Y-%m-%d %H:%M:%S} UTC already."
            )
        hit.reviewed_by, hit.reviewed_at, hit.review_note = user, clock.now(), note
        hit.save(update_fields=["reviewed_by", "reviewed_at", "review_note"])
    log.info("rescreen.reviewed", extra={"hit": hit.pk, "payout": hit.payout_id})
    return hit
