"""Payouts: the search, and the page that says where one is, why, and what comes next."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from atlaspay.core import clock
from atlaspay.core.errors import ConflictError
from atlaspay.core.ids import is_id
from payouts.models import Payout
from payouts.representation import payout_public
from payouts.selectors.payouts import PayoutFilter, payout_of, payouts_page, returns_of
from payouts.selectors.timeline import timeline_of
from payouts.services.cancel import cancel_payout
from portal.filters import FilterForm, currency_field
from portal.pages import page, show
from portal.rights import Right
from portal.scope import Scope, scoped
from portal.words import STATUS
from webhooks.models import Delivery

DELIVERIES_SHOWN = 50
_STATUSES = ("queued", "in_review", "processing", "settled", "failed", "canceled", "returned")


class PayoutFilters(FilterForm):
    """What the list is narrowed to."""

    q = forms.CharField(label="Reference or id", required=False, max_length=64)
    status = forms.ChoiceField(
        label="Status",
        required=False,
        choices=[("", "Any"), *((one, STATUS[one]) for one in _STATUSES)],
    )
    currency = currency_field()
    batch = forms.RegexField(
        r"^bt_[0-9a-z]{26}$",
        label="Batch",
        required=False,
        error_messages={"invalid": "A batch's id begins with bt_."},
    )

    field_order = ["q", "status", "currency", "batch", "since", "until"]


@page(read=Right.READ)
def payouts(request: HttpRequest) -> HttpResponse:
    """List payouts, newest first. The id of a payout or batch leads to its page."""
    scope = scoped(request)
    form = PayoutFilters.read(request)
    text = (form.value("q") or "").strip()
    if is_id(text, "po"):
        return HttpResponseRedirect(reverse("portal:payout", args=[text]))
    if is_id(text, "bt"):
        return HttpResponseRedirect(reverse("portal:batch", args=[text]))
    status = form.value("status")
    wanted = PayoutFilter(
        statuses=[status] if status else (),
        reference=text,
        batch_id=form.value("batch") or "",
        currency=(form.value("currency") or "").upper(),
        submitted_from=form.since_at,
        submitted_until=form.until_at,
    )
    found = payouts_page(scope.partner_id, wanted, cursor=request.GET.get("cursor", ""))
    values = {
        "form": form,
        "payouts": [payout_public(one) for one in found.rows],
        "next": form.query(cursor=found.next_cursor) if found.next_cursor else "",
        "is_narrowed": any(form.data.get(name) for name in form.fields),
    }
    return show(request, "portal/payouts.html", values)


@page(read=Right.READ)
def payout(request: HttpRequest, payout_id: str) -> HttpResponse:
    """Show one payout with all that happened to it."""
    scope = scoped(request)
    found = payout_of(scope.partner_id, payout_id)
    return show(request, "portal/payout.html", _values(scope, found))


@page(read=Right.READ)
def payout_state(request: HttpRequest, payout_id: str) -> HttpResponse:
    """Return the part of the page that moves."""
    scope = scoped(request)
    found = payout_of(scope.partner_id, payout_id)
    return show(request, "portal/payout_state.html", _values(scope, found))


@page(change=Right.PAYOUTS)
def cancel(request: HttpRequest, payout_id: str) -> HttpResponse:
    """Cancel a payout that was not sent."""
    try:
        cancel_payout(scoped(request).partner_id, payout_id)
    except ConflictError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, "Canceled; its funds are available again.")
    return HttpResponseRedirect(reverse("portal:payout", args=[payout_id]))


def _values(scope: Scope, found: Payout) -> dict[str, Any]:
    shown = payout_public(
        found, now=clock.now(), timeline=timeline_of(found), returns=returns_of(found)
    )
    deliveries = scope.own(Delivery).filter(event__object_id=found.id)
    return {
        "payout": shown,
        "is_ended": shown["stage"] == "done",
        "deliveries": deliveries.select_related("event", "endpoint").order_by("-id")[
            :DELIVERIES_SHOWN
        ],
    }
