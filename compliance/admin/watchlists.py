"""Watchlists: each with its publication date and history; switched on and off with a reason."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import display
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from atlaspay.core import console
from atlaspay.core.admin import ReadOnlyAdmin
from atlaspay.core.console import Call, Fact, Table
from atlaspay.core.errors import ConflictError, InvalidRequestError, NotFoundError
from compliance.admin.watchlist_import import import_view
from compliance.admin.watchlist_words import published
from compliance.models import Watchlist, WatchlistEntry, WatchlistImport, WatchlistParty
from compliance.services.watchlist_checks import PERMISSION
from compliance.services.watchlists import switch

IMPORTS_SHOWN = 50


@admin.register(Watchlist)
class WatchlistAdmin(ReadOnlyAdmin):
    """Lists with the dates they were published on."""

    list_display = ["title", "published", "names", "revision", "imported", "used"]
    list_before_template = "admin/compliance/watchlist/above.html"
    page_template = "admin/compliance/watchlist/page.html"

    def get_urls(self) -> list[URLPattern]:
        """Add import and switch."""
        wrap = self.admin_site.admin_view
        return [
            path("import/", wrap(self.import_page), name="compliance_watchlist_import"),
            path(
                "<str:code>/switch/",
                wrap(require_POST(self.switch_view)),
                name="compliance_watchlist_switch",
            ),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Watchlist]:
        """Bring the latest import along."""
        queryset: QuerySet[Watchlist] = super().get_queryset(request)
        latest = WatchlistImport.objects.order_by("watchlist_id", "-id")
        return queryset.prefetch_related(
            Prefetch("imports", latest.distinct("watchlist_id"), to_attr="latest_imports")
        )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Offer the import to those who may."""
        context = {"may_import": request.user.has_perm(PERMISSION), **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    @display(description="Published", ordering="published_on")
    def published(self, watchlist: Watchlist) -> object:
        """Return the publication date, with its age where that matters."""
        return published(watchlist.published_on)

    @display(description="Parties and names")
    def names(self, watchlist: Watchlist) -> object:
        """Return how many it lists, as its latest import counted."""
        latest = watchlist.latest_imports  # type: ignore[attr-defined] # by the queryset above
        if not latest:
            return console.NOTHING
        return f"{latest[0].parties:,} parties, {latest[0].names:,} names"

    @display(description="Imported", ordering="imported_at")
    def imported(self, watchlist: Watchlist) -> object:
        """Return when."""
        return console.when(watchlist.imported_at)

    @display(description="In use", ordering="is_active")
    def used(self, watchlist: Watchlist) -> object:
        """Return whether payouts are compared with it."""
        return _use(watchlist)

    def page(self, request: HttpRequest, obj: Watchlist) -> dict[str, Any]:
        """Return the list, its imports and switches."""
        imports = list(obj.imports.all()[:IMPORTS_SHOWN])
        parties = WatchlistParty.objects.filter(watchlist=obj, removed_in=None).count()
        names = WatchlistEntry.objects.filter(party__watchlist=obj, removed_in=None).count()
        url = reverse("admin:compliance_watchlistparty_changelist")
        calls = []
        if not obj.is_active:
            calls.append(Call("This list is switched off: nothing is compared with it.", "warn"))
        return {
            "heading": obj.title,
            "badges": _use(obj),
            "summary": format_html(
                "A payout without a hit resembled nothing on this list as it was published on {}.",
                f"{obj.published_on:%d %b %Y}",
            ),
            "calls": calls,
            "facts": [
                Fact("Published", published(obj.published_on)),
                Fact("Code", console.code(obj.code)),
                Fact("Revision", obj.revision),
                Fact("Format", obj.get_format_display()),
                Fact(
                    "Parties",
                    format_html(
                        '<a class="ap-link" href="{}?watchlist__code={}">{}</a>',
                        url,
                        obj.code,
                        f"{parties:,}",
                    ),
                ),
                Fact("Names", f"{names:,}"),
                Fact("Imported", console.when(obj.imported_at)),
            ],
            "tables": [_imports(imports), _switches(obj)],
            "may_import": request.user.has_perm(PERMISSION),
        }

    def import_page(self, request: HttpRequest) -> HttpResponse:
        """Show or take the upload."""
        return import_view(self, request)

    def switch_view(self, request: HttpRequest, code: str) -> HttpResponse:
        """Switch a list; the service checks the reason."""
        if not request.user.has_perm(PERMISSION) or request.user.is_anonymous:
            raise PermissionDenied
        is_active = request.POST.get("to") == "on"
        try:
            watchlist = switch(
                code, is_active=is_active, reason=request.POST.get("reason", ""), user=request.user
            )
        except NotFoundError as error:
            raise Http404(error.detail) from None
        except (InvalidRequestError, ConflictError) as error:
            messages.error(request, error.detail)
        else:
            words = "is compared with again; a rescreen began" if is_active else "is switched off"
            messages.success(request, f"{watchlist.title} {words}.")
        return HttpResponseRedirect(reverse("admin:compliance_watchlist_change", args=[code]))


def _use(watchlist: Watchlist) -> SafeString:
    if watchlist.is_active:
        return console.badge("In use", "good")
    return console.badge("Switched off", "warn")


def _imports(imports: list[WatchlistImport]) -> Table:
    rows = [
        [
            console.link(each, f"Revision {each.revision}"),
            f"{each.published_on:%d %b %Y}",
            f"{each.parties:,}",
            f"{each.names:,}",
            f"{each.added:,}",
            f"{each.changed:,}",
            f"{each.removed:,}",
            console.text_or_dash(", ".join(each.accepted)),
            console.actor(each.actor),
            console.when(each.imported_at),
        ]
        for each in imports
    ]
    headers = ["Import", "Published", "Parties>", "Names>", "Added>", "Changed>", "Removed>"]
    return Table(
        "Imports",
        [*headers, "Let pass", "By", "At"],
        rows,
        empty="This list came with the installation; no publication of it was imported.",
    )


def _switches(watchlist: Watchlist) -> Table:
    rows = [
        [
            console.when(each.at),
            console.badge("On", "good") if each.is_active else console.badge("Off", "warn"),
            each.reason,
            console.actor(each.actor),
            each.revision,
        ]
        for each in watchlist.switches.all()[:IMPORTS_SHOWN]
    ]
    headers = ["At", "Switched", "Why", "By", "Revision>"]
    return Table("Switched on and off", headers, rows, empty="It was never switched off.")
