"""Every refusal as problem+json (RFC 9457): one form for DRF views, plain views, middleware and
unknown addresses.

`type` is the address of the code's paragraph in this installation's own docs; `code` is the stable
name to branch on. An unexpected error says nothing of its cause, only the request id to quote.
"""

import logging
import math
from collections.abc import Mapping
from typing import Any

import msgspec
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.views import defaults
from psycopg import errors as pg
from rest_framework import exceptions as drf
from rest_framework.response import Response

from atlaspay.core import context
from atlaspay.core.errors import (
    ConflictError,
    FieldError,
    InvalidRequestError,
    MalformedRequestError,
    NotAuthenticatedError,
    NotFoundError,
    PayloadTooLargeError,
    PermissionRefusedError,
    ProblemError,
    RateLimitedError,
    UnavailableError,
)

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
API_PREFIXES = ("/v1/", "/callbacks/", "/.well-known/")
DOCS_PATH = "/v1/docs/problems/"
REALM = 'Bearer realm="AtlasPay"'

# The caller did nothing wrong and the next try may succeed: a lock waited too long for, a broken
# deadlock, a timeout.
_BUSY = (
    pg.LockNotAvailable,
    pg.DeadlockDetected,
    pg.SerializationFailure,
    pg.QueryCanceled,
    pg.TooManyConnections,
)


class MethodRefusedError(ProblemError):
    """The address exists and does not take this method."""

    status = 405
    code = "method_not_allowed"
    title = "Method not allowed"


class NotAcceptableError(ProblemError):
    """The caller accepts none of the forms we answer in."""

    status = 406
    code = "not_acceptable"
    title = "Not acceptable"


class LengthRequiredError(ProblemError):
    """A body without Content-Length."""

    status = 411
    code = "length_required"
    title = "Content-Length is required"


class MediaTypeRefusedError(ProblemError):
    """A body in a form this address does not read."""

    status = 415
    code = "unsupported_media_type"
    title = "Unsupported media type"


class UnexpectedError(ProblemError):
    """A fault of ours."""

    status = 500
    code = "internal_error"
    title = "Internal error"


_BY_STATUS = {
    kind.status: kind
    for kind in (
        NotAuthenticatedError,
        PermissionRefusedError,
        NotFoundError,
        MethodRefusedError,
        ConflictError,
        MediaTypeRefusedError,
        InvalidRequestError,
        RateLimitedError,
        UnavailableError,
    )
}


def is_api(request: HttpRequest) -> bool:
    """Say whether this address answers in problem+json rather than HTML."""
    return request.path_info.startswith(API_PREFIXES)


def body_of(error: ProblemError, path: str) -> dict[str, Any]:
    """Return the members of the problem; `errors` only where there are any."""
    body: dict[str, Any] = {
        "type": f"{settings.ATLASPAY_BASE_URL}{DOCS_PATH}#{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": path,
        "code": error.code,
        "request_id": context.current().request_id,
    }
    if error.errors:
        body["errors"] = error.errors
    return body | error.extra


def answer(error: ProblemError, request: HttpRequest) -> HttpResponse:
    """Return the problem as a plain Django answer."""
    return HttpResponse(
        msgspec.json.encode(body_of(error, request.path)),
        status=error.status,
        content_type=MEDIA_TYPE,
        headers=error.headers,
    )


def exception_handler(exc: Exception, view_context: Mapping[str, Any]) -> Response | None:
    """Answer DRF's and our own errors; None lets an unexpected one go on to `server_error`."""
    error = translate(exc)
    if error is None:
        return None
    path = view_context["request"].path if view_context.get("request") else ""
    return Response(
        body_of(error, path), status=error.status, headers=error.headers, content_type=MEDIA_TYPE
    )


def translate(exc: Exception) -> ProblemError | None:
    """Return the problem an exception stands for, or None for a fault of ours."""
    if isinstance(exc, ProblemError):
        return exc
    if isinstance(exc, drf.APIException):
        return _of_drf(exc)
    if isinstance(exc, Http404):
        return NotFoundError("There is nothing at this address.")
    if isinstance(exc, PermissionDenied):
        return PermissionRefusedError("This is not allowed.")
    if isinstance(exc, RequestDataTooBig):
        return too_large()
    if isinstance(exc, SuspiciousOperation):
        return _bad_request()
    if isinstance(exc, OperationalError | InterfaceError):
        return _of_database(exc)
    return None


def of_status(status: int) -> ProblemError:
    """Return the problem for a bare HTTP status that a plain view or Django answered."""
    if status == PayloadTooLargeError.status:
        return too_large()
    if status in _BY_STATUS:
        kind = _BY_STATUS[status]
        return kind(f"{kind.title}.")
    if status >= 500:
        return UnexpectedError("Something broke on our side.")
    return _bad_request(status)


def _bad_request(status: int = 400) -> ProblemError:
    made = ProblemError("The request cannot be served as it is.")
    made.status = status
    return made


def too_large() -> PayloadTooLargeError:
    """Return the refusal of a body above the limit."""
    limit = settings.ATLASPAY_BODY_LIMIT
    return PayloadTooLargeError(
        f"A body has at most {limit} bytes. Send smaller batches.", extra={"limit_bytes": limit}
    )


def _of_database(exc: Exception) -> ProblemError:
    cause = exc.__cause__
    if isinstance(cause, _BUSY):
        log.warning("database.busy", extra={"error": type(cause).__name__})
        return UnavailableError(
            "The database is busy with the same rows. Repeat the request in a second.",
            code="busy",
            headers={"Retry-After": "1"},
        )
    log.error("database.unreachable", extra={"error": type(cause or exc).__name__})
    return UnavailableError(
        "The database does not answer. Nothing was changed; repeat the request later.",
        code="database_unavailable",
        headers={"Retry-After": "5"},
    )


def _of_drf(exc: drf.APIException) -> ProblemError:
    headers: dict[str, str] = {}
    made: ProblemError
    match exc:
        case drf.ValidationError():
            errors = field_errors(exc.detail)
            made = InvalidRequestError("The request has faults; see errors.", errors=errors)
        case drf.ParseError():
            made = MalformedRequestError(str(exc.detail))
        case drf.NotAuthenticated() | drf.AuthenticationFailed():
            made = NotAuthenticatedError(
                "Send your API key: Authorization: Bearer ap_test_…",
                headers={"WWW-Authenticate": REALM},
            )
        case drf.PermissionDenied():
            made = PermissionRefusedError(str(exc.detail))
        case drf.NotFound():
            made = NotFoundError("There is nothing at this address.")
        case drf.MethodNotAllowed():
            made = MethodRefusedError(str(exc.detail))
        case drf.NotAcceptable():
            made = NotAcceptableError("Answers come as application/json; accept it.")
        case drf.UnsupportedMediaType():
            made = MediaTypeRefusedError(str(exc.detail))
        case drf.Throttled():
            wait_s = max(1, math.ceil(getattr(exc, "wait", None) or 1))
            headers["Retry-After"] = str(wait_s)
            made = RateLimitedError(
                f"This key used its request budget. Come back in {wait_s} s.", headers=headers
            )
        case _:
            made = UnexpectedError("The request could not be served.")
            made.status = exc.status_code
    return made


def field_errors(detail: Any, pointer: str = "") -> list[FieldError]:
    """Return DRF's nested validation detail as a flat list with JSON pointers."""
    if isinstance(detail, Mapping):
        return [
            error
            for name, inner in detail.items()
            for error in field_errors(
                inner, pointer if name == "non_field_errors" else f"{pointer}/{_token(name)}"
            )
        ]
    if isinstance(detail, list | tuple):
        return [
            error
            for number, inner in enumerate(detail)
            for error in field_errors(inner, pointer if _is_leaf(inner) else f"{pointer}/{number}")
        ]
    code = getattr(detail, "code", "invalid")
    return [FieldError(pointer=pointer, code=str(code), detail=str(detail))]


def _is_leaf(value: object) -> bool:
    return not isinstance(value, Mapping | list | tuple)


def _token(name: object) -> str:
    return str(name).replace("~", "~0").replace("/", "~1")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400 for the whole site (handler400)."""
    if is_api(request):
        return answer(translate(exception) or _bad_request(), request)
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403 for the whole site (handler403)."""
    if is_api(request):
        return answer(PermissionRefusedError("This is not allowed."), request)
    return defaults.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404 for the whole site (handler404)."""
    if is_api(request):
        return answer(NotFoundError("There is nothing at this address."), request)
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500 for the whole site (handler500): no internals, the request id to quote."""
    if is_api(request):
        request_id = context.current().request_id
        return answer(
            UnexpectedError(f"Something broke on our side. Quote request {request_id} to us."),
            request,
        )
    return defaults.server_error(request)
