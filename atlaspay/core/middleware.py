"""What happens to each request before and after its view: identity, log line, limits, problems,
staff context.
"""

import logging
import re
import time
from collections.abc import Callable
from uuid import uuid4

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from simple_history.models import HistoricalRecords

from atlaspay.core import context, problems
from atlaspay.core.errors import ProblemError
from atlaspay.core.peer import client_address

access = logging.getLogger("atlaspay.access")

Handler = Callable[[HttpRequest], HttpResponse]

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,64}", re.ASCII)
_QUIET = ("/healthz", "/readyz", "/metrics", "/static/")


def shown_path(request: HttpRequest) -> str:
    """Return the path as logs and rows may have it: an address that holds a secret says so by its
    `shown_path`.
    """
    found: str = getattr(request, "shown_path", request.path)
    return found


class RequestContextMiddleware:
    """Give the request an id and a context, the answer its id and rate headers, and the log one
    line.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
        with context.bind(
            actor="system:web", request_id=request_id, task_id="", reason="", user_id=None
        ):
            response = self.get_response(request)
            for name, value in getattr(request, "answer_headers", {}).items():
                response[name] = value
            response["X-Request-Id"] = request_id
            if problems.is_api(request):
                response.headers.setdefault("Cache-Control", "no-store")
            if not response.streaming:
                response.headers.setdefault("Content-Length", str(len(response.content)))
            self._log(request, response, started)
        return response

    def _log(self, request: HttpRequest, response: HttpResponse, started: float) -> None:
        level = logging.DEBUG if request.path_info.startswith(_QUIET) else logging.INFO
        if not access.isEnabledFor(level):
            return
        access.log(
            level,
            "http.request",
            extra={
                "method": request.method,
                # Without the query: it may carry names.
                "path": shown_path(request)[:200],
                "status": response.status_code,
                "ms": round((time.perf_counter() - started) * 1000, 1),
                "bytes": -1 if response.streaming else len(response.content),
                "peer": str(client_address(request) or ""),
            },
        )


class ProblemMiddleware:
    """Refuse what no view should see, and answer plain views' errors under the API as
    problem+json.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "\x00" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            # PostgreSQL has no text with NUL, so a view would break on it.
            return problems.bad_request(request, ProblemError("An address has no NUL bytes."))
        if problems.is_api(request):
            if request.META.get("HTTP_TRANSFER_ENCODING") and not request.META.get(
                "CONTENT_LENGTH"
            ):
                return problems.answer(
                    problems.LengthRequiredError(
                        "Send the body with a Content-Length, not in chunks."
                    ),
                    request,
                )
            length = request.META.get("CONTENT_LENGTH") or "0"
            # Compared by digits first: Python refuses to read numbers of thousands of them.
            is_number = length.isascii() and length.isdigit()
            if is_number and (len(length) > 18 or int(length) > settings.ATLASPAY_BODY_LIMIT):
                return problems.answer(problems.too_large(), request)
        return self._as_problem(request, self.get_response(request))

    def _as_problem(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Give a bare error that a plain view or Django itself made the form of the API."""
        is_problem = response.get("Content-Type", "") == problems.MEDIA_TYPE
        if response.status_code < 400 or is_problem or not problems.is_api(request):
            return response
        made = problems.answer(problems.of_status(response.status_code), request)
        if "Allow" in response:
            made["Allow"] = response["Allow"]
        return made

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer a known error of a plain view; an unknown one goes on to handler500, which logs
        it.
        """
        if not problems.is_api(request):
            return None
        error = problems.translate(exception)
        return None if error is None else problems.answer(error, request)


class StaffContextMiddleware:
    """Name the member of staff behind a console request, for logs, receipts and history rows."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith("/console/") or not request.user.is_authenticated:
            return self.get_response(request)
        context.set_fields(actor=f"user:{request.user.get_username()}", user_id=request.user.pk)
        HistoricalRecords.context.request = request
        try:
            return self.get_response(request)
        finally:
            del HistoricalRecords.context.request
