"""The door's pages: password, code, enrolment, and a person's own second factor."""

import base64
from typing import Any

import segno
from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters

from atlaspay.core import clock
from atlaspay.core.access import gate, second_factor
from atlaspay.core.access.forms import CodeForm, SignInForm, too_many
from atlaspay.core.access.log import Kind, record
from atlaspay.core.access.models import SecondFactor
from atlaspay.core.access.second_factor import Checked, Verdict
from atlaspay.core.access.throttle import TooManyFailuresError
from atlaspay.core.crypto import SealError, seal, unseal
from atlaspay.core.errors import ConflictError

_SECRET = "access_new_secret"  # noqa: S105
_PROVED = "access_proved_for"


class SignInView(LoginView):
    """Step one. Nobody is signed in by it who has, or must have, a second factor."""

    authentication_form = SignInForm
    template_name = "admin/login.html"
    site: Any = None

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return unfold's frame with the form."""
        request = self.request
        found = {
            **self.site.each_context(request),
            "title": "Sign in",
            "app_path": request.get_full_path(),
            "username": request.user.get_username(),
            **super().get_context_data(**kwargs),
        }
        return found | {"redirect_field_name": REDIRECT_FIELD_NAME}

    def form_valid(self, form: Any) -> HttpResponse:
        """Lead on: to the code, to the enrolment, or in."""
        user: User = form.get_user()
        has_factor = second_factor.of_user(user) is not None
        if not has_factor and not settings.ATLASPAY_REQUIRE_TOTP:
            gate.admit(self.request, user, None, detail="password")
            return HttpResponseRedirect(self.get_success_url())
        gate.hold(self.request, user, self.get_success_url())
        return HttpResponseRedirect(reverse("admin:code" if has_factor else "admin:enrol"))

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the form again; a throttled try is answered 429 with the time to wait."""
        response = super().form_invalid(form)
        if form.wait_s:
            _throttled(response, form.wait_s)
        return response


def _door(view: Any) -> Any:
    return never_cache(csrf_protect(sensitive_post_parameters("code")(view)))


@_door
def code_view(request: HttpRequest, site: Any) -> HttpResponse:
    """Step two: a code of the app or a recovery code."""
    held = gate.waiting(request)
    factor = second_factor.of_user(held.user) if held else None
    if held is None or factor is None:
        return HttpResponseRedirect(reverse("admin:login"))
    is_recovery = "recovery" in request.GET
    form = CodeForm(request.POST or None, is_recovery=is_recovery)
    wait_s = 0
    if request.method == "POST" and form.is_valid():
        checked, wait_s = _checked(request, form, factor, held.user)
        if checked is not None:
            gate.admit(request, held.user, factor, detail=f"password and {checked.verdict.value}")
            return HttpResponseRedirect(held.next_url or reverse("admin:index"))
    context = {"title": "Second factor", "form": form, "is_recovery": is_recovery}
    return _page(request, site, "access/code.html", context, wait_s)


@_door
def enrol_view(request: HttpRequest, site: Any) -> HttpResponse:
    """Enrol an app: at the door for who has none yet, inside to replace it."""
    held = gate.waiting(request)
    user: Any = held.user if held else request.user
    replacing = None
    if held is None:
        if not site.has_permission(request):
            return HttpResponseRedirect(reverse("admin:login"))
        factor = second_factor.of_user(user)
        replacing = factor.pk if factor else None
        if replacing is not None and not _has_proved(request, replacing):
            return HttpResponseRedirect(reverse("admin:second_factor"))
    elif second_factor.of_user(user) is not None:
        return HttpResponseRedirect(reverse("admin:code"))
    secret = _new_secret(request, user)
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = second_factor.enrol(
                user, secret=secret, code=form.cleaned_data["code"], replacing=replacing
            )
        except ConflictError as error:
            form.refuse(error.detail)
        else:
            if made is not None:
                return _enrolled(request, site, user, held, *made)
            form.refuse("This is not the code your app shows now. Is its clock right?")
    context = {
        "title": "Set up your second factor",
        "form": form,
        "user_waiting": user,
        "qr": _qr(second_factor.uri_of(secret, user.get_username())),
        "secret": second_factor.secret_text(secret),
        "is_first": replacing is None,
    }
    return _page(request, site, "access/enrol.html", context)


def _enrolled(
    request: HttpRequest,
    site: Any,
    user: User,
    held: gate.Waiting | None,
    factor: SecondFactor,
    codes: list[str],
) -> HttpResponse:
    for name in (_SECRET, _PROVED):
        request.session.pop(name, None)
    record(Kind.SECOND_FACTOR_ENROLLED, request, user=user)
    if held is not None:
        gate.admit(request, user, factor, detail="password and a new app")
    else:
        gate.move_to(request, factor)
    next_url = (held.next_url if held else "") or reverse("admin:index")
    return _codes_page(request, site, codes, next_url)


@_door
def own_view(request: HttpRequest, site: Any) -> HttpResponse:
    """A person's own second factor: its state, new recovery codes, another phone."""
    user: Any = request.user
    factor = second_factor.of_user(user)
    if factor is None:
        return HttpResponseRedirect(reverse("admin:enrol"))
    form = CodeForm(request.POST or None)
    form.fields["code"].widget.attrs.pop("autofocus")
    wait_s = 0
    if request.method == "POST" and form.is_valid():
        checked, wait_s = _checked(request, form, factor, user)
        if checked is not None and request.POST.get("do") == "move":
            request.session[_PROVED] = [factor.pk, clock.now().timestamp()]
            return HttpResponseRedirect(reverse("admin:enrol"))
        if checked is not None:
            codes = second_factor.renew_codes(factor)
            record(Kind.RECOVERY_CODES_MADE, request)
            return _codes_page(request, site, codes, reverse("admin:second_factor"))
    left = second_factor.codes_left(factor)
    context = {"title": "Your second factor", "form": form, "factor": factor, "left": left}
    return _page(request, site, "access/own.html", context, wait_s)


def _checked(
    request: HttpRequest, form: CodeForm, factor: SecondFactor, user: User
) -> tuple[Checked | None, int]:
    """Return the verdict of a right code, or None with the refusal on the form, and seconds to
    wait.
    """
    try:
        checked = second_factor.check(factor, form.cleaned_data["code"])
    except TooManyFailuresError as error:
        form.refuse(too_many(error.wait_s))
        return None, error.wait_s
    if checked.is_right:
        if checked.verdict is Verdict.RECOVERY:
            left = second_factor.codes_left(factor)
            record(Kind.RECOVERY_CODE_USED, request, user=user, detail=f"{left} left")
        return checked, 0
    record(Kind.SECOND_FACTOR_FAILED, request, user=user)
    if checked.used_up:
        record(Kind.LOCKED_OUT, request, user=user, detail="code")
    form.refuse("This code is wrong or was used already. Wait for the next one.")
    return None, 0


def _has_proved(request: HttpRequest, factor_id: int) -> bool:
    """Say whether this session showed a code of that factor just now."""
    proved, at_s = request.session.get(_PROVED, [None, 0.0])
    age_s = clock.now().timestamp() - float(at_s)
    return bool(proved == factor_id) and age_s <= gate.WAITS_AT_MOST.total_seconds()


def _new_secret(request: HttpRequest, user: User) -> bytes:
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


def _qr(text: str) -> SafeString:
    """Return the QR code as inline SVG; dark on light in both colour schemes, or phones fail."""
    made = segno.make(text, error="m", micro=False)
    return mark_safe(  # noqa: S308 - segno writes paths, no text of ours
        made.svg_inline(scale=5, border=4, dark="#111827", light="#ffffff", omitsize=True)
    )


def _codes_page(request: HttpRequest, site: Any, codes: list[str], next_url: str) -> HttpResponse:
    context = {"title": "Recovery codes", "codes": codes, "next_url": next_url}
    return _page(request, site, "access/codes.html", context)


def _page(
    request: HttpRequest, site: Any, template: str, context: dict[str, Any], wait_s: int = 0
) -> HttpResponse:
    response = TemplateResponse(request, template, {**site.each_context(request), **context})
    if wait_s:
        _throttled(response, wait_s)
    return response


def _throttled(response: HttpResponse, wait_s: int) -> None:
    response.status_code = 429
    response["Retry-After"] = str(wait_s)
