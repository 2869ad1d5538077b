"""What enrolling an authenticator app takes at any door: a secret that stays the same over reloads,
and its picture.
"""

import base64

import segno
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.safestring import SafeString, mark_safe

from atlaspay.core.access import second_factor
from atlaspay.core.crypto import SealError, seal, unseal

_SECRET = "access_new_secret"  # noqa: S105


def secret_of(request: HttpRequest, user: User) -> bytes:
    """Return the secret this session is enrolling, so that a reload shows the same picture."""
    place = f"session|new_secret|user {user.pk}"
    kept = request.session.get(_SECRET)
    if kept is not None:
        try:
            return unseal(base64.b64decode(kept), place=place)
        except SealError:
            pass  # Another person's, or sealed under a key that is gone: made anew.
    secret = second_factor.new_secret()
    request.session[_SECRET] = base64.b64encode(seal(secret, place=place)).decode()
    return secret


def forget_secret(request: HttpRequest) -> None:
    """Drop the secret: it is enrolled."""
    request.session.pop(_SECRET, None)


def qr(text: str) -> SafeString:
    """Return the QR code as inline SVG; dark on light in both colour schemes, or phones fail."""
    made = segno.make(text, error="m", micro=False)
    return mark_safe(  # noqa: S308 - segno writes paths, no text of ours
        made.svg_inline(scale=5, border=4, dark="#111827", light="#ffffff", omitsize=True)
    )
