"""Errors the whole platform shares. Knows no Django: services, rails and rules raise these, doors
turn them into answers.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict


class FieldError(TypedDict):
    """One fault in the caller's input: where (JSON pointer), which (stable code), what (a
    sentence).
    """

    pointer: str
    code: str
    detail: str


class AtlasError(Exception):
    """Root of all errors AtlasPay raises on purpose."""


class CurrencyMismatchError(AtlasError):
    """Two amounts of different currencies met in one sum."""


class UnknownCurrencyError(AtlasError):
    """A currency outside the ISO 4217 table."""


class ProblemError(AtlasError):
    """A refusal that a caller will read as problem+json (RFC 9457).

    `code` is stable and documented; `detail` says what happened and what to do; `extra` are members
    of the problem beside the standard ones; `headers` go with the answer (Retry-After).
    """

    status = 400
    code = "bad_request"
    title = "Bad request"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        errors: Sequence[FieldError] = (),
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.errors = list(errors)
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})


class InvalidRequestError(ProblemError):
    """The input is well-formed but breaks a rule; nothing was changed."""

    status = 422
    code = "validation_failed"
    title = "The request did not pass validation"


class MalformedRequestError(ProblemError):
    """The body cannot be read at all."""

    status = 400
    code = "malformed_body"
    title = "The body could not be read"


class NotAuthenticatedError(ProblemError):
    """No key, an unknown key, or one that is expired or revoked."""

    status = 401
    code = "not_authenticated"
    title = "Authentication is required"


class PermissionRefusedError(ProblemError):
    """The caller is known but may not do this."""

    status = 403
    code = "permission_denied"
    title = "Not allowed"


class NotFoundError(ProblemError):
    """No such object, or one of another partner."""

    status = 404
    code = "not_found"
    title = "Not found"


class ConflictError(ProblemError):
    """The object is not in a state that allows this now."""

    status = 409
    code = "conflict"
    title = "Conflict with the current state"


class StaleFormError(ConflictError):
    """Somebody else decided first; the detail says who and when."""

    code = "stale_decision"
    title = "Already decided"


class PayloadTooLargeError(ProblemError):
    """The body is larger than the limit of the address."""

    status = 413
    code = "body_too_large"
    title = "The body is too large"


class RateLimitedError(ProblemError):
    """The key used its budget; Retry-After says when to come back."""

    status = 429
    code = "rate_limited"
    title = "Too many requests"


class UnavailableError(ProblemError):
    """A server we depend on does not answer; repeating later is safe."""

    status = 503
    code = "unavailable"
    title = "Temporarily unavailable"
