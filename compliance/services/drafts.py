"""Drafts of policies: begun, saved, discarded, and frozen into a numbered policy.

Drafts are shared among authors; everybody who ever saved one counts as an author of what it
becomes, and so cannot publish it. Lock order: the lifecycle's lock, then the draft.
"""

import logging
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max
from django.db.models.functions import Now

from atlaspay.core.errors import (
    ConflictError,
    FieldError,
    InvalidRequestError,
    NotFoundError,
    StaleFormError,
)
from compliance.models import Policy, PolicyDraft
from compliance.screening import live
from compliance.services import documents, permit
from compliance.services.lifecycle import lock_lifecycle

log = logging.getLogger(__name__)

TITLE_MIN, TITLE_MAX, NOTE_MAX = 3, 140, 500
_EMPTY: dict[str, Any] = {
    "rules": [],
    "thresholds": {"review_score": 20, "review_minutes": 30},
}


def create_draft(user: User, *, title: str, based_on: int | None = None) -> PolicyDraft:
    """Begin a draft with a policy's document, or an empty one; return it.

    Raises PermissionRefusedError, NotFoundError, InvalidRequestError.
    """
    actor = permit.require(user, permit.AUTHOR, attempt="create_draft", subject=based_on or "")
    _check_words(title, "")
    base = None
    if based_on is not None:
        base = Policy.objects.filter(number=based_on).first()
        if base is None:
            raise NotFoundError(f"There is no policy {based_on}.")
    draft = PolicyDraft.objects.create(
        title=title.strip(),
        document=base.document if base else _EMPTY,
        based_on=base,
        author=actor,
        author_user=user,
        editors=[actor],
        editor_ids=[user.pk],
    )
    log.info("policy.draft_created", extra={"draft": draft.pk, "based_on": based_on})
    return draft


def create_draft_from_live(user: User, *, title: str) -> PolicyDraft:
    """Begin a draft with the live policy's document."""
    return create_draft(user, title=title, based_on=live.live_number())


def save_draft(
    draft_id: int,
    user: User,
    *,
    title: str,
    note: str,
    document: Mapping[str, Any],
    expected_version: int,
) -> PolicyDraft:
    """Save what an author typed, complete or not, and return the draft at its next version.

    Raises PermissionRefusedError, NotFoundError, InvalidRequestError; StaleFormError that names who
    saved it meanwhile; ConflictError where it is frozen or discarded.
    """
    permit.require(user, permit.AUTHOR, attempt="save_draft", subject=draft_id)
    _check_words(title, note)
    kept = documents.storable(dict(document))
    with transaction.atomic():
        draft = _editable(draft_id)
        _check_version(draft, expected_version)
        draft.title, draft.note, draft.document = title.strip(), note.strip(), kept
        _touch(draft, user)
    log.info("policy.draft_saved", extra={"draft": draft.pk, "version": draft.version})
    return draft


def discard_draft(draft_id: int, user: User, *, expected_version: int) -> PolicyDraft:
    """Put a draft away for good; it stays readable. Errors as `save_draft`."""
    permit.require(user, permit.AUTHOR, attempt="discard_draft", subject=draft_id)
    with transaction.atomic():
        draft = _editable(draft_id)
        _check_version(draft, expected_version)
        draft.is_discarded = True
        _touch(draft, user)
    log.info("policy.draft_discarded", extra={"draft": draft.pk})
    return draft


def freeze_draft(draft_id: int, user: User, *, expected_version: int) -> Policy:
    """Make the draft the next numbered policy, which never changes again; return that.

    Raises as `save_draft`; InvalidRequestError has a pointer per problem where it does not compile.
    """
    permit.require(user, permit.AUTHOR, attempt="freeze_draft", subject=draft_id)
    with transaction.atomic():
        lock_lifecycle()
        draft = _editable(draft_id)
        _check_version(draft, expected_version)
        documents.compiled(draft.document, is_new=True)
        if not draft.note.strip():
            raise InvalidRequestError(
                "Say what changed and why.",
                errors=[FieldError(pointer="/note", code="required", detail="Say what changed.")],
            )
        number = (Policy.objects.aggregate(last=Max("number"))["last"] or 0) + 1
        policy = Policy.objects.create(
            number=number,
            title=draft.title,
            document=draft.document,
            author=draft.author,
            author_user_id=draft.author_user_id,
            note=draft.note,
        )
        draft.became = policy
        _touch(draft, user)
    log.info("policy.frozen", extra={"draft": draft.pk, "policy": number})
    return policy


def _editable(draft_id: int) -> PolicyDraft:
    draft = PolicyDraft.objects.select_for_update().filter(pk=draft_id).first()
    if draft is None:
        raise NotFoundError(f"There is no draft {draft_id}.")
    if draft.became_id is not None:
        raise ConflictError(
            f"The draft became policy {draft.became_id} and stays as it was: begin another from it."
        )
    if draft.is_discarded:
        raise ConflictError(f"{_name(draft)} discarded this draft {_time(draft)}.")
    return draft


def _check_version(draft: PolicyDraft, expected: int) -> None:
    if draft.version != expected:
        raise StaleFormError(
            f"{_name(draft)} saved version {draft.version} of this draft {_time(draft)}; you had"
            f" version {expected}. Nothing was saved.",
            extra={"draft": draft.pk, "version": draft.version},
        )


def _touch(draft: PolicyDraft, user: User) -> None:
    """Write the draft at its next version, its last editor last."""
    actor = permit.actor_of(user)
    draft.editor_ids = [*(each for each in draft.editor_ids if each != user.pk), user.pk]
    draft.editors = [*(each for each in draft.editors if each != actor), actor]
    draft.version += 1
    draft.updated_at = Now()
    draft.save()
    draft.refresh_from_db(fields=["updated_at"])


def _name(draft: PolicyDraft) -> str:
    return (draft.editors or [draft.author])[-1].partition(":")[2]


def _time(draft: PolicyDraft) -> str:
    return f"at {draft.updated_at:%Y-%m-%d %H:%M:%S} UTC"


def _check_words(title: str, note: str) -> None:
    errors: list[FieldError] = []
    if not TITLE_MIN <= len(title.strip()) <= TITLE_MAX:
        detail = f"A title has {TITLE_MIN} to {TITLE_MAX} characters."
        errors.append(FieldError(pointer="/title", code="length", detail=detail))
    if len(note) > NOTE_MAX:
        detail = f"At most {NOTE_MAX} characters."
        errors.append(FieldError(pointer="/note", code="length", detail=detail))
    errors += [
        FieldError(pointer=f"/{name}", code="charset", detail="No control characters, please.")
        for name, text in (("title", title), ("note", note))
        if "\x00" in text
    ]
    if errors:
        raise InvalidRequestError("The draft cannot be saved like this.", errors=errors)
