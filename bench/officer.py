"""Make an officer with a signed-in session; prints the cookie as one JSON line."""

import json
import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "atlaspay.settings")
django.setup()

from django.conf import settings  # noqa: E402 - needs the settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: E402
from django.contrib.auth.models import Group, User  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402


def main() -> None:
    """Sign in as every login view does, without one: measured is the console, not the hasher."""
    user, is_new = User.objects.get_or_create(username="bench-officer", is_staff=True)
    if is_new:
        user.set_unusable_password()
        user.save()
    user.groups.add(Group.objects.get(name="officer"))
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    print(json.dumps({"cookie": settings.SESSION_COOKIE_NAME, "value": session.session_key}))


if __name__ == "__main__":
    main()
