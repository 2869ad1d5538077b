"""The portal's fence: whose data a request may see, who acts, when a session is over, and what the
browser may do with the pages.
"""

import re
from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.contrib.messages.storage.session import SessionStorage
from django.http import HttpRequest, HttpResponse

from atlaspay.core import context
from atlaspay.core.access import gate, second_factor
from atlaspay.core.access.log import Kind, record
from atlaspay.core.errors import NotFoundError
from portal import pages
from portal.batch_file import too_large
from portal.scope import find_scope, scope_or_none
from portal.sessions import is_portal

CHOSEN = "portal_partner"
# A link of a mail is a secret until it is used: no log may have it.
_HOLDS_SECRET = re.compile(r"/portal/(?:invitation|reset)/(?=.)")
# What a form has beside its file.
FORM_SLACK = 64 * 1024

# Nothing inline and nothing from elsewhere, whatever text a recipient's name holds.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "object-src 'none'",
    )
)


class PortalMiddleware:
    """Guards every address under the portal, whoever wrote its view."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not is_portal(request):
            return self.get_response(request)
        if holder := _HOLDS_SECRET.match(request.path_info):
            request.shown_path = f"{holder[0]}…"  # type: ignore[attr-defined]
        # In the session, which is the portal's own: the cookie Django keeps messages in is not.
        request._messages = SessionStorage(request)  # type: ignore[attr-defined]
        response = _over(request) or _too_large(request) or self.get_response(request)
        if response.status_code == 404 and scope_or_none(request) and not pages.is_ours(response):
            response = pages.problem(request, NotFoundError("There is nothing at this address."))
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("Cache-Control", "no-store")
        return response


def _too_large(request: HttpRequest) -> HttpResponse | None:
    """Refuse by its announced length what would only be read to be refused."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    limit = settings.ATLASPAY_BODY_LIMIT + FORM_SLACK
    if length.isascii() and length.isdigit() and (len(length) > 18 or int(length) > limit):
        return pages.problem(request, too_large())
    return None


def _over(request: HttpRequest) -> HttpResponse | None:
    """Bind whose request it is; return the way to the door where a session has come to its end."""
    user = request.user
    if not isinstance(user, User):
        return None
    scope = find_scope(user, request.session.get(CHOSEN, ""))
    if scope is None:
        why = "no partner's portal is open to you"
    else:
        has_factor = second_factor.of_user(user) is not None
        why = gate.why_over(request, needs_factor=has_factor, begun_after=scope.sessions_ended_at)
    if why:
        record(Kind.SESSION_ENDED, request, detail=why)
        logout(request)
        messages.info(request, f"You were signed out: {why}.")
        return pages.to_the_door(request)
    request.portal_scope = scope  # type: ignore[attr-defined]
    if scope is not None:
        context.set_fields(actor=scope.actor)
    return None
