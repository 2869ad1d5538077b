"""The blind second look: some decided cases are judged again by somebody who is not shown the
decision. Changes nothing; measures how often officers agree.
"""

import hashlib
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from atlaspay.core.errors import (
    ConflictError,
    FieldError,
    InvalidRequestError,
    NotFoundError,
    PermissionRefusedError,
)
from compliance.models import BlindReview, Decision
from compliance.models.reasons import ApproveReason, RejectReason
from compliance.services.permissions import DECIDE, refused, require

CLAIMED_FOR = timedelta(minutes=30)
TEXT_MAX = 500
_SAMPLED = (Decision.Kind.APPROVE, Decision.Kind.REJECT)
_REASONS = {
    BlindReview.Opinion.APPROVE: ApproveReason,
    BlindReview.Opinion.REJECT: RejectReason,
}


def sample(decisions: Sequence[Decision]) -> None:
    """Choose among decisions that people just made, in their transaction; by chance that nobody
    can foresee and anybody can check."""
    percent = settings.ATLASPAY_BLIND_REVIEW_PERCENT
    BlindReview.objects.bulk_create(
        BlindReview(decision=one)
        for one in decisions
        if one.is_in_effect
        and one.kind in _SAMPLED
        and one.user_id is not None
        and is_sampled(one.id, percent)
    )


def is_sampled(decision_id: str, percent: int) -> bool:
    """Say whether a decision is in the sample: its id's hash decides."""
    drawn = int.from_bytes(hashlib.sha256(decision_id.encode()).digest()[:8], "big")
    return drawn % 10_000 < percent * 100


def claim_next_blind(user: User) -> BlindReview | None:
    """Claim the oldest waiting second look that this person may give; None where there is none.

    Nobody looks again at a case they decided, proposed or answered. A claim lapses after 30
    minutes. Raises PermissionRefusedError.
    """
    officer = require(user, DECIDE, "", "You may not judge cases.")
    had_a_hand = Decision.objects.filter(case_id=OuterRef("decision__case_id"), user=officer)
    with transaction.atomic():
        review = (
            BlindReview.objects.filter(reviewed_at=None)
            .filter(Q(reviewer=None) | Q(reviewer=officer) | Q(claimed_at__lt=Now() - CLAIMED_FOR))
            .exclude(Exists(had_a_hand))
            .order_by("sampled_at", "id")
            .select_for_update(skip_locked=True, of=("self",))
            .first()
        )
        if review is not None:
            BlindReview.objects.filter(pk=review.pk).update(reviewer=officer, claimed_at=Now())
        return review


def give_opinion(
    review_id: int, *, opinion: str, reason_code: str, text: str, user: User
) -> BlindReview:
    """Keep what this person would have decided; given once, never changed.

    Raises PermissionRefusedError (also for who had a hand in the case), NotFoundError,
    InvalidRequestError, ConflictError where another has it or it was given.
    """
    officer = require(user, DECIDE, str(review_id), "You may not judge cases.")
    _check_words(opinion, reason_code, text)
    with transaction.atomic():
        review = (
            BlindReview.objects.select_for_update(of=("self",))
            .select_related("decision")
            .defer("decision__evidence")
            .filter(pk=review_id)
            .first()
        )
        if review is None:
            raise NotFoundError(f"There is no second look {review_id}.")
        if Decision.objects.filter(case_id=review.decision.case_id, user=officer).exists():
            refused(officer, DECIDE, str(review_id))
            raise PermissionRefusedError("You had a hand in this case: another judges it again.")
        if review.reviewed_at is not None:
            raise ConflictError("This second look was given already.")
        if review.reviewer_id != officer.pk:
            raise ConflictError("Another officer has this second look now; take the next one.")
        BlindReview.objects.filter(pk=review_id).update(
            opinion=opinion, reason_code=reason_code, text=text.strip(), reviewed_at=Now()
        )
    review.refresh_from_db()
    return review


def _check_words(opinion: str, reason_code: str, text: str) -> None:
    if opinion not in _REASONS:
        raise InvalidRequestError(
            "An opinion is approve or reject.",
            errors=[FieldError(pointer="/opinion", code="unknown", detail="approve or reject")],
        )
    errors: list[FieldError] = []
    if reason_code not in _REASONS[BlindReview.Opinion(opinion)].values:
        detail = f"Choose one of the reasons to {opinion}."
        errors.append(FieldError(pointer="/reason_code", code="unknown", detail=detail))
    if len(text) > TEXT_MAX or "\x00" in text:
        detail = f"At most {TEXT_MAX} characters, none of them NUL."
        errors.append(FieldError(pointer="/text", code="length", detail=detail))
    if errors:
        raise InvalidRequestError("The opinion is not complete.", errors=errors)
