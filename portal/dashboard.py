"""The partner's dashboard: the figures the console has of everybody, narrowed to one."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from payouts.dashboard.export import csv_of
from payouts.dashboard.page import page as dashboard_page
from portal.pages import page, show
from portal.rights import Right
from portal.scope import scoped


@page(read=Right.READ)
def dashboard(request: HttpRequest) -> HttpResponse:
    """Show the page."""
    scope = scoped(request)
    shown = dashboard_page(scope.partner_id, request.GET, is_public=True)
    query = f"?{shown.period.query()}"
    values = {
        "title": "Dashboard",
        "summary": "Your payouts by the day they were submitted on, in UTC.",
        "page": shown,
        "part_url": reverse("portal:dashboard-part") + query,
        "csv_url": reverse("portal:dashboard-csv") + query,
    }
    return show(request, "portal/dashboard.html", values)


@page(read=Right.READ)
def part(request: HttpRequest) -> HttpResponse:
    """Return the figures alone, for a page that renews itself."""
    scope = scoped(request)
    shown = dashboard_page(scope.partner_id, request.GET, is_public=True)
    return show(request, "figures/part.html", {"page": shown})


@page(read=Right.READ)
def as_csv(request: HttpRequest) -> HttpResponse:
    """Return the sums as a file."""
    scope = scoped(request)
    return csv_of(scope.partner_id, request.GET, is_public=True)
