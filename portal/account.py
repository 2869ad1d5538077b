"""A person's own account: password, and the second factor if they want one."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters

from atlaspay.core.access import enrolment, gate, second_factor, throttle
from atlaspay.core.access.forms import too_many
from atlaspay.core.access.log import Kind, record
from atlaspay.core.access.proving import check_code
from atlaspay.core.access.throttle import TooManyFailuresError
from atlaspay.core.errors import ConflictError
from atlaspay.core.peer import client_address
from portal.door.forms import CodeForm, NewPasswordForm, password_field
from portal.members import passwords
from portal.pages import page, show
from portal.rights import ROLE_WORDS, Right
from portal.scope import Scope, scoped


class ChangePasswordForm(NewPasswordForm):
    """The old password, and the new one twice."""

    old = password_field("Your password now", is_new=False)

    field_order = ["old", "password", "again"]

    def __init__(self, request: HttpRequest, scope: Scope, *args: Any, **kwargs: Any) -> None:
        super().__init__(scope.user, *args, **kwargs)
        self.request = request

    def clean_old(self) -> str:
        """Count the try, then compare: a session left open must not give the password away."""
        given: str = self.cleaned_data["old"]
        address = client_address(self.request)
        charges = throttle.of_password(f"portal {self.user.get_username()}", address)
        try:
            throttle.take(charges)
        except TooManyFailuresError as error:
            raise forms.ValidationError(too_many(error.wait_s)) from None
        if not self.user.check_password(given):
            raise forms.ValidationError("This is not your password.")
        throttle.give_back(charges[0])
        throttle.forget(charges[1:])
        return given


@page(read=Right.OWN)
def account(request: HttpRequest) -> HttpResponse:
    """Show who is signed in, as what, and how they come in."""
    return _shown(request, ChangePasswordForm(request, scoped(request)), CodeForm())


@page(read=Right.OWN, change=Right.OWN)
@sensitive_post_parameters("old", "password", "again")
def password(request: HttpRequest) -> HttpResponse:
    """Change one's own password; other sessions end."""
    scope = scoped(request)
    if request.method != "POST":
        return HttpResponseRedirect(reverse("portal:account"))
    form = ChangePasswordForm(request, scope, request.POST)
    if not form.is_valid():
        return _shown(request, form, CodeForm(), status=422)
    chosen = form.cleaned_data["password"]
    passwords.choose(scope.user, chosen, how="by the person", request=request, keeps_session=True)
    messages.success(request, "Your password is changed. Elsewhere you are signed out.")
    return HttpResponseRedirect(reverse("portal:account"))


@page(read=Right.OWN, change=Right.OWN)
@sensitive_post_parameters("code")
def enrol(request: HttpRequest) -> HttpResponse:
    """Set up an authenticator app, for who has none."""
    scope = scoped(request)
    if second_factor.of_user(scope.user) is not None:
        return HttpResponseRedirect(reverse("portal:account"))
    secret = enrolment.secret_of(request, scope.user)
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = second_factor.enrol(
                scope.user, secret=secret, code=form.cleaned_data["code"], replacing=None
            )
        except ConflictError as error:
            form.refuse(error.detail)
        else:
            if made is not None:
                factor, codes = made
                enrolment.forget_secret(request)
                gate.move_to(request, factor)
                record(Kind.SECOND_FACTOR_ENROLLED, request)
                return show(request, "portal/codes.html", {"codes": codes})
            form.refuse("This is not the code your app shows now. Is its clock right?")
    values = {
        "form": form,
        "qr": enrolment.qr(second_factor.uri_of(secret, scope.user.get_username())),
        "secret": second_factor.secret_text(secret),
    }
    return show(request, "portal/enrol.html", values)


@page(change=Right.OWN)
@sensitive_post_parameters("code")
def factor(request: HttpRequest) -> HttpResponse:
    """Make new recovery codes, or take the app away; both ask for a code."""
    scope = scoped(request)
    found = second_factor.of_user(scope.user)
    if found is None:
        return HttpResponseRedirect(reverse("portal:account"))
    form = CodeForm(request.POST)
    checked, wait_s = check_code(request, form, found) if form.is_valid() else (None, 0)
    if checked is None:
        answer = _shown(
            request,
            ChangePasswordForm(request, scope),
            form,
            status=429 if wait_s else 422,
        )
        if wait_s:
            answer["Retry-After"] = str(wait_s)
        return answer
    if request.POST.get("do") == "remove":
        second_factor.reset(scope.user)
        gate.stand_alone(request)
        record(Kind.SECOND_FACTOR_RESET, request, user=scope.user, detail="by the person")
        messages.success(request, "The second factor is off. Elsewhere you are signed out.")
        return HttpResponseRedirect(reverse("portal:account"))
    codes = second_factor.renew_codes(found)
    record(Kind.RECOVERY_CODES_MADE, request)
    return show(request, "portal/codes.html", {"codes": codes})


def _shown(
    request: HttpRequest, form: ChangePasswordForm, code_form: CodeForm, *, status: int = 200
) -> HttpResponse:
    scope = scoped(request)
    found = second_factor.of_user(scope.user)
    values = {
        "form": form,
        "code_form": code_form,
        "factor": found,
        "codes_left": second_factor.codes_left(found) if found else 0,
        "role_words": ROLE_WORDS[scope.role],
    }
    return show(request, "portal/account.html", values, status=status)
