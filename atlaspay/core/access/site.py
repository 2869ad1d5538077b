"""The console's admin site: unfold's, with our door before it."""

from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from unfold.sites import UnfoldAdminSite

from atlaspay.core.access import views
from atlaspay.core.access.log import Kind, record


class ConsoleSite(UnfoldAdminSite):  # type: ignore[misc]
    """Two steps to come in; leaving and a new password are logged."""

    def extra_urls(self) -> list[URLPattern]:
        """Return the door's own addresses."""
        return [
            path("login/code/", partial(views.code_view, site=self), name="code"),
            path("login/enrol/", partial(views.enrol_view, site=self), name="enrol"),
            path(
                "second-factor/",
                self.admin_view(partial(views.own_view, site=self)),
                name="second_factor",
            ),
        ]

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask name and password; who is in already goes to the first page."""
        if request.method == "GET" and self.has_permission(request):
            return HttpResponseRedirect(reverse("admin:index"))
        view: Any = views.SignInView.as_view(site=self, extra_context=extra_context)
        answer: HttpResponse = view(request)
        return answer

    def logout(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Sign out, by POST alone, and lead back to the door."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        record(Kind.LOGOUT, request)
        logout(request)
        messages.info(request, "You are signed out.")
        return HttpResponseRedirect(reverse("admin:login"))

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Change one's own password."""
        answer: HttpResponse = super().password_change(request, extra_context)
        if request.method == "POST" and answer.status_code == 302:
            record(Kind.PASSWORD_CHANGED, request)
        return answer
