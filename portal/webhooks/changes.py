"""What is done to an endpoint: edited, disabled, deleted, its secret rotated, tested, checked."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from atlaspay.core.errors import ProblemError
from portal import once
from portal.pages import page, show
from portal.rights import Right
from portal.scope import scoped
from portal.webhooks import endpoints
from portal.webhooks.forms import EndpointForm, FailedForm, RotationForm, add_faults
from webhooks import resend, rotation, search, selectors, services
from webhooks.models import Endpoint

WEBHOOKS = Right.WEBHOOKS
ROTATED_BEFORE = (
    "This form was sent before: the secret was rotated then and shown once. If you did not keep it,"
    " rotate again."
)


@page(read=WEBHOOKS, change=WEBHOOKS)
def edit(request: HttpRequest, endpoint_id: str) -> HttpResponse:
    """Change URL, description and events."""
    scope = scoped(request)
    found = selectors.endpoint_of(scope.partner_id, endpoint_id)
    initial = {
        "url": found.proposed_url or found.url,
        "description": found.description,
        "event_types": found.event_types,
    }
    form = EndpointForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            saved = services.update_endpoint(scope.partner_id, found.pk, form.cleaned_data)
        except ProblemError as error:
            add_faults(form, error.errors, error.detail)
        else:
            messages.success(request, _saved(found, saved))
            return _to_endpoint(found.pk)
    values = {
        "title": "Edit endpoint",
        "endpoint": found,
        "form": form,
        "button": "Save",
        "is_live": found.mode == Endpoint.Mode.LIVE and found.status == Endpoint.Status.ENABLED,
    }
    return show(request, "portal/webhooks/form.html", values, status=400 if form.errors else 200)


def _saved(before: Endpoint, saved: Endpoint) -> str:
    if saved.proposed_url and saved.proposed_url != before.proposed_url:
        return "Saved. The new address is being checked; until it passes, events go to the old one."
    if saved.url != before.url:
        return "Saved. The new address is being checked."
    return "Saved."


@page(read=WEBHOOKS, change=WEBHOOKS)
def disable(request: HttpRequest, endpoint_id: str) -> HttpResponse:
    """Ask, then stop sending to an endpoint."""
    scope = scoped(request)
    found = selectors.endpoint_of(scope.partner_id, endpoint_id)
    if request.method == "POST":
        services.update_endpoint(scope.partner_id, found.pk, {"status": "disabled"})
        messages.success(request, "Disabled: it gets nothing until you enable it.")
        return _to_endpoint(found.pk)
    return _ask(request, found, title="Disable endpoint", button="Disable", after=_AFTER_DISABLE)


@page(change=WEBHOOKS)
def enable(request: HttpRequest, endpoint_id: str) -> HttpResponse:
    """Send to an endpoint again."""
    scope = scoped(request)
    services.update_endpoint(scope.partner_id, endpoint_id, {"status": "enabled"})
    words = "Enabled. What failed or was canceled meanwhile can be sent again below."
    messages.success(request, words)
    return _to_endpoint(endpoint_id)


@page(read=WEBHOOKS, change=WEBHOOKS)
def delete(request: HttpRequest, endpoint_id: str) -> HttpResponse:
    """Ask, then delete an endpoint."""
    scope = scoped(request)
    found = selectors.endpoint_of(scope.partner_id, endpoint_id)
    if request.method == "POST":
        services.delete_endpoint(scope.partner_id, found.pk)
        messages.success(request, f"Deleted: {found.url}. Its deliveries can still be read.")
        return HttpResponseRedirect(reverse("portal:webhooks"))
    return _ask(request, found, title="Delete endpoint", button="Delete", after=_AFTER_DELETE)


_AFTER_DISABLE = "You can enable it again, and then send what failed or was canceled once more."
_AFTER_DELETE = "This cannot be undone. Its past deliveries can still be read."


def _ask(
    request: HttpRequest, found: Endpoint, *, title: str, button: str, after: str
) -> HttpResponse:
    """Show what an ending would cost before it is done."""
    values = {
        "title": title,
        "endpoint": found,
        "waiting": search.waiting_count(found),
        "after": after,
        "button": button,
    }
    return show(request, "portal/webhooks/confirm.html", values)


@page(read=WEBHOOKS, change=WEBHOOKS)
def rotate(request: HttpRequest, endpoint_id: str) -> HttpResponse:
    """Give an endpoint a new secret, shown once."""
    scope = scoped(request)
    found = selectors.endpoint_of(scope.partner_id, endpoint_id)
    form_id = once.form_id_of(request)
    form = RotationForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        if not once.take(request, form_id):
            return endpoints.already(request, ROTATED_BEFORE, "portal:webhooks")
        with once.in_use(request, form_id):
            secret = rotation.rotate_secret(scope.partner_id, found.pk, overlap_s=form.overlap_s())
        after = selectors.endpoint_of(scope.partner_id, found.pk)
        return endpoints.secret_page(request, after, secret, is_new=False)
    values = {
        "title": "Rotate the secret",
        "endpoint": found,
        "form": form,
        "form_id": form_id,
        "is_rotating": rotation.is_open(found),
    }
    return show(request, "portal/webhooks/rotate.html", values, status=400 if form.errors else 200)


@page(change=WEBHOOKS)
def prove(request: HttpRequest, endpoint_id: str) -> HttpResponse:
    """Ask the endpoint now whether it knows the new secret."""
    scope = scoped(request)
    rotation.prove_rotation(scope.partner_id, endpoint_id)
    messages.info(request, "A message signed with the new secret alone is on its way.")
    return _to_endpoint(endpoint_id)


@page(change=WEBHOOKS)
def end_rotation(request: HttpRequest, endpoint_id: str) -> HttpResponse:
    """Stop signing with the old secret, proof or not."""
    scope = scoped(request)
    rotation.end_rotation(scope.partner_id, endpoint_id)
    messages.success(request, "Messages carry the new secret's signature alone from now on.")
    return _to_endpoint(endpoint_id)


@page(change=WEBHOOKS)
def check(request: HttpRequest, endpoint_id: str) -> HttpResponse:
    """Probe the endpoint with genuine, forged, altered and old messages."""
    scope = scoped(request)
    services.check_endpoint(scope.partner_id, endpoint_id)
    messages.info(request, "Five messages are on their way; what they find is shown below.")
    return _to_endpoint(endpoint_id)


@page(change=WEBHOOKS)
def send_test(request: HttpRequest, endpoint_id: str) -> HttpResponse:
    """Send a test event and show what becomes of it."""
    scope = scoped(request)
    delivery = services.send_test(scope.partner_id, endpoint_id)
    return HttpResponseRedirect(reverse("portal:delivery", args=[delivery.pk]))


@page(read=WEBHOOKS, change=WEBHOOKS)
def retry_failed(request: HttpRequest, endpoint_id: str) -> HttpResponse:
    """Count what failed since an instant, then send it all again."""
    scope = scoped(request)
    found = selectors.endpoint_of(scope.partner_id, endpoint_id)
    given = request.POST if request.method == "POST" else request.GET
    form = FailedForm(given if "since" in given else {"since": "day"})
    values: dict[str, object] = {"title": "Send again what failed", "endpoint": found, "form": form}
    if not form.is_valid():
        return show(request, "portal/webhooks/retry_failed.html", values, status=400)
    since, states = form.instant(), list(resend.FAILED)
    if request.method == "POST":
        done = resend.retry_failed(scope.partner_id, found.pk, since=since, states=states)
        messages.success(request, _sent_again(done))
        return _to_endpoint(found.pk)
    count = resend.count_failed(scope.partner_id, found.pk, since=since, states=states)
    values |= {"count": count, "since": since, "at_once": resend.PER_REQUEST}
    return show(request, "portal/webhooks/retry_failed.html", values)


def _sent_again(done: resend.Retried) -> str:
    words = f"{done.count:,} deliveries are due now, oldest first, each with the whole schedule."
    return f"{words} There are more: send again for the rest." if done.has_more else words


def _to_endpoint(endpoint_id: str) -> HttpResponse:
    return HttpResponseRedirect(reverse("portal:webhook", args=[endpoint_id]))
