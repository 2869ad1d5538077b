"""Views of the queue that somebody comes back to: save, share, delete."""

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.http import QueryDict

from atlaspay.core.errors import (
    FieldError,
    InvalidRequestError,
    NotFoundError,
)
from compliance.models import SavedFilter
from compliance.selectors.queue import QueueFilter
from compliance.services.permissions import DECIDE, require

EACH_MAX = 30
_NAME_MAX = 60


def save_filter(user: User, *, name: str, query: str, is_shared: bool) -> SavedFilter:
    """Keep a view of the queue under a name; the same name again replaces it.

    Only what a queue's filter understands is kept of `query`. Raises PermissionRefusedError,
    InvalidRequestError.
    """
    require(user, DECIDE, "", "Only who works the queue keeps views of it.")
    name = " ".join(name.split())
    if not 1 <= len(name) <= _NAME_MAX or not name.isprintable():
        detail = f"Give the view a name of 1 to {_NAME_MAX} characters."
        raise InvalidRequestError(
            detail, errors=[FieldError(pointer="/name", code="length", detail=detail)]
        )
    kept = QueueFilter.of(QueryDict(query).dict()).query
    values = {"query": kept, "is_shared": is_shared}
    mine = SavedFilter.objects.filter(user=user)
    if mine.filter(name=name).update(**values):
        return mine.get(name=name)
    if mine.count() >= EACH_MAX:
        detail = f"You have {EACH_MAX} views already: delete one first."
        raise InvalidRequestError(
            detail, errors=[FieldError(pointer="/name", code="too_many", detail=detail)]
        )
    try:
        with transaction.atomic():
            return SavedFilter.objects.create(user=user, name=name, **values)
    except IntegrityError:
        # The same form sent twice at once: both want the same row.
        mine.filter(name=name).update(**values)
        return mine.get(name=name)


def delete_filter(user: User, filter_id: int) -> None:
    """Delete one's own view; a shared one ends for everybody.

    Raises PermissionRefusedError, NotFoundError (also for another's).
    """
    require(user, DECIDE, str(filter_id), "Only who works the queue keeps views of it.")
    deleted, _ = SavedFilter.objects.filter(user=user, id=filter_id).delete()
    if deleted == 0:
        raise NotFoundError("There is no such view of yours.")


def filters_of(user: User) -> QuerySet[SavedFilter]:
    """Return one's own views and those colleagues share, by name."""
    return (
        SavedFilter.objects.filter(Q(user=user) | Q(is_shared=True))
        .select_related("user")
        .order_by("name", "id")
    )
