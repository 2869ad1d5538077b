"""Endpoints: the list, a new one with its secret shown once, and the page of one."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from atlaspay.core import console
from atlaspay.core.console import Fact, Table
from atlaspay.core.errors import ProblemError
from portal import once
from portal.pages import page, show
from portal.rights import Right
from portal.scope import Scope, scoped
from portal.webhooks import shown
from portal.webhooks.forms import EndpointForm, add_faults
from webhooks import figure_tables, rotation, search, selectors, services
from webhooks.models import Endpoint, EndpointCheck

ROWS_SHOWN = 10
CHANGES_SHOWN = 20
TAKEN = (
    "This form was sent before, and what it made is in this list. Its secret was shown then, once;"
    " if you did not keep it, rotate it."
)


@page(read=Right.READ)
def endpoints(request: HttpRequest) -> HttpResponse:
    """List the partner's endpoints, and how deliveries went."""
    scope = scoped(request)
    waiting = search.waiting_by_endpoint(scope.partner_id)
    rows = [
        [
            shown.endpoint_link(endpoint),
            shown.endpoint_badge(endpoint),
            f"{waiting.get(endpoint.pk, 0):,}",
            console.text_or_dash(endpoint.description),
            ", ".join(endpoint.event_types) or "all",
            console.when(endpoint.health.failing_since if hasattr(endpoint, "health") else None),
            console.when(endpoint.created_at),
        ]
        for endpoint in selectors.endpoints_of(scope.partner_id)
    ]
    headers = ["URL", "State", "Waiting>", "Description", "Events", "Failing since", "Created"]
    empty = "None yet. Add one, and AtlasPay tells it of every change of a payout."
    return show(
        request,
        "portal/webhooks/list.html",
        {
            "title": "Webhooks",
            "summary": "Signed messages to your servers, at every change of a payout.",
            "tables": [
                Table("Endpoints", headers, rows, empty=empty),
                figure_tables.days_table(scope.partner_id, "The last seven days, all endpoints"),
            ],
        },
    )


@page(read=Right.WEBHOOKS, change=Right.WEBHOOKS)
def new(request: HttpRequest) -> HttpResponse:
    """Create an endpoint; the answer shows its secret, this once."""
    scope = scoped(request)
    form_id = once.form_id_of(request)
    form = EndpointForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        if not once.take(request, form_id):
            return already(request, TAKEN, "portal:webhooks")
        try:
            with once.in_use(request, form_id):
                endpoint, secret = services.create_endpoint(
                    scope.partner_id,
                    url=form.cleaned_data["url"],
                    description=form.cleaned_data["description"],
                    types=form.cleaned_data["event_types"],
                )
        except ProblemError as error:
            add_faults(form, error.errors, error.detail)
        else:
            return secret_page(request, endpoint, secret, is_new=True)
    values = {"title": "New endpoint", "form": form, "form_id": form_id, "button": "Create"}
    return show(request, "portal/webhooks/form.html", values, status=400 if form.errors else 200)


def secret_page(
    request: HttpRequest, endpoint: Endpoint, secret: str, *, is_new: bool
) -> HttpResponse:
    """Show a secret; nothing keeps it in a form that could show it again."""
    values = {
        "title": "Endpoint created" if is_new else "New secret",
        "endpoint": endpoint,
        "secret": secret,
        "is_new": is_new,
        "is_rotating": rotation.is_open(endpoint),
    }
    return show(request, "portal/webhooks/secret.html", values)


def already(request: HttpRequest, words: str, url_name: str) -> HttpResponse:
    """Lead away from a form that was taken before."""
    messages.info(request, words)
    return HttpResponseRedirect(reverse(url_name))


@page(read=Right.READ)
def endpoint(request: HttpRequest, endpoint_id: str) -> HttpResponse:
    """Show one endpoint: how it stands, what checks found, deliveries, figures, changes."""
    scope = scoped(request)
    found = selectors.endpoint_of(scope.partner_id, endpoint_id)
    values = {
        "title": found.url,
        "badge": shown.endpoint_badge(found),
        "facts": [
            Fact("Description", console.text_or_dash(found.description)),
            Fact("Events", ", ".join(found.event_types) or "all"),
            Fact("Created", console.when(found.created_at)),
            Fact("Endpoint id", console.code(found.pk)),
        ],
        "is_rotating": rotation.is_open(found),
        "tables": [figure_tables.days_table(found.pk), _changes(found)],
        **_live(scope, found),
    }
    return show(request, "portal/webhooks/endpoint.html", values)


@page(read=Right.READ)
def live(request: HttpRequest, endpoint_id: str) -> HttpResponse:
    """Return the part of the endpoint's page that changes by itself."""
    scope = scoped(request)
    found = selectors.endpoint_of(scope.partner_id, endpoint_id)
    values = {**_live(scope, found), "badge": shown.endpoint_badge(found), "is_part": True}
    return show(request, "portal/webhooks/live.html", values)


def _live(scope: Scope, found: Endpoint) -> dict[str, object]:
    checks = list(selectors.checks_of(found)[:ROWS_SHOWN])
    conformance, proof = (
        next((one for one in checks if one.kind == kind and one.state != "canceled"), None)
        for kind in (EndpointCheck.Kind.CONFORMANCE, EndpointCheck.Kind.ROTATION)
    )
    latest, has_more = search.deliveries(scope.partner_id, endpoint_id=found.pk, limit=ROWS_SHOWN)
    is_moving = (
        shown.is_check_moving(conformance)
        or (rotation.is_open(found) and shown.is_check_moving(proof))
        or any(shown.is_moving(one) for one in latest)
    )
    return {
        "endpoint": found,
        "calls": shown.endpoint_calls(found),
        "check": shown.CheckShown.of(conformance),
        "proof": shown.CheckShown.of(proof) if rotation.is_open(found) else None,
        "previous_until": found.previous_secret_until,
        "is_rotating": rotation.is_open(found),
        "deliveries": shown.deliveries_table(latest, title="Latest deliveries", has_endpoint=False),
        "has_more": has_more,
        "is_moving": is_moving,
    }


def _changes(found: Endpoint) -> Table:
    rows = [
        [
            console.when(entry.history_date),
            console.actor(entry.actor),
            entry.get_status_display(),
            entry.get_mode_display(),
            entry.url,
            ", ".join(entry.event_types) or "all",
        ]
        for entry in search.changes_of(found, limit=CHANGES_SHOWN)
    ]
    return Table("Changes", ["At", "By", "Status", "Mode", "URL", "Events"], rows)
