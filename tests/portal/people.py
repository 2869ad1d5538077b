"""People of partners, and how they come in."""

import itertools

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import Client

from atlaspay.core import clock
from atlaspay.core.access import gate
from partners.models import Partner
from portal.models import Membership, Role
from portal.sessions import COOKIE, PREFIX, PortalSessionStore

PASSWORD = "a long enough password"
LOGIN = f"{PREFIX}login/"

_numbers = itertools.count(1)


def member(partner: Partner, role: str = Role.OWNER, *, email: str = "") -> User:
    """Return somebody of a partner, who can sign in with PASSWORD."""
    email = email or f"person{next(_numbers)}@market.example"
    user = User.objects.create_user(email, email, PASSWORD)
    Membership.objects.create(user=user, partner=partner, role=role)
    return user


def cookie_of(user: User) -> str:
    """Return the portal's session cookie of somebody who is in."""
    request = HttpRequest()
    request.META["REMOTE_ADDR"] = "127.0.0.1"
    request.session = PortalSessionStore()
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    now_s = clock.now().timestamp()
    request.session.update({gate._SIGNED_IN_AT: now_s, gate._SEEN_AT: now_s})
    request.session.save()
    assert request.session.session_key
    return request.session.session_key


def signed_in(user: User) -> Client:
    """Return a browser with somebody in, past the door."""
    client = Client()
    client.cookies[COOKIE] = cookie_of(user)
    return client


def sign_in(client: Client, email: str, password: str = PASSWORD, **more: str) -> HttpResponse:
    """Send address and password."""
    return client.post(LOGIN, {"email": email, "password": password, **more})


def is_in(client: Client) -> bool:
    """Say whether one's own page opens."""
    answer = client.get(f"{PREFIX}account/")
    assert answer.status_code == 200 or answer.url.startswith(LOGIN)
    return answer.status_code == 200
