"""People at the door, and the app on their phone."""

import base64
import re
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from atlaspay.core import clock
from atlaspay.core.access import second_factor
from atlaspay.core.access.models import AccessEvent, SecondFactor

PASSWORD = "a long enough password"
START = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)
LOGIN, CODE, ENROL, HOME = (
    "/console/login/",
    "/console/login/code/",
    "/console/login/enrol/",
    "/console/",
)
OWN = "/console/second-factor/"


class Phone:
    """An authenticator app that holds one secret."""

    def __init__(self, secret: bytes) -> None:
        self.secret = secret

    def code(self, *, steps: int = 0) -> str:
        """Return the code of now, or of a step before or after it."""
        at_s = int(clock.now().timestamp()) + steps * 30
        return TOTP(self.secret, 6, SHA1(), 30).generate(at_s).decode()  # noqa: S303

    def wrong(self) -> str:
        """Return six digits that are no code of this minute."""
        near = {self.code(steps=steps) for steps in range(-3, 4)}
        return next(text for text in (f"{n:06d}" for n in range(10)) if text not in near)


def person(username: str = "vera", **fields: object) -> User:
    """Return a member of staff who can sign in."""
    fields.setdefault("is_staff", True)
    return User.objects.create_user(username, password=PASSWORD, **fields)


def enrolled(user: User) -> tuple[Phone, list[str]]:
    """Enrol an app for somebody, five minutes ago; return it with the recovery codes."""
    secret = second_factor.new_secret()
    phone = Phone(secret)
    with clock.frozen(clock.now() - timedelta(minutes=5)):
        made = second_factor.enrol(user, secret=secret, code=phone.code(), replacing=None)
    assert made is not None
    return phone, made[1]


def sign_in(
    client: Client, username: str = "vera", password: str = PASSWORD, **more: object
) -> HttpResponse:
    """Send name and password."""
    return client.post(LOGIN, {"username": username, "password": password}, **more)


def pass_door(client: Client, user: User, phone: Phone) -> None:
    """Come in by password and code."""
    assert sign_in(client, user.get_username()).url == CODE
    answer = client.post(CODE, {"code": phone.code()})
    assert (answer.status_code, answer.url) == (302, HOME)


def is_in(client: Client) -> bool:
    """Say whether the first page opens."""
    answer = client.get(HOME)
    assert answer.status_code == 200 or answer.url.startswith(LOGIN)
    return answer.status_code == 200


def events(*kinds: str) -> list[AccessEvent]:
    """Return the events of these kinds, or all, oldest first."""
    found = AccessEvent.objects.order_by("id")
    return list(found.filter(kind__in=kinds) if kinds else found)


def shown_secret(answer: HttpResponse) -> bytes:
    """Return the secret that an enrolment page shows, read as a phone reads it: by its text."""
    found = re.search(r"ap-secret\">([A-Z2-7 ]+)<", answer.content.decode())
    assert found
    return base64.b32decode(found[1].replace(" ", ""))


def shown_codes(answer: HttpResponse) -> list[str]:
    """Return the recovery codes on a page."""
    return re.findall(r"<code class=\"ap-code\">([0-9a-z-]{14})</code>", answer.content.decode())


def factor_of(user: User) -> SecondFactor:
    """Return the row."""
    return SecondFactor.objects.get(user=user)


def url_of(name: str, *args: object) -> str:
    """Return an address of the console."""
    return reverse(f"admin:{name}", args=args)
