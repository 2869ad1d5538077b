"""Deliveries: looking for them, and one with its request, every answer and what it means."""

import re
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from atlaspay.core import console
from atlaspay.core.console import Fact
from payouts.models import Batch, Payout
from portal.pages import page, show
from portal.rights import Right
from portal.scope import Scope, scoped
from portal.webhooks import shown
from portal.webhooks.forms import STATES, DeliveriesForm
from webhooks import resend, search, selectors, services
from webhooks.models import Delivery

PAGE_SIZE = 50
_ID = re.compile(r"(po|bt|we)_[0-9a-z]{26}")
_NAMED_AT_MOST = 50


@page(read=Right.READ)
def deliveries(request: HttpRequest) -> HttpResponse:
    """Look through deliveries to all endpoints."""
    scope = scoped(request)
    form = DeliveriesForm(request.GET, endpoints=selectors.endpoints_of(scope.partner_id))
    found: list[Delivery] = []
    older = ""
    if form.is_valid():
        wanted = form.cleaned_data
        found, has_more = search.deliveries(
            scope.partner_id,
            endpoint_id=wanted["endpoint"] or None,
            states=STATES.get(wanted["state"], ()),
            object_ids=objects_named(scope, wanted["of"]),
            before=_cursor(request),
            limit=PAGE_SIZE,
        )
        older = older_link(wanted, found[-1].pk) if has_more else ""
    table = shown.deliveries_table(
        found,
        title="Deliveries",
        has_endpoint=True,
        empty="None that fit. Old ones are removed after 30 days.",
    )
    values = {"title": "Deliveries", "form": form, "table": table, "older": older}
    return show(
        request, "portal/webhooks/deliveries.html", values, status=400 if form.errors else 200
    )


def objects_named(scope: Scope, text: str) -> list[str] | None:
    """Return the ids that a text names: an id, or the partner's reference of payouts or batches.

    None for an empty text: no filter.
    """
    text = text.strip()
    if not text:
        return None
    if _ID.fullmatch(text):
        return [text]
    found: list[str] = []
    for model in (Payout, Batch):
        rows = scope.own(model).filter(reference=text).order_by("-id")
        found += rows.values_list("pk", flat=True)[:_NAMED_AT_MOST]
    return found


def older_link(wanted: dict[str, str], last: str) -> str:
    """Return the query of the next page of a filtered list."""
    kept = {name: value for name, value in wanted.items() if value}
    return "?" + urlencode({**kept, "before": last})


def _cursor(request: HttpRequest) -> str | None:
    text = request.GET.get("before", "")
    return text if re.fullmatch(r"wd_[0-9a-z]{26}", text) else None


@page(read=Right.READ)
def delivery(request: HttpRequest, delivery_id: str) -> HttpResponse:
    """Show one delivery; with `part` only what changes by itself."""
    scope = scoped(request)
    found = selectors.delivery_of(scope.partner_id, delivery_id)
    tried = shown.attempts(found.attempts.all())
    target = None if found.endpoint.deleted_at else services.redirect_target(found)
    body = bytes(found.event.body)
    values = {
        "title": found.event.type,
        "delivery": found,
        "badge": shown.delivery_badge(found),
        "state_words": found.get_state_display(),
        "attempts": tried,
        "latest": tried[0] if tried else None,
        "redirect_target": target,
        "may_retry": found.endpoint.deleted_at is None and found.endpoint.status == "enabled",
        "is_moving": shown.is_moving(found),
        "facts": _facts(found),
        "body": shown.pretty(body),
        "exact_body": body.decode(),
    }
    if "part" in request.GET:
        return show(request, "portal/webhooks/delivery_live.html", {**values, "is_part": True})
    return show(request, "portal/webhooks/delivery.html", values)


def _facts(found: Delivery) -> list[Fact]:
    due = found.due_at if found.state == Delivery.State.PENDING and not found.claim_id else None
    event = shown.link(reverse("portal:event", args=[found.event_id]), found.event_id)
    return [
        Fact("Endpoint", shown.endpoint_link(found.endpoint)),
        Fact("Tells of", shown.object_link(found.object_id)),
        Fact("Sequence", found.sequence),
        Fact("Event", event),
        Fact("Attempts", found.attempt_count),
        Fact("Next attempt", console.when(due)),
        Fact("Delivered", console.when(found.delivered_at)),
        Fact("webhook-id", console.code(found.message_id)),
    ]


@page(change=Right.WEBHOOKS)
def retry(request: HttpRequest, delivery_id: str) -> HttpResponse:
    """Send one again, now."""
    scope = scoped(request)
    resend.retry_delivery(scope.partner_id, delivery_id)
    messages.success(request, "It is due now, with the whole schedule before it.")
    return HttpResponseRedirect(reverse("portal:delivery", args=[delivery_id]))


@page(change=Right.WEBHOOKS)
def adopt(request: HttpRequest, delivery_id: str) -> HttpResponse:
    """Take the address that an answer pointed to, after a check."""
    scope = scoped(request)
    endpoint = services.adopt_redirect(scope.partner_id, delivery_id)
    words = "The new address is being checked; until it passes, events go to the old one."
    messages.success(request, words)
    return HttpResponseRedirect(reverse("portal:webhook", args=[endpoint.pk]))
