"""Deliveries with every attempt, and the button that sends one again."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST
from unfold.decorators import display

from atlaspay.core import console, context
from atlaspay.core.admin import ReadOnlyAdmin
from atlaspay.core.console import Fact, Table
from atlaspay.core.errors import ConflictError, NotFoundError
from webhooks import diagnosis, resend
from webhooks.admin.endpoints import STATE_TONES
from webhooks.models import Delivery, DeliveryAttempt

PERMISSION = "webhooks.retry_delivery"
REASON_LENGTH = 200
OUTCOME_TONES = {"delivered": "good", "refused": "bad", "failed": "bad", "in_doubt": "warn"}


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """Deliveries, newest first."""

    list_display = ["event_type", "endpoint_url", "state_words", "attempt_count", "error", "next"]
    list_filter = ["state", "misconfigured", "endpoint"]
    list_select_related = ["event", "endpoint"]
    ordering = ["-id"]
    search_fields = ["=id", "=message_id", "=object_id"]
    search_help_text = "Delivery, message, payout or batch id: exact"
    page_template = "admin/webhooks/delivery/page.html"

    def get_urls(self) -> list[URLPattern]:
        """Add the retry."""
        view = self.admin_site.admin_view(require_POST(self.retry_view))
        return [
            path("<str:delivery_id>/retry/", view, name="webhooks_delivery_retry"),
            *super().get_urls(),
        ]

    @display(description="Event")
    def event_type(self, delivery: Delivery) -> object:
        """Return what it tells."""
        return delivery.event.type

    @display(description="Endpoint")
    def endpoint_url(self, delivery: Delivery) -> object:
        """Return where it goes."""
        return delivery.endpoint.url

    @display(description="State", ordering="state")
    def state_words(self, delivery: Delivery) -> object:
        """Return where it stands."""
        return console.toned(delivery.state, delivery.get_state_display(), STATE_TONES)

    @display(description="Last error")
    def error(self, delivery: Delivery) -> object:
        """Return what went wrong last."""
        return console.text_or_dash(delivery.last_error)

    @display(description="Next attempt", ordering="due_at")
    def next(self, delivery: Delivery) -> object:
        """Return when it is tried next."""
        if delivery.claim_id is not None:
            return console.badge("Being sent", "info")
        return console.when(delivery.due_at)

    def page(self, request: HttpRequest, obj: Delivery) -> dict[str, Any]:
        """Return the delivery and its attempts."""
        rows = [
            [
                attempt.number,
                console.when(attempt.started_at or attempt.created_at),
                console.toned(attempt.outcome, attempt.get_outcome_display(), OUTCOME_TONES),
                console.text_or_dash(attempt.http_status),
                console.text_or_dash(diagnosis.explain(attempt)),
                f"{attempt.duration_ms} ms" if attempt.duration_ms is not None else console.NOTHING,
            ]
            for attempt in DeliveryAttempt.objects.filter(delivery=obj).order_by("number")
        ]
        headers = ["No.>", "Sent", "Outcome", "Status", "What it means", "Took>"]
        return {
            "heading": obj.event.type,
            "badges": self.state_words(obj),
            "may_retry": request.user.has_perm(PERMISSION),
            "facts": [
                Fact("Endpoint", console.link(obj.endpoint, obj.endpoint.url)),
                Fact("Partner", console.link(obj.partner, obj.partner.name)),
                Fact("Event", console.link(obj.event, obj.event_id)),
                Fact("Of", console.code(obj.object_id)),
                Fact("Sequence", obj.sequence),
                Fact("Next attempt", self.next(obj)),
                Fact("Delivered", console.when(obj.delivered_at)),
                Fact("webhook-id", console.code(obj.message_id)),
            ],
            "tables": [Table("Attempts", headers, rows, empty="None yet.")],
        }

    def retry_view(self, request: HttpRequest, delivery_id: str) -> HttpResponse:
        """Send it again; the service checks what stands against it."""
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied
        reason = request.POST.get("reason", "").strip()
        if not 0 < len(reason) <= REASON_LENGTH:
            messages.error(request, "Say why, in at most 200 characters.")
        else:
            try:
                with context.bind(reason=reason):
                    resend.retry_delivery(None, delivery_id)
            except NotFoundError as error:
                raise Http404(error.detail) from None
            except ConflictError as error:
                messages.error(request, error.detail)
            else:
                messages.success(request, "It is due now, with the whole schedule before it.")
        return HttpResponseRedirect(reverse("admin:webhooks_delivery_change", args=[delivery_id]))
