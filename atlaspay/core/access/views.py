"""The door's pages: password, code, enrolment, and a person's own second factor."""

from typing import Any

from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters

from atlaspay.core import clock
from atlaspay.core.access import enrolment, gate, second_factor
from atlaspay.core.access.forms import CodeForm, SignInForm
from atlaspay.core.access.log import Kind, record
from atlaspay.core.access.models import SecondFactor
from atlaspay.core.access.proving import check_code
from atlaspay.core.errors import ConflictError

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
        checked, wait_s = check_code(request, form, factor)
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
    secret = enrolment.secret_of(request, user)
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
        "qr": enrolment.qr(second_factor.uri_of(secret, user.get_username())),
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
    enrolment.forget_secret(request)
    request.session.pop(_PROVED, None)
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
        checked, wait_s = check_code(request, form, factor)
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


def _has_proved(request: HttpRequest, factor_id: int) -> bool:
    """Say whether this session showed a code of that factor just now."""
    proved, at_s = request.session.get(_PROVED, [None, 0.0])
    age_s = clock.now().timestamp() - float(at_s)
    return bool(proved == factor_id) and age_s <= gate.WAITS_AT_MOST.total_seconds()


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
