"""The event log: everything the partner was told of, and each body as it is sent."""

import re

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from atlaspay.core import console
from atlaspay.core.console import Fact, Table
from portal.filters import FilterForm
from portal.pages import page, show
from portal.rights import Right
from portal.scope import Scope, scoped
from portal.webhooks import shown
from portal.webhooks.deliveries import objects_named
from portal.webhooks.forms import tells
from webhooks import search
from webhooks.event_types import CATALOGUE
from webhooks.models import Event

PAGE_SIZE = 50


class EventsForm(FilterForm):
    """Filters of the event log."""

    type = forms.ChoiceField(
        label="Type", required=False, choices=[("", "All"), *((name, name) for name in CATALOGUE)]
    )
    of = forms.CharField(
        label="Payout or batch",
        max_length=64,
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "Id or reference"}),
    )

    field_order = ["type", "of", "since", "until"]


@page(read=Right.READ)
def events(request: HttpRequest) -> HttpResponse:
    """List events, newest first."""
    scope = scoped(request)
    form = EventsForm(request.GET)
    found: list[Event] = []
    older = ""
    if form.is_valid():
        wanted = form.cleaned_data
        found, has_more = search.events(
            scope.partner_id,
            type=wanted["type"] or None,
            object_ids=objects_named(scope, wanted["of"]),
            since_at=form.since_at,
            until_at=form.until_at,
            before=_cursor(request, scope),
            limit=PAGE_SIZE,
        )
        older = "?" + form.query(before=found[-1].pk) if has_more else ""
    rows = [
        [
            shown.link(reverse("portal:event", args=[event.pk]), event.type),
            shown.object_link(event.object_id),
            event.sequence,
            console.when(event.created_at),
            tells(event.type),
        ]
        for event in found
    ]
    headers = ["Type", "Of", "Sequence>", "At", "What it tells"]
    values = {
        "title": "Event log",
        "summary": "Every event, whatever became of its delivery; days in UTC. Programs read it at"
        " /v1/events.",
        "form": form,
        "table": Table("Events", headers, rows, empty="None that fit."),
        "older": older,
    }
    return show(request, "portal/events/list.html", values, status=400 if form.errors else 200)


def _cursor(request: HttpRequest, scope: Scope) -> Event | None:
    text = request.GET.get("before", "")
    if not re.fullmatch(r"ev_[0-9a-z]{26}", text):
        return None
    return scope.get(Event, text)


@page(read=Right.READ)
def event(request: HttpRequest, event_id: str) -> HttpResponse:
    """Show one event: its exact bytes, and where it went."""
    scope = scoped(request)
    found = scope.get(Event, event_id)
    body = bytes(found.body)
    went = search.deliveries_of_event(scope.partner_id, found.pk)
    values = {
        "title": found.type,
        "summary": tells(found.type),
        "facts": [
            Fact("Of", shown.object_link(found.object_id)),
            Fact("Sequence", found.sequence),
            Fact("At", console.when(found.created_at)),
            Fact("Event id", console.code(found.pk)),
        ],
        "body": shown.pretty(body),
        "exact_body": body.decode(),
        "table": shown.deliveries_table(
            went, title="Deliveries", has_endpoint=True, empty="No endpoint wanted it."
        ),
    }
    return show(request, "portal/events/event.html", values)
