"""Endpoints with their health, and the events of the outbox."""

import json
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.decorators import display

from atlaspay.core import clock, console
from atlaspay.core.admin import ReadOnlyAdmin, choice_filter
from atlaspay.core.console import Fact, Table
from webhooks import figure_tables, rotation, selectors
from webhooks.event_types import CATALOGUE
from webhooks.models import Delivery, Endpoint, Event

STATUS_TONES = {"enabled": "good", "disabled": "bad"}
STATE_TONES = {"pending": "info", "delivered": "good", "exhausted": "bad", "canceled": "idle"}
CHECK_TONES = {"pending": "info", "passed": "good", "failed": "bad", "canceled": "idle"}
ROWS_SHOWN, CHECKS_SHOWN = 50, 10


@admin.register(Endpoint)
class EndpointAdmin(ReadOnlyAdmin):
    """Endpoints, newest first."""

    list_display = ["url", "partner_words", "state", "failing", "created"]
    list_filter = ["status", "partner"]
    list_select_related = ["partner", "health"]
    ordering = ["-id"]
    search_fields = ["=id", "url__icontains"]
    search_help_text = "Endpoint id, or a part of the URL"
    page_template = "console/page.html"

    @display(description="Partner")
    def partner_words(self, endpoint: Endpoint) -> object:
        """Return whose it is."""
        return endpoint.partner.name

    @display(description="Status", ordering="status")
    def state(self, endpoint: Endpoint) -> object:
        """Return whether it receives events."""
        if endpoint.deleted_at is not None:
            return console.badge("Deleted", "idle")
        if endpoint.mode == Endpoint.Mode.TEST and endpoint.status == Endpoint.Status.ENABLED:
            return console.badge("Test mode", "warn")
        return console.toned(endpoint.status, endpoint.get_status_display(), STATUS_TONES)

    @display(description="Failing since")
    def failing(self, endpoint: Endpoint) -> object:
        """Return since when no event got through."""
        health = getattr(endpoint, "health", None)
        return console.when(health.failing_since if health else None)

    @display(description="Since", ordering="created_at")
    def created(self, endpoint: Endpoint) -> object:
        """Return since when it is there."""
        return console.when(endpoint.created_at)

    def page(self, request: HttpRequest, obj: Endpoint) -> dict[str, Any]:
        """Return the endpoint, its latest deliveries and what changed about it."""
        health = getattr(obj, "health", None)
        until = health.breaker_open_until if health else None
        calls = []
        if obj.disabled_reason:
            calls.append(console.Call(obj.disabled_reason, "bad"))
        elif until and until > clock.now():
            calls.append(console.Call(f"Paused {console.distance(until)}: unreachable.", "warn"))
        if obj.proposed_url:
            words = f"To move to {obj.proposed_url} when that has passed."
            calls.append(console.Call(words, "info"))
        if obj.mode == Endpoint.Mode.TEST:
            calls.append(console.Call("In test mode until it has passed its check.", "warn"))
        return {
            "heading": obj.url,
            "badges": self.state(obj),
            "calls": calls,
            "facts": [
                Fact("Partner", console.link(obj.partner, obj.partner.name)),
                Fact("Description", console.text_or_dash(obj.description)),
                Fact("Events", ", ".join(obj.event_types) or "all"),
                Fact("Failing since", console.when(health.failing_since if health else None)),
                Fact("Calls at once, at most", health.window if health else 4),
                Fact("Secret", "rotating: both sign" if rotation.is_open(obj) else "one"),
                Fact("Old secret valid until", console.when(obj.previous_secret_until)),
                Fact("Endpoint id", console.code(obj.pk)),
            ],
            "tables": [
                figure_tables.days_table(obj.pk),
                _checks(obj),
                _deliveries(obj),
                _history(obj),
            ],
        }


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """The outbox, newest first."""

    list_display = ["type", "partner_words", "object_words", "sequence", "created"]
    list_filter = [choice_filter("type", "type", [(name, name) for name in CATALOGUE]), "partner"]
    list_select_related = ["partner"]
    ordering = ["-id"]
    search_fields = ["=id", "=object_id"]
    search_help_text = "Event id, or the id of the payout or batch: exact"
    page_template = "console/page.html"

    @display(description="Partner")
    def partner_words(self, event: Event) -> object:
        """Return whom it is for."""
        return event.partner.name

    @display(description="Of")
    def object_words(self, event: Event) -> object:
        """Return the payout or batch it tells of."""
        return console.code(event.object_id)

    @display(description="At", ordering="created_at")
    def created(self, event: Event) -> object:
        """Return when it was written."""
        return console.when(event.created_at)

    def page(self, request: HttpRequest, obj: Event) -> dict[str, Any]:
        """Return the event, its exact content, and where it went."""
        body = json.dumps(json.loads(bytes(obj.body)), indent=2, ensure_ascii=False)
        rows = [
            [
                console.link(delivery, delivery.endpoint.url),
                console.toned(delivery.state, delivery.get_state_display(), STATE_TONES),
                delivery.attempt_count,
                console.when(delivery.delivered_at),
            ]
            for delivery in obj.deliveries.select_related("endpoint").order_by("id")[:ROWS_SHOWN]
        ]
        return {
            "heading": obj.type,
            "facts": [
                Fact("Partner", console.link(obj.partner, obj.partner.name)),
                Fact("Of", console.code(obj.object_id)),
                Fact("Sequence", obj.sequence),
                Fact("Written", console.when(obj.created_at)),
                Fact("Event id", console.code(obj.pk)),
                Fact("Body", format_html("<pre>{}</pre>", body), wide=True),
            ],
            "tables": [Table("Deliveries", ["Endpoint", "State", "Attempts>", "Delivered"], rows)],
        }


def _checks(endpoint: Endpoint) -> Table:
    rows = [
        [
            console.when(check.tried_at or check.created_at),
            check.get_kind_display(),
            console.toned(check.state, check.get_state_display(), CHECK_TONES),
            console.text_or_dash(check.summary),
            console.actor(check.requested_by),
        ]
        for check in selectors.checks_of(endpoint)[:CHECKS_SHOWN]
    ]
    headers = ["At", "Check", "State", "What it found", "Asked for by"]
    return Table(f"Checks, the latest {CHECKS_SHOWN}", headers, rows)


def _deliveries(endpoint: Endpoint) -> Table:
    found = Delivery.objects.filter(endpoint=endpoint).select_related("event").order_by("-id")
    rows = [
        [
            console.link(delivery, delivery.event.type),
            console.code(delivery.object_id),
            console.toned(delivery.state, delivery.get_state_display(), STATE_TONES),
            delivery.attempt_count,
            console.text_or_dash(delivery.last_error),
            console.when(delivery.created_at),
        ]
        for delivery in found[:ROWS_SHOWN]
    ]
    headers = ["Event", "Of", "State", "Attempts>", "Last error", "Created"]
    return Table(f"Latest deliveries, at most {ROWS_SHOWN}", headers, rows)


def _history(endpoint: Endpoint) -> Table:
    rows = [
        [
            console.when(entry.history_date),
            console.actor(entry.actor),
            entry.get_status_display(),
            entry.url,
            ", ".join(entry.event_types) or "all",
        ]
        for entry in endpoint.history.order_by("-history_id")[:ROWS_SHOWN]
    ]
    return Table("Changes", ["At", "By", "Status", "URL", "Events"], rows)
