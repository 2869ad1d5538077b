"""The one place that sets a person's password: the installation's rules, the other sessions' end,
and the row in the access log.
"""

from django.contrib.auth import password_validation, update_session_auth_hash
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from atlaspay.core.access.log import Kind, record
from atlaspay.core.errors import (
    ConflictError,
    FieldError,
    InvalidRequestError,
    PermissionRefusedError,
)

OVERTAKEN = "Your password was changed a moment ago. Sign in, or ask for a new link."


def rules() -> list[str]:
    """Return the installation's rules in words."""
    return password_validation.password_validators_help_texts()


def faults(password: str, user: User) -> list[str]:
    """Return in words which rules a password breaks for this person."""
    try:
        password_validation.validate_password(password, user)
    except ValidationError as error:
        return list(error.messages)
    return []


def choose(
    user: User,
    password: str,
    *,
    how: str,
    request: HttpRequest | None = None,
    keeps_session: bool = False,
) -> None:
    """Set somebody's password, save an account that is new, and log it with `how`.

    All sessions of the person end, since each stands on the hash of the password, and mailed links
    with them; `keeps_session` moves the request's own onto the new one. Of two changes at the same
    moment one stands. Raises InvalidRequestError (the rules), ConflictError (overtaken),
    PermissionRefusedError (staff: their door is the console's), and IntegrityError for a new
    account whose name is taken; then nothing is changed.
    """
    if user.is_staff:
        raise PermissionRefusedError("Staff choose their password in the console.")
    found = faults(password, user)
    if found:
        words = " ".join(found)
        fault = FieldError(pointer="/password", code="invalid", detail=words)
        raise InvalidRequestError(words, errors=[fault])
    before = user.password
    user.set_password(password)
    with transaction.atomic():
        if user._state.adding:
            user.save(force_insert=True)
        elif not User.objects.filter(pk=user.pk, password=before).update(password=user.password):
            raise ConflictError(OVERTAKEN, code="password_overtaken")
        record(Kind.PASSWORD_CHANGED, request, user=user, detail=f"portal, {how}")
    if keeps_session and request is not None:
        update_session_auth_hash(request, user)
