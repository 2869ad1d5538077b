"""The dashboard in the console: all partners together, or one of them."""

from urllib.parse import urlencode

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_safe

from partners.models import Partner
from payouts.dashboard.export import csv_of
from payouts.dashboard.page import page
from payouts.rollups.tables import ALL_PARTNERS

PARTNERS_SHOWN = 500


class DashboardViews:
    """Three addresses beside the list of payouts: the page, what it renews itself by, the file."""

    admin_site: AdminSite

    def get_urls(self) -> list[URLPattern]:
        """Add the dashboard."""
        views = (
            ("dashboard/", self.dashboard_view, "payouts_payout_dashboard"),
            ("dashboard/part/", self.dashboard_part_view, "payouts_payout_dashboard_part"),
            ("dashboard/csv/", self.dashboard_csv_view, "payouts_payout_dashboard_csv"),
        )
        made = [
            path(route, self.admin_site.admin_view(require_safe(view)), name=name)
            for route, view, name in views
        ]
        more: list[URLPattern] = super().get_urls()  # type: ignore[misc]
        return [*made, *more]

    def dashboard_view(self, request: HttpRequest) -> HttpResponse:
        """Show the page."""
        scope = self._scope(request)
        keep = f"&{urlencode({'partner': scope})}" if scope else ""
        shown = page(scope, request.GET, is_public=False, keep=keep)
        query = f"?{shown.period.query(partner=scope)}"
        partners = Partner.objects.order_by("name").values_list("id", "name")[:PARTNERS_SHOWN]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,  # type: ignore[attr-defined]
            "title": "Dashboard",
            "heading": "Dashboard",
            "summary": "Payouts by the day they were submitted on, in UTC.",
            "page": shown,
            "partners": list(partners),
            "partner_id": scope,
            "part_url": reverse("admin:payouts_payout_dashboard_part") + query,
            "csv_url": reverse("admin:payouts_payout_dashboard_csv") + query,
        }
        return TemplateResponse(request, "admin/payouts/payout/dashboard.html", context)

    def dashboard_part_view(self, request: HttpRequest) -> HttpResponse:
        """Return the figures alone, for a page that renews itself."""
        shown = page(self._scope(request), request.GET, is_public=False)
        return TemplateResponse(request, "figures/part.html", {"page": shown})

    def dashboard_csv_view(self, request: HttpRequest) -> HttpResponse:
        """Return the sums as a file."""
        return csv_of(self._scope(request), request.GET, is_public=False)

    def _scope(self, request: HttpRequest) -> str:
        if not request.user.has_perm("payouts.view_payout"):
            raise PermissionDenied
        wanted = request.GET.get("partner", "")
        if wanted and not Partner.objects.filter(pk=wanted).exists():
            raise Http404
        return wanted or ALL_PARTNERS
