"""Signing in and out: password, code, and which partner is shown."""

from django.contrib import messages
from django.contrib.auth import logout as django_logout
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from atlaspay.core.access import gate, second_factor
from atlaspay.core.access.log import Kind, record
from atlaspay.core.access.models import SecondFactor
from atlaspay.core.access.proving import check_code
from portal.door.forms import CodeForm, SignInForm
from portal.members.members import note_entry
from portal.middleware import CHOSEN
from portal.pages import at_the_door, page, safe_next, show
from portal.rights import Right
from portal.scope import find_scope, scope_or_none, scoped


@at_the_door
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("password")
def login(request: HttpRequest) -> HttpResponse:
    """Step one: address and password. Who is in already goes on."""
    next_url = safe_next(request, request.POST.get("next") or request.GET.get("next") or "")
    if request.method != "POST":
        if scope_or_none(request) is not None:
            return HttpResponseRedirect(next_url)
        return _door(request, "login", {"form": SignInForm(request), "next": next_url})
    form = SignInForm(request, request.POST)
    if not form.is_valid() or form.user is None:
        return _door(request, "login", {"form": form, "next": next_url}, wait_s=form.wait_s)
    if second_factor.of_user(form.user) is None:
        admit(request, form.user, None, detail="portal, password")
        return HttpResponseRedirect(next_url)
    gate.hold(request, form.user, next_url)
    return HttpResponseRedirect(reverse("portal:code"))


@at_the_door
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("code")
def code(request: HttpRequest) -> HttpResponse:
    """Step two, for who has a second factor: a code of the app or a recovery code."""
    held = gate.waiting(request, is_staff=False)
    factor = second_factor.of_user(held.user) if held else None
    if held is None or factor is None:
        return HttpResponseRedirect(reverse("portal:login"))
    form = CodeForm(request.POST or None)
    wait_s = 0
    if request.method == "POST" and form.is_valid():
        checked, wait_s = check_code(request, form, factor)
        if checked is not None:
            how = f"portal, password and {checked.verdict.value}"
            admit(request, held.user, factor, detail=how)
            return HttpResponseRedirect(safe_next(request, held.next_url))
    return _door(request, "code", {"form": form}, wait_s=wait_s)


@at_the_door
@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    """Sign out, by POST alone, and lead back to the door."""
    if request.user.is_authenticated:
        record(Kind.LOGOUT, request)
        django_logout(request)
        messages.info(request, "You are signed out.")
    return HttpResponseRedirect(reverse("portal:login"))


@page(change=Right.OWN)
def switch(request: HttpRequest) -> HttpResponse:
    """Show another of the person's partners from here on."""
    wanted = request.POST.get("partner", "")
    found = next((one for one in scoped(request).memberships if one.partner_id == wanted), None)
    if found is not None:
        request.session[CHOSEN] = wanted
        note_entry(found.pk)
    return HttpResponseRedirect(reverse("portal:home"))


def admit(request: HttpRequest, user: User, factor: SecondFactor | None, *, detail: str) -> None:
    """Let somebody in, and note it at the partner they are shown first."""
    gate.admit(request, user, factor, detail=detail)
    scope = find_scope(user, request.session.get(CHOSEN, ""))
    if scope is not None:
        note_entry(scope.membership.pk)


def _door(
    request: HttpRequest, name: str, values: dict[str, object], *, wait_s: int = 0
) -> HttpResponse:
    """Return a page of the door; a throttled try is answered 429 with the time to wait."""
    answer = show(request, f"portal/door/{name}.html", values, status=429 if wait_s else 200)
    if wait_s:
        answer["Retry-After"] = str(wait_s)
    return answer
