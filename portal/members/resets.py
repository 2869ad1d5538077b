"""New passwords by mail. The request writes a row; a worker makes the link when it sends.

So a request takes the same time and gives the same answer whether or not there is an account, and
no link is kept anywhere. Django's token stands for the password hash and the last sign-in: it works
once.
"""

import logging
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.urls import reverse
from django.utils.encoding import force_bytes, force_str
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from atlaspay.core import clock
from atlaspay.core.access.throttle import Charge, Limit
from atlaspay.core.crypto import keyed_hash
from atlaspay.core.nudge import nudge
from portal import mail
from portal.members.people import username_of
from portal.models import Letter
from portal.scope import find_scope

log = logging.getLogger(__name__)

SEND_TASK = "portal.send_letters"
QUEUE = "chores"
# A letter nobody could send in this time is asked for again by the person.
GIVEN_UP_AFTER = timedelta(hours=1)
KEPT_FOR = timedelta(days=1)
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
    """Note that somebody asked; nothing where nobody of a partner has this address."""
    user = User.objects.filter(username=username_of(email), is_active=True, is_staff=False).first()
    if user is not None and find_scope(user, "") is not None:
        Letter.objects.create(user=user)
    nudge(SEND_TASK, queue=QUEUE)


def send_letters() -> int:
    """Send the letters that are due; returns how many the mail server took.

    A row is marked before its mail is sent, so that two workers never send the same one; what the
    server did not take is due again. A crash between loses it, and the person asks again.
    """
    sent = 0
    Letter.objects.filter(sent_at=None, created_at__lt=clock.now() - GIVEN_UP_AFTER).delete()
    due = list(Letter.objects.filter(sent_at=None).order_by("id").values_list("id", flat=True))
    for letter_id in due:
        this = Letter.objects.filter(pk=letter_id, sent_at=None)
        if not this.update(sent_at=clock.now()):
            continue
        user = User.objects.get(portal_letters__pk=letter_id)
        values = {
            "email": user.username,
            "link": link_of(user),
            "minutes": settings.PASSWORD_RESET_TIMEOUT // 60,
        }
        if not mail.send("reset", user.username, values):
            Letter.objects.filter(pk=letter_id).update(sent_at=None)
            break
        sent += 1
    return sent


def forget_sent() -> int:
    """Delete letters that were sent a day ago; returns how many. Safe to repeat."""
    return Letter.objects.filter(sent_at__lt=clock.now() - KEPT_FOR).delete()[0]


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
