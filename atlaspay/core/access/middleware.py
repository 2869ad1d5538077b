"""The console's second fence: ends sessions that are over, and logs what staff were refused."""

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from atlaspay.core.access import gate
from atlaspay.core.access.log import Kind, record

CONSOLE = "/console/"


class ConsoleAccessMiddleware:
    """Guards every address under the console, whoever wrote its view."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(CONSOLE):
            return self.get_response(request)
        if request.user.is_authenticated:
            why = gate.why_over(request)
            if why:
                return _ended(request, why)
        response = self.get_response(request)
        if response.status_code == 403 and request.user.is_authenticated:
            record(Kind.REFUSED, request)
        return response


def _ended(request: HttpRequest, why: str) -> HttpResponse:
    """Sign out and lead back to the door, which says why."""
    record(Kind.SESSION_ENDED, request, detail=why)
    logout(request)
    messages.info(request, f"You were signed out: {why}.")
    came_for = request.get_full_path() if request.method in {"GET", "HEAD"} else CONSOLE
    return redirect_to_login(came_for, reverse("admin:login"))
