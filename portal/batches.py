"""Batches: the list, the page that follows one live, and its end before it was sent."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from atlaspay.core.errors import ConflictError
from payouts.models import Batch
from payouts.representation import Counters, batch_public, batch_summary, payout_public
from payouts.selectors.batches import BatchFilter, batch_of, batches_page, counters_of
from payouts.selectors.payouts import PayoutFilter, payouts_page
from payouts.services.cancel import cancel_batch
from portal.filters import FilterForm, currency_field
from portal.pages import page, show
from portal.rights import Right
from portal.scope import scoped

ENDED = frozenset({"settled", "partially_settled", "failed", "canceled"})
PAYOUTS_SHOWN = 10
REFUSED_SHOWN = 50


class BatchFilters(FilterForm):
    """What the list is narrowed to."""

    q = forms.CharField(label="Reference", required=False, max_length=64)
    currency = currency_field()

    field_order = ["q", "currency", "since", "until"]


@page(read=Right.READ)
def batches(request: HttpRequest) -> HttpResponse:
    """List batches, newest first."""
    scope = scoped(request)
    form = BatchFilters.read(request)
    wanted = BatchFilter(
        reference=form.value("q") or "",
        currency=(form.value("currency") or "").upper(),
        created_from=form.since_at,
        created_until=form.until_at,
    )
    found = batches_page(scope.partner_id, wanted, cursor=request.GET.get("cursor", ""))
    counters = counters_of([batch.id for batch in found.rows])
    values = {
        "form": form,
        "batches": [_listed(one, counters.get(one.id, {})) for one in found.rows],
        "next": form.query(cursor=found.next_cursor) if found.next_cursor else "",
        "is_narrowed": any(form.data.get(name) for name in form.fields),
    }
    return show(request, "portal/batches.html", values)


@page(read=Right.READ)
def batch(request: HttpRequest, batch_id: str) -> HttpResponse:
    """Show one batch; what moves is asked for again until it has ended."""
    partner_id = scoped(request).partner_id
    found = batch_of(partner_id, batch_id)
    values = _progress_of(found)
    values["refused"] = [
        {**one, "line": one["index"] + 2} for one in found.rejections[:REFUSED_SHOWN]
    ]
    return show(request, "portal/batch.html", values)


@page(read=Right.READ)
def progress(request: HttpRequest, batch_id: str) -> HttpResponse:
    """Return the part of the page that moves."""
    found = batch_of(scoped(request).partner_id, batch_id)
    return show(request, "portal/batch_progress.html", _progress_of(found))


@page(change=Right.PAYOUTS)
def cancel(request: HttpRequest, batch_id: str) -> HttpResponse:
    """Cancel what was not sent."""
    try:
        done = cancel_batch(scoped(request).partner_id, batch_id)
    except ConflictError as error:
        messages.error(request, error.detail)
    else:
        kept = len(done.not_canceled)
        more = f"; {kept:,} were sent or had ended and go on" if kept else ""
        messages.success(request, f"Canceled: {len(done.canceled):,} payouts{more}.")
    return HttpResponseRedirect(reverse("portal:batch", args=[batch_id]))


def _listed(found: Batch, counters: Counters) -> dict[str, Any]:
    shown = batch_summary(found, counters)
    unpaid = ("failed", "canceled", "returned")
    return {**shown, "unpaid_count": sum(shown["totals"][name]["count"] for name in unpaid)}


def _progress_of(found: Batch) -> dict[str, Any]:
    """Return what of a batch moves: its status, its totals, its newest payouts."""
    public = batch_public(found, counters_of([found.id]).get(found.id, {}))
    accepted = public["accepted_count"] or 1
    totals = [
        {"status": status, **one, "percent": round(100 * one["count"] / accepted)}
        for status, one in public["totals"].items()
        if one["count"]
    ]
    wanted = PayoutFilter(batch_id=found.id)
    rows = payouts_page(found.partner_id, wanted, limit=PAYOUTS_SHOWN).rows
    ended = sum(
        one["count"]
        for status, one in public["totals"].items()
        if status not in {"queued", "in_review", "processing"}
    )
    return {
        "batch": public,
        "totals": totals,
        "payouts": [payout_public(one) for one in rows],
        "ended_count": ended,
        "is_ended": public["status"] in ENDED,
    }
