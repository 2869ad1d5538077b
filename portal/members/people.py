"""Accounts of people at partners. Their name is their e-mail address, in small letters."""

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Q

from atlaspay.core.errors import FieldError, InvalidRequestError
from portal.models import Membership

# `member:<name>` has to fit the actor of history and evidence rows, which have 80 characters.
EMAIL_LENGTH = 72


def username_of(email: str) -> str:
    """Return the account's name for an address as it was typed."""
    return email.strip().lower()


def check_email(email: str) -> str:
    """Return the address as accounts have it. Raises InvalidRequestError."""
    address = username_of(email)
    if len(address) > EMAIL_LENGTH:
        raise _refused(f"An address has at most {EMAIL_LENGTH} characters here.")
    try:
        validate_email(address)
    except ValidationError:
        raise _refused(f"{email[:80]!r} is no e-mail address.") from None
    return address


def account_of(email: str) -> User | None:
    """Return the account that has this address, staff included."""
    address = username_of(email)
    found = User.objects.filter(Q(username=address) | Q(email__iexact=address, is_staff=True))
    return found.order_by("-is_staff", "id").first()


def belongs_somewhere(user: User) -> bool:
    """Say whether a partner's portal is open to the person: to whom none is cannot sign in."""
    return Membership.objects.filter(user=user, suspended_at=None).exists()


def _refused(detail: str) -> InvalidRequestError:
    return InvalidRequestError(
        detail, errors=[FieldError(pointer="/email", code="invalid", detail=detail)]
    )
