"""Rails: which run, what a pause would hold, and the two buttons."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from atlaspay.core import console
from atlaspay.core.admin import ReadOnlyAdmin
from atlaspay.core.console import Table
from atlaspay.core.errors import InvalidRequestError, NotFoundError
from payouts.admin.words import rail_words
from payouts.models import RailState
from payouts.rails.registry import RAIL_NAMES
from payouts.services import rails_control

PERMISSION = "payouts.pause_rail"
HISTORY_SHOWN = 20


@admin.register(RailState)
class RailStateAdmin(ReadOnlyAdmin):
    """One page for all rails, those that never were paused included."""

    def get_urls(self) -> list[URLPattern]:
        """Add pause and resume."""
        view = self.admin_site.admin_view(require_POST(self.switch_view))
        return [
            path("<str:rail>/<str:verb>/", view, name="payouts_railstate_switch"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show every rail with what a pause would hold, and who last switched what."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        states = {state.rail: state for state in RailState.objects.all()}
        rails = [
            {
                "name": name,
                "words": rail_words(name),
                "state": states.get(name),
                "is_paused": name in states and states[name].is_paused,
                "held": _held(rails_control.preview(name)),
            }
            for name in RAIL_NAMES
        ]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Rails",
            "rails": rails,
            "may_switch": request.user.has_perm(PERMISSION),
            "tables": [_history()],
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/payouts/railstate/list.html", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """A rail has no page of its own."""
        return HttpResponseRedirect(reverse("admin:payouts_railstate_changelist"))

    def switch_view(self, request: HttpRequest, rail: str, verb: str) -> HttpResponse:
        """Pause or resume; the service checks the reason."""
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied
        act = {"pause": rails_control.pause, "resume": rails_control.resume}.get(verb)
        if act is None:
            raise Http404
        try:
            change = act(rail, request.POST.get("reason", ""))
        except NotFoundError as error:
            raise Http404(error.detail) from None
        except InvalidRequestError as error:
            messages.error(request, error.detail)
        else:
            words = "is paused" if change.is_paused else "runs again"
            if not change.is_changed:
                words = f"was {'paused' if change.is_paused else 'running'} already"
            messages.success(request, f"{rail_words(rail)} {words}.")
        return HttpResponseRedirect(reverse("admin:payouts_railstate_changelist"))


def _held(preview: rails_control.Preview) -> SafeString:
    parts = [
        format_html(
            "{} {}, {}", f"{held.count:,}", words, console.money(held.amount_minor, held.currency)
        )
        for words, group in (("queued", preview.queued), ("before the queue", preview.upstream))
        for held in group
    ]
    return format_html_join("; ", "{}", ((part,) for part in parts)) or SafeString("nothing")


def _history() -> Table:
    rows = [
        [
            console.when(row.history_date),
            rail_words(row.rail),
            console.badge("Paused", "bad") if row.is_paused else console.badge("Running", "good"),
            console.actor(row.actor or ""),
            console.text_or_dash(row.reason),
        ]
        for row in RailState.history.order_by("-history_id")[:HISTORY_SHOWN]
        if row.reason
    ]
    headers = ["At", "Rail", "State", "Who", "Why"]
    return Table("Switched", headers, rows, empty="No rail was ever paused.")
