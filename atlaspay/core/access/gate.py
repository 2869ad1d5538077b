"""What a session may do: wait at the door after the password, be in, and come to an end.

Between password and code the session names nobody to Django, so no page of the console can open by
it. A session that is in names the second factor that opened it, and ends with that factor.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest
from django.middleware.csrf import rotate_token
from django.utils.crypto import constant_time_compare

from atlaspay.core import clock
from atlaspay.core.access.log import Kind, record
from atlaspay.core.access.models import SecondFactor

WAITS_AT_MOST = timedelta(minutes=10)
# A session is written back for its last use at most this often.
SEEN_STEP_S = 60
# Pages that ask by themselves send this header: a tab left open is nobody at work.
BACKGROUND_HEADER = "HTTP_X_ATLASPAY_BACKGROUND"
NEXT_LENGTH = 2_000

_WAITING = "access_waiting"
_FACTOR = "access_factor"
_SIGNED_IN_AT = "access_signed_in_at"
_SEEN_AT = "access_seen_at"
_BACKEND = "django.contrib.auth.backends.ModelBackend"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody whose password was right and whose second factor was not shown yet."""

    user: User
    next_url: str


def hold(request: HttpRequest, user: User, next_url: str) -> None:
    """Remember in a new session that the password was right. Whoever was signed in is out."""
    request.session.flush()
    request.user = AnonymousUser()
    rotate_token(request)
    request.session[_WAITING] = {
        "user": user.pk,
        "hash": user.get_session_auth_hash(),
        "at": clock.now().timestamp(),
        "next": next_url if len(next_url) <= NEXT_LENGTH else "",
    }


def waiting(request: HttpRequest, *, is_staff: bool = True) -> Waiting | None:
    """Return who waits here, or None: nobody, too long ago, or no longer under this password.

    `is_staff`: whose door it is, the console's or the partners'.
    """
    held = request.session.get(_WAITING)
    if held is None or clock.now().timestamp() - held["at"] > WAITS_AT_MOST.total_seconds():
        return None
    user = User.objects.filter(pk=held["user"], is_active=True, is_staff=is_staff).first()
    if user is None or not constant_time_compare(held["hash"], user.get_session_auth_hash()):
        return None
    return Waiting(user, held["next"])


def admit(
    request: HttpRequest, user: User, factor: SecondFactor | None, *, detail: str = ""
) -> None:
    """Sign in under a new session key, and log it."""
    request.session.pop(_WAITING, None)
    login(request, user, backend=_BACKEND)
    now_s = clock.now().timestamp()
    request.session.update({_SIGNED_IN_AT: now_s, _SEEN_AT: now_s})
    if factor is not None:
        request.session[_FACTOR] = factor.pk
    record(Kind.LOGIN, request, user=user, detail=detail)


def move_to(request: HttpRequest, factor: SecondFactor) -> None:
    """Let the session stand on a new factor, under a new key."""
    request.session.cycle_key()
    request.session[_FACTOR] = factor.pk


def stand_alone(request: HttpRequest) -> None:
    """Let the session stand on the password alone, under a new key: its person took the factor
    away.
    """
    request.session.cycle_key()
    request.session.pop(_FACTOR, None)


def factor_id(request: HttpRequest) -> int | None:
    """Return the id of the factor that opened this session."""
    found: int | None = request.session.get(_FACTOR)
    return found


def why_over(
    request: HttpRequest,
    *,
    needs_factor: bool | None = None,
    begun_after: datetime | None = None,
) -> str:
    """Return in words why this signed-in session must end now, or nothing.

    `needs_factor` says whether it must stand on a second factor; None: as the console's settings
    say. `begun_after`: when the person's sessions were ended by somebody else, None where they were
    not. Costs a query where it must. Notes the use, at most once a minute.
    """
    if needs_factor is None:
        needs_factor = settings.ATLASPAY_REQUIRE_TOTP
    session = request.session
    now_s = clock.now().timestamp()
    since_s = session.get(_SIGNED_IN_AT)
    seen_s = session.get(_SEEN_AT)
    if since_s is not None and now_s - since_s >= settings.ATLASPAY_SESSION_HOURS * 3600:
        return f"{settings.ATLASPAY_SESSION_HOURS} hours after signing in"
    if seen_s is not None and now_s - seen_s >= settings.ATLASPAY_SESSION_IDLE_MINUTES * 60:
        return f"{settings.ATLASPAY_SESSION_IDLE_MINUTES} minutes without activity"
    if begun_after is not None and (since_s is None or since_s <= begun_after.timestamp()):
        return "support ended your sessions"
    # One that a factor opened ends with it, also where none is needed any more.
    if (needs_factor or factor_id(request) is not None) and not _stands(request):
        return "no second factor"
    if since_s is None:
        session[_SIGNED_IN_AT] = now_s
    is_use = BACKGROUND_HEADER not in request.META
    if seen_s is None or (is_use and now_s - seen_s >= SEEN_STEP_S):
        session[_SEEN_AT] = now_s
    return ""


def _stands(request: HttpRequest) -> bool:
    """Say whether the factor that opened the session is still the person's."""
    pk = factor_id(request)
    user: object = request.user
    return (
        pk is not None
        and isinstance(user, User)
        and SecondFactor.objects.filter(pk=pk, user=user).exists()
    )
