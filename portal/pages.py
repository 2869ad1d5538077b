"""What every page of the portal is made with: the guard before the view, the frame around it."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode

from atlaspay.core import context
from atlaspay.core.access.log import Kind, record
from atlaspay.core.errors import PermissionRefusedError, ProblemError
from partners.models import Partner
from portal import navigation
from portal.rights import Right
from portal.scope import scope_or_none
from portal.sessions import PREFIX

View = Callable[..., HttpResponseBase]

READING = frozenset({"GET", "HEAD"})
# What a paused partner may not change, as over the API.
OF_BUSINESS = frozenset({Right.PAYOUTS, Right.WEBHOOKS, Right.KEYS})


def page(
    read: Right | None = None, *, change: Right | None = None, is_open_while_paused: bool = False
) -> Callable[[View], View]:
    """Guard a view: `read` is what GET asks for, `change` what POST asks for; None takes it not.
    A paused partner changes nothing, unless the view says so: a key that leaked can always end.

    Who is not signed in is led to the door, who may not is shown 403 and logged. A ProblemError of
    a service becomes a page with its words and status.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            scope = scope_or_none(request)
            if scope is None:
                return to_the_door(request)
            right = {"GET": read, "HEAD": read, "POST": change}.get(request.method or "")
            if right is None:
                return _refuse_method(request, read, change)
            if not scope.may(right):
                record(Kind.REFUSED, request, detail=f"{scope.role} of {scope.partner_id}")
                words = f"Your role here, {scope.role_name.lower()}, may not do this. Ask an owner."
                return problem(request, PermissionRefusedError(words))
            is_change = request.method not in READING and right in OF_BUSINESS
            is_closed = scope.partner.status == Partner.Status.PAUSED and not is_open_while_paused
            if is_change and is_closed:
                return problem(request, _paused(scope.partner.name))
            try:
                return view(request, *args, **kwargs)
            except ProblemError as error:
                return problem(request, error)

        guarded.rights = {"read": read, "change": change}  # type: ignore[attr-defined]
        return guarded

    return decorate


def at_the_door(view: View) -> View:
    """Mark a view that anybody may open: sign-in, password reset, invitation."""

    @wraps(view)
    def opened(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except ProblemError as error:
            return problem(request, error)

    opened.rights = None  # type: ignore[attr-defined]
    return opened


def show(
    request: HttpRequest, template: str, values: Mapping[str, Any], *, status: int = 200
) -> HttpResponse:
    """Return a page, or a part of one, with whose it is and the menu."""
    scope = scope_or_none(request)
    frame: dict[str, Any] = {"scope": scope, "menu": ()}
    if scope is not None:
        frame["menu"] = list(navigation.menu(scope, request.path))
    return render(request, template, {**frame, **values}, status=status)


def problem(request: HttpRequest, error: ProblemError) -> HttpResponse:
    """Return the page of a refusal."""
    values = {"error": error, "title": error.title, "request_id": context.current().request_id}
    answer = show(request, "portal/problem.html", values, status=error.status)
    for name, value in error.headers.items():
        answer[name] = value
    answer.is_portal_problem = True  # type: ignore[attr-defined]
    return answer


def is_ours(response: HttpResponse) -> bool:
    """Say whether a refusal is in the portal's words already."""
    return hasattr(response, "is_portal_problem")


def to_the_door(request: HttpRequest) -> HttpResponse:
    """Lead to the sign-in and back again. A part of a page asks the browser to go there."""
    came_for = request.get_full_path() if request.method in READING else PREFIX
    if "HX-Request" in request.headers:
        came_for = PREFIX
    url = f"{reverse('portal:login')}?{urlencode({'next': came_for})}"
    if "HX-Request" in request.headers:
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)


def safe_next(request: HttpRequest, wanted: str) -> str:
    """Return where to go after signing in: a page of the portal, whatever was asked for."""
    # Browsers walk `..` and `%2e%2e` up before they ask.
    stays = wanted.startswith(PREFIX) and "/." not in wanted.lower().replace("%2e", ".")
    is_ours = stays and url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if is_ours else reverse("portal:home")


def _paused(name: str) -> PermissionRefusedError:
    words = f"{name} is paused: reading works, changes do not. Write to us."
    return PermissionRefusedError(words, code="partner_paused")


def _refuse_method(request: HttpRequest, read: Right | None, change: Right | None) -> HttpResponse:
    error = ProblemError("This address does not take that.", code="method_not_allowed")
    error.status, error.title = 405, "Method not allowed"
    allowed = (["GET", "HEAD"] if read else []) + (["POST"] if change else [])
    error.headers["Allow"] = ", ".join(allowed)
    return problem(request, error)
