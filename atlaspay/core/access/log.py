"""The access log: rows that say who came in, who did not, and who looked at audit pages.

A row that cannot be written is an error the caller meets: what must be logged is not shown
unlogged (PCI DSS 10.2.1).
"""

import logging
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import models
from django.http import HttpRequest, HttpResponse

from atlaspay.core import context
from atlaspay.core.access.models import AccessEvent
from atlaspay.core.peer import client_address

log = logging.getLogger(__name__)

Kind = AccessEvent.Kind

_LENGTHS = {
    field.name: field.max_length
    for field in AccessEvent._meta.fields
    if isinstance(field, models.CharField)
}


def record(
    kind: AccessEvent.Kind,
    request: HttpRequest | None = None,
    *,
    user: AbstractBaseUser | None = None,
    obj: models.Model | None = None,
    object_type: str = "",
    object_id: object = "",
    detail: str = "",
) -> None:
    """Write one event and its log line.

    `user` is who it is about; without it, who is signed in to `request`; without a request, the
    context's actor. `obj` names type and id at once. Texts are cut to their columns.
    """
    bound = context.current()
    who = user
    if who is None and request is not None and request.user.is_authenticated:
        who = request.user
    username = who.get_username() if who is not None else ("" if request else bound.actor)
    if obj is not None:
        object_type, object_id = obj._meta.label_lower, obj.pk
    address = client_address(request) if request is not None else None
    event = AccessEvent(
        kind=kind,
        username=_fit(username, "username"),
        user_id=who.pk if who is not None else None,
        address=str(address) if address else None,
        method=_fit(request.method or "", "method") if request else "",
        path=_fit(getattr(request, "shown_path", request.path), "path") if request else "",
        object_type=_fit(object_type, "object_type"),
        object_id=_fit(str(object_id), "object_id"),
        request_id=_fit(bound.request_id, "request_id"),
        detail=_fit(detail, "detail"),
    )
    event.save(force_insert=True)
    log.info(
        "access.event",
        extra={
            "kind": str(kind),
            "username": event.username,
            "peer": event.address,
            "object_type": event.object_type,
            "object_id": event.object_id,
        },
    )


def _fit(text: str, field: str) -> str:
    return text.replace("\x00", "")[: _LENGTHS[field]]


class ViewsLogged:
    """Mixin of admin classes before `ReadOnlyAdmin`: each opened list and page is logged.

    The row is written after the page's own permission check and before the page is sent.
    """

    opts: Any

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list and log it."""
        response: HttpResponse = super().changelist_view(request, extra_context)  # type: ignore[misc]
        if response.status_code == 200:
            record(Kind.VIEWED, request, object_type=self.opts.label_lower, detail="list")
        return response

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the page and log it."""
        response: HttpResponse = super().change_view(  # type: ignore[misc]
            request, object_id, form_url, extra_context
        )
        if response.status_code == 200:
            record(Kind.VIEWED, request, object_type=self.opts.label_lower, object_id=object_id)
        return response
