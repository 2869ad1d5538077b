"""The portal's own sessions: another cookie, another path and another signature than the console's.

A cookie of one opens nothing in the other, even when it is copied by hand: what one store signs the
other cannot read.
"""

import time

from django.conf import settings
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.exceptions import SessionInterrupted
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from django.utils.http import http_date

PREFIX = "/portal/"
COOKIE = "atlaspay_portal"


def is_portal(request: HttpRequest) -> bool:
    """Say whether an address is the portal's."""
    return request.path_info.startswith(PREFIX)


class PortalSessionStore(SessionStore):
    """Rows of the same table. The class's name is part of the signature's salt."""


class RoomSessionMiddleware(SessionMiddleware):
    """Django's sessions everywhere but under the portal, which has its own."""

    def process_request(self, request: HttpRequest) -> None:
        """Give the request the session its address asks for."""
        if is_portal(request):
            request.session = PortalSessionStore(request.COOKIES.get(COOKIE))
        else:
            super().process_request(request)

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Save what changed and set or drop the cookie, as Django does for its own."""
        if not isinstance(getattr(request, "session", None), PortalSessionStore):
            return super().process_response(request, response)
        session = request.session
        accessed, modified, is_empty = session.accessed, session.modified, session.is_empty()
        if COOKIE in request.COOKIES and is_empty:
            response.delete_cookie(COOKIE, path=PREFIX, samesite="Lax")
            patch_vary_headers(response, ("Cookie",))
            return response
        if accessed:
            patch_vary_headers(response, ("Cookie",))
        if modified and not is_empty and response.status_code < 500:
            self._save(request)
            age_s = session.get_expiry_age()
            response.set_cookie(
                COOKIE,
                session.session_key or "",
                max_age=age_s,
                expires=http_date(time.time() + age_s),
                path=PREFIX,
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=True,
                samesite="Lax",
            )
        return response

    def _save(self, request: HttpRequest) -> None:
        try:
            request.session.save()
        except UpdateError:
            raise SessionInterrupted(
                "The session was ended in another window before this request was done."
            ) from None
