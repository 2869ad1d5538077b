"""New passwords by mail. The request writes a row; a worker makes the link when it sends.

So a request takes the same time and gives the same answer whether or not there is an account, and
no link is kept anywhere. Django's token stands for the password hash and the last sign-in: it works
once.
"""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.urls import reverse
from django.utils.encoding import force_bytes, force_str
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from atlaspay.core import clock
from atlaspay.core.access.throttle import Charge, Limit
from atlaspay.core.crypto import keyed_hash
from portal.members.people import username_of
from portal.scope import find_scope
from webhooks import mail
from webhooks.models import MailMessage

MAIL_KIND = "portal.reset"
# A mail nobody could send in this time is asked for again by the person.
GIVEN_UP_AFTER = timedelta(hours=1)
OF_ADDRESS = Limit("reset", 5, timedelta(hours=1))
OF_PLACE = Limit("reset_place", 30, timedelta(hours=1))


class ResetTokens(PasswordResetTokenGenerator):
    """Django's tokens under a salt of ours."""

    key_salt = "portal.members.resets"


TOKENS = ResetTokens()


def charges(email: str, place: str) -> list[Charge]:
    """Return what asking counts under; nothing is given back."""
    return [
        Charge(OF_PLACE, keyed_hash(f"reset place|{place}")),
        Charge(OF_ADDRESS, keyed_hash(f"reset|{username_of(email)}")),
    ]


def ask(email: str) -> None:
    """Note that somebody asked, once a minute; nothing where no partner has this address."""
    user = User.objects.filter(username=username_of(email), is_active=True, is_staff=False).first()
    scope = find_scope(user, "") if user is not None else None
    if user is not None and scope is not None:
        key = f"{MAIL_KIND}:{user.pk}:{clock.now():%Y%m%d%H%M}"
        mail.write(scope.partner_id, MAIL_KIND, key, {"user_id": user.pk})


def mail_facts(message: MailMessage) -> tuple[str, dict[str, Any]] | None:
    """Return whom a reset's mail is for and what it says; None where it is too old, or the person
    may not come in any more.
    """
    wanted = message.context.get("user_id")
    user = User.objects.filter(pk=wanted, is_active=True, is_staff=False).first()
    if user is None or find_scope(user, "") is None:
        return None
    if message.created_at < clock.now() - GIVEN_UP_AFTER:
        return None
    values = {
        "email": user.username,
        "link": link_of(user),
        "minutes": settings.PASSWORD_RESET_TIMEOUT // 60,
    }
    return user.username, values


def link_of(user: User) -> str:
    """Return the address under which this person chooses a new password, once."""
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    path = reverse("portal:reset-password", args=[uid, TOKENS.make_token(user)])
    return f"{settings.ATLASPAY_BASE_URL}{path}"


def find(uid: str, token: str) -> User | None:
    """Return whose password a link may change, or None."""
    try:
        pk = int(force_str(urlsafe_base64_decode(uid)))
    except (ValueError, UnicodeDecodeError):
        return None
    if not 0 < pk < 2**31:
        return None
    user = User.objects.filter(pk=pk, is_active=True, is_staff=False).first()
    return user if user is not None and TOKENS.check_token(user, token) else None
